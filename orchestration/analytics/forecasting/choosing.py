"""From a series' back-test to its forecast: the best method, or the mean of the good ones, and honest errors of it.

Not here: the back-test itself, intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.analytics.forecasting.backtests import BackTest
from orchestration.analytics.forecasting.candidates import SEASONAL_NAIVE, Floats

# How much a method counts before anything is known of a series.
_PRIOR = {"ets": 2.0, "ces": 2.0, "stl": 2.0, "long_seasonal_mean": 2.0, "theta": 1.0}
_PRIOR_OF_NAIVE = 0.5
# A method with twice the error counts a sixteenth; below a twentieth of all it is left out.
_POWER, _LEAST_WEIGHT = 4, 0.05


@dataclass(frozen=True)
class Choice:
    """What a series gets.

    Attributes:
        weights: by name of the method, summing to 1.
        point: horizon; the forecast.
        errors: origins x horizon; actual less what would have been forecast, methods weighed by the other origins only.
        naive_errors: the same of seasonal naive.
    """

    weights: dict[str, float]
    point: Floats
    errors: Floats
    naive_errors: Floats


def choose(test: BackTest) -> Choice:
    """The methods weighed by their mean absolute error over the origins.

    An error that the choice has not seen: at each origin the methods are weighed by all the other origins.
    """
    count, origins, horizon = len(test.names), test.errors.shape[1], test.final.shape[1]
    if not origins:
        none = np.empty((0, horizon))
        weights = _weights(np.full(count, np.nan), test.names)
        return Choice(_named(weights, test.names), weights @ test.final, none, none)
    losses = _mean(np.abs(test.errors), axis=2)
    errors = np.full((origins, horizon), np.nan)
    for origin in range(origins):
        others = np.arange(origins) != origin
        seen = losses[:, others] if origins > 1 else losses
        errors[origin] = _combined(_weights(_mean(seen, axis=1), test.names), test.errors[:, origin])
    weights = _weights(_mean(losses, axis=1), test.names)
    return Choice(_named(weights, test.names), weights @ test.final, errors, test.errors[0])


def _weights(losses: Floats, names: tuple[str, ...]) -> Floats:
    prior = np.array([_PRIOR.get(name, _PRIOR_OF_NAIVE) for name in names])
    if np.isnan(losses).all():
        alone: Floats = prior / prior.sum()
        return alone
    tiny = 1e-12 * (1 + np.nanmax(losses))
    weights = np.where(np.isnan(losses), 0.0, prior * ((np.nanmin(losses) + tiny) / (losses + tiny)) ** _POWER)
    weights /= weights.sum()
    weights[weights < _LEAST_WEIGHT] = 0.0
    total: Floats = weights / weights.sum()
    return total


def _combined(weights: Floats, errors: Floats) -> Floats:
    """The weighted mean error of those that had one at this origin; NaN where nothing was observed."""
    there = weights[:, None] * np.isfinite(errors)
    with np.errstate(invalid="ignore"):
        found: Floats = np.nansum(weights[:, None] * errors, axis=0) / there.sum(axis=0)
    return found


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(there, values, 0.0).sum(axis=axis) / there.sum(axis=axis)
    return found


def _named(weights: Floats, names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight > 0}


__all__ = ["SEASONAL_NAIVE", "Choice", "choose"]
