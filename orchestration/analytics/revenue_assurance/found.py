"""One finding as the checks make it, before it is a row.

Not here: severity, recommended action and identity (rows).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time


@dataclass(frozen=True)
class Found:
    """`parts` tell it from others of its kind. `at_stake_cents`: above 0 the operator loses, below 0 customers do."""

    finding_class: str
    finding_kind: str
    parts: tuple[str, ...]
    provider_id: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    confidence_score: float
    description: str
    evidence: Mapping[str, object]
    customer_id: str | None = None
    service_id: str | None = None
    bill_id: str | None = None
    billing_period_start: date | None = None
    currency: str | None = None
    at_stake_cents: int | None = None


@dataclass
class Findings:
    """What was found, and what the run says about what it looked at."""

    found: list[Found] = field(default_factory=list)
    said: dict[str, int | float | str] = field(default_factory=dict)

    def __add__(self, other: Findings) -> Findings:
        return Findings([*self.found, *other.found], {**self.said, **other.said})


def midnight(day: date) -> datetime:
    """The day's beginning in UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def money(cents: int | None) -> str:
    """Hundredths as a person writes them."""
    return f"{abs(cents or 0) / 100:,.2f}"
