"""Charges that come every period without a price list (equipment, fees): the one that is missing among its neighbours.

Not here: charges that the rating engine knows.
"""

from __future__ import annotations

import polars as pl

from orchestration.analytics.revenue_assurance.found import Found, midnight, money
from orchestration.analytics.revenue_assurance.inputs import Parameters

REPEATED = ("equipment", "fee")
_YEAR_DAYS, _ANNIVERSARY_DAYS = 365.25, 16
# From so many other cells on their share says something.
_LEAST_OTHERS = 20
_SERIES = ["service_id", "description"]


def missed_repeated(charges: pl.DataFrame, segments: pl.DataFrame, parameters: Parameters) -> list[Found]:
    """One finding per period in which a charge is missing that the periods before and after have.

    One neighbour is enough where the charges of that description, all or those of services in the same year of their
    life, go on from one period to the next almost always (the parameter repeated_charge_continuation_share), in that
    direction: instalments end with a whole year. The missing one itself does not count in that share.

    Args:
        charges: of charges.placed_charges, each once.
        segments: of periods.segments_of: the periods in which a service was in force.
        parameters: thresholds.
    """
    force = segments.group_by("service_id", "billing_period_start").agg(
        pl.col("days").sum() == pl.first("period_days"),
        pl.first("provider_id", "customer_id", "currency", "bill_id", "issued_on", "activated_day"),
    ).filter("days").sort("service_id", "billing_period_start")  # fmt: skip
    age = (pl.col("billing_period_start") - pl.col("activated_day")).dt.total_days() / _YEAR_DAYS
    place = pl.col("billing_period_start").rank("dense").over("provider_id").cast(pl.Int64).alias("place")
    force = force.with_columns(place, age.alias("age"), age.floor().alias("year"))
    own = charges.filter(pl.col("charge_type").is_in(REPEATED)).group_by(*_SERIES, "billing_period_start").agg(
        pl.first("charge_type", "plan_id"), pl.col("amount_cents").sum()
    )  # fmt: skip
    own = own.join(
        force.select("service_id", "billing_period_start", "place"), on=["service_id", "billing_period_start"]
    )
    cells = own.select(_SERIES).unique().join(force, on="service_id").join(
        own.select(*_SERIES, "place", "amount_cents", "charge_type", "plan_id"), on=[*_SERIES, "place"], how="left"
    ).with_columns(pl.col("amount_cents").is_not_null().alias("is_billed"))  # fmt: skip
    for name, step in (("before", 1), ("after", -1)):
        beside = cells.select(*_SERIES, pl.col("place") + step, pl.col("is_billed").alias(f"has_{name}"),
                              pl.col("amount_cents").alias(f"amount_{name}"))  # fmt: skip
        cells = cells.join(beside, on=[*_SERIES, "place"], how="left")
    for group, end in ((["description", "year"], ""), (["description"], "_ever")):
        rates = cells.group_by(group).agg(
            _of_others(pl.col("has_before")).alias(f"goes_on{end}"),
            _of_others(pl.col("has_after")).alias(f"came_before{end}"),
        )
        cells = cells.join(rates, on=group)
    # About a whole year the share of the year says nothing: there charges end.
    from_year = (pl.col("age") - pl.col("age").round()).abs() * _YEAR_DAYS
    within = (from_year > _ANNIVERSARY_DAYS) | (pl.col("age") < 0.5)
    goes_on, came_before = (
        pl.max_horizontal(pl.when(within).then(name), f"{name}_ever") for name in ("goes_on", "came_before")
    )
    cells = cells.filter(~pl.col("is_billed"))
    enough = parameters["repeated_charge_continuation_share"]
    before, after = pl.col("has_before").fill_null(False), pl.col("has_after").fill_null(False)
    confidence = (
        pl.when(before & after).then(pl.max_horizontal(goes_on, came_before).fill_null(0.5))
        .when(before & (goes_on >= enough) & pl.col("has_after").is_null()).then(goes_on)
        .when(after & (came_before >= enough) & pl.col("has_before").is_null()).then(came_before)
    )  # fmt: skip
    missed = cells.with_columns(confidence.alias("confidence")).filter(pl.col("confidence").is_not_null())
    return [_found(row) for row in missed.sort(*_SERIES, "place").iter_rows(named=True)]


def _of_others(has_neighbour: pl.Expr) -> pl.Expr:
    """Of the cells with such a neighbour the share that is billed, one that is not left aside; null for few cells."""
    others = has_neighbour.fill_null(False).sum().cast(pl.Int64) - 1
    billed = (pl.col("is_billed") & has_neighbour.fill_null(False)).sum()
    return pl.when(others >= _LEAST_OTHERS).then((billed / others).clip(0, 1))


def _found(row: dict[str, object]) -> Found:
    amount = row["amount_before"] if row["amount_before"] is not None else row["amount_after"]
    start, issued = row["billing_period_start"], row["issued_on"]
    return Found(
        "billing", "missed_charge", (str(row["service_id"]), str(start), str(row["description"])),
        str(row["provider_id"]), midnight(issued), midnight(issued),  # type: ignore[arg-type]
        float(str(row["confidence"])),
        f"{row['description']} of {money(int(str(amount)))} {row['currency']} is not billed for the period from"
        f" {start}, but beside it it is.",
        {"charge_type": "equipment or fee", "description": row["description"]}, str(row["customer_id"]),
        str(row["service_id"]), row["bill_id"], start, str(row["currency"]), int(str(amount)),  # type: ignore[arg-type]
    )  # fmt: skip
