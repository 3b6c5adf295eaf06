"""The forecaster: any number of series, each with the method that its own past speaks for, and honest intervals.

Not here: its parts (grids, candidates, backtests, choosing, intervals).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.analytics.forecasting.backtests import BackTest, back_test
from orchestration.analytics.forecasting.candidates import Floats
from orchestration.analytics.forecasting.choosing import Choice, choose
from orchestration.analytics.forecasting.grids import Series, read_series
from orchestration.analytics.forecasting.intervals import Widths, widths

METHOD_VERSION = "1"
# Fewer observed points than these tell nothing of a method: the last value goes on.
LEAST_POINTS = 6
# From so many series on two processes are worth their start.
_SERIES_FOR_PROCESSES = 64


@dataclass(frozen=True)
class _Forecast:
    series: Series
    choice: Choice
    horizon: int
    span: int


def forecast(
    series: pd.DataFrame,
    *,
    horizon: int,
    season_length: int,
    levels: Sequence[float] = (80, 95),
    methods: Collection[str] | None = None,
) -> pd.DataFrame:
    """Forecasts every series of a frame.

    Each method (seasonal naive, optimised theta, complex and ordinary exponential smoothing; where a longer season fits
    in as well, as the week in hourly data, its naive, its mean and STL) is back-tested on the series from up to ten
    origins; the forecast is the best one or the mean of the good ones, weighed by their errors. Intervals are made from
    the back-tests' errors of all series together, so they are the more honest the more series come at once. The same
    frame always gives the same forecast.

    Args:
        series: unique_id, ds (dates, timestamps or whole numbers on one grid), y (in any unit; null or a missing ds is
            a gap), in any order.
        horizon: steps ahead, from each series' last ds.
        season_length: points in a season: 12 of months, 7 of days, 24 of hours, 1 for none.
        levels: of the intervals, in percent.
        methods: names of the methods to try (seasonal_naive always is); all by default.

    Returns:
        One row per unique_id and step: unique_id, ds, point, then lo-L for each level from the widest on and hi-L from
        the narrowest on (lo-95, lo-80, hi-80, hi-95), all in the unit of y; method (the methods used, the weightiest
        first), fallback (null, or why a simpler method had to do), interval_method (conformal; differences: a random
        walk's; none: nothing tells a width and the intervals are null), backtest_errors_count,
        backtest_mean_absolute_error and backtest_skill (1 less that error over seasonal naive's; null without a
        back-test). A series without any value has null points. Where no value was ever negative, nothing is forecast
        below 0.

    Raises:
        ValueError: a wrong argument, or a frame that is not series (see grids.read_series).
    """
    ordered = _checked(horizon, season_length, levels)
    own = read_series(series, season_length)
    tests = _back_tests(own, horizon, season_length, methods)
    found = [
        _Forecast(one, choose(test), horizon + one.trailing, test.span) if test else None
        for one, test in zip(own, tests, strict=True)
    ]
    present = [one for one in found if one]
    spans = _widths(present, ordered)
    rows = []
    for one, result in zip(own, found, strict=True):
        if result is None:
            rows.append(_empty(one, horizon, ordered))
        else:
            rows.append(_rows(result, spans.pop(0), horizon, season_length, ordered))
    if rows:
        return pd.concat(rows, ignore_index=True)
    return _frame({"unique_id": [], "ds": []}, np.empty(0), np.empty((len(ordered), 0)), ordered, {})


def _checked(horizon: int, season_length: int, levels: Sequence[float]) -> list[float]:
    if horizon < 1 or season_length < 1:
        raise ValueError(f"horizon {horizon} and season_length {season_length} must be 1 or more")
    if not levels or any(not 0 < level < 100 for level in levels) or len(set(levels)) < len(levels):
        raise ValueError(f"levels {list(levels)} must be different percentages between 0 and 100, at least one")
    return sorted(levels)


def _back_tests(
    series: Sequence[Series], horizon: int, season_length: int, methods: Collection[str] | None
) -> list[BackTest | None]:
    """In this process, or in as many as there are cores where that is worth their start."""
    work = [(one, horizon + one.trailing, season_length, methods) for one in series]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    is_slow = methods is None or "ets" in methods
    if len(work) < _SERIES_FOR_PROCESSES or cores < 2 or not is_slow:
        return [_back_tested(*one) for one in work]
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    results = Parallel(n_jobs=cores, batch_size=8)(delayed(_back_tested)(*one) for one in work)
    return list(results)


def _back_tested(one: Series, horizon: int, season_length: int, methods: Collection[str] | None) -> BackTest | None:
    if not len(one.values):
        return None
    if one.observed.sum() < LEAST_POINTS:
        last = np.full((1, horizon), one.values[-1])
        return BackTest(("naive",), np.empty((1, 0, horizon)), last, 0)
    return back_test(one.values, one.observed, horizon, season_length, methods)


def _widths(found: Sequence[_Forecast], levels: Sequence[float]) -> list[Widths]:
    """Series with points missing at their end look further ahead; they are judged with those that do so too."""
    result: dict[int, Widths] = {}
    for horizon in sorted({one.horizon for one in found}):
        own = [place for place, one in enumerate(found) if one.horizon == horizon]
        steps = [found[place].series.values for place in own]
        spans = widths(
            [found[place].choice.errors for place in own],
            [found[place].span for place in own],
            [float(np.abs(np.diff(values)).mean()) if len(values) > 1 else 0.0 for values in steps],
            [len(values) for values in steps],
            levels,
            horizon,
        )
        result.update(zip(own, spans, strict=True))
    return [result[place] for place in range(len(found))]


def _rows(found: _Forecast, span: Widths, horizon: int, season_length: int, levels: Sequence[float]) -> pd.DataFrame:
    one, choice = found.series, found.choice
    point = choice.point[-horizon:]
    half = span.half[:, -horizon:]
    ends = np.stack([point - half, point + half])
    if (one.values >= 0).all():
        point, ends = np.maximum(point, 0.0), np.maximum(ends, 0.0)
    errors, naive = np.abs(choice.errors), np.abs(choice.naive_errors)
    both = np.isfinite(errors) & np.isfinite(naive)
    mean, of_naive = (float(side[both].mean()) if both.any() else None for side in (errors, naive))
    more: dict[str, object] = {
        "method": "+".join(sorted(choice.weights, key=lambda name: (-choice.weights[name], name))),
        "fallback": _fallback(one, season_length, bool(both.any())),
        "interval_method": span.method,
        "backtest_errors_count": int(both.sum()),
        "backtest_mean_absolute_error": mean,
        "backtest_skill": 1 - mean / of_naive if mean is not None and of_naive else None,
    }
    names = {"unique_id": [one.unique_id] * horizon, "ds": one.ahead(horizon)}
    return _frame(names, point, ends, levels, more)


def _fallback(one: Series, season_length: int, is_tested: bool) -> str | None:
    count = int(one.observed.sum())
    if count < LEAST_POINTS:
        return f"{count} points of at least {LEAST_POINTS}: the last value goes on"
    if season_length > 1 and len(one.values) <= 2 * season_length:
        return f"{len(one.values)} points, not over two seasons of {season_length}: without a season"
    return None if is_tested else f"{len(one.values)} points leave no origin to look back on: methods weighed by custom"


def _empty(one: Series, horizon: int, levels: Sequence[float]) -> pd.DataFrame:
    nothing = np.full(horizon, np.nan)
    more: dict[str, object] = {"method": "none", "fallback": "no value was ever observed", "interval_method": "none",
            "backtest_errors_count": 0, "backtest_mean_absolute_error": None, "backtest_skill": None}  # fmt: skip
    ends = np.full((2, len(levels), horizon), np.nan)
    return _frame({"unique_id": [one.unique_id] * horizon, "ds": one.ahead(horizon)}, nothing, ends, levels, more)


def _frame(
    names: dict[str, list[object]], point: Floats, ends: Floats, levels: Sequence[float], more: dict[str, object]
) -> pd.DataFrame:
    frame = pd.DataFrame(names)
    frame["point"] = point
    for side, name in ((0, "lo"), (1, "hi")):
        ordered = list(enumerate(levels))
        for place, level in reversed(ordered) if name == "lo" else ordered:
            frame[f"{name}-{level:g}"] = ends[side][place] if len(point) else []
    for name in ("method", "fallback", "interval_method"):
        frame[name] = pd.Series([more.get(name)] * len(frame), dtype=object)
    for name in ("backtest_errors_count", "backtest_mean_absolute_error", "backtest_skill"):
        frame[name] = pd.Series([more.get(name)] * len(frame), dtype=float)
    return frame
