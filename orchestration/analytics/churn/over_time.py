"""How good the operator's models are on later months: trained before, tested after, the gap respected.

Not here: what a leaver is, writing the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.analytics.churn import evaluation
from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.labels import read_label
from orchestration.analytics.churn.profit import PUBLISHED, ProfitParameters, expected_maximum_profit
from orchestration.analytics.churn.segments import MINIMUM_EVENTS, WHOLE, SegmentResult, moments, train_segments

TEST_DATES = 3
COLUMNS = (
    "segment", "period", "metric", "metric_value", "baseline_name", "baseline_value", "lower_95", "upper_95",
    "cases_count", "events_count",
)  # fmt: skip


@dataclass(frozen=True)
class OverTime:
    """The test of one horizon.

    Attributes:
        tested: rows tested, on their index: as_of_date, segment, label, probability (null where the segment has rules),
            rule_score (null without), is_rule_fallback, group.
        evaluations: the columns of analytics.model_evaluations that the mathematics fills (COLUMNS).
        segments: what each segment was trained on for the test.
        first_test_date: before it, by the horizon, training ended.
    """

    tested: pd.DataFrame
    evaluations: pd.DataFrame
    segments: dict[str, SegmentResult]
    first_test_date: pd.Timestamp


def evaluate_over_time(
    features: pd.DataFrame,
    label: pd.Series,
    as_of_dates: pd.Series,
    *,
    horizon_days: int,
    segments: pd.Series | None = None,
    groups: pd.Series | None = None,
    rule_score: pd.Series | None = None,
    test_dates_count: int = TEST_DATES,
    minimum_events: int = MINIMUM_EVENTS,
    profit: ProfitParameters = PUBLISHED,
    seed: int = 0,
    most_stayers_per_leaver: float | None = None,
) -> OverTime:
    """Trains on rows whose horizon was over by the first test date, tests on the last dates with known labels.

    Args:
        features: one row per customer (or service) and as-of date, true features only.
        label: 1 left within the horizon, 0 stayed, null censored (neither trained on nor tested).
        as_of_dates: of each row.
        horizon_days: within which leaving counts; also the gap between the last trained and the first tested date.
        segments: of each row.
        groups: the customer of each row.
        rule_score: of each row, what the model is compared with.
        test_dates_count: the number of as-of dates tested.
        minimum_events: leavers that a segment needs in training.
        profit: of the campaign that the scores would lead.
        seed: of models and bootstrap.
        most_stayers_per_leaver: as for ChurnModel.fit; rows tested are all.

    Raises:
        ChurnDataError: too few as-of dates with known labels.
    """
    answer = read_label(label, len(features)).values
    dates = moments(as_of_dates).to_numpy()
    known = ~np.isnan(answer)
    distinct = np.unique(dates[known])
    if len(distinct) <= test_dates_count:
        raise ChurnDataError(
            f"labels are known at {len(distinct)} as-of dates, more than the {test_dates_count} of the test are needed:"
            " wait for more history"
        )
    begin = pd.Timestamp(distinct[-test_dates_count])
    trained = train_segments(
        features, pd.Series(answer), as_of_dates, as_of_date=begin, horizon_days=horizon_days, segments=segments,
        groups=groups, minimum_events=minimum_events, seed=seed,
        most_stayers_per_leaver=most_stayers_per_leaver,
    )  # fmt: skip
    rows = np.flatnonzero(known & (dates >= begin.to_numpy()))
    tested = pd.DataFrame(
        {
            "as_of_date": dates[rows],
            "segment": WHOLE if segments is None else segments.astype(str).to_numpy()[rows],
            "label": answer[rows],
            "probability": np.nan,
            "rule_score": np.nan if rule_score is None else rule_score.to_numpy(dtype=np.float64)[rows],
            "is_rule_fallback": False,
            "group": rows if groups is None else np.asarray(groups, dtype=object)[rows],
        },
        index=features.index[rows],
    )
    for name, result in trained.items():
        own = (tested["segment"] == name).to_numpy()
        if result.model is None:
            tested.loc[own, "is_rule_fallback"] = True
        elif own.any():
            tested.loc[own, "probability"] = result.model.predict_probability(features.iloc[rows[own]]).to_numpy()
    return OverTime(tested, evaluate_by_period(tested, profit=profit, seed=seed), trained, begin)


def evaluate_by_period(tested: pd.DataFrame, *, profit: ProfitParameters = PUBLISHED, seed: int = 0) -> pd.DataFrame:
    """Every figure by segment and month and for the whole, of rows that have a probability.

    Args:
        tested: as_of_date, segment, label, probability, rule_score (may be null), group.
        profit: of the campaign that the scores would lead.
        seed: of the bootstrap.

    Returns:
        COLUMNS; a figure that cannot be told, as the AUC of one class, is null.
    """
    told = tested[tested["probability"].notna()]
    rows: list[tuple[object, ...]] = []
    for segment, period, part in _parts(told):
        label, count = part["label"].to_numpy(dtype=np.float64), len(part)
        for figure in _figures(part, label, profit, seed, is_whole=period == WHOLE):
            rows.append((segment, period, *figure, count, int(label.sum())))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = ["metric_value", "baseline_value", "lower_95", "upper_95"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _parts(told: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The whole, each segment, and each month of both."""
    months = pd.to_datetime(told["as_of_date"]).dt.strftime("%Y-%m")
    names = sorted(told["segment"].unique())
    for segment in [WHOLE, *(name for name in names if name != WHOLE)]:
        is_own = np.ones(len(told), bool) if segment == WHOLE else (told["segment"] == segment).to_numpy()
        for period in [WHOLE, *sorted(months[is_own].unique())]:
            part = told[is_own & ((months == period).to_numpy() | (period == WHOLE))]
            if len(part):
                yield segment, period, part


def _figures(
    part: pd.DataFrame, label: np.ndarray, profit: ProfitParameters, seed: int, *, is_whole: bool
) -> Iterator[tuple[str, float, str | None, float | None, float | None, float | None]]:
    told = part["probability"].to_numpy(dtype=np.float64)
    rule = part["rule_score"].to_numpy(dtype=np.float64)
    has_rule = bool(np.isfinite(rule).all())
    rule_auc = evaluation.area_under_curve(label, rule) if has_rule else None
    base = np.full(len(label), label.mean())
    yield "auc", evaluation.area_under_curve(label, told), "rule_score" if has_rule else None, rule_auc, None, None
    brier = evaluation.brier_score(label, told)
    yield "brier", brier, "base_rate", evaluation.base_rate_brier(label), None, None
    yield "log_loss", evaluation.log_loss(label, told), "base_rate", evaluation.log_loss(label, base), None, None
    yield "expected_calibration_error", evaluation.expected_calibration_error(label, told), None, None, None, None
    yield "top_decile_lift", evaluation.top_decile_lift(label, told), "chance", 1.0, None, None
    if 0 < label.sum() < len(label):
        best = expected_maximum_profit(label, told, profit)
        by_rule = expected_maximum_profit(label, rule, profit).profit_per_customer if has_rule else None
        name = "rule_score" if has_rule else None
        yield "expected_maximum_profit_per_customer", best.profit_per_customer, name, by_rule, None, None
        yield "expected_maximum_profit_share_targeted", best.share_targeted, None, None, None, None
        if has_rule and is_whole:
            gap = evaluation.auc_difference(label, told, rule, groups=part["group"], seed=seed)
            yield "auc_difference_to_rule_score", gap.value, "none", 0.0, gap.lower, gap.upper
