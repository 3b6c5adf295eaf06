"""What the rating engine charges for the use of each segment of a billing period, line by line.

Not here: recurring charges (periods), what was billed (billing).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import polars as pl

from orchestration.analytics.rating import INCOMING, ROAMING, Tariff, Use
from orchestration.analytics.rating.tariff import Kind
from orchestration.analytics.rating.usage_price import kind_prices
from orchestration.analytics.revenue_assurance.inputs import KIND_NAMES

SEGMENT = ["service_id", "billing_period_start", "plan_id"]
LINES = {
    "service_id": pl.Categorical, "billing_period_start": pl.Date, "plan_id": pl.String, "charge_type": pl.String,
    "kind": pl.Int8, "is_connect_fee": pl.Boolean, "amount_cents": pl.Int64,
}  # fmt: skip


def expected_use(segments: pl.DataFrame, usage: pl.DataFrame, tariffs: list[Tariff]) -> pl.DataFrame:
    """One row per segment, kind and line that costs something, as LINES has it.

    Only what can cost is priced: of kinds whose rules look at sums, those whose sum is over the allowance.

    Args:
        segments: of periods.segments_of.
        usage: records of the segments' days, as inputs.USAGE has them.
        tariffs: of periods.tariff_list.
    """
    chargeable = _chargeable(tariffs)
    if segments.is_empty() or usage.is_empty() or chargeable.is_empty():
        return pl.DataFrame(schema=LINES)
    narrow = usage.select("service_id", "day", "kind", "flags", "quantity", "start")
    parts = []
    for (start, end), own in segments.group_by(["billing_period_start", "billing_period_end"]):
        days = narrow.filter(pl.col("day").is_between(start, end, closed="left"))
        spans = own.select(*SEGMENT, "tariff", "first_day", "end_day", "days", "period_days")
        inside = days.join(spans.join(chargeable, on="tariff"), on=["service_id", "kind"])
        inside = inside.filter(pl.col("day").is_between("first_day", "end_day", closed="left"))
        parts += list(_by_sums(inside.filter("is_summed"), tariffs))
        parts += list(_by_records(inside.filter(~pl.col("is_summed")), tariffs))
    return pl.DataFrame(sorted(parts), schema=LINES, orient="row")


def _chargeable(tariffs: list[Tariff]) -> pl.DataFrame:
    """Tariffs and kinds that can cost anything; `is_summed`: where the sum of what was used decides, and from where."""
    rows = []
    for index, tariff in enumerate(tariffs):
        for place, name in enumerate(KIND_NAMES):
            kind = tariff.kinds.get(name)
            if kind is None or not _can_cost(kind):
                continue
            rule = kind.rule
            is_summed = not kind.special and rule is not None and not rule.needs_records and not rule.connect_fee
            included = float(kind.allowance) if is_summed and kind.allowance is not None else 0.0
            rows.append((index, place, is_summed, included))
    schema = {"tariff": pl.Int64, "kind": pl.Int8, "is_summed": pl.Boolean, "included": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _can_cost(kind: Kind) -> bool:
    if kind.special:
        return True
    return kind.rule is not None and (kind.allowance is not None or kind.rule.connect_fee > 0)


_CASE = [*SEGMENT, "tariff", "kind", "days", "period_days"]
_Line = tuple[object, ...]


def _by_sums(inside: pl.DataFrame, tariffs: list[Tariff]) -> Iterable[_Line]:
    totals = inside.group_by([*_CASE, "included"]).agg(pl.col("quantity").sum())
    # A hair below the allowance: the exact engine decides at the border.
    over = totals.filter(pl.col("quantity") > pl.col("included") * pl.col("days") / pl.col("period_days") * 0.999999)
    for *case, quantity in over.select(*_CASE, "quantity").iter_rows():
        yield from _lines(case, [Use(0, quantity)], tariffs)


def _by_records(inside: pl.DataFrame, tariffs: list[Tariff]) -> Iterable[_Line]:
    found = inside.sort("start", "quantity").group_by(_CASE, maintain_order=True).agg("start", "quantity", "flags")
    for *case, starts, quantities, flags in found.iter_rows():
        uses = [
            Use(start, quantity, bool(flag & INCOMING), bool(flag & ROAMING))
            for start, quantity, flag in zip(starts, quantities, flags, strict=True)
        ]
        yield from _lines(case, uses, tariffs)


def _lines(case: list[object], uses: list[Use], tariffs: list[Tariff]) -> Iterable[_Line]:
    service_id, period, plan_id, tariff, place, days, period_days = case
    own = tariffs[int(str(tariff))]
    kind = own.kinds[KIND_NAMES[int(str(place))]]
    share = Fraction(int(str(days)), int(str(period_days)))
    for way, price in kind_prices(uses, kind, share, own.currency_decimals).items():
        charge_type = "usage" if kind.allowance == 0 or way != "own" else "overage"
        for kind_of_line, is_fee, amount in ((charge_type, False, price.amount), ("usage", True, price.connect_fees)):
            if amount:
                yield service_id, period, plan_id, kind_of_line, place, is_fee, int(amount * 100)
