"""Charges by the billing period that they are for; those that stand twice, and those of services that had ended.

Not here: what a charge should be (periods, use), the comparison (comparing).
"""

from __future__ import annotations

import polars as pl

from orchestration.analytics.revenue_assurance.found import Found, midnight, money
from orchestration.analytics.revenue_assurance.inputs import Inputs

# Charges for time or use; what is charged once may come after the end.
PERIODIC = ("recurring", "discount", "equipment", "fee", "usage", "overage")
_SAME = ["service_id", "plan_id", "charge_type", "description", "from_day", "charge_period_end", "amount_cents"]


def placed_charges(inputs: Inputs, periods: pl.DataFrame) -> pl.DataFrame:
    """Charges of services with their bill's account and currency, in the account's period that they begin in.

    A charge for an earlier or a later period than its bill's counts in that one; outside all judged periods it is left
    out. Tax is left out too.

    Args:
        inputs: charges and bills.
        periods: of periods.account_periods.
    """
    bills = inputs.bills.select("bill_id", "provider_id", "customer_id", "currency",
                                pl.col("billing_period_start").alias("bill_start"),
                                pl.col("issued_on").alias("bill_issued_on"))  # fmt: skip
    charges = inputs.charges.filter(pl.col("service_id").is_not_null(), pl.col("charge_type") != "tax")
    charges = charges.join(bills, on="bill_id").with_columns(
        pl.coalesce("charge_period_start", "bill_start").alias("from_day")
    )
    spans = periods.select("customer_id", "provider_id", "billing_period_start", "billing_period_end")
    found = charges.sort("from_day").join_asof(
        spans.sort("billing_period_start"), left_on="from_day", right_on="billing_period_start",
        by=["customer_id", "provider_id"], strategy="backward", check_sortedness=False,
    )  # fmt: skip
    return found.filter(pl.col("from_day") < pl.col("billing_period_end")).sort("charge_id")


def split_duplicates(charges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(each charge once, one row per charge that stands more than once: its copies' ids, bills and number)."""
    counted = charges.group_by(_SAME, maintain_order=True).agg(
        pl.col("charge_id"), pl.col("bill_id").alias("bill_ids"), pl.len().alias("count"),
        pl.first("provider_id", "customer_id", "currency"), pl.last("billing_period_start", "bill_issued_on"),
    )  # fmt: skip
    return charges.unique(_SAME, keep="first", maintain_order=True), counted.filter(pl.col("count") > 1)


def duplicate_findings(twice: pl.DataFrame, charges_count: int) -> list[Found]:
    """One finding per charge that stands more than once."""
    share = 1 - len(twice) / max(charges_count, 1)
    found = []
    for row in twice.sort(_SAME).iter_rows(named=True):
        extra = (row["count"] - 1) * row["amount_cents"]
        found.append(
            Found(
                "billing", "duplicate_charge",
                tuple(str(row[name]) for name in _SAME), row["provider_id"], midnight(row["bill_issued_on"]),
                midnight(row["bill_issued_on"]), share,
                f"{row['description'] or row['charge_type']} of {money(row['amount_cents'])} {row['currency']} from"
                f" {row['from_day']} stands {row['count']} times; {money(extra)} {row['currency']} too much.",
                {"charge_ids": sorted(row["charge_id"]), "bill_ids": sorted(set(row["bill_ids"])),
                 "charge_type": row["charge_type"]},
                row["customer_id"], row["service_id"], max(row["bill_ids"]), row["billing_period_start"],
                row["currency"], -extra,
            )
        )  # fmt: skip
    return found


def split_out_of_life(inputs: Inputs, charges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(charges of services while they were in force or without known days, periodic ones from after or before that)."""
    lives = inputs.newest_services().select("service_id", "activated_day", "deactivated_day")
    dated = charges.join(lives, on="service_id", how="left")
    last = pl.coalesce("charge_period_end", "billing_period_end")
    outside = pl.col("charge_type").is_in(PERIODIC) & (
        (pl.col("from_day") >= pl.col("deactivated_day")).fill_null(False)
        | (last <= pl.col("activated_day")).fill_null(False)
    )
    return dated.filter(~outside), dated.filter(outside)


def out_of_life_findings(outside: pl.DataFrame, charges_count: int) -> list[Found]:
    """One finding per service and period that was billed outside the service's life."""
    key = ["service_id", "billing_period_start"]
    found = []
    share = 1 - outside.select(key).n_unique() / max(charges_count, 1)
    grouped = outside.group_by(key, maintain_order=True).agg(
        pl.first("provider_id", "customer_id", "currency", "bill_id", "bill_issued_on", "activated_day",
                 "deactivated_day"),
        pl.col("charge_id"), pl.col("amount_cents").sum(), pl.col("charge_type").unique().sort(),
    )  # fmt: skip
    for row in grouped.sort(key).iter_rows(named=True):
        ended = row["deactivated_day"]
        when = f"ended on {ended}" if ended is not None else f"began on {row['activated_day']}"
        found.append(
            Found(
                "billing", "billed_after_termination", (row["service_id"], str(row["billing_period_start"])),
                row["provider_id"], midnight(row["bill_issued_on"]), midnight(row["bill_issued_on"]), share,
                f"The service {when}, and is billed {money(row['amount_cents'])} {row['currency']} for the period from"
                f" {row['billing_period_start']} ({', '.join(row['charge_type'])}).",
                {"charge_ids": sorted(row["charge_id"]), "charge_types": row["charge_type"]}, row["customer_id"],
                row["service_id"], row["bill_id"], row["billing_period_start"], row["currency"], -row["amount_cents"],
            )
        )  # fmt: skip
    return found
