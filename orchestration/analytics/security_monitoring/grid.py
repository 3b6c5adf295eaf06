"""Hours of elements laid out by local week and hour of the week.

Not here: what is computed over the layout (baseline).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
WEEK_HOURS = 168
# A Monday, so that hour 0 of a week is Monday's midnight.
_MONDAY = pd.Timestamp("1970-01-05")


@dataclass(frozen=True)
class Layout:
    """Where each sample stands: element, local week and hour of the week, counted from 0."""

    element_ids: list[str]
    element: Ints
    week: Ints
    hour: Ints
    weeks: int

    def spread(self, values: Floats) -> Floats:
        """Values of samples as (element, week, hour of the week), NaN where none is; of a doubled hour the mean."""
        shape = (len(self.element_ids), self.weeks, WEEK_HOURS)
        sums, counts = np.zeros(shape), np.zeros(shape)
        known = ~np.isnan(values)
        place = (self.element[known], self.week[known], self.hour[known])
        np.add.at(sums, place, values[known])
        np.add.at(counts, place, 1)
        return np.asarray(np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0), dtype=np.float64)

    def gather(self, spread: Floats) -> Floats:
        """The value of each sample's place."""
        return np.asarray(spread[self.element, self.week, self.hour], dtype=np.float64)


def lay_out(samples: pd.DataFrame) -> Layout:
    """Places by each element's own clock, so that a change of it moves no rhythm.

    Args:
        samples: element_id, time_zone (a name of the IANA database), hour_at (with time zone).

    Raises:
        ValueError: an element has no time zone.
    """
    nowhere = samples["element_id"][samples["time_zone"].isna()]
    if len(nowhere):
        raise ValueError(
            f"element {nowhere.iloc[0]} has no time zone; expected its zone's, its provider's or any other"
        )
    local = np.zeros(len(samples), dtype=np.int64)
    for name, own in samples.groupby("time_zone", sort=True).indices.items():
        wall = pd.DatetimeIndex(samples["hour_at"].iloc[own]).tz_convert(str(name)).tz_localize(None)
        local[own] = (wall - _MONDAY) // pd.Timedelta(hours=1)
    element_ids, element = np.unique(samples["element_id"].to_numpy(dtype=str), return_inverse=True)
    week = local // WEEK_HOURS
    week = week - week.min() if len(week) else week
    weeks = int(week.max()) + 1 if len(week) else 0
    return Layout(element_ids.tolist(), element.astype(np.int64), week, local % WEEK_HOURS, weeks)


def median(values: Floats, axis: int) -> Floats:
    """The median without NaN along an axis; NaN where nothing is. (numpy's own takes forty times as long.)"""
    ordered = np.sort(values, axis=axis)
    count = np.expand_dims((~np.isnan(values)).sum(axis=axis), axis)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    found = (np.take_along_axis(ordered, low, axis) + np.take_along_axis(ordered, np.minimum(high, low + 1), axis)) / 2
    return np.squeeze(np.where(count > 0, found, np.nan), axis)
