"""Lines that should be on bills against lines that are, to the cent: what is on one side only.

Not here: what should be there (periods, use), what a difference is called (differences).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

CELL = ["service_id", "billing_period_start"]
LINE = [*CELL, "plan_id", "charge_type", "amount_cents"]


@dataclass(frozen=True)
class Compared:
    """`missing` should be there, `extra` should not; `agreement` by plan: the share of lines that agree."""

    missing: pl.DataFrame
    extra: pl.DataFrame
    agreement: dict[str, float]
    compared_count: int

    def cells(self) -> list[tuple[object, ...]]:
        """Services and periods with a difference, in order."""
        both = pl.concat([self.missing.select(CELL), self.extra.select(CELL)]).unique().sort(CELL)
        return list(both.iter_rows())


def compare(expected: pl.DataFrame, billed: pl.DataFrame) -> Compared:
    """Pairs off equal lines, each with one of the other side; the rest is different.

    Args:
        expected: the columns LINE and any others.
        billed: the columns LINE and any others.
    """
    place = pl.int_range(pl.len()).over(LINE).alias("place")
    should, does = expected.with_columns(place), billed.with_columns(place)
    key = [*LINE, "place"]
    missing = should.join(does, on=key, how="anti", nulls_equal=True)
    extra = does.join(should, on=key, how="anti", nulls_equal=True)
    sides = [
        (pl.concat([frame.select("plan_id") for frame in frames])["plan_id"].value_counts())
        for frames in ((should, does), (missing, extra))
    ]
    lines, wrong = (dict(side.iter_rows()) for side in sides)
    agreement = {plan: 1 - wrong.get(plan, 0) / count for plan, count in lines.items()}
    return Compared(missing, extra, agreement, len(should))


def by_cell(frame: pl.DataFrame) -> dict[tuple[object, ...], list[dict[str, Any]]]:
    """Rows by service and period."""
    found: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for row in frame.sort(LINE).iter_rows(named=True):
        found.setdefault((row["service_id"], row["billing_period_start"]), []).append(row)
    return found
