"""Bills against what was paid for them: paid without money, money twice, too much, too little, or for no bill.

Not here: charges. What was charged back is collections' work, and no mismatch.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from orchestration.analytics.revenue_assurance.found import Found, midnight, money
from orchestration.analytics.revenue_assurance.inputs import Inputs, Parameters


def payment_mismatches(inputs: Inputs, parameters: Parameters) -> list[Found]:
    """One finding per bill whose settled payments are not what its state says, and per settled payment of no bill.

    Bills and payments younger than payment_grace_days wait: the other side may come. Open bills may be paid in parts.
    """
    grace = pl.duration(days=int(parameters["payment_grace_days"]))
    as_of = pl.lit(inputs.as_of_day)
    settled = inputs.payments.filter(pl.col("payment_status") == "settled", pl.col("paid_day") + grace <= as_of)
    sums = settled.filter(pl.col("bill_id").is_not_null()).group_by("bill_id").agg(
        pl.col("amount_cents").sum().alias("settled_cents"), pl.len().alias("payments_count"),
        pl.col("payment_id").sort(), pl.col("paid_day").max(),
    )  # fmt: skip
    bills = inputs.bills.filter(pl.col("total_cents") > 0).join(sums, on="bill_id", how="left").with_columns(
        pl.col("settled_cents", "payments_count").fill_null(0)
    )  # fmt: skip
    is_due = ((pl.col("bill_status") == "paid") & (pl.col("paid_on") + grace <= as_of)).fill_null(False)
    off = pl.col("settled_cents") != pl.col("total_cents")
    unposted = ~(pl.col("bill_status") == "paid") & (pl.col("settled_cents") >= pl.col("total_cents"))
    over = pl.col("settled_cents") > pl.col("total_cents")
    wrong = bills.filter((is_due & off) | unposted | over).sort("bill_id")
    judged = bills.filter(is_due | (pl.col("payments_count") > 0))
    confidence = 1 - len(wrong) / max(len(judged), 1)
    unnamed = settled.join(inputs.bills.select("bill_id"), on="bill_id", how="anti").filter(
        pl.col("bill_id").is_null() & (pl.col("paid_day") >= pl.lit(inputs.judged_from))
    )
    free = {(row["customer_id"], row["amount_cents"]): row for row in unnamed.sort("payment_id").iter_rows(named=True)}
    found = [_of_bill(row, free, confidence) for row in wrong.iter_rows(named=True)]
    accounts = inputs.services.select("customer_id", "provider_id")
    owners = dict(accounts.unique("customer_id", keep="first", maintain_order=True).iter_rows())
    return found + [_of_nothing(row, owners.get(row["customer_id"]), confidence) for row in free.values()]


def _of_bill(row: dict[str, Any], free: dict[tuple[str, int], dict[str, Any]], confidence: float) -> Found:
    total, settled, currency = row["total_cents"], row["settled_cents"], row["currency"]
    other = free.pop((row["customer_id"], total), None) if settled == 0 else None
    payments = list(row["payment_id"] or []) + ([other["payment_id"]] if other else [])
    if other:
        words = "is paid, but its money was settled without naming it"
    elif settled == 0:
        words = "is paid, but no payment was settled for it"
    elif settled == total:
        words = f"is {row['bill_status']}, but its money was settled"
    elif row["payments_count"] > 1 and settled % total == 0:
        words = f"was paid {settled // total} times"
    else:
        words = f"has {money(settled)} {currency} settled for it"
    seen: date = row["paid_on"] or row["paid_day"] or row["issued_on"]
    return Found(
        "billing", "payment_mismatch", (row["bill_id"],), row["provider_id"], midnight(seen), midnight(seen),
        confidence, f"A bill of {money(total)} {currency} {words}.",
        {"payment_ids": payments, "total_amount": f"{total / 100:.2f}", "settled_amount": f"{settled / 100:.2f}"},
        row["customer_id"], None, row["bill_id"], row["billing_period_start"], currency, total - settled,
    )  # fmt: skip


def _of_nothing(row: dict[str, Any], provider_id: str | None, confidence: float) -> Found:
    return Found(
        "billing", "payment_mismatch", (row["payment_id"],), provider_id, midnight(row["paid_day"]),
        midnight(row["paid_day"]), confidence,
        f"A payment of {money(row['amount_cents'])} {row['currency']} was settled and names no bill.",
        {"payment_ids": [row["payment_id"]], "settled_amount": f"{row['amount_cents'] / 100:.2f}"},
        row["customer_id"], None, None, None, row["currency"], -row["amount_cents"],
    )  # fmt: skip
