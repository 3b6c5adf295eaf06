"""The simulated span of time, and random values that every part of the simulation draws.

Not here: what is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OPERATOR_TIME_ZONE = "America/Chicago"
# Places are in one of these; arrays hold the index.
TIME_ZONES = ("America/Chicago", "America/New_York", "America/Denver")
DAY = 86400
# Days and seconds after everything that is simulated: what has not happened.
NEVER = 2**40
EPOCH = date(1970, 1, 1)
HISTORY_MONTHS = 48


@dataclass(frozen=True)
class Clock:
    """Usage detail covers [first_day, last_day], the history begins on history_first; all lies before `as_of`."""

    first_day: date
    last_day: date
    seed: int
    history_first: date

    @property
    def as_of(self) -> datetime:
        """The end of the last day in the operator's time zone, in UTC."""
        following = datetime.combine(self.last_day + timedelta(days=1), time(), tzinfo=ZoneInfo(OPERATOR_TIME_ZONE))
        return following.astimezone(UTC)

    @property
    def as_of_seconds(self) -> int:
        return int(self.as_of.timestamp())

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    @property
    def last_ordinal(self) -> int:
        return ordinal(self.last_day)

    def random(self, part: str) -> np.random.Generator:
        """The random numbers of one part, independent of what the other parts draw."""
        return np.random.default_rng([self.seed, *part.encode()])

    def months(self) -> list[date]:
        """The first day of every month of the history, the last one perhaps not whole."""
        month, found = self.history_first, []
        while month <= self.last_day:
            found.append(month)
            month = next_month(month)
        return found

    def month_bounds(self) -> Ints:
        """Ordinals of the months' first days, and of the day after the last month."""
        months = self.months()
        return np.array([ordinal(month) for month in [*months, next_month(months[-1])]], dtype=np.int64)

    @property
    def detail_month(self) -> int:
        """Index of the first month with usage detail."""
        return self.months().index(self.first_day)


def _months_before(until: date, months: int) -> date:
    index = until.year * 12 + until.month - months
    return date(index // 12, index % 12 + 1, 1)


def make_clock(months: int, seed: int, until: date, history_months: int | None = None) -> Clock:
    """`months` calendar months of usage detail, the last one up to `until`; short spans have no longer history.

    The history has two months at least: a month is billed in the next one.
    """
    history = history_months or (HISTORY_MONTHS if months >= 15 else months)
    return Clock(_months_before(until, months), until, seed, _months_before(until, max(history, months, 2)))


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def ordinal(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def uuids(rng: np.random.Generator, count: int) -> pl.Series:
    """Random UUIDs (version 4) from the seeded generator, as text."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(raw.tobytes().hex().encode(), dtype=np.uint8).reshape(count, 32)
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    for start, end, at in ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24)):
        text[:, at : at + end - start] = digits[:, start:end]
    return pl.Series(text.view("S36").ravel().astype("U36") if count else [], dtype=pl.String)


def chosen(rng: np.random.Generator, values: tuple[str, ...], count: int, shares: tuple[float, ...] = ()) -> pl.Series:
    """`count` draws from the texts."""
    weights = np.array(shares or (1.0,) * len(values))
    return pl.Series(np.array(values)[rng.choice(len(values), count, p=weights / weights.sum())], dtype=pl.String)


def to_utc(local: Ints, zone: Ints) -> Ints:
    """Local wall-clock seconds since the epoch as UTC seconds; a skipped hour is NEVER, a doubled one its first."""
    result = np.full(len(local), NEVER, dtype=np.int64)
    for index, name in enumerate(TIME_ZONES):
        own = (zone == index) & (local < NEVER)
        zoned = (
            pl.Series(local[own] * 1_000_000)
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
        )
        result[own] = zoned.dt.epoch("s").fill_null(NEVER).to_numpy()
    return result


def to_local(instants: Ints, zone: Ints) -> Ints:
    """UTC seconds as local wall-clock seconds since the epoch; NEVER stays."""
    result = instants.copy()
    for index, name in enumerate(TIME_ZONES):
        own = (zone == index) & (instants < NEVER)
        zoned = pl.Series(instants[own] * 1_000_000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(name)
        result[own] = zoned.dt.replace_time_zone(None).dt.epoch("s").to_numpy()
    return result


def stamps(seconds: Ints) -> pl.Series:
    """UTC seconds as ISO 8601 text; NEVER is null."""
    known = pl.Series(np.where(seconds < NEVER, seconds, 0) * 1_000_000).cast(pl.Datetime("us"))
    return known.dt.strftime("%Y-%m-%dT%H:%M:%SZ").set(pl.Series(seconds >= NEVER), None)


def dates(ordinals: Ints) -> pl.Series:
    """Ordinals of days as ISO text; NEVER is null."""
    known = pl.Series(np.where(ordinals < NEVER, ordinals, 0).astype(np.int32)).cast(pl.Date)
    return known.dt.strftime("%Y-%m-%d").set(pl.Series(ordinals >= NEVER), None)


def dollars(cents: Ints) -> pl.Series:
    """Whole cents as text with two decimals."""
    whole = pl.Series("c", cents)
    sign = pl.when(whole < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    size = whole.abs()
    return pl.select(
        pl.concat_str(
            sign,
            (size // 100).cast(pl.String),
            pl.lit("."),
            (size % 100).cast(pl.String).str.zfill(2),
        )
    ).to_series()


def flags(values: Bools) -> pl.Series:
    """True and false as text."""
    return pl.Series(values).cast(pl.String)


def decimals(values: Floats, digits: int) -> pl.Series:
    """Numbers as text with at most `digits` decimals; NaN is null."""
    return pl.Series(values).fill_nan(None).round(digits).cast(pl.String)


def stamp(seconds: int) -> str | None:
    """One instant as ISO 8601 text; NEVER is null."""
    return None if seconds >= NEVER else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
