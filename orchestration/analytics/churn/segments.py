"""One churn model per segment, where enough of its customers left; elsewhere the rules.

Not here: the rules, what makes a segment, testing over time (over_time).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.labels import read_label
from orchestration.analytics.churn.model import ChurnModel

MINIMUM_EVENTS = 200
WHOLE = "all"


@dataclass(frozen=True)
class SegmentResult:
    """What a segment's scores come from: `model`, or the rules where it is None; `reason` says why, with figures."""

    segment: str
    model: ChurnModel | None
    reason: str
    train_rows: int
    train_events: int
    first_train_date: date | None
    last_train_date: date | None


def moments(as_of_dates: pd.Series) -> pd.Series:
    """Dates of any kind as timestamps."""
    return pd.to_datetime(as_of_dates.astype(str), errors="raise").dt.normalize()


def ready_rows(as_of_dates: pd.Series, *, horizon_days: int, origin: date | pd.Timestamp) -> pd.Series:
    """Which rows' horizon was over at the origin: only these can be known, so only these may be trained on then."""
    over = moments(as_of_dates) + pd.Timedelta(days=horizon_days)
    return over <= pd.Timestamp(origin)


def train_segments(
    features: pd.DataFrame,
    label: pd.Series,
    as_of_dates: pd.Series,
    *,
    as_of_date: date | pd.Timestamp,
    horizon_days: int,
    segments: pd.Series | None = None,
    groups: pd.Series | None = None,
    minimum_events: int = MINIMUM_EVENTS,
    seed: int = 0,
    most_stayers_per_leaver: float | None = None,
) -> dict[str, SegmentResult]:
    """A model per segment of all rows whose horizon was over by the as-of date and whose label is known.

    Args:
        features: one row per customer (or service) and as-of date, true features only.
        label: 1 left within the horizon, 0 stayed, null censored.
        as_of_dates: of each row.
        as_of_date: the day by which a label had to be known.
        horizon_days: within which leaving counts.
        segments: of each row; without, all rows are the segment "all".
        groups: the customer of each row.
        minimum_events: leavers that a segment needs for a model of its own.
        seed: of the models.
        most_stayers_per_leaver: as for ChurnModel.fit.

    Raises:
        ChurnDataError: series of another length than the features.
    """
    _same_length(features, label=label, as_of_dates=as_of_dates, segments=segments, groups=groups)
    names = _names(segments, len(features))
    answer = read_label(label, len(features)).values
    usable = ready_rows(as_of_dates, horizon_days=horizon_days, origin=as_of_date).to_numpy() & ~np.isnan(answer)
    dates = moments(as_of_dates).reset_index(drop=True)
    results = {}
    for name in sorted(set(names.tolist())):
        rows = np.flatnonzero(usable & (names == name))
        left, stayed = int(answer[rows].sum()), int((1 - answer[rows]).sum())
        span = (dates[rows].min().date(), dates[rows].max().date()) if len(rows) else (None, None)
        if left < minimum_events or stayed < minimum_events:
            few = f"{left} left" if left < minimum_events else f"{stayed} stayed"
            day = pd.Timestamp(as_of_date).date()
            reason = f"{few} of {len(rows)} cases known by {day}, {minimum_events} needed: rules"
            results[name] = SegmentResult(name, None, reason, len(rows), left, *span)
            continue
        own = None if groups is None else np.asarray(groups, dtype=object)[rows]
        model = ChurnModel.fit(
            features.iloc[rows], answer[rows], groups=own, seed=seed, most_stayers_per_leaver=most_stayers_per_leaver
        )
        reason = f"model of {len(rows)} cases of which {left} left, {span[0]} to {span[1]}"
        results[name] = SegmentResult(name, model, reason, len(rows), left, *span)
    return results


def _names(segments: pd.Series | None, rows: int) -> npt.NDArray[np.object_]:
    return np.full(rows, WHOLE, dtype=object) if segments is None else segments.astype(str).to_numpy(dtype=object)


def _same_length(features: pd.DataFrame, **series: pd.Series | None) -> None:
    for name, values in series.items():
        if values is not None and len(values) != len(features):
            raise ChurnDataError(f"{len(values)} {name} for {len(features)} rows of features: give one for each")
