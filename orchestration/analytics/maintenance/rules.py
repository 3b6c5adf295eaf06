"""What is said of an element while no model can: the rate of its kind, times what the rules know of it.

Not here: models (training), the rules themselves (seeds maintenance_base_rates, maintenance_rules).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestration.analytics.churn_scores.words import RAISES, plain_value

DAYS_A_MONTH = 30.4375
MOST_PROBABILITY = 0.95
RULES_VERSION = "rules-1"


def type_rates(
    latest: pd.DataFrame, base_rates: Mapping[str, float], prior_months: float, watched_months: float
) -> dict[str, dict[str, float]]:
    """Failures per element and month of each kind: what was seen in a year, drawn to the seed's rate.

    Args:
        latest: element_type, failures_365d (null where outages are not known yet).
        base_rates: failures per element and month by element_type; "other" for kinds without one (seed).
        prior_months: element-months that the seed's rate counts as.
        watched_months: for how long outages have been recorded, at most a year.

    Returns:
        By kind: rate, failures, months (element-months seen).
    """
    found = {}
    for kind, own in latest.groupby("element_type"):
        counts = pd.to_numeric(own["failures_365d"])
        months = float(counts.notna().sum() * watched_months)
        seen = float(counts.sum())
        base = base_rates.get(str(kind), base_rates["other"])
        rate = (base * prior_months + seen) / (prior_months + months)
        found[str(kind)] = {"rate": rate, "failures": seen, "months": months}
    return found


def rule_scores(
    features: pd.DataFrame,
    rates: Mapping[str, Mapping[str, float]],
    rules: pd.DataFrame,
    horizons: Sequence[int],
) -> pd.DataFrame:
    """Probabilities by the rules: 1 - exp(-rate x multipliers x months), the chance of an event at a constant rate.

    Args:
        features: of core.feature_element.
        rates: of type_rates.
        rules: factor, feature, comparison (over or under), threshold, rate_multiplier, words (seed maintenance_rules).
        horizons: in days.

    Returns:
        failure_probability_<h>d, rule_multiplier, risk_reasons (lists of factor, feature, value, weight, effect,
        description; the rate itself first, and every rule that holds), on the features' index.
    """
    multiplier = np.ones(len(features))
    kinds = features["element_type"].astype(str)
    reasons: list[list[dict[str, Any]]] = [[_rate_reason(kind, rates[kind])] for kind in kinds]
    for rule in rules.sort_values("factor").to_dict("records"):
        values = pd.to_numeric(features[rule["feature"]], errors="coerce").to_numpy(dtype=np.float64)
        threshold = float(rule["threshold"])
        holds = values > threshold if rule["comparison"] == "over" else values < threshold
        multiplier = np.where(holds, multiplier * float(rule["rate_multiplier"]), multiplier)
        for at in np.flatnonzero(holds):
            reasons[at].append(
                {
                    "factor": rule["factor"], "feature": rule["feature"], "value": plain_value(values[at]),
                    "weight": float(rule["rate_multiplier"]), "effect": RAISES,
                    "description": str(rule["words"]).format(value=f"{values[at]:,.1f}".removesuffix(".0")),
                }
            )  # fmt: skip
    rate = kinds.map({kind: known["rate"] for kind, known in rates.items()}).to_numpy(dtype=np.float64)
    found = {
        f"failure_probability_{days}d": np.minimum(
            1 - np.exp(-rate * multiplier * days / DAYS_A_MONTH), MOST_PROBABILITY
        )
        for days in horizons
    }
    scores = pd.DataFrame(found, index=features.index).assign(rule_multiplier=multiplier)
    return scores.assign(risk_reasons=pd.Series(reasons, index=features.index, dtype=object))


def _rate_reason(kind: str, known: Mapping[str, float]) -> dict[str, Any]:
    return {
        "factor": "base_rate", "feature": "element_type", "value": kind, "weight": 1.0, "effect": RAISES,
        "description": f"elements of kind {kind} fail {known['rate']:.4f} times a month"
        f" ({known['failures']:.0f} failures in {known['months']:.0f} element-months, and the kind's expected rate)",
    }  # fmt: skip
