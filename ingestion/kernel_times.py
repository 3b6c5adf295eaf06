"""Compiled readers of dates and times, as the readers of other values.

Not here: what a feed takes for too early or too late; those are the bounds they are given.
"""

from __future__ import annotations

from ingestion.kernel_base import (
    COLON,
    DAYS_TO_2000,
    FIRST_DAY,
    MICROSECONDS_TO_2000,
    MINUS,
    NINE,
    POINT,
    WIDTH_OF_DATE,
    ZERO,
    Bytes,
    compiled,
    digits_of,
    put32,
    put64,
)

# Before every bound: what is no date.
_NO_DAY = -(1 << 40)
# East of every zone: what is no offset.
_NO_OFFSET = 1 << 20


@compiled
def _read_day(data: Bytes, begin: int) -> int:
    """Days since 1970 of ten characters YYYY-MM-DD; far outside any bound for anything else."""
    year, month = digits_of(data, begin, begin + 4), digits_of(data, begin + 5, begin + 7)
    day = digits_of(data, begin + 8, begin + 10)
    if data[begin + 4] != MINUS or data[begin + 7] != MINUS or year < 1 or not 1 <= month <= 12 or day < 1:
        return _NO_DAY
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 30 if month in (4, 6, 9, 11) else 31
    if month == 2:
        longest = 29 if is_leap else 28
    if day > longest:
        return _NO_DAY
    # Howard Hinnant's days_from_civil: years begin in March.
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return int(era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468)


@compiled
def put_date(data: Bytes, begin: int, end: int, out: Bytes, at: int, low: int, high: int) -> int:
    if end - begin != 10:
        return -1
    day = _read_day(data, begin)
    if day < low or day > high:
        return -1
    put32(out, at, day - DAYS_TO_2000)
    return WIDTH_OF_DATE


@compiled
def _read_zone(data: Bytes, begin: int, end: int) -> int:
    """Seconds east of UTC: nothing, Z, ±HH, ±HHMM, ±HH:MM; beyond a day for anything else."""
    width = end - begin
    if width == 0 or (width == 1 and (data[begin] | 0x20) == 122):
        return 0
    if width not in (3, 5, 6) or data[begin] not in (43, MINUS) or (width == 6 and data[begin + 3] != COLON):
        return _NO_OFFSET
    hours = digits_of(data, begin + 1, begin + 3)
    minutes = 0 if width == 3 else digits_of(data, end - 2, end)
    if hours < 0 or hours > 15 or minutes < 0 or minutes > 59:
        return _NO_OFFSET
    seconds = hours * 3600 + minutes * 60
    return int(-seconds if data[begin] == MINUS else seconds)


@compiled
def put_timestamp(  # noqa: PLR0911
    data: Bytes, begin: int, end: int, out: Bytes, at: int, low: int, high: int
) -> int:
    if end - begin < 19 or (data[begin + 10] != 84 and data[begin + 10] != 32):
        return -1
    if data[begin + 13] != COLON or data[begin + 16] != COLON:
        return -1
    day = _read_day(data, begin)
    hour, minute = digits_of(data, begin + 11, begin + 13), digits_of(data, begin + 14, begin + 16)
    second = digits_of(data, begin + 17, begin + 19)
    if day < FIRST_DAY - 2 or not 0 <= hour <= 23 or not 0 <= minute <= 59 or not 0 <= second <= 59:
        return -1
    zone, fraction = begin + 19, 0
    if zone < end and data[zone] == POINT:
        first = zone + 1
        zone = first
        while zone < end and ZERO <= data[zone] <= NINE:
            zone += 1
        if zone == first or zone - first > 6:
            return -1
        fraction = digits_of(data, first, zone)
        for _ in range(6 - (zone - first)):
            fraction *= 10
    offset = _read_zone(data, zone, end)
    if offset == _NO_OFFSET:
        return -1
    value = (day * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1_000_000 + fraction
    if value < low or value > high:
        return -1
    put64(out, at, value - MICROSECONDS_TO_2000)
    return 8
