"""The simulated span of time, and random values that every part of the simulation draws.

Not here: what is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

OPERATOR_TIME_ZONE = "America/Chicago"


@dataclass(frozen=True)
class Clock:
    """The days [first_day, last_day] that are simulated; everything lies before `as_of`."""

    first_day: date
    last_day: date
    seed: int

    @property
    def as_of(self) -> datetime:
        """The end of the last day in the operator's time zone, in UTC."""
        following = datetime.combine(self.last_day + timedelta(days=1), time(), tzinfo=ZoneInfo(OPERATOR_TIME_ZONE))
        return following.astimezone(UTC)

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    def random(self, part: str) -> np.random.Generator:
        """The random numbers of one part, independent of what the other parts draw."""
        return np.random.default_rng([self.seed, *part.encode()])

    def months(self) -> list[date]:
        """The first day of every simulated month."""
        month, found = self.first_day.replace(day=1), []
        while month <= self.last_day:
            found.append(month)
            month = next_month(month)
        return found


def make_clock(months: int, seed: int, until: date) -> Clock:
    """`months` calendar months, the last one up to `until`."""
    index = until.year * 12 + until.month - 1 - (months - 1)
    return Clock(date(index // 12, index % 12 + 1, 1), until, seed)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def uuids(rng: np.random.Generator, count: int) -> list[str]:
    """Random UUIDs (version 4) from the seeded generator."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    texts = [row.tobytes().hex() for row in raw]
    return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts]


def local_to_utc(local: pl.Series, time_zone: str) -> pl.Series:
    """Wall-clock times as instants; times that a change of the clock leaves out are null."""
    zoned = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def iso(values: pl.Series) -> pl.Series:
    """Instants as ISO 8601 text, to the second."""
    return values.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
