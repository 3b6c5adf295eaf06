"""A customer's score in words: which factors moved it, how far, with their figures.

Not here: the contributions (orchestration.analytics.churn), the words themselves (seed churn_factors).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

RAISES, LOWERS = "raises", "lowers"


def _said(words: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        figure = "yes" if value else "no"
    elif isinstance(value, str):
        figure = value
    else:
        scaled = float(value) * float(words["multiplier"])
        figure = f"{scaled:,.{int(words['decimals'])}f}"
    return str(words["words"]).format(value=figure)


def describe(feature: str, value: Any, words: Mapping[str, Mapping[str, Any]]) -> str:
    """A feature's value in words; a value that is not known is said to be so."""
    known = words.get(feature)
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return f"not known: {feature}"
    return _said(known, value) if known else f"{feature} {value}"


def risk_factors(
    contributions: pd.DataFrame, features: pd.DataFrame, words: Mapping[str, Mapping[str, Any]], shown: int
) -> list[list[dict[str, object]]]:
    """Per row the features that moved the score most, in order.

    Args:
        contributions: of each feature to the log-odds of leaving, against the mean customer.
        features: the same rows' values.
        words: per feature factor, multiplier, decimals, words (seed churn_factors); others speak by their name.
        shown: how many at most; those that moved nothing are left out.

    Returns:
        Per row a list of factor, feature, value, contribution (log-odds), effect (raises or lowers), description.
    """
    names: Sequence[str] = list(contributions.columns)
    moved = contributions.to_numpy(dtype=float)
    order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :shown]
    values = {name: features[name].tolist() for name in names}
    found = []
    for row, places in enumerate(order):
        told = []
        for place in places:
            share, name = float(moved[row, place]), names[place]
            if abs(share) < 5e-5:
                continue
            value = values[name][row]
            told.append(
                {
                    "factor": str(words[name]["factor"]) if name in words else name,
                    "feature": name,
                    "value": plain_value(value),
                    "contribution": round(share, 4),
                    "effect": RAISES if share > 0 else LOWERS,
                    "description": describe(name, value, words),
                }
            )
        found.append(told)
    return found


def plain_value(value: Any) -> str | bool | float | None:
    """A value as JSON has it."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, str | bool):
        return value
    return bool(value) if isinstance(value, np.bool_) else round(float(value), 6)


def raising_factors(factors: Sequence[Mapping[str, object]]) -> list[str]:
    """The factors that raise a score, each once, strongest first."""
    return list(dict.fromkeys(str(one["factor"]) for one in factors if one["effect"] == RAISES))
