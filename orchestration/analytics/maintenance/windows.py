"""When to work on an element: the hours of the day with the least traffic, and when they come next.

Not here: where traffic is read from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOURS = 24


@dataclass(frozen=True)
class QuietHours:
    """A window that begins at a local hour; `traffic_share` of the day's mean in it, None where nothing is known."""

    start_hour: int
    traffic_share: float | None


def quiet_hours(profile: Sequence[float | None], hours: int) -> QuietHours | None:
    """The run of hours with the least traffic in the mean; of equal ones the earliest. None where hours are missing.

    Args:
        profile: mean traffic of each local hour of the day, 24 values, in any unit; the last is followed by the first.
        hours: length of the window, under 24.
    """
    known = [value for value in profile if value is not None]
    if len(known) < HOURS:
        return None
    sums = [sum(known[(start + step) % HOURS] for step in range(hours)) for start in range(HOURS)]
    start = min(range(HOURS), key=lambda hour: (sums[hour], hour))
    mean = sum(known) / HOURS
    return QuietHours(start, sums[start] / hours / mean if mean > 0 else None)


def next_window(
    start_hour: int, hours: int, time_zone: str, as_of: datetime, notice_hours: float
) -> tuple[datetime, datetime]:
    """Begin and end (UTC) of the window's next coming that leaves so many hours of notice after AS_OF.

    On a day without that local hour (clocks are put forward) it begins as much later; the first of a doubled hour
    counts. It lasts its hours by any clock.
    """
    zone = ZoneInfo(time_zone)
    earliest = as_of + timedelta(hours=notice_hours)
    day = earliest.astimezone(zone).date()
    while True:
        local = datetime(day.year, day.month, day.day, start_hour, tzinfo=zone)
        begin = local.astimezone(UTC)
        if begin >= earliest:
            return begin, begin + timedelta(hours=hours)
        day += timedelta(days=1)
