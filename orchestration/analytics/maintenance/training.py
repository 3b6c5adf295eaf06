"""From labelled rows to the models of failure within 7 and 30 days, how good they are, and whether they take over.

Not here: a single model (orchestration.analytics.churn), where rows come from and models go to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from orchestration.analytics.churn import (
    ChurnDataError,
    OverTime,
    SegmentResult,
    area_under_curve,
    evaluate_over_time,
    first_promotion,
    promotion,
    train_segments,
)
from orchestration.analytics.churn_scores.bundles import Bundle, Last, reference_sample
from orchestration.analytics.maintenance.crew import crew_figures, crew_ranks
from orchestration.analytics.maintenance.failures import HORIZONS

SEED = 0
PRINCIPAL = 30
WHOLE = "all"
METRICS = ("auc", "brier", "log_loss", "expected_calibration_error", "top_decile_lift")
# Of an element's row what a model sees: neither who it is, nor when, nor levels that few elements share.
NOT_FEATURES = frozenset(
    {"as_of_date", "as_of_at", "is_latest", "element_id", "element_key", "provider_id", "zone_id", "model",
     "software_version"}
)  # fmt: skip
TEXTS = frozenset({"element_type", "vendor", "operational_status"})


@dataclass(frozen=True)
class LabelledElements:
    """Rows to learn from, all on one index.

    Attributes:
        rows: as_of_date, as_of_at, element_id, provider_id.
        features: of model_features.
        labels: `fails_<h>d`, NaN where not known.
        rule_scores: `failure_probability_<h>d` by the rules.
        failures: element_id, failed_at.
    """

    rows: pd.DataFrame
    features: pd.DataFrame
    labels: pd.DataFrame
    rule_scores: pd.DataFrame
    failures: pd.DataFrame


@dataclass(frozen=True)
class TrainedElements:
    """The new models (None: the rules, for the reason), whether they take over, and what they were trained on."""

    bundle: Bundle | None
    reason: str
    is_promoted: bool
    rows_count: int
    trained_from_date: date | None
    trained_to_date: date | None


def model_features(rows: pd.DataFrame) -> pd.DataFrame:
    """What a model sees of rows of core.feature_element."""
    names = [name for name in rows.columns if name not in NOT_FEATURES]
    return pd.DataFrame(
        {name: rows[name].astype(object) if name in TEXTS else pd.to_numeric(rows[name]) for name in names}
    )


def known_failures(labelled: LabelledElements) -> int:
    """Failures that some row with a known label foretells."""
    known = labelled.labels[f"fails_{PRINCIPAL}d"].notna()
    at = pd.to_datetime(labelled.rows.loc[known, "as_of_at"], utc=True)
    if at.empty:
        return 0
    failed = labelled.failures["failed_at"]
    return int(((failed > at.min()) & (failed <= at.max() + pd.Timedelta(days=PRINCIPAL))).sum())


def evaluate_failures(labelled: LabelledElements, parameters: Mapping[str, float]) -> tuple[OverTime, pd.DataFrame]:
    """Models trained before, tried on the last weeks; the test of 30 days, and all figures.

    Returns:
        The test of the principal horizon, and rows of model_evaluations with horizon_days, segment, period, metric,
        metric_value, baseline_name, baseline_value, lower_95, upper_95, cases_count, events_count.
    """
    tests = {days: _test(labelled, parameters, days) for days in HORIZONS}
    parts = []
    for days, tested in tests.items():
        own = tested.evaluations[tested.evaluations["metric"].isin(METRICS) & (tested.evaluations["segment"] == WHOLE)]
        parts.append(_beside_rules(own, tested.tested, labelled.rule_scores, days).assign(horizon_days=days))
    listed = tested_lists(labelled, tests[PRINCIPAL], parameters)
    figures = crew_figures(listed, labelled.failures)
    parts.append(figures.assign(segment=WHOLE, horizon_days=PRINCIPAL, lower_95=None, upper_95=None))
    return tests[PRINCIPAL], pd.concat(parts, ignore_index=True)


def _beside_rules(figures: pd.DataFrame, tested: pd.DataFrame, rule_scores: pd.DataFrame, days: int) -> pd.DataFrame:
    """The figures, the AUC with that of the rules on the same rows."""
    told = tested[tested["probability"].notna()]
    score = rule_scores.loc[told.index, f"failure_probability_{days}d"]
    months = pd.to_datetime(told["as_of_date"]).dt.strftime("%Y-%m")
    figures = figures.copy()
    for place in figures.index[figures["metric"] == "auc"]:
        own = (months == figures.loc[place, "period"]) | (figures.loc[place, "period"] == WHOLE)
        figures.loc[place, "baseline_value"] = area_under_curve(told.loc[own, "label"], score[own])
        figures.loc[place, "baseline_name"] = "rule_score"
    return figures


def tested_lists(labelled: LabelledElements, tested: OverTime, parameters: Mapping[str, float]) -> pd.DataFrame:
    """Every tested row with its label, and whether it would have been on its provider's list of the week."""
    told = tested.tested[tested.tested["probability"].notna()]
    rows = labelled.rows.loc[told.index].assign(
        as_of_date=pd.to_datetime(told["as_of_date"]), label=told["label"],
        failure_probability_30d=told["probability"], customers_at_stake_count=0,
    )  # fmt: skip
    rows["as_of_at"] = pd.to_datetime(rows["as_of_at"], utc=True)
    return rows.assign(is_listed=crew_ranks(rows) <= parameters["crew_visits_per_week"])


def _test(labelled: LabelledElements, parameters: Mapping[str, float], days: int) -> OverTime:
    return evaluate_over_time(
        labelled.features, labelled.labels[f"fails_{days}d"], labelled.rows["as_of_date"], horizon_days=days,
        groups=labelled.rows["element_id"], test_dates_count=int(parameters["test_weeks"]),
        minimum_events=int(parameters["minimum_failures"]), seed=SEED,
        most_stayers_per_leaver=parameters["most_others_per_failure"],
    )  # fmt: skip


def train_failures(
    labelled: LabelledElements, parameters: Mapping[str, float], as_of_date: date, tested: OverTime, last: Last | None
) -> TrainedElements:
    """The models of all horizons on all rows whose outcome is known by the day.

    Args:
        labelled: rows of the training months.
        parameters: seed maintenance_parameters.
        as_of_date: what was known when.
        tested: of evaluate_failures: how the candidate did on the weeks held back.
        last: what elements are scored with so far.
    """
    found = {days: _train(labelled, parameters, as_of_date, days) for days in HORIZONS}
    chief = found[PRINCIPAL]
    models = {days: one.model for days, one in found.items() if one.model is not None}
    if chief.model is None:
        return TrainedElements(None, chief.reason, False, chief.train_rows, None, None)
    label = labelled.labels[f"fails_{PRINCIPAL}d"]
    known = label.notna()
    sample = reference_sample(labelled.features[known], labelled.rows.loc[known, "as_of_date"])
    bundle = Bundle(models, PRINCIPAL, None, float(label.mean()), sample)
    is_promoted, reason = _verdict(labelled, tested, last)
    return TrainedElements(bundle, reason, is_promoted, chief.train_rows, chief.first_train_date, chief.last_train_date)


def _train(labelled: LabelledElements, parameters: Mapping[str, float], as_of_date: date, days: int) -> SegmentResult:
    return train_segments(
        labelled.features, labelled.labels[f"fails_{days}d"], labelled.rows["as_of_date"], as_of_date=as_of_date,
        horizon_days=days, groups=labelled.rows["element_id"], minimum_events=int(parameters["minimum_failures"]),
        seed=SEED, most_stayers_per_leaver=parameters["most_others_per_failure"],
    )[WHOLE]  # fmt: skip


def _verdict(labelled: LabelledElements, tested: OverTime, last: Last | None) -> tuple[bool, str]:
    """Whether the candidate takes over, on the tested weeks that neither it nor the last one was trained on."""
    own = tested.tested[tested.tested["label"].notna() & tested.tested["probability"].notna()]
    if last is not None:
        own = own[pd.to_datetime(own["as_of_date"]).dt.date > last.trained_to_date]
    if own.empty or own["label"].nunique() < 2:
        return True, "no week after the training of the last model tells the two apart" if last else (
            "the first model; there was no week to try it on"
        )
    if last is None:
        verdict = first_promotion(own["label"], own["probability"])
    else:
        try:
            before = last.bundle.chief.predict_probability(labelled.features.loc[own.index])
        except ChurnDataError as error:
            return True, f"{last.version} cannot be tried on these features: {error}"
        verdict = promotion(own["label"], own["probability"], before, name=last.version)
    return verdict.is_promoted, verdict.reason.replace(" left,", " failed,")
