"""Probabilities within several horizons that agree with each other.

Not here: the models.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.labels import Floats
from orchestration.analytics.churn.model import ChurnModel, Told


def probabilities_by_horizon(
    models: Mapping[int, ChurnModel], features: pd.DataFrame, *, principal: int, chief: Told | None = None
) -> pd.DataFrame:
    """One column per horizon in days, ascending; a longer one is never below a shorter one.

    Each horizon has a model of its own. The principal one's probability stays as it is, so that its contributions and
    interval stay exact; a shorter one is cut to the next longer, a longer one raised to the next shorter. `chief` is
    what the principal one's model says of the features, if that is known.

    Raises:
        ChurnDataError: the principal horizon has no model.
    """
    if principal not in models:
        raise ChurnDataError(
            f"no model for {principal} days, there are those for {sorted(models)}: train it, or name one"
        )
    order = sorted(models)
    known = {principal: chief or models[principal].told(features)}
    told = np.column_stack([(known.get(days) or models[days].told(features)).probability.to_numpy() for days in order])
    return pd.DataFrame(in_order(told, order.index(principal)), index=features.index, columns=order)


def in_order(told: Floats, principal: int) -> Floats:
    """The columns made ascending, outward from the principal one, which stays."""
    ordered = told.copy()
    for at in range(principal - 1, -1, -1):
        ordered[:, at] = np.minimum(ordered[:, at], ordered[:, at + 1])
    for at in range(principal + 1, told.shape[1]):
        ordered[:, at] = np.maximum(ordered[:, at], ordered[:, at - 1])
    return ordered
