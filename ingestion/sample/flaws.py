"""The flaws that real deliveries have: rows that break their contract, come twice or come late. All are counted.

Not here: what the rows say, and files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.contract import Contract, contract

BAD_SHARE = {
    "usage_records": 0.003, "network_performance": 0.002, "customers": 0.004, "bills": 0.002, "bill_charges": 0.001,
    "payments": 0.001, "support_tickets": 0.004, "service_orders": 0.002, "devices": 0.002, "outages": 0.005,
}  # fmt: skip
REPEATED_SHARE = {
    "usage_records": 0.002, "network_performance": 0.001, "customers": 0.004, "bills": 0.002, "bill_charges": 0.001,
    "payments": 0.001, "service_orders": 0.002,
}  # fmt: skip
LATE_SHARE = {"usage_records": 0.004}


@dataclass
class FeedCounts:
    """What a feed's distinct contents hold: rows = bad_rows + repeated_rows + rows with an identity of their own."""

    files: int = 0
    rows: int = 0
    bad_rows: int = 0
    repeated_rows: int = 0
    late_rows: int = 0


def break_row(row: dict[str, str | None], feed_contract: Contract, rng: np.random.Generator) -> dict[str, str | None]:
    """A copy of a row that breaks the contract in one of the ways that real rows do."""
    columns = feed_contract.columns
    numbers = [c.name for c in columns if c.type in ("bigint", "numeric") and c.min == 0 and row.get(c.name)]
    enums = [c.name for c in columns if c.type == "enum" and row.get(c.name)]
    times = [c.name for c in columns if c.event_time and row.get(c.name)]
    required = [c.name for c in columns if c.required and c.default is None]
    breaks: list[tuple[str, str | None]] = [(feed_contract.key[0], "not-a-uuid"), (str(rng.choice(required)), None)]
    breaks += [(str(rng.choice(numbers)), "-1")] if numbers else []
    breaks += [(str(rng.choice(enums)), "no_such_value")] if enums else []
    breaks += [(str(rng.choice(times)), "2026-02-30T25:61:00Z")] if times else []
    name, value = breaks[int(rng.integers(len(breaks)))]
    return {**row, name: value}


def flawed(feed: str, rows: pl.DataFrame, rng: np.random.Generator, counts: FeedCounts) -> pl.DataFrame:
    """The rows with repeated and broken copies of some among them."""
    again = rng.choice(len(rows), int(rng.binomial(len(rows), REPEATED_SHARE.get(feed, 0))), replace=False)
    repeated = rows[np.sort(again)]
    bad_count = min(int(rng.binomial(len(rows), BAD_SHARE.get(feed, 0))), len(rows) // 10)
    chosen = rng.choice(len(rows), bad_count, replace=False)
    broken = [break_row(rows.row(int(i), named=True), contract(feed), rng) for i in chosen]
    counts.rows += len(rows) + len(repeated) + len(broken)
    counts.repeated_rows += len(repeated)
    counts.bad_rows += len(broken)
    if not broken and repeated.is_empty():
        return rows
    together = pl.concat([rows, repeated, pl.DataFrame(broken, schema=rows.schema)])
    return together[rng.permutation(len(together))]
