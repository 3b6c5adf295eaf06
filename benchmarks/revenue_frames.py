"""What revenue assurance looks at, read from a sample's landed files: the same frames as the warehouse gives.

Not here: what is found in them. Broken rows are left out as the loader would leave them out.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from orchestration.analytics.rating import INCOMING, ROAMING, TariffVersion, tariff_from
from orchestration.analytics.revenue_assurance import Inputs, Parameters
from orchestration.analytics.revenue_assurance.inputs import (
    BILLS,
    CHARGES,
    ELEMENTS,
    ORDERS,
    PAYMENTS,
    PLANS,
    QUARANTINED,
    SERVICES,
    USAGE,
)

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "dbt_project" / "seeds"
TIME_ZONE = "America/Chicago"
# Bills so long before the judged ones tell what a young line owes.
EARLIER_DAYS = 100


def seed_parameters() -> Parameters:
    """The thresholds and rules as they are shipped."""
    values = {row["parameter"]: float(row["value"]) for row in seed("revenue_assurance_parameters")}
    off = frozenset(row["finding_kind"] for row in seed("revenue_assurance_rules") if row["is_enabled"] != "true")
    return Parameters(values, off)


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def landed(
    folder: Path, feed: str, columns: list[str], key: str, then: Callable[[pl.DataFrame], pl.DataFrame] | None = None
) -> pl.DataFrame:
    """The feed's rows whose key and times are whole, as text, or what `then` makes of each file's."""
    times = [name for name in columns if name.endswith(("_at", "_date", "_timestamp"))]
    broken = [pl.col(name).fill_null("").str.contains("T25:", literal=True) for name in times]
    parts = []
    for path in sorted((folder / "landing" / feed).iterdir(), key=lambda path: (path.stat().st_mtime, path.name)):
        if path.stem.endswith("_again") or "_again." in path.name:
            continue
        if path.name.endswith(".parquet"):
            part = pl.read_parquet(path, columns=columns)
        elif ".jsonl" in path.name:
            text = path.read_bytes()
            part = pl.read_ndjson(gzip.decompress(text) if path.suffix == ".gz" else text, infer_schema_length=None)
        else:
            part = pl.read_csv(path, infer_schema=False, columns=columns)
        rows = part.select(_text(part.schema, name) for name in columns)
        rows = rows.filter(pl.col(key).str.len_chars() == 36, ~pl.any_horizontal(pl.lit(False), *broken))
        parts.append(rows if then is None else then(rows))
    return pl.concat(parts)


def _text(schema: pl.Schema, name: str) -> pl.Expr:
    kind = schema.get(name)
    if kind is None:
        return pl.lit(None, pl.String).alias(name)
    if isinstance(kind, pl.Datetime):
        return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return pl.col(name).cast(pl.String)


def _cents(name: str) -> pl.Expr:
    return (pl.col(name).cast(pl.Float64, strict=False) * 100).round().cast(pl.Int64)


def _instant(name: str) -> pl.Expr:
    return pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", time_unit="us", strict=False)


def _local_day(name: str, zones: list[str]) -> pl.Expr:
    """Day of an instant in the zone that `time_zone` names."""
    found = pl.lit(None, pl.Date)
    for zone in zones:
        local = pl.col(name).dt.convert_time_zone(zone).dt.date()
        found = pl.when(pl.col("time_zone") == zone).then(local).otherwise(found)
    return found


def read_inputs(folder: Path, judged_from: date | None = None) -> Inputs:
    """Everything in a sample's folder; bills and usage from `judged_from` on (None: all)."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    as_of = datetime.fromisoformat(manifest["as_of"])
    plans = _newest(landed(folder, "service_plans", ["plan_id", "provider_id", "speed_mbps_down", "plan_type",
                                                     "updated_at"], "plan_id"), "plan_id")  # fmt: skip
    places = _places(folder, plans)
    services = _services(folder, places)
    bills = _bills(folder, date.min if judged_from is None else judged_from - timedelta(days=EARLIER_DAYS))
    charges, payments = _charges(folder, bills), _payments(folder, judged_from or date.min)
    usage = _usage(folder, places, judged_from)
    elements = _newest(landed(folder, "network_elements", [*ELEMENTS, "updated_at"], "element_id"), "element_id")
    orders = landed(folder, "service_orders", ["order_id", "service_id", "order_type", "order_status", "completed_at"],
                    "order_id")  # fmt: skip
    orders = (
        orders.filter(pl.col("order_status") == "completed").unique("order_id").with_columns(_instant("completed_at"))
        .select(pl.col(name).cast(kind) for name, kind in ORDERS.items())
        .sort("service_id", "completed_at", "order_type")
    )  # fmt: skip
    first = usage.join(services.select("service_id", "provider_id").unique("service_id"), on="service_id")
    first_days = dict(first.group_by("provider_id").agg(pl.col("day").min()).iter_rows())
    recurring = charges.filter(pl.col("charge_type") == "recurring")["service_id"].unique()
    return Inputs(
        as_of, as_of.astimezone(ZoneInfo(TIME_ZONE)).date(), judged_from or bills["billing_period_start"].min(),
        usage["day"].min(), _tariffs(folder, places), first_days, services, bills, charges, payments, usage,
        elements.select(pl.col(name).cast(kind) for name, kind in ELEMENTS.items()).sort("element_id"),
        orders, pl.DataFrame(schema=QUARANTINED),
        plans.select(pl.col(name).cast(kind) for name, kind in PLANS.items()).sort("plan_id"), recurring,
        frozenset(row["country_code"] for row in seed("fraud_countries")),
    )  # fmt: skip


def _newest(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    whole = frame.filter(pl.col("updated_at").str.len_chars() == 20)
    return whole.sort("updated_at", maintain_order=True).unique(key, keep="last", maintain_order=True)


def _places(folder: Path, plans: pl.DataFrame) -> pl.DataFrame:
    """Newest version of each service with its provider, and its own and the provider's time zone."""
    names = ["service_id", "customer_id", "plan_id", "block_geoid", "updated_at"]
    services = _newest(landed(folder, "customer_services", names, "service_id"), "service_id")
    customers = _newest(
        landed(folder, "customers", ["customer_id", "service_zone_id", "updated_at"], "customer_id"), "customer_id"
    )
    providers = landed(folder, "providers", ["provider_id", "time_zone"], "provider_id")
    zones = landed(folder, "service_zones", ["zone_id", "provider_id", "time_zone"], "zone_id").unique("zone_id")
    blocks = landed(folder, "census_blocks", ["block_geoid", "zone_id"], "zone_id")
    blocks = blocks.join(zones, on="zone_id").sort("zone_id").unique(["block_geoid", "provider_id"], keep="first")
    own = services.join(plans.select("plan_id", "provider_id"), on="plan_id")
    own = own.join(providers.rename({"time_zone": "provider_zone"}), on="provider_id")
    own = own.join(blocks.select("block_geoid", "provider_id", pl.col("time_zone").alias("block_zone"),
                                 pl.col("zone_id").alias("block_zone_id")),
                   on=["block_geoid", "provider_id"], how="left")  # fmt: skip
    own = own.join(customers.select("customer_id", "service_zone_id"), on="customer_id", how="left")
    account = zones.rename({"zone_id": "service_zone_id", "time_zone": "account_zone"})
    own = own.join(account, on=["service_zone_id", "provider_id"], how="left")
    zone = pl.when(pl.col("block_zone_id").is_not_null()).then("block_zone").otherwise("account_zone")
    return own.select(
        "service_id", "provider_id", "provider_zone", pl.coalesce(zone, "provider_zone").alias("time_zone")
    )


def _services(folder: Path, places: pl.DataFrame) -> pl.DataFrame:
    names = ["service_id", "customer_id", "plan_id", "activated_at", "deactivated_at", "discount_type",
             "discount_value", "discount_end", "updated_at"]  # fmt: skip
    versions = landed(folder, "customer_services", names, "service_id").unique()
    dated = [_instant(name) for name in ("activated_at", "deactivated_at", "updated_at")]
    versions = versions.with_columns(*dated, pl.col("discount_end").str.to_date()).join(places, on="service_id")
    zones = sorted(places["time_zone"].unique())
    newest = versions.sort("updated_at").group_by("service_id").agg(pl.last("activated_at", "deactivated_at"))
    versions = (
        versions.drop("activated_at", "deactivated_at").join(newest, on="service_id").sort("service_id", "updated_at")
    )
    is_first = pl.col("updated_at") == pl.col("updated_at").min().over("service_id")
    mobile = _newest(landed(folder, "service_plans", ["plan_id", "plan_type", "updated_at"], "plan_id"), "plan_id")
    versions = versions.join(
        mobile.select("plan_id", (pl.col("plan_type") == "mobile").alias("is_mobile")), on="plan_id"
    )
    versions = versions.with_columns(
        pl.when(is_first).then(date.min).otherwise(_local_day("updated_at", zones)).alias("from_day"),
        _local_day("activated_at", zones).alias("activated_day"),
        _local_day("deactivated_at", zones).alias("deactivated_day"),
    )
    return versions.select(pl.col(name).cast(kind) for name, kind in SERVICES.items()).sort("service_id", "from_day")


def _bills(folder: Path, first_day: date) -> pl.DataFrame:
    names = ["bill_id", "provider_id", "customer_id", "billing_period_start", "billing_period_end", "issued_on",
             "due_date", "currency", "total_amount", "bill_status", "paid_on", "updated_at"]  # fmt: skip
    own = pl.col("billing_period_start") >= first_day.isoformat()
    rows = landed(folder, "bills", names, "bill_id", lambda part: part.filter(own))
    rows = rows.filter(pl.all_horizontal(pl.col(names[:10]).is_not_null()), pl.col("bill_status") != "no_such_value",
                       ~pl.col("total_amount").is_in(["-1"]), pl.col("customer_id").str.len_chars() == 36)  # fmt: skip
    bills = _newest(rows, "bill_id").with_columns(_cents("total_amount").alias("total_cents"))
    return bills.select(
        pl.col(name).str.to_date() if kind == pl.Date else pl.col(name).cast(kind) for name, kind in BILLS.items()
    ).sort("bill_id")


def _charges(folder: Path, bills: pl.DataFrame) -> pl.DataFrame:
    names = ["charge_id", "bill_id", "service_id", "plan_id", "charge_type", "charge_period_start", "charge_period_end",
             "description", "amount"]  # fmt: skip
    known = bills.select("bill_id")
    rows = landed(folder, "bill_charges", names, "charge_id", lambda part: part.join(known, on="bill_id", how="semi"))
    rows = rows.filter(pl.col("charge_type") != "no_such_value", pl.col("amount").is_not_null())
    rows = rows.unique("charge_id", maintain_order=True)
    rows = rows.with_columns(_cents("amount").alias("amount_cents"))
    return rows.select(
        pl.col(name).str.to_date() if kind == pl.Date else pl.col(name).cast(kind) for name, kind in CHARGES.items()
    ).sort("charge_id")


def _payments(folder: Path, first_day: date) -> pl.DataFrame:
    names = ["payment_id", "bill_id", "customer_id", "currency", "amount", "payment_status", "payment_date",
             "updated_at", "payment_method", "is_auto_pay"]  # fmt: skip
    young = first_day - timedelta(days=EARLIER_DAYS) if first_day > date.min else first_day
    own = pl.col("payment_date") >= young.isoformat()
    rows = landed(folder, "payments", names, "payment_id", lambda part: part.filter(own))
    rows = rows.filter(pl.all_horizontal(pl.exclude("bill_id").is_not_null()))
    rows = rows.filter(pl.all_horizontal(pl.col("payment_status", "payment_method") != "no_such_value"))
    rows = _newest(rows, "payment_id").with_columns(
        _cents("amount").alias("amount_cents"), _instant("payment_date").dt.date().alias("paid_day")
    )
    return rows.filter(pl.col("paid_day").is_not_null()).select(list(PAYMENTS)).sort("payment_id")


def _usage(folder: Path, places: pl.DataFrame, first_day: date | None) -> pl.DataFrame:
    names = ["usage_id", "service_id", "element_id", "device_id", "usage_timestamp", "usage_type", "direction",
             "data_usage_bytes", "voice_seconds", "sms_count", "session_seconds", "is_roaming", "counterparty_hash",
             "counterparty_country", "mediation_source", "source_sequence"]  # fmt: skip
    first = first_day or date.min
    rows = landed(
        folder,
        "usage_records",
        names,
        "usage_id",
        lambda part: _usage_part(part, places).filter(pl.col("day") >= first),
    )
    return rows.unique("usage_id", keep="first", maintain_order=True).sort("usage_timestamp", "usage_id")


def _usage_part(rows: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    numbers = ["data_usage_bytes", "voice_seconds", "sms_count", "session_seconds", "source_sequence"]
    rows = rows.with_columns(_instant("usage_timestamp"), *[_whole(name) for name in numbers])
    rows = rows.filter(
        pl.all_horizontal(pl.col("usage_timestamp", "service_id", *numbers[:3]).is_not_null()),
        pl.all_horizontal(pl.col(numbers).fill_null(0) >= 0), pl.col("usage_type").is_in(["data", "voice", "sms"]),
        pl.col("direction").ne_missing("no_such_value"),
    )  # fmt: skip
    rows = rows.join(places, on="service_id")
    zones = sorted({*places["time_zone"], *places["provider_zone"]})
    kind = pl.col("usage_type").replace_strict(["data", "voice", "sms"], [0, 1, 2], return_dtype=pl.Int8)
    flags = (pl.col("direction") == "in").fill_null(False) * INCOMING
    flags += (pl.col("is_roaming") == "true").fill_null(False) * ROAMING
    start = pl.lit(None, pl.Int64)
    for zone in zones:
        local = pl.col("usage_timestamp").dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("s")
        start = pl.when(pl.col("provider_zone") == zone).then(local).otherwise(start)
    pairs = zip(("data", "voice", "sms"), numbers[:3], strict=True)
    quantity = pl.coalesce(*[pl.when(pl.col("usage_type") == name).then(column) for name, column in pairs])
    rows = rows.with_columns(
        _local_day("usage_timestamp", zones).alias("day"), kind.alias("kind"), flags.cast(pl.Int8).alias("flags"),
        quantity.alias("quantity"), start.alias("start"),
    )  # fmt: skip
    return rows.select(pl.col(name).cast(kind) for name, kind in USAGE.items())


def _whole(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)


def _tariffs(folder: Path, places: pl.DataFrame) -> dict[str, list[TariffVersion]]:
    names = ["plan_id", "provider_id", "plan_name", "includes", "base_price", "currency", "data_allowance_gb",
             "voice_allowance_minutes", "sms_allowance", "overage_price_per_gb", "overage_price_per_minute",
             "overage_price_per_sms", "rating_rules", "bundle_components", "updated_at"]  # fmt: skip
    zones = dict(places.select("provider_id", "provider_zone").unique().iter_rows())
    rows = landed(folder, "service_plans", names, "plan_id").unique().sort("plan_id", "updated_at")
    found: dict[str, list[TariffVersion]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        at = datetime.fromisoformat(row["updated_at"]).astimezone(ZoneInfo(zones.get(row["provider_id"], TIME_ZONE)))
        found[row["plan_id"]].append(TariffVersion(at.date(), tariff_from(row)))
    return dict(found)


def months_before(day: date, count: int) -> date:
    """The first day of the month so many months before."""
    month = day.replace(day=1)
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
    return month
