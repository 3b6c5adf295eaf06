"""Elements scored: by the models where they can, else by the rules, in words; with level, list and due work.

Not here: models (training), rules (rules), where rows come from and go to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestration.analytics.churn_scores.bundles import Last
from orchestration.analytics.churn_scores.words import risk_factors
from orchestration.analytics.maintenance.failures import HORIZONS
from orchestration.analytics.maintenance.rules import RULES_VERSION
from orchestration.analytics.maintenance.training import model_features

MODEL, RULES = "model", "rules"
DIGITS = 6
NOT_MEASURED = "no sample of the last 7 days: the rate of its kind and the rules"
PROBABILITIES = tuple(f"failure_probability_{days}d" for days in HORIZONS)
SCORED = (*PROBABILITIES, "risk_reasons", "confidence_score", "score_method", "fallback_reason", "model_version")


def score_elements(
    rows: pd.DataFrame, by_rules: pd.DataFrame, held: Last | None, reason: str,
    words: Mapping[str, Mapping[str, Any]], shown: int,
) -> pd.DataFrame:  # fmt: skip
    """The scores of elements (SCORED), on their index.

    Args:
        rows: of core.feature_element.
        by_rules: of rule_scores.
        held: the models; None: the rules decide all.
        reason: why there are no models.
        words: seed maintenance_factors, by feature.
        shown: how many factors are named.
    """
    found = by_rules[[*PROBABILITIES, "risk_reasons"]].assign(
        confidence_score=np.nan, score_method=RULES, fallback_reason=reason, model_version=RULES_VERSION
    )
    is_measured = pd.to_numeric(rows["measured_days_7d"]).fillna(0) > 0
    if held is not None:
        found.loc[~is_measured, "fallback_reason"] = NOT_MEASURED
        if is_measured.any():
            told = _by_model(model_features(rows[is_measured]), held, words, shown)
            found = pd.concat([found[~is_measured], told]).loc[rows.index]
    found[list(PROBABILITIES)] = found[list(PROBABILITIES)].astype(float).round(DIGITS)
    return found[list(SCORED)]


def _by_model(features: pd.DataFrame, held: Last, words: Mapping[str, Mapping[str, Any]], shown: int) -> pd.DataFrame:
    bundle = held.bundle
    said = bundle.chief.told(features)
    probabilities = bundle.probabilities(features, said)
    found = pd.DataFrame(
        {f"failure_probability_{days}d": probabilities.get(days, np.nan) for days in HORIZONS}, index=features.index
    )
    factors = risk_factors(said.contributions(), features, words, shown)
    return found.assign(
        risk_reasons=pd.Series(factors, index=features.index, dtype=object),
        confidence_score=said.interval()["confidence"].round(DIGITS),
        score_method=MODEL,
        fallback_reason=None,
        model_version=held.version,
    )


def risk_levels(rows: pd.DataFrame, levels: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The level of each row and what to do at it: the first of the seed whose conditions hold.

    Args:
        rows: failure_probability_30d, customers_at_stake_count, elements_911_at_stake_count (null counts as 0).
        levels: rank, risk_level, least_probability_30d, least_customers, needs_911, recommended_action (seed
            maintenance_levels); an empty condition always holds, and the last level has none.

    Returns:
        risk_level, recommended_action.
    """
    probability = rows["failure_probability_30d"].to_numpy(dtype=np.float64)
    customers = pd.to_numeric(rows["customers_at_stake_count"]).fillna(0).to_numpy(dtype=np.float64)
    emergency = pd.to_numeric(rows["elements_911_at_stake_count"]).fillna(0).to_numpy(dtype=np.float64)
    level = np.full(len(rows), "", dtype=object)
    action = level.copy()
    for one in sorted(levels, key=lambda row: int(row["rank"])):
        holds = level == ""
        if not pd.isna(one["least_probability_30d"]):
            holds &= probability >= float(one["least_probability_30d"])
        if not pd.isna(one["least_customers"]):
            holds &= customers >= float(one["least_customers"])
        if one["needs_911"]:
            holds &= emergency > 0
        level[holds], action[holds] = one["risk_level"], one["recommended_action"]
    return pd.DataFrame({"risk_level": level, "recommended_action": action}, index=rows.index)
