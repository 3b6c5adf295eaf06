"""The instants that a history by month ends speaks of.

Not here: what was the case at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Moment:
    """A local day and the instant at which it is looked at: its last one, or AS_OF."""

    day: date
    at: datetime
    is_as_of: bool


def month_moments(as_of: datetime, time_zone: str, months: int) -> list[Moment]:
    """The ends of the last `months` local months that were over by AS_OF, and AS_OF itself.

    An AS_OF at a month's end is that month's end.
    """
    zone = ZoneInfo(time_zone)
    as_of_day = (as_of - timedelta(microseconds=1)).astimezone(zone).date()
    moments = [Moment(as_of_day, as_of, True)]
    first = as_of_day.replace(day=1)
    if as_of == datetime.combine((first + timedelta(days=32)).replace(day=1), time(), zone):
        months -= 1
    for _ in range(months):
        last = datetime.combine(first, time(), zone).astimezone(UTC) - timedelta(microseconds=1)
        moments.append(Moment(first - timedelta(days=1), last, False))
        first = (first - timedelta(days=1)).replace(day=1)
    return moments[::-1]
