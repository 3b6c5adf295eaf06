"""Trains and judges a churn model on any table, without a word of configuration.

Not here: the model (model), the operator's own months and segments (over_time).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.evaluation import (
    area_under_curve,
    brier_score,
    expected_calibration_error,
    top_decile_lift,
)
from orchestration.analytics.churn.labels import Floats, both_classes, deal, read_label
from orchestration.analytics.churn.model import ChurnModel

FOLDS = 10
# With a time: the share of the rows that is tested, and how long a label takes to be known.
TEST_SHARE = 0.3
GAP = pd.Timedelta(days=30)
GROUP_FOLDS_OVER_TIME = 5


@dataclass(frozen=True)
class ChurnEvaluation:
    """How well a model does on rows that it was not trained on.

    Attributes:
        auc: chance that a leaver is ranked before a stayer.
        brier: mean squared error of the probability.
        expected_calibration_error: over ten bins of equal mass.
        top_decile_lift: share of leavers in the top tenth over that of all.
        predictions: probability per tested row, on the index of the features; NaN for rows that were not tested.
        event: the label's value that counts as having left.
        rows_count: rows tested.
        events_count: of them, those that left.
        scheme: how training and test were kept apart, in words.
    """

    auc: float
    brier: float
    expected_calibration_error: float
    top_decile_lift: float
    predictions: pd.Series = field(repr=False)
    event: str
    rows_count: int
    events_count: int
    scheme: str


def train_and_evaluate(
    features: pd.DataFrame,
    label: pd.Series | npt.ArrayLike,
    *,
    groups: pd.Series | npt.ArrayLike | None = None,
    time: pd.Series | npt.ArrayLike | None = None,
    seed: int = 0,
) -> ChurnEvaluation:
    """The quality of the model that `ChurnModel.fit` makes of such a table; everything is learned within training rows.

    Without `time`, each tenth of the rows is told by a model trained on the other nine (ten folds, fewer where the
    rarer class has fewer rows; equal shares of leavers, whole groups). With it, the last rows, 30 % or a little more,
    are told by a model trained on the rows before: those that are 30 days older than the first tested row where time is
    dates, one distinct value older where it is numbers. With groups too, each fifth of the groups is tested by a model
    that was trained on the earlier rows of the other groups.

    Args:
        features: one row per case. Numbers, texts, blanks, dates, booleans; identifiers, constant and empty columns are
            left out by themselves. Nothing is resampled or weighted.
        label: 0 and 1, booleans or any two values (Yes and No, Churned and Stayed; of two unknown words the rarer one
            counts as left); rows where it is null are neither trained on nor tested.
        groups: the entity of each row, where one has several.
        time: a date or number per row.
        seed: of the folds and the model.

    Raises:
        ChurnDataError: one class only, too few rows of one, nothing to learn from.
    """
    if not isinstance(features, pd.DataFrame):
        raise ChurnDataError(f"features are a {type(features).__name__}: give a pandas DataFrame with named columns")
    answer = read_label(label, len(features))
    owners = _per_row(groups, len(features), "groups")
    both_classes(answer.values[answer.is_known], "training and testing a churn model")
    if time is None:
        splits, scheme = _folds(answer.values, owners, seed)
    else:
        splits, scheme = _over_time(answer.values, owners, pd.Series(time).reset_index(drop=True), seed)
    predictions = np.full(len(features), np.nan)
    for train, test in splits:
        own = None if owners is None else owners[train]
        model = ChurnModel.fit(features.iloc[train], answer.values[train], groups=own, seed=seed)
        predictions[test] = model.predict_probability(features.iloc[test]).to_numpy()
    tested = ~np.isnan(predictions)
    truth, told = answer.values[tested], predictions[tested]
    return ChurnEvaluation(
        auc=area_under_curve(truth, told),
        brier=brier_score(truth, told),
        expected_calibration_error=expected_calibration_error(truth, told),
        top_decile_lift=top_decile_lift(truth, told),
        predictions=pd.Series(predictions, index=features.index, name="probability"),
        event=answer.event,
        rows_count=int(tested.sum()),
        events_count=int(truth.sum()),
        scheme=scheme,
    )


Splits = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


def _per_row(values: pd.Series | npt.ArrayLike | None, rows: int, name: str) -> npt.NDArray[np.object_] | None:
    if values is None:
        return None
    found = np.asarray(values, dtype=object)
    if len(found) != rows:
        raise ChurnDataError(f"{len(found)} {name} for {rows} rows of features: give one for each, in the same order")
    return found


def _folds(label: Floats, owners: npt.NDArray[np.object_] | None, seed: int) -> tuple[Splits, str]:
    known = np.flatnonzero(~np.isnan(label))
    rarer = _rarer(label[known], None if owners is None else owners[known])
    if rarer < 2:
        raise ChurnDataError(f"one class stands in {rarer} group only, two are needed at least: give more customers")
    count = min(FOLDS, rarer)
    fold = deal(label[known], None if owners is None else owners[known], count, seed)
    splits = [(known[fold != at], known[fold == at]) for at in range(count)]
    return splits, f"{count} folds" + ("" if owners is None else " by groups")


def _rarer(label: Floats, owners: npt.NDArray[np.object_] | None) -> int:
    """Rows, or groups, of the rarer class."""
    if owners is None:
        return int(min(label.sum(), (1 - label).sum()))
    return min(len(pd.unique(owners[label == value])) for value in (0.0, 1.0))


def _over_time(label: Floats, owners: npt.NDArray[np.object_] | None, time: pd.Series, seed: int) -> tuple[Splits, str]:
    if len(time) != len(label):
        raise ChurnDataError(f"{len(time)} times for {len(label)} rows of features: give one each, in the same order")
    is_number = pd.api.types.is_numeric_dtype(time)
    moments = time if is_number else pd.to_datetime(time.astype(str), utc=True, errors="coerce")
    known = ~np.isnan(label) & moments.notna().to_numpy()
    ordered = moments[known].sort_values(ignore_index=True)
    distinct = ordered.drop_duplicates(ignore_index=True)
    if len(distinct) < 3:
        raise ChurnDataError(f"time has {len(distinct)} values, at least 3 are needed: leave it out to test by folds")
    begin = max(ordered.iloc[int((1 - TEST_SHARE) * len(ordered))], distinct.iloc[1])
    last = _last_trained(distinct, begin, is_number=is_number)
    train = np.flatnonzero(known & (moments <= last).to_numpy())
    test = np.flatnonzero(known & (moments >= begin).to_numpy())
    both_classes(label[train], f"training on rows up to {last}, before the test from {begin} on,")
    scheme = f"trained up to {last}, tested from {begin} on"
    if owners is None:
        return [(train, test)], scheme
    fold = deal(np.nan_to_num(label), owners, GROUP_FOLDS_OVER_TIME, seed)
    parts = [(train[fold[train] != at], test[fold[test] == at]) for at in range(GROUP_FOLDS_OVER_TIME)]
    return [(one, two) for one, two in parts if len(two)], scheme + ", other groups"


def _last_trained(distinct: pd.Series, begin: Any, *, is_number: bool) -> Any:
    """The last moment that is trained on: its label is known by the first test.

    Raises:
        ChurnDataError: none lies so long before.
    """
    earlier = distinct[distinct < begin].iloc[:-1] if is_number else distinct[distinct <= begin - GAP]
    if earlier.empty:
        raise ChurnDataError(
            f"no row lies {'one step' if is_number else f'{GAP.days} days'} before the test from {begin} on:"
            " give a longer time, or leave it out to test by folds"
        )
    return earlier.iloc[-1]
