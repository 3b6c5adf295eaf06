"""Payments of a month's bills: settled, failed before, charged back after.

Not here: who pays when (life, accounts); payments that are planted as wrong (irregularities).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Clock, Ints, chosen, dollars, flags, stamps, uuids
from ingestion.sample.customers import People


def pay(
    clock: Clock, people: People, rng: np.random.Generator, bills: pl.DataFrame, due: int, paid: Ints
) -> pl.DataFrame:
    """One settled payment per paid bill, some after a failed attempt, few charged back."""
    customer = bills["customer"].to_numpy()
    auto = people.customer_auto_pay[customer]
    failed = (rng.random(len(bills)) < np.where(paid < NEVER, 0.015, 0.5)) & (bills["total"].to_numpy() > 0)
    parts = []
    for state, day, own in (
        ("failed", np.where(paid < NEVER, paid - 1, due), failed),
        ("settled", paid, bills["total"].to_numpy() > 0),
        ("charged_back", paid + 25, rng.random(len(bills)) < 0.0008),
    ):
        kept = own & (day <= clock.last_ordinal)
        at = day[kept] * DAY + rng.integers(8 * 3600, 18 * 3600, int(kept.sum()))
        amount = dollars(bills["total"].to_numpy()[kept])
        method = chosen(
            rng, ("card", "bank_transfer", "cash", "wallet", "cheque"), len(at), (0.55, 0.2, 0.08, 0.12, 0.05)
        )
        direct = chosen(rng, ("direct_debit", "card"), len(at), (0.6, 0.4))
        parts.append(
            pl.DataFrame(
                {
                    "payment_id": uuids(rng, len(at)), "bill_id": bills["bill_id"].filter(pl.Series(kept)),
                    "customer_id": people.customer_ids.gather(customer[kept]), "payment_date": stamps(at),
                    "amount": amount, "currency": ["USD"] * len(at),
                    "payment_method": direct.zip_with(pl.Series(auto[kept]), method),
                    "is_auto_pay": flags(auto[kept]), "payment_status": [state] * len(at), "updated_at": stamps(at),
                    "_day": at // DAY,
                },
                schema_overrides={"currency": pl.String, "payment_status": pl.String, "_day": pl.Int64},
            )
        )  # fmt: skip
    return pl.concat(parts)
