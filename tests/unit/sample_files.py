"""A sample's files as tables, and a month-by-month table of services as an analyst would make it from them.

Not here: assertions; anything of the simulation.
"""

import csv
import json
from datetime import date
from pathlib import Path

import polars as pl


def read(folder: Path, feed: str) -> pl.DataFrame:
    """A feed's distinct rows as text, broken ones included."""
    parts = []
    for path in sorted((folder / "landing" / feed).iterdir()):
        if path.name.endswith(".parquet"):
            part = pl.read_parquet(path)
        elif ".jsonl" in path.name:
            part = pl.read_ndjson(
                path.read_bytes() if path.suffix != ".gz" else _unzipped(path), infer_schema_length=None
            )
        else:
            part = pl.read_csv(path, infer_schema=False)
        parts.append(part.with_columns(pl.all().cast(pl.String)))
    return pl.concat(parts, how="diagonal").unique(maintain_order=True)


def table(folder: Path, feed: str) -> list[dict]:
    """A feed's rows as its files have them, repeated and broken ones included."""
    rows = []
    for path in sorted((folder / "landing" / feed).iterdir()):
        text = _unzipped(path).decode() if path.name.endswith(".gz") else None
        if ".csv" in path.name:
            rows += list(csv.DictReader((text or path.read_text()).splitlines()))
        elif ".jsonl" in path.name:
            rows += [json.loads(line) for line in (text or path.read_text()).splitlines()]
        else:
            rows += pl.read_parquet(path).to_dicts()
    return rows


def _unzipped(path: Path) -> bytes:
    import gzip

    return gzip.decompress(path.read_bytes())


def newest(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The newest version of each id, of rows whose id and time are whole."""
    whole = frame.filter((pl.col(key).str.len_chars() == 36) & (pl.col("updated_at").str.len_chars() >= 20))
    return whole.sort("updated_at", maintain_order=True).unique(key, keep="last", maintain_order=True)


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def month_of(column: str) -> pl.Expr:
    """Months since the year 0 of a date or time in text."""
    return pl.col(column).str.slice(0, 4).cast(pl.Int32, strict=False) * 12 + pl.col(column).str.slice(5, 2).cast(
        pl.Int32, strict=False
    )


def service_months(folder: Path) -> pl.DataFrame:
    """One row per service and month that it was wholly in force: the month's counts, and who leaves in the next.

    `leaves` counts voluntary ends and ports only; `month` counts from the year 0.
    """
    services = newest(read(folder, "customer_services"), "service_id").filter(pl.col("activated_at").is_not_null())
    last = date.fromisoformat(manifest(folder)["until"])
    months = pl.DataFrame({"month": range(last.year * 12 + last.month - 15, last.year * 12 + last.month + 1)}).cast(
        pl.Int32
    )
    rows = services.select(
        "service_id", "customer_id", "serving_element_id", "deactivation_reason",
        month_of("activated_at").alias("begun"), month_of("deactivated_at").alias("ended"),
        month_of("contract_end").alias("contract_end"),
    ).join(months, how="cross")  # fmt: skip
    rows = rows.filter(
        (pl.col("begun") < pl.col("month")) & (pl.col("ended").is_null() | (pl.col("ended") > pl.col("month")))
    )
    chosen = pl.col("deactivation_reason").is_in(["voluntary", "port_out"])
    rows = rows.with_columns(
        ((pl.col("ended") == pl.col("month") + 1) & chosen).fill_null(False).alias("leaves"),
        (pl.col("month") - pl.col("begun")).clip(0, 60).alias("tenure"),
        ((pl.col("contract_end") - pl.col("month")).abs() <= 2)
        .fill_null(False)
        .cast(pl.Int32)
        .alias("contract_end_near"),
        (pl.col("month") - pl.col("begun") <= 5).cast(pl.Int32).alias("is_new"),
    ).with_columns(pl.when(pl.col("tenure") < 0).then(0).otherwise("tenure").alias("tenure"))
    for name, counts, keys in _counts(folder):
        rows = rows.join(counts.rename({"count": name}), on=[*keys, "month"], how="left").with_columns(
            pl.col(name).fill_null(0)
        )
    return _with_trend(folder, rows)


def _recent(counts: pl.DataFrame, keys: list[str], months: int = 3) -> pl.DataFrame:
    """Counts of the month and those before it, summed."""
    shifted = [counts.with_columns((pl.col("month") + back).cast(pl.Int32)) for back in range(months)]
    return pl.concat(shifted).group_by(*keys, "month").agg(pl.col("count").sum())


def _counts(folder: Path) -> list[tuple[str, pl.DataFrame, list[str]]]:
    """What happened to services, customers and elements in each month and the two before."""
    tickets = newest(read(folder, "support_tickets"), "ticket_id").filter(pl.col("category") != "sales")
    tickets = tickets.group_by("customer_id", month_of("created_at").alias("month")).agg(pl.len().alias("count"))
    charges = read(folder, "bill_charges").filter(pl.col("charge_type") == "overage", pl.col("amount").cast(float) >= 5)
    overage = charges.group_by("service_id", month_of("charge_period_start").alias("month")).agg(
        pl.len().alias("count")
    )
    bills = read(folder, "bills").filter(pl.col("bill_status") == "overdue")
    overdue = bills.group_by("customer_id", month_of("due_date").alias("month")).agg(pl.len().alias("count"))
    outages = newest(read(folder, "outages"), "outage_id")
    elements = newest(read(folder, "network_elements"), "element_id").select("element_id", "parent_element_id")
    own = elements.with_columns(pl.col("element_id").alias("hit"))
    parents = elements.with_columns(pl.col("parent_element_id").alias("hit"))
    above = elements.join(
        elements.select(pl.col("element_id").alias("parent_element_id"), pl.col("parent_element_id").alias("hit")),
        on="parent_element_id",
    )  # fmt: skip
    hits = pl.concat([own, parents, above.select(own.columns)]).drop_nulls("hit")
    hit = outages.join(hits, left_on="element_id", right_on="hit").group_by(
        pl.col("element_id_right").alias("serving_element_id"), month_of("outage_start").alias("month")
    )
    outage = hit.agg(pl.len().alias("count"))
    plans = read(folder, "service_plans").sort("updated_at")
    raised = plans.filter(pl.col("plan_id").is_first_distinct().not_()).select(
        "plan_id", month_of("updated_at").alias("month")
    )
    on_plan = newest(read(folder, "customer_services"), "service_id").join(raised, on="plan_id")
    dearer = on_plan.group_by("service_id", "month").agg(pl.len().alias("count"))
    return [
        ("tickets", _recent(tickets, ["customer_id"]), ["customer_id"]),
        ("overage", _recent(overage, ["service_id"]), ["service_id"]),
        ("overdue", _recent(overdue, ["customer_id"]), ["customer_id"]),
        ("outages", _recent(outage, ["serving_element_id"]), ["serving_element_id"]),
        ("price_rise", _recent(dearer, ["service_id"], 4), ["service_id"]),
    ]


def _with_trend(folder: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """The logarithm of the month's usage over the mean of the two months before."""
    usage = read(folder, "usage_records").unique("usage_id")
    amount = pl.col("data_usage_bytes").cast(float, strict=False) / 2**20 + pl.col("voice_seconds").cast(
        float, strict=False
    )
    totals = usage.group_by("service_id", month_of("usage_timestamp").alias("month")).agg(amount.sum().alias("used"))
    for back in (1, 2):
        earlier = totals.select(
            "service_id", (pl.col("month") + back).cast(pl.Int32), pl.col("used").alias(f"used_{back}")
        )
        rows = rows.join(earlier, on=["service_id", "month"], how="left")
    rows = rows.join(totals, on=["service_id", "month"], how="left")
    before = (pl.col("used_1").fill_null(pl.col("used_2")) + pl.col("used_2").fill_null(pl.col("used_1"))) / 2
    trend = ((pl.col("used").fill_null(0) + 1) / (before + 1)).log().clip(-3, 3).fill_null(0).alias("trend")
    return rows.with_columns(trend, (trend < -0.35).cast(pl.Int32).alias("drop"))
