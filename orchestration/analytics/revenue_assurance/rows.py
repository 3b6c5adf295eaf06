"""Findings as rows of analytics.revenue_assurance_findings: identity, severity, what to do.

Not here: what is found; what becomes of rows from run to run (findings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from orchestration.analytics.findings import finding_id
from orchestration.analytics.revenue_assurance.found import Found
from orchestration.analytics.revenue_assurance.inputs import Parameters

COLUMNS = (
    "finding_id", "finding_kind", "provider_id", "finding_class", "customer_id", "service_id", "bill_id",
    "billing_period_start", "currency", "amount_at_stake", "severity", "confidence_score", "first_seen_at",
    "last_seen_at", "description", "recommended_action", "evidence",
)  # fmt: skip
SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Rule:
    """A row of the rule catalogue: the least severity of a kind, and what to do about it."""

    severity: str
    recommended_action: str


def finding_rows(found: Sequence[Found], rules: Mapping[str, Rule], parameters: Parameters) -> pd.DataFrame:
    """One row per finding with COLUMNS, by finding_id.

    Args:
        found: no two of one kind and parts.
        rules: by finding_kind.
        parameters: the amounts from which a finding is more severe.

    Raises:
        KeyError: a kind that the catalogue does not have.
    """
    rows = []
    for one in found:
        if one.finding_kind not in rules:
            raise KeyError(
                f"{one.finding_kind} is not in the rule catalogue; add it to the seed revenue_assurance_rules"
            )
        rule = rules[one.finding_kind]
        stake = None if one.at_stake_cents is None else Decimal(one.at_stake_cents).scaleb(-2)
        rows.append(
            (
                finding_id(one.finding_kind, *one.parts), one.finding_kind, one.provider_id, one.finding_class,
                one.customer_id, one.service_id, one.bill_id, one.billing_period_start,
                None if stake is None else one.currency, stake, severity(rule.severity, stake, parameters),
                float(min(max(one.confidence_score, 0.0), 1.0)), one.first_seen_at, one.last_seen_at, one.description,
                rule.recommended_action, dict(one.evidence),
            )
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=pd.Index(COLUMNS), dtype=object)
    return frame.sort_values("finding_id", ignore_index=True)


def severity(least: str, stake: Decimal | None, parameters: Parameters) -> str:
    """The catalogue's severity, or what the amount at stake makes of it where that is more."""
    level = SEVERITIES.index(least)
    size = abs(stake or Decimal(0))
    for place, name in enumerate(SEVERITIES[1:], start=1):
        if size >= Decimal(str(parameters[f"{name}_from_amount"])):
            level = max(level, place)
    return SEVERITIES[level]
