"""One row of analytics.plan_recommendations, and the amounts in it.

Not here: which row a service gets (advice), words (words).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction

from orchestration.analytics.plan_advice.subjects import Plan, Service
from orchestration.analytics.rating import MILLIONTHS

MODEL_VERSION = "1"


@dataclass(frozen=True)
class Advice:
    """The table's columns that say what is advised, but for keys of the run; amounts in the plan's currency."""

    service_id: str
    advice_kind: str
    customer_id: str
    provider_id: str
    zone_id: str
    recommended_action: str
    current_plan_id: str
    current_plan: str
    recommended_plan_id: str
    recommended_plan: str
    recommendation_reason: str
    expected_savings: Decimal
    expected_savings_lower_95: Decimal | None
    expected_savings_upper_95: Decimal | None
    early_termination_fee: Decimal
    monthly_revenue_change: Decimal
    currency: str
    expected_quality_improvement: str
    confidence_score: Decimal | None
    tested_periods_count: int
    is_actionable: bool
    not_actionable_reason: str | None
    bundle_group_id: str | None = None


COLUMNS = tuple(field.name for field in fields(Advice))


def values_of(advice: Advice) -> list[object]:
    """In the order of COLUMNS."""
    return [getattr(advice, name) for name in COLUMNS]


def cents(amount: Fraction | float) -> Decimal:
    """An amount to two decimals, half to even."""
    return Decimal(round(Fraction(amount) * 100)).scaleb(-2)


def mean_amount(total: int, tested: int) -> Fraction:
    """The mean of amounts in millionths that sum to `total`, in units."""
    return Fraction(int(total), int(tested) * MILLIONTHS)


def score(share: float | Fraction) -> Decimal:
    """A share to four decimals."""
    return Decimal(round(Fraction(share) * 10**4)).scaleb(-4)


def fee_of(service: Service, present: Plan) -> Decimal:
    """What leaving the present plan costs while its contract runs; 0 where the catalogue states none."""
    return (present.early_termination_fee or Decimal(0)) if service.is_under_contract else Decimal(0)
