"""The rule score of the source design: points for what its four rules find, beside the model and in its place.

Not here: the weights (seed churn_rules), models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

HIGH, MEDIUM, LOW = "high", "medium", "low"
Factor = dict[str, object]


def _points(rule: Mapping[Any, Any], values: pd.Series) -> pd.Series:
    """The points of one rule; a feature that is not known gives none."""
    threshold, most = float(rule["threshold"]), float(rule["points"])
    applies = values < threshold if rule["is_under"] else values > threshold
    if pd.isna(rule["points_per_unit"]):
        return pd.Series(np.where(applies, most, 0.0), index=values.index)
    each = (values * float(rule["points_per_unit"])).clip(upper=most)
    return pd.Series(np.where(applies, each, 0.0), index=values.index)


def rule_scores(features: pd.DataFrame, rules: pd.DataFrame, parameters: Mapping[str, float]) -> pd.DataFrame:
    """What the rules say of each customer.

    Args:
        features: the columns that the rules name (core.feature_customer).
        rules: factor, feature, is_under, threshold, points, points_per_unit, words (seed churn_rules).
        parameters: rule_high_points, rule_medium_points and rule_most_probability (seed churn_parameters).

    Returns:
        On the index of features: rule_score (points), rule_level (high, medium, low), rule_probability (points over a
        hundred, capped), rule_factors (a list of factor, weight and description of each rule that applies).

    Raises:
        KeyError: a rule names a feature that is not there.
    """
    score = pd.Series(0.0, index=features.index)
    factors: list[list[Factor]] = [[] for _ in range(len(features))]
    for rule in rules.sort_values("factor").to_dict("records"):
        if rule["feature"] not in features.columns:
            raise KeyError(
                f"rule {rule['factor']} of seed churn_rules looks at {rule['feature']}, which is no feature;"
                f" known are {', '.join(sorted(features.columns))}"
            )
        values = pd.to_numeric(features[rule["feature"]]).astype(float)
        points = _points(rule, values)
        score += points
        for place in np.flatnonzero(points.to_numpy() > 0):
            value = float(values.iloc[place])
            said = str(rule["words"]).format(value=f"{value:.10g}", percent=f"{value * 100:.1f}")
            factors[place].append({"factor": rule["factor"], "weight": float(points.iloc[place]), "description": said})
    high, medium = score >= parameters["rule_high_points"], score >= parameters["rule_medium_points"]
    return pd.DataFrame(
        {
            "rule_score": score,
            "rule_level": np.select([high, medium], [HIGH, MEDIUM], LOW),
            "rule_probability": (score / 100).clip(upper=parameters["rule_most_probability"]),
            "rule_factors": factors,
        },
        index=features.index,
    )
