"""Bills: recurring price by days in force, overage from the simulated usage, discount, tax, and how they are paid.

Not here: anything of the pipeline; amounts are whole cents until they are written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import polars as pl

from ingestion.sample.clock import Clock, next_month, uuids
from ingestion.sample.customers import Base, Service
from ingestion.sample.world import PLANS, PROVIDERS, World

TAX = Decimal("0.08")
ISSUED_AFTER_DAYS = 3
DUE_AFTER_DAYS = 20
BYTES_PER_GB = 2**30


def _cents(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _usage_bytes(usage: pl.DataFrame) -> dict[tuple[int, date], int]:
    """Bytes by service and local month."""
    totals: dict[tuple[int, date], int] = {}
    for index, template in enumerate(PROVIDERS):
        own = usage.filter((pl.col("_provider") == index) & (pl.col("usage_type") == "data"))
        months = own.group_by(
            "_service", pl.col("_at").dt.convert_time_zone(template.time_zone).dt.date().dt.month_start().alias("month")
        ).agg(pl.col("data_usage_bytes").cast(pl.Int64).sum())
        totals |= {(row[0], row[1]): row[2] for row in months.iter_rows()}
    return totals


def _days_in_force(service: Service, month: date) -> list[tuple[int, int]]:
    """(plan, days) within a month by UTC dates; a day of change counts for the new plan, the last day not at all."""
    first = max(service.activated_at.date(), month)
    last = min(service.deactivated_at.date() if service.deactivated_at else next_month(month), next_month(month))
    days: dict[int, int] = defaultdict(int)
    for offset in range((last - first).days):
        at = datetime.combine(first + timedelta(days=offset), time(23, 59, 59), tzinfo=UTC)
        days[service.plan_at(at)] += 1
    return list(days.items())


def _service_cents(service: Service, month: date, used_bytes: int) -> tuple[int, int]:
    """(charges, discount) of one service in one month."""
    whole = (next_month(month) - month).days
    recurring, overage = 0, 0
    spans = _days_in_force(service, month)
    for plan_index, days in spans:
        plan = PLANS[service.provider][plan_index]
        recurring += _cents(Decimal(plan.price_cents) * days / whole)
    if spans:
        plan = PLANS[service.provider][spans[-1][0]]
        if plan.allowance_gb is not None and plan.overage_cents_per_gb is not None:
            allowance = Decimal(plan.allowance_gb) * sum(days for _, days in spans) / whole
            over = max(Decimal(used_bytes) / BYTES_PER_GB - allowance, Decimal(0))
            overage = _cents(over * plan.overage_cents_per_gb)
    discount = 0
    if service.discount_percentage and service.discount_end and service.discount_end.date() >= next_month(month):
        discount = _cents(Decimal(recurring) * service.discount_percentage / 100)
    return recurring + overage, discount


def _payment(rng: np.random.Generator, issued: date, due: date) -> date | None:
    draw = rng.random()
    if draw < 0.86:
        return issued + timedelta(days=int(rng.integers(2, DUE_AFTER_DAYS)))
    if draw < 0.96:
        return due + timedelta(days=int(rng.integers(1, 25)))
    return None


def _versions(
    rng: np.random.Generator, clock: Clock, row: dict[str, str | None], issued: date
) -> list[dict[str, str | None]]:
    """The bill as issued, overdue where it became so, and paid; nothing after the last day is known."""
    due = issued + timedelta(days=DUE_AFTER_DAYS)
    if rng.random() < 0.002:
        return [{**row, "bill_status": "draft"}]
    paid = _payment(rng, issued, due)
    rows = [{**row, "bill_status": "issued"}]
    for day, state in ((due + timedelta(days=1), "overdue"), (paid, "paid")):
        if day is None or day > clock.last_day or (state == "overdue" and paid is not None and paid <= day):
            continue
        rows.append({**row, "bill_status": state, "paid_on": day.isoformat() if state == "paid" else None,
                     "updated_at": f"{day.isoformat()}T18:00:00Z"})  # fmt: skip
    return rows


def _dollars(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


def build_bills(clock: Clock, world: World, base: Base, usage: pl.DataFrame) -> pl.DataFrame:
    """Every version of every bill; one bill per customer, provider and month with something to bill."""
    rng = clock.random("bills")
    used = _usage_bytes(usage)
    rows: list[dict[str, str | None]] = []
    owners: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, service in enumerate(base.services):
        owners[service.customer, service.provider].append(index)
    for month in clock.months():
        issued = next_month(month) + timedelta(days=ISSUED_AFTER_DAYS - 1)
        if issued > clock.last_day:
            break
        for (customer, provider), services in owners.items():
            amounts = [_service_cents(base.services[i], month, used.get((i, month), 0)) for i in services]
            subtotal, discount = sum(a for a, _ in amounts), sum(d for _, d in amounts)
            if subtotal == 0:
                continue
            tax = _cents(Decimal(subtotal - discount) * TAX)
            row: dict[str, str | None] = {
                "provider_id": world.provider_ids[provider], "customer_id": base.customer_ids[customer],
                "billing_period_start": month.isoformat(), "billing_period_end": next_month(month).isoformat(),
                "issued_on": issued.isoformat(), "due_date": (issued + timedelta(days=DUE_AFTER_DAYS)).isoformat(),
                "currency": "USD", "subtotal_amount": _dollars(subtotal), "discount_amount": _dollars(discount),
                "tax_amount": _dollars(tax), "total_amount": _dollars(subtotal - discount + tax), "paid_on": None,
                "bill_version": "1", "updated_at": f"{issued.isoformat()}T12:00:00Z",
            }  # fmt: skip
            row["bill_id"] = uuids(rng, 1)[0]
            rows += _versions(rng, clock, row, issued)
    return pl.DataFrame(rows, infer_schema_length=None)
