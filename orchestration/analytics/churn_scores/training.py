"""From labelled rows to bundles of models, their evaluations, and whether each takes over from the last one.

Not here: a single model and its evaluation (orchestration.analytics.churn), where rows come from and bundles go to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from orchestration.analytics.churn import (
    ChurnDataError,
    ChurnModel,
    OverTime,
    SegmentResult,
    evaluate_over_time,
    first_promotion,
    promotion,
    train_segments,
)
from orchestration.analytics.churn.profit import ProfitParameters
from orchestration.analytics.churn_scores.bundles import Bundle, Last, reference_sample

SEED = 0


@dataclass(frozen=True)
class Labelled:
    """Rows to learn from, all on one index.

    Attributes:
        features: as model_features gives them.
        labels: `left_<h>d` and `non_payment_<h>d` for each horizon; NaN is left out.
        as_of_date: of each row.
        segment: of each row.
        customer_id: of each row: rows of one customer are not spread over folds.
        rule_score: of each row.
    """

    features: pd.DataFrame
    labels: pd.DataFrame
    as_of_date: pd.Series
    segment: pd.Series
    customer_id: pd.Series
    rule_score: pd.Series

    @property
    def horizons(self) -> list[int]:
        """In days, ascending."""
        return sorted(int(name[5:-1]) for name in self.labels.columns if name.startswith("left_"))


@dataclass(frozen=True)
class Trained:
    """A segment's new bundle (None: the rules, for the reason), and whether it takes over."""

    segment: str
    bundle: Bundle | None
    reason: str
    is_promoted: bool
    rows_count: int
    trained_from_date: date | None
    trained_to_date: date | None


def leavers_by_segment(label: pd.Series, segment: pd.Series) -> dict[str, int]:
    """How many labelled rows left, per segment that has rows."""
    return {str(name): int(count) for name, count in label.groupby(segment).sum().items()}


def profit_parameters(parameters: Mapping[str, float]) -> ProfitParameters:
    """Those of seed churn_parameters."""
    return ProfitParameters(
        lifetime_value=parameters["profit_lifetime_value"],
        offer_cost=parameters["profit_offer_cost"],
        contact_cost=parameters["profit_contact_cost"],
        alpha=parameters["profit_accept_alpha"],
        beta=parameters["profit_accept_beta"],
    )


def evaluate(rows: Labelled, parameters: Mapping[str, float], horizon: int) -> OverTime:
    """Models trained on the months before, tried on the last months, by segment."""
    return evaluate_over_time(
        rows.features, rows.labels[f"left_{horizon}d"], rows.as_of_date,
        horizon_days=horizon, segments=rows.segment, groups=rows.customer_id, rule_score=rows.rule_score,
        test_dates_count=int(parameters["test_months"]), minimum_events=int(parameters["minimum_leavers"]),
        profit=profit_parameters(parameters), seed=SEED, most_stayers_per_leaver=parameters["most_stayers_per_leaver"],
    )  # fmt: skip


def train(
    rows: Labelled, parameters: Mapping[str, float], as_of_date: date, tested: OverTime, last: Mapping[str, Last]
) -> list[Trained]:
    """A bundle for each segment with enough leavers.

    Args:
        rows: of the training months.
        parameters: seed churn_parameters.
        as_of_date: what was known when; rows whose horizon is not over by then teach nothing.
        tested: of evaluate, on the principal horizon: how the candidates do on the months held back.
        last: what the segments are scored with so far; a candidate that does worse on the months after both were
            trained does not take over.
    """
    principal = int(parameters["principal_horizon_days"])
    fitted = {days: _fit(rows, parameters, as_of_date, f"left_{days}d", days) for days in rows.horizons}
    label = rows.labels[f"left_{principal}d"]
    threshold = float(parameters["high_risk_times_base_rate"] * label.mean())
    non_payment = _non_payment(rows, parameters, principal)
    found = []
    for segment, result in sorted(fitted[principal].items()):
        models = {days: one[segment].model for days, one in fitted.items()}
        known = {days: model for days, model in models.items() if model is not None}
        if result.model is None:
            found.append(Trained(segment, None, result.reason, False, result.train_rows, None, None))
            continue
        own = (rows.segment == segment) & label.notna()
        bundle = Bundle(
            known, principal, non_payment, threshold, reference_sample(rows.features[own], rows.as_of_date[own])
        )
        verdict = _promotion(rows, tested, segment, last.get(segment))
        found.append(Trained(segment, bundle, verdict[1], verdict[0], result.train_rows, result.first_train_date,
                             result.last_train_date))  # fmt: skip
    return found


def _fit(
    rows: Labelled, parameters: Mapping[str, float], as_of_date: date, name: str, days: int
) -> Mapping[str, SegmentResult]:
    return train_segments(
        rows.features, rows.labels[name], rows.as_of_date, as_of_date=as_of_date, horizon_days=days,
        segments=rows.segment, groups=rows.customer_id, minimum_events=int(parameters["minimum_leavers"]), seed=SEED,
        most_stayers_per_leaver=parameters["most_stayers_per_leaver"],
    )  # fmt: skip


def _non_payment(rows: Labelled, parameters: Mapping[str, float], horizon: int) -> ChurnModel | None:
    """One model for all segments: few customers end so."""
    label = rows.labels[f"non_payment_{horizon}d"]
    if label.sum() < parameters["minimum_non_payments"]:
        return None
    return ChurnModel.fit(rows.features, label, groups=rows.customer_id, seed=SEED,
                          most_stayers_per_leaver=parameters["most_stayers_per_leaver"])  # fmt: skip


def _promotion(rows: Labelled, tested: OverTime, segment: str, last: Last | None) -> tuple[bool, str]:
    """Whether the segment's candidate takes over, and why, on the tested months that neither has seen."""
    own = tested.tested[(tested.tested["segment"] == segment) & ~tested.tested["is_rule_fallback"]]
    own = own[own["label"].notna() & own["probability"].notna()]
    if last is None:
        if own.empty or own["label"].nunique() < 2:
            return True, "the first model of the segment; there was no month to try it on"
        verdict = first_promotion(own["label"], own["probability"])
        return verdict.is_promoted, verdict.reason
    own = own[pd.to_datetime(own["as_of_date"]).dt.date > last.trained_to_date]
    if own.empty or own["label"].nunique() < 2:
        return True, f"no month after the training of {last.version} tells the two apart"
    try:
        before = last.bundle.chief.predict_probability(rows.features.loc[own.index])
    except ChurnDataError as error:
        return True, f"{last.version} cannot be tried on these features: {error}"
    verdict = promotion(own["label"], own["probability"], before, name=last.version)
    return verdict.is_promoted, verdict.reason
