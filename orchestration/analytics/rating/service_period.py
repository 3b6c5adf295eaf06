"""What a service is charged for one billing period: lines by charge type, as its plan would have them on the bill.

Not here: what use costs (usage_price), equipment, one-time charges, fees of the account, taxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from orchestration.analytics.rating.tariff import KINDS, Tariff
from orchestration.analytics.rating.usage_price import KindPrice, Use, kind_prices, rounded


@dataclass(frozen=True)
class Period:
    """A billing period: local days, [first_day, end_day)."""

    first_day: date
    end_day: date

    @property
    def days(self) -> int:
        return (self.end_day - self.first_day).days


@dataclass(frozen=True)
class Discount:
    """A cut of recurring charges: `percentage` (0 to 100) or an `amount` a period, until its last day (None: ever)."""

    percentage: Fraction = Fraction(0)
    amount: Fraction = Fraction(0)
    last_day: date | None = None


@dataclass(frozen=True)
class Part:
    """Days of a service in a period on one plan, [first_day, end_day): the day of a change is the new plan's."""

    tariff: Tariff
    first_day: date
    end_day: date
    discount: Discount | None = None


@dataclass(frozen=True)
class DayUse:
    """A record, its kind and the local day of the service on which it began."""

    day: date
    kind: str
    use: Use


@dataclass(frozen=True)
class Line:
    """One charge in the plan's currency: recurring, discount (negative), overage, or usage (pay per use, connect fees).

    `kind` is data, voice or sms where it is about use, `way` own, roaming or incoming; `quantity` the share of a
    period, the units beyond the allowance, or the records.
    """

    charge_type: str
    plan_id: str
    first_day: date
    end_day: date
    quantity: Fraction
    amount: Decimal
    currency: str
    kind: str | None = None
    way: str | None = None
    is_connect_fee: bool = False


def rate(parts: Sequence[Part], uses: Iterable[DayUse], period: Period) -> list[Line]:
    """Every charge of a service for a period, each rounded once; charges of nothing are left out.

    Args:
        parts: the days on each plan, inside the period, without overlap.
        uses: records of any day; those outside the parts are not rated (nothing was in force).
        period: days of the whole billing period.

    Raises:
        ValueError: a part reaches out of the period, or two overlap.
    """
    _check(parts, period)
    by_day: dict[date, list[DayUse]] = {}
    for one in uses:
        by_day.setdefault(one.day, []).append(one)
    lines: list[Line] = []
    for part in parts:
        share = Fraction((part.end_day - part.first_day).days, period.days)
        lines += _recurring(part, share, period)
        inside = [one for day, found in by_day.items() if part.first_day <= day < part.end_day for one in found]
        for kind in KINDS:
            if kind in part.tariff.kinds:
                own = [one.use for one in inside if one.kind == kind]
                prices = kind_prices(own, part.tariff.kinds[kind], share, part.tariff.currency_decimals)
                lines += _usage(part, kind, prices)
    return [line for line in lines if line.amount]


def recurring_amount(tariff: Tariff, share: Fraction) -> Decimal:
    """The plan's price for a share of a period."""
    return rounded(tariff.base_price * share, tariff.currency_decimals)


def discount_amount(tariff: Tariff, discount: Discount, share: Fraction, cut_share: Fraction) -> Decimal:
    """What a discount takes off the recurring charge of a share of a period, of which `cut_share` is before its end."""
    if discount.percentage:
        return rounded(tariff.base_price * discount.percentage / 100 * cut_share, tariff.currency_decimals)
    cut = rounded(discount.amount * cut_share, tariff.currency_decimals)
    return min(cut, recurring_amount(tariff, share))


def _check(parts: Sequence[Part], period: Period) -> None:
    reached = period.first_day
    for part in sorted(parts, key=lambda one: one.first_day):
        if not reached <= part.first_day <= part.end_day <= period.end_day:
            raise ValueError(
                f"plan {part.tariff.plan_name} from {part.first_day} to {part.end_day} does not fit: the period is"
                f" {period.first_day} to {period.end_day}, days before {reached} are taken"
            )
        reached = part.end_day


def _recurring(part: Part, share: Fraction, period: Period) -> list[Line]:
    tariff, discount = part.tariff, part.discount
    at = (tariff.plan_id, part.first_day, part.end_day)
    lines = [Line("recurring", *at, share, recurring_amount(tariff, share), tariff.currency)]
    if discount is not None:
        until = part.end_day if discount.last_day is None else discount.last_day + timedelta(days=1)
        until = min(part.end_day, max(part.first_day, until))
        cut_share = Fraction((until - part.first_day).days, period.days)
        amount = discount_amount(tariff, discount, share, cut_share)
        lines.append(Line("discount", tariff.plan_id, part.first_day, until, cut_share, -amount, tariff.currency))
    return lines


def _usage(part: Part, kind: str, prices: dict[str, KindPrice]) -> list[Line]:
    tariff = part.tariff
    at = (tariff.plan_id, part.first_day, part.end_day)
    pays_per_use = tariff.kinds[kind].allowance == 0
    lines = []
    for way, price in prices.items():
        charge_type = "usage" if pays_per_use or way != "own" else "overage"
        lines.append(Line(charge_type, *at, price.units, price.amount, tariff.currency, kind, way))
        fees = (Fraction(price.records), price.connect_fees)
        lines.append(Line("usage", *at, *fees, tariff.currency, kind, way, is_connect_fee=True))
    return lines
