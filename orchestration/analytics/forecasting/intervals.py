"""Prediction intervals from the errors of back-tests, over all series of a frame together.

Not here: the errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.analytics.forecasting.candidates import Floats

CONFORMAL, FROM_DIFFERENCES, NONE = "conformal", "differences", "none"
# So many errors of all series are needed for a quantile near the end of a distribution; for a series' own mean error
# so many, from so many origins.
LEAST_ERRORS, LEAST_OWN_ERRORS, LEAST_ORIGINS = 25, 8, 3
# Errors at origins nearer than a horizon overlap, so that a series' mean error is drawn from the very errors that it
# is to judge. Half widths grow by so much for each share over the other by which horizons are fewer than the origins
# span; fitted to public monthly series (docs/capacity.md).
_OVERLAP_SLOPE, _OVERLAP_FREE = 0.4, 0.22
# Origins that the quantiles of a heavy-tailed distribution stand for, while there are few of one's own.
_PRIOR_ORIGINS, _PRIOR_FREEDOM = 10, 8
# From so many series on each step ahead has its own mean error; with fewer it is a power of the step.
_SERIES_FOR_SHAPE = 20


@dataclass(frozen=True)
class Widths:
    """Half the width of each interval: levels x horizon, and how it was found; NaN where nothing tells it."""

    half: Floats
    method: str


def widths(
    errors: Sequence[Floats],
    spans: Sequence[float],
    differences: Sequence[float],
    points: Sequence[int],
    levels: Sequence[float],
    horizon: int,
) -> list[Widths]:
    """The half widths of every series.

    A split conformal correction (Lei and others 2018) of normalised errors: an error is divided by the series' own
    mean error at its other origins and by the mean shape of errors over the horizon; the quantiles of all these ratios,
    over all series, times a series' mean error are its half widths. With few origins the quantiles are drawn towards
    those of Student's distribution with 8 degrees of freedom.

    Args:
        errors: per series origins x horizon, NaN where nothing was observed.
        spans: per series the steps between its first and its last origin.
        differences: per series the mean absolute difference of neighbours.
        points: per series how many values it has.
        levels: in percent, as 80.
        horizon: steps ahead.
    """
    is_many = sum(int(np.isfinite(own).sum()) for own in errors) >= LEAST_ERRORS
    tested = [
        is_many and own.shape[0] >= LEAST_ORIGINS and np.isfinite(own).sum() >= LEAST_OWN_ERRORS for own in errors
    ]
    usable = [is_tested and np.nanmean(np.abs(own)) > 0 for is_tested, own in zip(tested, errors, strict=True)]
    kept = [np.abs(own) for own, is_usable in zip(errors, usable, strict=True) if is_usable]
    shape = _shape(kept, horizon)
    scales = [np.nanmean(own / shape) for own in kept]
    ratios = [_ratios(own / shape) for own in kept]
    pooled = np.concatenate(ratios) if ratios else np.array([])
    origins = sum(own.shape[0] for own in kept)
    quantiles = _quantiles(pooled, origins, levels)
    moved = [own for own, is_usable in zip(differences, usable, strict=True) if is_usable]
    ratio_of_steps = [float(scale / step) for scale, step in zip(scales, moved, strict=True) if step > 0]
    relative = float(np.median(ratio_of_steps)) if ratio_of_steps else np.nan
    own_scales = iter(scales)
    found = []
    for is_usable, is_tested, span, step, count in zip(usable, tested, spans, differences, points, strict=True):
        if is_usable:
            wider = 1 + _OVERLAP_SLOPE * max(1 / (1 + span / horizon) - _OVERLAP_FREE, 0.0)
            found.append(Widths(np.outer(quantiles, shape) * next(own_scales) * wider, CONFORMAL))
        elif is_tested:
            # Never wrong so far, as a constant is.
            found.append(Widths(np.zeros((len(levels), horizon)), CONFORMAL))
        elif np.isfinite(relative) and count > 1:
            found.append(Widths(np.outer(quantiles, shape) * step * relative, CONFORMAL))
        else:
            found.append(_from_differences(step, count, levels, horizon))
    return found


def _shape(kept: Sequence[Floats], horizon: int) -> Floats:
    """Mean error by step ahead, over the mean of all steps: 1 on average."""
    if not kept:
        return np.ones(horizon)
    normal = np.concatenate([own / np.nanmean(own) for own in kept])
    there = np.isfinite(normal)
    means = np.where(there, normal, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    known = np.flatnonzero(there.any(axis=0) & (means > 0))
    if len(kept) < _SERIES_FOR_SHAPE or len(known) < horizon:
        steps = np.arange(1, horizon + 1)
        power = np.polyfit(np.log(steps[known]), np.log(means[known]), 1)[0] if len(known) > 1 else 0.0
        # Steps that no origin has seen grow no faster than a random walk's.
        means = steps ** float(np.clip(power, 0.0, 1.0 if len(known) == horizon else 0.5))
    shape: Floats = means / means.mean()
    return shape


def _ratios(normal: Floats) -> Floats:
    """Each error over the mean of those at the series' other origins."""
    found = []
    for origin in range(len(normal)):
        others = np.nanmean(np.delete(normal, origin, axis=0))
        if others > 0:
            found.append(normal[origin] / others)
    flat = np.concatenate(found) if found else np.array([])
    kept: Floats = flat[np.isfinite(flat)]
    return kept


def _quantiles(ratios: Floats, origins: int, levels: Sequence[float]) -> Floats:
    from scipy import stats

    shares = np.array(levels) / 100
    spread = stats.t(_PRIOR_FREEDOM)
    prior: Floats = spread.ppf(0.5 + shares / 2) / spread.expect(abs)
    if len(ratios) < LEAST_ERRORS:
        return prior
    own = origins / (origins + _PRIOR_ORIGINS)
    found: Floats = own * np.quantile(ratios, shares) + (1 - own) * prior
    return found


def _from_differences(step: float, count: int, levels: Sequence[float], horizon: int) -> Widths:
    """A random walk's intervals, with Student's distribution for the few differences that tell its steps."""
    from scipy import stats

    if count < 2:
        return Widths(np.full((len(levels), horizon), np.nan), NONE)
    deviation = step * np.sqrt(np.pi / 2)
    wide = stats.t(count - 1).ppf(0.5 + np.array(levels) / 200)
    return Widths(np.outer(wide, deviation * np.sqrt(np.arange(1, horizon + 1))), FROM_DIFFERENCES)
