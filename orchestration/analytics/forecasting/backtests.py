"""Rolling-origin back-tests: what each candidate would have said of a series, had it been asked earlier.

Not here: the candidates, the choice among them (choosing).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.analytics.forecasting.candidates import SEASONAL_NAIVE, Ahead, Candidate, Floats, candidates

MOST_ORIGINS, ORIGINS_OF_LONG, LONG = 10, 5, 400
# Methods are fitted at every fifth origin and carried forward over the ones between.
REFITTED_EVERY = 5
# A point further from the history than so many times its range is a method that ran away.
FARTHEST_RANGES = 3.0


@dataclass(frozen=True)
class BackTest:
    """What the candidates said.

    Attributes:
        names: of the candidates that could be fitted, seasonal naive first.
        errors: candidates x origins x horizon, actual less forecast; NaN where nothing was observed.
        final: candidates x horizon, the forecasts from the end of the series.
        span: steps between the first and the last origin.
    """

    names: tuple[str, ...]
    errors: Floats
    final: Floats
    span: int


def origins_of(points: int, horizon: int, season_length: int) -> list[int]:
    """How many points are known at each origin, ascending; none for a series that is too short to look back on.

    The last origin leaves a whole horizon to be observed if two seasons (or half of the series) still come before it.
    """
    season = season_length if points > 2 * season_length else 1
    first = max(2 * season + 4 if season > 1 else 4, points // 2)
    last = max(points - horizon, first)
    if first >= points:
        return []
    most = MOST_ORIGINS if points <= LONG else ORIGINS_OF_LONG
    if last == first:
        last = min(points - 1, first + most - 1)
    # Origins nearer to each other than a sixth of the horizon would tell the same twice.
    step = max((last - first) // (most - 1), horizon // 6, 1)
    return sorted(range(last, first - 1, -step)[:most])


def back_test(
    y: Floats,
    observed: npt.NDArray[np.bool_],
    horizon: int,
    season_length: int,
    methods: Collection[str] | None = None,
) -> BackTest:
    """The candidates' back-test and forecasts.

    Args:
        y: the values, gaps filled.
        observed: which of them were observed; others count in no error.
        horizon: steps ahead.
        season_length: points in a season.
        methods: names of the candidates to try beside seasonal naive; all by default.
    """
    origins = origins_of(len(y), horizon, season_length)
    actual = np.full((len(origins), horizon), np.nan)
    for place, origin in enumerate(origins):
        ahead = np.where(observed[origin : origin + horizon], y[origin : origin + horizon], np.nan)
        actual[place, : len(ahead)] = ahead
    names, errors, final = [], [], []
    for candidate in candidates(len(y), season_length):
        is_wanted = methods is None or candidate.name in methods or candidate.name == SEASONAL_NAIVE
        said = _said(candidate, y, origins, horizon) if is_wanted else None
        if said is not None:
            names.append(candidate.name)
            errors.append(actual - said[:-1])
            final.append(said[-1])
    span = origins[-1] - origins[0] if origins else 0
    return BackTest(tuple(names), np.array(errors), np.array(final), span)


def _said(candidate: Candidate, y: Floats, origins: list[int], horizon: int) -> Floats | None:
    """Its forecasts at each origin and, last, at the end; None where it failed or ran away."""
    said = np.full((len(origins) + 1, horizon), np.nan)
    ahead: Ahead | None = None
    try:
        for place, origin in enumerate([*origins, len(y)]):
            if origin < candidate.least:
                continue
            if ahead is None or place % REFITTED_EVERY == 0 or place == len(origins):
                ahead = candidate.fit(y[:origin])
            said[place] = ahead(y[:origin], horizon)
            if not _is_sane(said[place], y[:origin]):
                return None
    # The methods' own exceptions on odd series are of every kind; such a series does without the method.
    except Exception:
        return None
    return said if np.isfinite(said[-1]).all() else None


def _is_sane(points: Floats, history: Floats) -> bool:
    room = FARTHEST_RANGES * (np.ptp(history) + 1e-9 + 1e-6 * np.abs(history).max())
    return bool(
        np.isfinite(points).all() and (points > history.min() - room).all() and (points < history.max() + room).all()
    )
