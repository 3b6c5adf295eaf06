"""The candidate methods of the forecaster: what each needs, how it is fitted, and how it looks ahead.

Not here: which of them a series gets (choosing), the rolling origins (backtests).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Looks ahead from the end of a history, which may be longer than the one that was fitted: (history, horizon) to points.
Ahead = Callable[[Floats, int], Floats]

SEASONAL_NAIVE = "seasonal_naive"
# Lengths of a week in a day's steps, and of a year in a week's.
LONG_SEASONS = {24: 168, 48: 336, 96: 672, 144: 1008, 288: 2016, 7: 364}
LONG_SEASONS_NEEDED = 3
# What smoothing learns from older points is next to nothing, and costs time in proportion.
SMOOTHED_SEASONS, SMOOTHED_POINTS, ETS_LONGEST_SEASON = 15, 600, 24
STL_SEASONS = 4
LINE_SEASONS, LINE_LEAST = 3, 6


@dataclass(frozen=True)
class Candidate:
    """A method by name. `fit` learns its parameters from a history; `least` points are needed for it."""

    name: str
    least: int
    fit: Callable[[Floats], Ahead]


def candidates(points: int, season_length: int) -> list[Candidate]:
    """The methods for a history of so many points; seasonal naive (naive without a whole season) is always the first.

    Sources: exponential smoothing in state space form with AICc (Hyndman and others 2008), complex exponential
    smoothing (Svetunkov and others 2022), the optimised dynamic theta method (Fiorucci and others 2016), and STL by
    several seasons (Bandara and others 2021), as statsforecast has them.
    """
    season = season_length if points > 2 * season_length else 1
    found = [Candidate(SEASONAL_NAIVE, 1, lambda _: _naive(season if season > 1 else 1))]
    if points >= 6:
        found += [
            Candidate("drift", 2 * season + 1, lambda _: _drift(season)),
            Candidate("line", 2 * season + 2, lambda _: _line(season)),
            Candidate("theta", max(6, 2 * season + 1), lambda y: _smoothed("DynamicOptimizedTheta", season, y)),
            Candidate("ces", max(8, 2 * season + 1), lambda y: _smoothed("AutoCES", season, y)),
        ]
    if points >= 8 and season <= ETS_LONGEST_SEASON:
        found.append(Candidate("ets", max(8, 2 * season + 4), lambda y: _smoothed("AutoETS", season, y)))
    week = LONG_SEASONS.get(season_length, 0)
    if season > 1 and week and points >= LONG_SEASONS_NEEDED * week:
        found += [
            Candidate("long_seasonal_naive", week, lambda _: _naive(week)),
            Candidate("long_seasonal_mean", week, lambda _: _seasonal_mean(week)),
            Candidate("stl", 2 * week + 1, lambda _: _stl(season, week)),
        ]
    return found


def _naive(season: int) -> Ahead:
    return lambda y, horizon: np.resize(y[-season:], horizon) if len(y) >= season else np.full(horizon, y[-1])


def _drift(season: int) -> Ahead:
    """The last season again, moved by what the mean of the last season was above that of the one before."""

    def ahead(y: Floats, horizon: int) -> Floats:
        growth = y[-season:].mean() - y[-2 * season : -season].mean()
        said: Floats = np.resize(y[-season:], horizon) + growth * (1 + np.arange(horizon) // season)
        return said

    return ahead


def _line(season: int) -> Ahead:
    """A straight line through the last seasons with a level for each place in the season, by least squares."""

    def ahead(y: Floats, horizon: int) -> Floats:
        count = min(len(y), LINE_SEASONS * max(season, LINE_LEAST))
        at = np.arange(-count, horizon)
        design = np.column_stack([at, np.equal.outer(at % season, np.arange(season))]).astype(float)
        found = np.linalg.lstsq(design[:count], y[-count:], rcond=None)[0]
        said: Floats = design[count:] @ found
        return said

    return ahead


def _seasonal_mean(season: int) -> Ahead:
    """The mean of the last (up to four) whole seasons, place by place."""

    def ahead(y: Floats, horizon: int) -> Floats:
        count = min(len(y) // season, 4)
        return np.resize(y[-count * season :].reshape(count, season).mean(axis=0), horizon)

    return ahead


def _smoothed(name: str, season: int, y: Floats) -> Ahead:
    """A model of statsforecast's, fitted once and carried forward over later points with the same parameters."""
    from statsforecast import models

    keep = SMOOTHED_SEASONS * season if season > 12 else SMOOTHED_POINTS
    fitted = _quietly(lambda: getattr(models, name)(season_length=season).fit(y=y[-keep:]))
    return lambda later, horizon: np.asarray(
        _quietly(lambda: fitted.forward(y=later[-keep:], h=horizon))["mean"], dtype=float
    )


def _stl(season: int, week: int) -> Ahead:
    """Both seasons taken out by STL, the rest smoothed: anew at each origin, since it keeps no parameters."""
    from statsforecast.models import MSTL, AutoETS

    def ahead(later: Floats, horizon: int) -> Floats:
        model = MSTL(season_length=[season, week], trend_forecaster=AutoETS(model="ZZN"))
        found = _quietly(lambda: model.forecast(y=later[-STL_SEASONS * week :], h=horizon))
        return np.asarray(found["mean"], dtype=float)

    return ahead


def _quietly(work: Callable[[], Any]) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return work()
