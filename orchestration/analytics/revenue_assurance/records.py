"""Usage records that came twice under different ids, and running numbers of mediation that never came.

Not here: records that cannot be (validation).
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from orchestration.analytics.rating import Tariff
from orchestration.analytics.revenue_assurance.comparing import CELL
from orchestration.analytics.revenue_assurance.found import Found, money
from orchestration.analytics.revenue_assurance.inputs import Inputs, Parameters
from orchestration.analytics.revenue_assurance.use import expected_use

MOST_NAMED = 20


def repeated_findings(inputs: Inputs, segments: pl.DataFrame, tariffs: list[Tariff]) -> list[Found]:
    """One finding per service and period with records twice; at stake is what the copies cost by the plan.

    Args:
        inputs: all records and services.
        segments: of periods.segments_of, of the periods that usage is judged in.
        tariffs: of periods.tariff_list.
    """
    repeated = inputs.repeated
    spans = segments.select("service_id", "billing_period_start", "first_day", "end_day")
    placed = repeated.join(spans, on="service_id").filter(
        pl.col("day").is_between("first_day", "end_day", closed="left")
    )
    alone = repeated.join(placed.select("usage_id"), on="usage_id", how="anti").with_columns(
        pl.col("day").dt.month_start().alias("billing_period_start")
    )
    together = pl.concat(
        [placed.drop("first_day", "end_day"), alone.select(placed.drop("first_day", "end_day").columns)]
    )
    own = segments.join(placed.select(CELL).unique(), on=CELL, how="semi")
    used = inputs.usage.join(own.select("service_id").unique(), on="service_id", how="semi")
    once = used.join(repeated.select("usage_id"), on="usage_id", how="anti")
    costs = [expected_use(own, records, tariffs).group_by(CELL).agg(pl.col("amount_cents").sum())
             for records in (used, once)]  # fmt: skip
    more = dict(zip(costs[0].select(CELL).iter_rows(), costs[0]["amount_cents"], strict=True))
    for row in costs[1].iter_rows():
        more[row[:2]] = more.get(row[:2], 0) - row[2]
    services = inputs.newest_services().join(repeated.select("service_id").unique(), on="service_id", how="semi")
    owners = {row["service_id"]: row for row in services.iter_rows(named=True)}
    currencies = dict(own.select("service_id", "currency").unique("service_id").iter_rows())
    found = []
    for (service_id, start), rows in together.sort("usage_id").group_by(CELL, maintain_order=True):
        owner, stake = owners.get(str(service_id), {}), more.get((service_id, start), 0)
        currency = currencies.get(str(service_id))
        cost = f" They cost {money(stake)} {currency} by the plan." if stake else " They change no charge."
        found.append(
            Found(
                "billing", "duplicate_usage_record", (str(service_id), str(start)), owner.get("provider_id"),
                rows["usage_timestamp"].min(), rows["usage_timestamp"].max(),  # type: ignore[arg-type]
                1 - len(repeated) / max(len(inputs.usage), 1),
                f"{len(rows)} usage records of the period from {start} stand again under other ids.{cost}",
                {"usage_ids": rows["usage_id"].head(MOST_NAMED).to_list(),
                 "mediation_sources": sorted(rows["mediation_source"].drop_nulls().unique()),
                 "source_sequences": rows["source_sequence"].drop_nulls().sort().head(MOST_NAMED).to_list()},
                owner.get("customer_id"), str(service_id), None, start, currency,
                None if currency is None else -stake,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: one.parts)


def gaps(numbers: pl.DataFrame, most_records: int) -> pl.DataFrame:
    """One row per run of running numbers that is missing between two that came.

    A run longer than `most_records` is a source that began to count anew. Columns: mediation_source, first_sequence,
    last_sequence, records_count, before_at, after_at.

    Args:
        numbers: mediation_source, source_sequence, usage_timestamp (null for quarantined records), in any order.
        most_records: the longest run that counts.
    """
    by = "mediation_source"
    ordered = numbers.drop_nulls([by, "source_sequence"]).group_by(by, "source_sequence").agg(
        pl.col("usage_timestamp").max()
    ).sort(by, "source_sequence")  # fmt: skip
    before = ordered.with_columns(
        pl.col("source_sequence").shift(1).over(by).alias("previous"),
        pl.col("usage_timestamp").forward_fill().shift(1).over(by).alias("before_at"),
        pl.col("usage_timestamp").backward_fill().over(by).alias("after_at"),
    )
    missing = pl.col("source_sequence") - pl.col("previous") - 1
    return before.filter(missing > 0, missing <= most_records).select(
        by, (pl.col("previous") + 1).alias("first_sequence"), (pl.col("source_sequence") - 1).alias("last_sequence"),
        missing.alias("records_count"), "before_at", "after_at",
    )  # fmt: skip


def gap_findings(inputs: Inputs, charges: pl.DataFrame, parameters: Parameters) -> list[Found]:
    """One finding per gap that no quarantined record explains and that has had its time to be filled."""
    numbers = inputs.usage.select("mediation_source", "source_sequence", "usage_timestamp")
    set_aside = inputs.quarantined.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("usage_timestamp"))
    numbers = pl.concat([numbers, set_aside.select(numbers.columns)])
    late = inputs.as_of - timedelta(days=parameters["usage_grace_days"])
    missing = gaps(numbers, int(parameters["sequence_gap_most_records"])).filter(pl.col("after_at") <= late)
    owners = inputs.newest_services().select("service_id", "provider_id")
    sources = (
        inputs.usage.group_by("mediation_source", "service_id").len().join(owners, on="service_id")
        .group_by("mediation_source", "provider_id").agg(pl.col("len").sum())
        .sort("mediation_source", "len", "provider_id").unique("mediation_source", keep="last")
    )  # fmt: skip
    for_use = charges.filter(pl.col("charge_type").is_in(["usage", "overage"]),
                             pl.col("billing_period_start") >= pl.lit(inputs.usage_from))  # fmt: skip
    worth = for_use.group_by("provider_id").agg(pl.col("amount_cents").sum(), pl.col("currency").mode().sort().first())
    counts = sources.group_by("provider_id").agg(pl.col("len").sum().alias("all_records"))
    missing = missing.join(sources, on="mediation_source", how="left").join(worth, on="provider_id", how="left")
    missing = missing.join(counts, on="provider_id", how="left").sort("mediation_source", "first_sequence")
    lost = dict(missing.group_by("mediation_source").agg(pl.col("records_count").sum()).iter_rows())
    found = []
    for row in missing.iter_rows(named=True):
        stake = round((row["amount_cents"] or 0) / max(row["all_records"] or 0, 1) * row["records_count"])
        first, last = row["first_sequence"], row["last_sequence"]
        found.append(
            Found(
                "billing", "sequence_gap", (row["mediation_source"], str(first)), row["provider_id"],
                row["before_at"] or row["after_at"], row["after_at"],
                row["len"] / (row["len"] + lost[row["mediation_source"]]),
                f"{row['records_count']} records of {row['mediation_source']} never came, numbers {first} to {last}; at"
                f" the mean of what a record is billed for they are worth {money(stake)} {row['currency'] or ''}.",
                {"mediation_source": row["mediation_source"], "first_sequence": first, "last_sequence": last},
                currency=row["currency"], at_stake_cents=stake,
            )
        )  # fmt: skip
    return found
