"""The models of one segment, kept together: leaving within each horizon, non-payment, and what they were trained on.

Not here: a single model (orchestration.analytics.churn), where bundles are stored.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from orchestration.analytics.churn import ChurnModel, Told, probabilities_by_horizon
from orchestration.analytics.churn_scores.words import plain_value

REFERENCE_ROWS, REFERENCE_DATES = 1000, 3


@dataclass(frozen=True)
class Bundle:
    """What a segment is scored with.

    Attributes:
        models: of leaving, by horizon in days.
        principal: the horizon that levels stand on.
        non_payment: of an end by non-payment within the principal horizon; None where too few were seen.
        high_risk_threshold: probability of leaving within the principal horizon above which a customer is at high risk.
        reference: a sample of the training rows' features, which drift is measured against.
    """

    models: Mapping[int, ChurnModel]
    principal: int
    non_payment: ChurnModel | None
    high_risk_threshold: float
    reference: pd.DataFrame = field(compare=False)

    @property
    def chief(self) -> ChurnModel:
        """The model of the principal horizon."""
        return self.models[self.principal]

    def probabilities(self, features: pd.DataFrame, chief: Told | None = None) -> pd.DataFrame:
        """Per row the probability of leaving within each horizon (a column each), none below a shorter one's.

        Args:
            features: of the rows.
            chief: what `chief` says of them, if that is known.
        """
        return probabilities_by_horizon(self.models, features, principal=self.principal, chief=chief)

    def to_bytes(self) -> bytes:
        """JSON; the same bundle gives the same bytes."""
        content = {
            "models": {str(days): _kept(model) for days, model in sorted(self.models.items())},
            "principal": self.principal,
            "non_payment": _kept(self.non_payment) if self.non_payment else None,
            "high_risk_threshold": self.high_risk_threshold,
            "reference": {name: [plain_value(v) for v in values] for name, values in self.reference.items()},
        }
        return json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Bundle:
        """The bundle that to_bytes wrote."""
        read = json.loads(content)
        return cls(
            {int(days): _model(one) for days, one in read["models"].items()},
            read["principal"],
            _model(read["non_payment"]) if read["non_payment"] else None,
            read["high_risk_threshold"],
            pd.DataFrame(read["reference"]),
        )


@dataclass(frozen=True)
class Last:
    """The bundle that a segment is scored with so far."""

    version: str
    trained_to_date: date
    bundle: Bundle


def sha256(content: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def reference_sample(features: pd.DataFrame, as_of_date: pd.Series, rows: int = REFERENCE_ROWS) -> pd.DataFrame:
    """At most so many rows, evenly spread over those of the last as-of dates: drift is what came after."""
    last = sorted(set(as_of_date))[-REFERENCE_DATES:]
    recent = features[as_of_date.isin(last)]
    if len(recent) <= rows:
        return recent
    return recent.iloc[np.linspace(0, len(recent) - 1, rows).astype(int)]


def _kept(model: ChurnModel) -> str:
    return base64.b64encode(model.to_bytes()).decode()


def _model(content: str) -> ChurnModel:
    return ChurnModel.from_bytes(base64.b64decode(content))
