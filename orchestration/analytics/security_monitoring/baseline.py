"""What an element's hours should be, by hour of the week and robustly, and how far each hour is off.

Not here: what abnormal hours mean together (incidents).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestration.analytics.security_monitoring.grid import WEEK_HOURS, Floats, Layout, lay_out, median
from orchestration.analytics.security_monitoring.parameters import Measure, Parameters

MODEL_VERSION = "1"
PER_MBPS = "connections_per_mbps"
# The median absolute deviation of a normal distribution is its standard deviation over this.
_NORMAL_MAD = 1.4826
# The variance of a median of n is that of one value times this over n (normal distribution).
_MEDIAN_VARIANCE = np.pi / 2
# A level is known from two days of the last week at least.
_LEVEL_HOURS = 48
SCORE_COLUMNS = ("element_id", "provider_id", "hour_at", "measure", "observed", "expected", "lower", "upper", "score",
                 "weeks_count")  # fmt: skip


def score_hours(
    samples: pd.DataFrame, parameters: Parameters, measures: Sequence[Measure], judged_from: pd.Timestamp | None = None
) -> pd.DataFrame:
    """One row per element, hour and measure that can be judged: what was expected, and the robust z-score.

    Expected is the median of the same hour of the week, by the element's local clock, in the weeks before, moved by how
    far the element's last 168 hours, and all elements of its provider in this very hour, are off (medians, within
    bounds). The score is the distance in logarithms over the median absolute deviation, pooled over neighbouring hours
    and mixed with that of the whole element (Rousseeuw and Croux, 1993), with the median's own error. An hour is judged
    by what lay before it only, so that its score stays the same in later runs.

    Args:
        samples: element_id, provider_id, time_zone, hour_at (with time zone), a column for each measure (NaN: unknown)
            and availability_percentage (NaN: unknown); one row per element and hour. Hours in which the element was
            down are neither judged nor part of a baseline.
        parameters: how many weeks, floors and bounds.
        measures: which columns; connections_per_mbps is made of connections_count and throughput_mbps.
        judged_from: hours before it are history only; without it every hour with history enough is judged.

    Returns:
        SCORE_COLUMNS; lower and upper are the band of plus and minus `sustained_score`, observed, expected and band in
        the measure's unit.
    """
    if samples.empty:
        return pd.DataFrame(columns=list(SCORE_COLUMNS))
    samples = samples.reset_index(drop=True)
    layout = lay_out(samples)
    is_judged = np.ones(len(samples), dtype=bool)
    if judged_from is not None:
        is_judged = (samples["hour_at"] >= judged_from).to_numpy()
    first_week = int(layout.week[is_judged].min()) if is_judged.any() else layout.weeks
    is_up = ~(samples["availability_percentage"] < parameters.least_availability_percentage).to_numpy()
    parts = []
    for measure in measures:
        values = np.where(is_up, _values(samples, measure, measures), np.nan)
        part = _scored(samples, layout, values, measure, parameters, first_week)
        parts.append(part[is_judged & ~np.isnan(values) & part["score"].notna().to_numpy()])
    found = pd.concat(parts, ignore_index=True)[list(SCORE_COLUMNS)]
    return found.sort_values(["element_id", "hour_at", "measure"], ignore_index=True)


def _values(samples: pd.DataFrame, measure: Measure, measures: Sequence[Measure]) -> Floats:
    """The measure's values; connections per Mbps with both steadied, so that a few of each say little."""
    if measure.measure != PER_MBPS:
        return samples[measure.measure].to_numpy(dtype=np.float64)
    levels = {one.measure: one.least_level for one in measures}
    connections = samples["connections_count"].to_numpy(dtype=np.float64) + levels["connections_count"]
    return np.asarray(
        connections / (samples["throughput_mbps"].to_numpy(dtype=np.float64) + levels["throughput_mbps"]),
        dtype=np.float64,
    )


def _scored(
    samples: pd.DataFrame, layout: Layout, values: Floats, measure: Measure, parameters: Parameters, first_week: int
) -> pd.DataFrame:
    """Every sample's row of one measure, judged or not."""
    logs = np.log(np.maximum(values, 0) + measure.least_level)
    spread = layout.spread(logs)
    usual, scale, counts = _history(spread, parameters, first_week)
    level = _recent_level(spread - usual, parameters)
    expected = layout.gather(usual + level)
    expected += _common_shift(samples, logs - expected, parameters)
    count = layout.gather(counts)
    width = layout.gather(scale) * np.sqrt(1 + _MEDIAN_VARIANCE / np.maximum(count, 1))
    band = parameters.sustained_score * width
    frame = samples[["element_id", "provider_id", "hour_at"]].copy()
    frame["measure"], frame["observed"], frame["weeks_count"] = measure.measure, values, count.astype(np.int64)
    for name, log in (("expected", expected), ("lower", expected - band), ("upper", expected + band)):
        frame[name] = np.maximum(np.exp(log) - measure.least_level, 0)
    frame["score"] = (logs - expected) / width
    return frame


def _history(spread: Floats, parameters: Parameters, first_week: int) -> tuple[Floats, Floats, Floats]:
    """(median, scale, number of weeks) of the same hour of the week in the weeks before; NaN where they are too few."""
    usual, scale = np.full(spread.shape, np.nan), np.full(spread.shape, np.nan)
    counts = np.zeros(spread.shape)
    reach, least = int(parameters.history_weeks), int(parameters.least_history_weeks)
    floor = np.log1p(parameters.least_scale_percentage / 100)
    around = range(-int(parameters.scale_hours), int(parameters.scale_hours) + 1)
    # The level of the first judged hours needs the week before it.
    for week in range(max(first_week - 1, 1), spread.shape[1]):
        before = spread[:, max(week - reach, 0) : week]
        count = (~np.isnan(before)).sum(axis=1)
        # One hour of a week that is missing does not take the hour out.
        is_known = (count >= least - 1) & ((count.mean(axis=1) > least - 1)[:, None])
        usual[:, week] = np.where(is_known, median(before, 1), np.nan)
        off = np.abs(before - usual[:, week][:, None])
        pooled = median(np.concatenate([np.roll(off, step, axis=2) for step in around], axis=1), 1)
        whole = median(off.reshape(len(off), -1), 1)[:, None]
        few = np.maximum(count, 2) / (np.maximum(count, 2) - 0.8)
        scale[:, week] = np.maximum(_NORMAL_MAD * few * np.sqrt((pooled**2 + whole**2) / 2), floor)
        counts[:, week] = count
    return usual, scale, counts


def _recent_level(off: Floats, parameters: Parameters) -> Floats:
    """How far the 168 hours before each hour are off their medians, in the median and within bounds."""
    line = pd.DataFrame(off.reshape(len(off), -1).T)
    level = line.rolling(WEEK_HOURS, min_periods=_LEVEL_HOURS).median().shift(1).fillna(0).to_numpy().T
    most = np.log1p(parameters.most_level_shift_percentage / 100)
    return np.asarray(np.clip(level, -most, most).reshape(off.shape), dtype=np.float64)


def _common_shift(samples: pd.DataFrame, off: Floats, parameters: Parameters) -> Floats:
    """How far a provider's elements are off in the median in each hour, within bounds: a holiday is no attack."""
    frame = pd.DataFrame({"provider_id": samples["provider_id"], "hour_at": samples["hour_at"], "off": off})
    groups = frame.groupby(["provider_id", "hour_at"], sort=False)["off"]
    is_many = groups.transform("count").to_numpy() >= parameters.common_shift_elements
    most = np.log1p(parameters.most_common_shift_percentage / 100)
    shift = np.clip(groups.transform("median").to_numpy(dtype=np.float64), -most, most)
    return np.where(is_many, shift, 0.0)
