"""Demand ahead as a distribution by month, from forecasts or, for short histories, from the prior growth.

Not here: what capacity meets it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import TypeVar

import numpy as np
import pandas as pd

from orchestration.analytics.forecasting import forecast

LEVELS = (80, 95)
SEASON_LENGTH = 12
# Methods that cost milliseconds a series: every leaf of a network has two.
QUICK_METHODS = ("seasonal_naive", "drift", "line", "theta", "ces")
PRIOR = "prior"
# Of a series.
Name = TypeVar("Name")
_NORMAL = NormalDist()
# Where the five known points of the distribution lie on the normal one.
_PLACES = tuple(_NORMAL.inv_cdf(share) for share in (0.025, 0.1, 0.5, 0.9, 0.975))


@dataclass(frozen=True)
class Outlook:
    """One month's demand: its middle and the ends of the 80 and 95 % intervals, in the measure's unit."""

    middle: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float

    def exceedance(self, capacity: float) -> float:
        """The probability that demand is above a capacity, between 0 and 1.

        Between the five known points the distribution is taken as normal piece by piece, beyond them as the outer
        piece goes on.
        """
        points = np.maximum.accumulate([self.lower_95, self.lower_80, self.middle, self.upper_80, self.upper_95])
        if points[0] == points[-1]:
            return 1.0 if self.middle > capacity else 0.0
        index = int(np.clip(np.searchsorted(points, capacity, side="right"), 1, 4))
        while index < 4 and points[index] == points[index - 1]:
            index += 1
        while points[index] == points[index - 1]:
            index -= 1
        share = (capacity - points[index - 1]) / (points[index] - points[index - 1])
        return 1 - _NORMAL.cdf(_PLACES[index - 1] + share * (_PLACES[index] - _PLACES[index - 1]))


@dataclass(frozen=True)
class Outlooks:
    """The months ahead of one series, and how they were found.

    Attributes:
        months: one outlook per month of the horizon.
        method: the forecaster's methods, or prior.
        fallback: why not the whole forecaster; None where it was.
        interval_method: how the intervals were found.
        skill: 1 less the mean absolute error of the back-test over seasonal naive's; None without one.
    """

    months: tuple[Outlook, ...]
    method: str
    fallback: str | None
    interval_method: str
    skill: float | None


@dataclass(frozen=True)
class Prior:
    """What is supposed of a series with a short history: growth a month, and one deviation of it, as shares."""

    least_months: int
    monthly_growth: float
    growth_deviation: float


def outlooks(histories: Mapping[Name, Mapping[date, float]], horizon: int, prior: Prior) -> dict[Name, Outlooks]:
    """The months after the histories' common last one.

    Args:
        histories: by series its values by first day of month, in any unit, none below 0; months may lack.
        horizon: months ahead.
        prior: for series with fewer months than it asks for.
    """
    last = max((max(history) for history in histories.values() if history), default=None)
    found: dict[Name, Outlooks] = {}
    long = {}
    for name, history in histories.items():
        if len(history) >= prior.least_months:
            long[name] = history
        else:
            found[name] = prior_outlooks(history, last, horizon, prior)
    if long and last is not None:
        found |= _forecast(long, last, horizon)
    return found


def prior_outlooks(history: Mapping[date, float], last: date | None, horizon: int, prior: Prior) -> Outlooks:
    """The last value, growing by the prior's share a month; nothing at all grows from nothing."""
    newest = max(history, default=None)
    value = history[newest] if newest is not None else 0.0
    behind = 0 if newest is None or last is None else (last.year - newest.year) * 12 + last.month - newest.month
    months = []
    for ahead in range(1 + behind, horizon + 1 + behind):
        middle = value * (1 + prior.monthly_growth) ** ahead
        wide = {share: _NORMAL.inv_cdf(0.5 + share / 200) * prior.growth_deviation * ahead for share in LEVELS}
        months.append(
            Outlook(middle, *(middle * float(np.exp(sign * wide[share])) for share in LEVELS for sign in (-1, 1)))
        )
    reason = f"{len(history)} months of history, fewer than {prior.least_months}"
    return Outlooks(tuple(months), PRIOR, reason, PRIOR, None)


def _forecast(histories: Mapping[Name, Mapping[date, float]], last: date, horizon: int) -> dict[Name, Outlooks]:
    names = list(histories)
    frame = pd.DataFrame(
        [(place, month, value) for place, name in enumerate(names) for month, value in histories[name].items()]
        # A series that ends early still looks ahead from the common end.
        + [(place, last, np.nan) for place, name in enumerate(names) if last not in histories[name]],
        columns=["unique_id", "ds", "y"],
    )
    frame["ds"] = pd.to_datetime(frame["ds"])
    said = forecast(frame, horizon=horizon, season_length=SEASON_LENGTH, levels=LEVELS, methods=QUICK_METHODS)
    return {names[int(str(place))]: _as_outlooks(own) for place, own in said.groupby("unique_id", sort=True)}


def _as_outlooks(own: pd.DataFrame) -> Outlooks:
    ends = own[["point", "lo-80", "hi-80", "lo-95", "hi-95"]].to_numpy(dtype=float)
    months = tuple(Outlook(*(float(value) for value in row)) for row in ends)
    first = own.iloc[0]
    skill = first["backtest_skill"]
    return Outlooks(
        months, str(first["method"]), first["fallback"], str(first["interval_method"]),
        None if pd.isna(skill) else float(skill),
    )  # fmt: skip


def whole_months(counts: Mapping[date, float], last: date) -> dict[date, float]:
    """Counts by month from the first that is not 0 to a last one; a month without a count is 0."""
    begun = min((month for month, count in counts.items() if count), default=None)
    found: dict[date, float] = {}
    while begun is not None and begun <= last:
        found[begun] = counts.get(begun, 0.0)
        begun = month_after(begun, 1)
    return found


def month_after(day: date, months: int) -> date:
    """The first day of the month that lies so many months after a day's own."""
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def held_out(
    histories: Mapping[Name, Mapping[date, float]], horizon: int, prior: Prior
) -> list[tuple[Name, Sequence[float], Sequence[float], Outlooks, float]]:
    """What the forecaster would have said a horizon ago of every series with a year and more before.

    Returns:
        (series, what came, what seasonal naive says, what was said, mean absolute seasonal difference of the past).
    """
    last = max((max(history) for history in histories.values() if history), default=None)
    if last is None:
        return []
    split = month_after(last, -horizon)
    ahead = [month_after(split, step) for step in range(1, horizon + 1)]
    pasts = {}
    for name, history in histories.items():
        past = {month: value for month, value in history.items() if month <= split}
        year = [month_after(split, step) for step in range(1 - SEASON_LENGTH, 1)]
        is_whole = all(month in history for month in ahead) and all(month in past for month in year)
        if is_whole and len(past) > SEASON_LENGTH + prior.least_months:
            pasts[name] = past
    said = outlooks(pasts, horizon, prior)
    found: list[tuple[Name, Sequence[float], Sequence[float], Outlooks, float]] = []
    for name, past in pasts.items():
        naive = [past[month_after(month, -SEASON_LENGTH * (1 + (step - 1) // SEASON_LENGTH))]
                 for step, month in enumerate(ahead, start=1)]  # fmt: skip
        steps = [abs(value - past[month_after(month, -SEASON_LENGTH)])
                 for month, value in past.items() if month_after(month, -SEASON_LENGTH) in past]  # fmt: skip
        actual = [histories[name][month] for month in ahead]
        found.append((name, actual, naive, said[name], float(np.mean(steps))))
    return found
