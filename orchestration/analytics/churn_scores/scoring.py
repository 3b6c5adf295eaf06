"""From features and bundles to scores: probabilities, factors in words, confidence, and the rules where no model is.

Not here: models (orchestration.analytics.churn), what is done about a score (levels), where rows come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from orchestration.analytics.churn_scores.bundles import Last
from orchestration.analytics.churn_scores.levels import interventions, queue_ranks, risk_levels
from orchestration.analytics.churn_scores.words import RAISES, raising_factors, risk_factors

RULES_VERSION = "rules-1"
# Digits that are kept, far beyond what is known and short of what differs between machines.
DIGITS = 6
BILLS, STORED = "bills", "stored_lifetime_value"


def score_rows(
    features: pd.DataFrame, segment: pd.Series, rules: pd.DataFrame, bundles: Mapping[str, Last],
    reasons: Mapping[str, str], words: Mapping[str, Mapping[str, object]], horizons: Sequence[int], shown: int,
) -> pd.DataFrame:  # fmt: skip
    """The scores of customers or services at one as-of date.

    Args:
        features: as model_features gives them.
        segment: of each row.
        rules: of rule_scores, on the same index.
        bundles: what each segment is scored with; segments without one have the rules' probability.
        reasons: why those have none.
        words: seed churn_factors, by feature.
        horizons: in days, ascending.
        shown: how many factors are named.

    Returns:
        segment, churn_probability (of the principal horizon, or the rules'), churn_probability_<h>d,
        non_payment_probability, is_high_risk, confidence_score, risk_factors (lists), is_rule_fallback,
        fallback_reason, model_version, rule_score, rule_level. What the rules cannot say is null.
    """
    parts = []
    for name, rows in features.groupby(segment, sort=True):
        own = rules.loc[rows.index]
        held = bundles.get(str(name))
        if held is None:
            found = _by_rules(own, reasons.get(str(name), "no model was trained"), horizons)
        else:
            found = _by_model(rows, held, words, horizons, shown)
        parts.append(found.assign(segment=name, rule_score=own["rule_score"], rule_level=own["rule_level"]))
    return pd.concat(parts).loc[features.index] if parts else pd.DataFrame(index=features.index)


def _by_rules(rules: pd.DataFrame, reason: str, horizons: Sequence[int]) -> pd.DataFrame:
    found = pd.DataFrame({"churn_probability": rules["rule_probability"].round(DIGITS)}, index=rules.index)
    for name in (*(f"churn_probability_{days}d" for days in horizons), "non_payment_probability", "confidence_score"):
        found[name] = np.nan
    factors = [[factor | {"effect": RAISES} for factor in told] for told in rules["rule_factors"]]
    return found.assign(is_high_risk=None, risk_factors=pd.Series(factors, index=rules.index), is_rule_fallback=True,
                        fallback_reason=reason, model_version=RULES_VERSION)  # fmt: skip


def _by_model(
    features: pd.DataFrame, held: Last, words: Mapping[str, Mapping[str, object]], horizons: Sequence[int], shown: int
) -> pd.DataFrame:
    bundle = held.bundle
    said = bundle.chief.told(features)
    probabilities = bundle.probabilities(features, said).round(DIGITS)
    chief = probabilities[bundle.principal]
    non_payment = bundle.non_payment.predict_probability(features).round(DIGITS) if bundle.non_payment else np.nan
    found = pd.DataFrame({"churn_probability": chief}, index=features.index)
    for days in horizons:
        found[f"churn_probability_{days}d"] = probabilities.get(days, np.nan)
    factors = risk_factors(said.contributions(), features, words, shown)
    return found.assign(
        non_payment_probability=non_payment,
        is_high_risk=(chief > bundle.high_risk_threshold).astype(object),
        confidence_score=said.interval()["confidence"].round(DIGITS),
        risk_factors=pd.Series(factors, index=features.index),
        is_rule_fallback=False,
        fallback_reason=None,
        model_version=held.version,
    )


def add_value(scores: pd.DataFrame, value: pd.DataFrame) -> pd.DataFrame:
    """What is lost if the customer leaves, and what is therefore expected to be lost.

    Args:
        scores: of score_rows.
        value: monthly_margin (of the customer's own bills, reporting currency; null: no bills),
            expected_remaining_months, stored_lifetime_value (the CRM's, reporting currency).

    Returns:
        The scores with those columns rounded, value_basis (bills, stored_lifetime_value or null) and
        expected_lifetime_value_impact: probability x monthly margin x remaining months, or x the stored value.
    """
    own = value["monthly_margin"].astype(float) * value["expected_remaining_months"].astype(float)
    stored = value["stored_lifetime_value"].astype(float)
    basis = np.select([own.notna(), stored.notna()], [BILLS, STORED], "")
    impact = (scores["churn_probability"] * own.fillna(stored)).round(2)
    return scores.assign(
        monthly_margin_amount_reporting=value["monthly_margin"].astype(float).round(2),
        expected_remaining_months=value["expected_remaining_months"].astype(float).round(2),
        value_basis=pd.Series(basis, index=scores.index).replace("", None),
        expected_lifetime_value_impact=impact,
    )


def add_work(
    scores: pd.DataFrame, contacted_recently: pd.Series, catalogue: Sequence[Mapping[str, object]],
    parameters: Mapping[str, float],
) -> pd.DataFrame:  # fmt: skip
    """The level, the place in the work queue and what to do.

    Args:
        scores: of add_value.
        contacted_recently: whether a campaign contacted the customer within the pause.
        catalogue: seed churn_interventions.
        parameters: seed churn_parameters.
    """
    is_model = ~scores["is_rule_fallback"].astype(bool)
    level = scores["rule_level"].copy()
    modelled = scores[is_model]
    level[is_model] = risk_levels(modelled["expected_lifetime_value_impact"], modelled["churn_probability"], parameters)
    impact = scores["expected_lifetime_value_impact"]
    ranks = queue_ranks(level, impact, contacted_recently)
    advice = [
        interventions(catalogue, one, raising_factors(told), None if pd.isna(loss) else float(loss))
        for one, told, loss in zip(level, scores["risk_factors"], impact, strict=True)
    ]
    return scores.assign(
        churn_risk_level=level,
        is_in_retention_queue=ranks.notna(),
        retention_queue_rank=ranks,
        intervention_recommendations=pd.Series(advice, index=scores.index),
    )
