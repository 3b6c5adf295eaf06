"""Whether features and scores still look like those of training.

Not here: the check that says so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.analytics.churn.columns import CATEGORY, column_of
from orchestration.analytics.churn.labels import Floats

BINS = 10
STABLE, MOVED, DRIFTED = "stable", "moved", "drifted"


def population_stability(reference: pd.Series, current: pd.Series, bins: int = BINS) -> float:
    """The population stability index: sum over bins of (share now - share then) x ln(share now / share then).

    Numbers fall into bins of equal mass of the reference, categories into their values; missing ones are a bin. A bin
    is taken to hold half a row at least, so that an empty one does not make it infinite. 0 is no change; by custom
    under 0.1 is stable and from 0.25 on it is another population. NaN where either side has no row.
    """
    if len(reference) == 0 or len(current) == 0:
        return float("nan")
    then, now = _counts(reference, current, bins)
    shares = [np.maximum(counts, 0.5) / max(1.0, counts.sum()) for counts in (then, now)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _counts(reference: pd.Series, current: pd.Series, bins: int) -> tuple[Floats, Floats]:
    both = pd.concat([reference.astype(object), current.astype(object)], ignore_index=True)
    column = column_of("value", both)
    values = column.read(both)
    if column.kind == CATEGORY:
        codes = pd.factorize(pd.Series(values, dtype=object), use_na_sentinel=False)[0]
    else:
        numbers = values.astype(np.float64)
        known = numbers[: len(reference)][~np.isnan(numbers[: len(reference)])]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)
        codes = np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="left"))
    size = int(codes.max()) + 1
    then, now = codes[: len(reference)], codes[len(reference) :]
    return np.bincount(then, minlength=size).astype(float), np.bincount(now, minlength=size).astype(float)


def drift(
    reference: pd.DataFrame, current: pd.DataFrame, *, watch: float = 0.1, alarm: float = 0.25, bins: int = BINS
) -> pd.DataFrame:
    """How far each column of both frames has moved.

    Of two samples of one population the index is about (bins - 1) (1/n + 1/m) in the mean (Yurdakul 2018); up to twice
    that no column is said to have moved.

    Returns:
        feature, population_stability_index, level (stable, moved from `watch` on, drifted from `alarm` on), most moved
        first.
    """
    noise = 2.0 * (bins - 1) * (1 / max(1, len(reference)) + 1 / max(1, len(current)))
    rows = []
    for name in [name for name in reference.columns if name in current.columns]:
        index = population_stability(reference[name], current[name], bins)
        level = DRIFTED if index >= max(alarm, noise) else MOVED if index >= max(watch, noise) else STABLE
        rows.append((str(name), index, level))
    frame = pd.DataFrame(rows, columns=["feature", "population_stability_index", "level"])
    return frame.sort_values(["population_stability_index", "feature"], ascending=[False, True], ignore_index=True)
