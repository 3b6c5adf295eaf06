"""How good the forecasts of demand were, judged at the end of the histories.

Not here: the forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.analytics.capacity.outlook import Outlooks


@dataclass(frozen=True)
class Figure:
    """One figure of quality beside that of seasonal naive, over so many months of all series."""

    metric: str
    value: float | None
    naive_value: float | None
    cases: int


def figures(held_out: Sequence[tuple[object, Sequence[float], Sequence[float], Outlooks, float]]) -> list[Figure]:
    """Over all series: scaled error, error in percent, coverage of the intervals.

    Args:
        held_out: (series, what came, what seasonal naive said, what was said, mean absolute seasonal difference).

    Returns:
        mase (mean absolute error over the mean absolute seasonal difference of the series' past; Hyndman and Koehler
        2006), absolute_percentage_error_percentage (weighted: sum of errors over sum of what came),
        coverage_80_percentage and coverage_95_percentage (of the months, those inside their interval).
    """
    if not held_out:
        return []
    came = np.array([actual for _, actual, _, _, _ in held_out])
    naive = np.array([values for _, _, values, _, _ in held_out])
    said = np.array([[month.middle for month in found.months] for _, _, _, found, _ in held_out])
    scale = np.array([value for *_, value in held_out])
    moving = scale > 0
    result = [
        Figure(
            "mase",
            _mase(came[moving], said[moving], scale[moving]),
            _mase(came[moving], naive[moving], scale[moving]),
            int(came[moving].size),
        ),
        Figure("absolute_percentage_error_percentage", _percentage(came, said), _percentage(came, naive), came.size),
    ]
    for level, lower, upper in ((80, "lower_80", "upper_80"), (95, "lower_95", "upper_95")):
        low, high = (np.array([[getattr(month, end) for month in found.months] for _, _, _, found, _ in held_out])
                     for end in (lower, upper))  # fmt: skip
        covered = 100 * float(((came >= low) & (came <= high)).mean())
        result.append(Figure(f"coverage_{level}_percentage", covered, None, came.size))
    return result


def _mase(came: np.ndarray, said: np.ndarray, scale: np.ndarray) -> float | None:
    return float((np.abs(came - said).mean(axis=1) / scale).mean()) if len(scale) else None


def _percentage(came: np.ndarray, said: np.ndarray) -> float | None:
    return 100 * float(np.abs(came - said).sum() / came.sum()) if came.sum() > 0 else None
