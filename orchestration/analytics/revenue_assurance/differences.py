"""What a difference between the lines of a service's period is called, and what it is about.

Not here: finding the differences (comparing). One cause is one finding: the first name that fits is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from orchestration.analytics.rating import Tariff, recurring_amount
from orchestration.analytics.revenue_assurance.comparing import Compared, by_cell
from orchestration.analytics.revenue_assurance.found import Found, midnight, money

Row = Mapping[str, Any]


def recurring_differences(compared: Compared, tariffs: list[Tariff]) -> list[Found]:
    """Missed recurring charges, other days than the service had, other prices than the plan's."""
    missing, extra = by_cell(compared.missing), by_cell(compared.extra)
    found = []
    for cell in compared.cells():
        should, does = missing.get(cell, []), extra.get(cell, [])
        kind = "missed_charge" if not does else "rated_differently"
        if does and should and _is_other_days(should, does, tariffs):
            kind = "proration_error"
        found.append(_found(kind, "recurring", should, does, compared.agreement))
    return found


def _is_other_days(should: Sequence[Row], does: Sequence[Row], tariffs: list[Tariff]) -> bool:
    """Whether what was billed is the plan's price for another number of days than it was in force."""
    prices = {row["plan_id"]: (tariffs[row["tariff"]], row["days"], row["period_days"]) for row in should}
    for row in does:
        held = prices.get(row["plan_id"])
        if held is None:
            return False
        tariff, own, whole = held
        days = (other for other in range(whole + 1) if other != own)
        if not any(int(recurring_amount(tariff, Fraction(n, whole)) * 100) == row["amount_cents"] for n in days):
            return False
    return True


def discount_differences(compared: Compared, ends: Mapping[Any, date | None], taken: set[Any]) -> list[Found]:
    """Discounts that are missing, go on past their end, or are of another amount.

    Args:
        compared: discount lines.
        ends: each service's last day of its discount.
        taken: services and periods whose recurring charges are on another plan: their discounts are part of that.
    """
    missing, extra = by_cell(compared.missing), by_cell(compared.extra)
    found = []
    for cell in compared.cells():
        if cell in taken:
            continue
        should, does = missing.get(cell, []), extra.get(cell, [])
        end = ends.get(cell[0])
        if not does:
            kind = "discount_not_applied"
        elif end is not None and any(_last_day(row) > end + timedelta(days=1) for row in does):
            kind = "discount_past_end"
        else:
            kind = "proration_error" if any(row["days"] < row["period_days"] for row in should) else "rated_differently"
        found.append(_found(kind, "discount", should, does, compared.agreement))
    return found


def _last_day(row: Row) -> date:
    day: date = row["charge_period_end"] or row["billing_period_end"]
    return day


def use_differences(compared: Compared) -> list[Found]:
    """Use that is not on the bill, billed without having been, or at another price."""
    missing, extra = by_cell(compared.missing), by_cell(compared.extra)
    found = []
    for cell in compared.cells():
        should, does = missing.get(cell, []), extra.get(cell, [])
        kind = "rated_differently" if should and does else "usage_not_billed" if should else "billed_without_usage"
        found.append(_found(kind, "use", should, does, compared.agreement))
    return found


_WORDS = {
    "missed_charge": "is not billed",
    "usage_not_billed": "was used and is not billed",
    "billed_without_usage": "is billed, but no such use was recorded",
    "discount_not_applied": "is agreed and was not given",
    "discount_past_end": "goes on past its end",
    "proration_error": "is billed for other days than those in force",
    "rated_differently": "is billed otherwise than its plan says",
}


def _found(kind: str, about: str, should: Sequence[Row], does: Sequence[Row], agreement: Mapping[str, float]) -> Found:
    one = (should or does)[0]
    expected, billed = (sum(row["amount_cents"] for row in rows) for rows in (should, does))
    currency, start = one["currency"], one["billing_period_start"]
    issued = next((row["issued_on"] for row in (*does, *should) if row["issued_on"] is not None), start)
    plans = sorted({str(row["plan_id"]) for row in (*should, *does)})
    lines = sorted({row["charge_type"] for row in (*should, *does)})
    return Found(
        "billing", kind, (one["service_id"], str(start), about), one["provider_id"], midnight(issued), midnight(issued),
        min(agreement.get(plan, 0.0) for plan in plans),
        f"{' and '.join(lines).capitalize()} for the period from {start} {_WORDS[kind]}: {_signed(expected)} {currency}"
        f" by the plan, {_signed(billed)} {currency} on the bill.",
        {"charge_ids": sorted(row["charge_id"] for row in does), "plan_ids": plans, "charge_types": lines,
         "expected_amount": f"{expected / 100:.2f}", "billed_amount": f"{billed / 100:.2f}"},
        one["customer_id"], one["service_id"],
        next((row["bill_id"] for row in (*does, *should) if row["bill_id"] is not None), None), start, currency,
        expected - billed,
    )  # fmt: skip


def _signed(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{money(cents)}"
