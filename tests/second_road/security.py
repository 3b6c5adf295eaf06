"""What breaks the configuration rules, and which hours are plainly abnormal, by Polars over the landed files.

Not here: the warehouse's mathematics and seeds: the rules are written down here once more.
"""

from datetime import date, datetime
from pathlib import Path

import polars as pl

DAY_IN_SERVICE = ("planned", "retired")


def _rows(landing: Path, feed: str) -> pl.DataFrame:
    parts = []
    for path in sorted((landing / feed).iterdir()):
        read = {".parquet": pl.read_parquet, ".csv": lambda file: pl.read_csv(file, infer_schema=False)}
        parts.append(read[path.suffix](path).with_columns(pl.all().cast(pl.String)))
    return pl.concat(parts, how="diagonal").unique(maintain_order=True)


def elements(landing: Path, as_of: datetime) -> pl.DataFrame:
    """The newest version of each element in service by an instant, settings as columns."""
    setting = pl.col("configuration")
    names = ("snmp_version", "tls_min_version", "default_credentials", "management_exposed", "encryption_enabled",
             "ntp_synchronised", "protocols")  # fmt: skip
    day = (as_of.date() if as_of.hour > 6 else date.fromordinal(as_of.date().toordinal() - 1)).isoformat()
    return (
        _rows(landing, "network_elements")
        .filter(pl.col("updated_at") <= as_of.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .sort("updated_at", maintain_order=True)
        .unique("element_id", keep="last", maintain_order=True)
        .filter(~pl.col("operational_status").is_in(DAY_IN_SERVICE), pl.col("installed_on") <= day)
        .with_columns(setting.str.json_path_match(f"$.{name}").alias(name) for name in names)
        .with_columns(pl.col("software_version").str.split(".").alias("version"), pl.lit(day).alias("day"))
    )


def violations(landing: Path, as_of: datetime) -> set[tuple[str, str]]:
    """(element_id, rule_id)."""
    found = elements(landing, as_of)
    major, minor = (pl.col("version").list.get(place).cast(pl.Int64) for place in (0, 1))
    is_old = (major * 100 + minor) < 402
    tls = pl.col("tls_min_version").cast(pl.Float64)
    conditions = {
        "telnet_enabled": pl.col("protocols").str.contains('"telnet"', literal=True),
        "http_enabled": pl.col("protocols").str.contains('"http"', literal=True),
        "snmp_v1": pl.col("snmp_version") == "1",
        "snmp_v2c": pl.col("snmp_version") == "2c",
        "tls_below_1_2": tls < 1.2,
        "default_credentials": pl.col("default_credentials") == "true",
        "management_exposed": pl.col("management_exposed") == "true",
        "missing_encryption": pl.col("encryption_enabled") == "false",
        "clock_unsynchronised": pl.col("ntp_synchronised") == "false",
        "end_of_support": pl.col("end_of_support_on") < pl.col("day"),
        **{f"firmware_{name.lower()}": is_old & (pl.col("vendor") == name)
           for name in ("Nordlink", "Halcyon", "Telebit")},
    }  # fmt: skip
    return {
        (element_id, rule_id)
        for rule_id, condition in conditions.items()
        for element_id in found.filter(condition)["element_id"]
    }


def plain_hours(landing: Path, as_of: datetime, time_zones: dict[str, str]) -> pl.DataFrame:
    """Hours of the last 28 days: connections, and their median at the same local hour of up to 8 weeks before."""
    zones = pl.DataFrame({"element_id": list(time_zones), "time_zone": list(time_zones.values())})
    at = pl.col("measurement_timestamp").str.slice(0, 10) + " " + pl.col("measurement_timestamp").str.slice(11, 5)
    rows = (
        _rows(landing, "network_performance")
        .filter(pl.col("interval_seconds") == "3600")
        .join(zones, on="element_id", how="inner")
        .select(
            "element_id", "time_zone",
            at.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_zone="UTC").alias("hour_at"),
            pl.col("connections_count").cast(pl.Float64, strict=False),
        )
        .filter(pl.col("connections_count") >= 0, pl.col("hour_at") < as_of)
        .unique(["element_id", "hour_at"], keep="last", maintain_order=True)
    )  # fmt: skip
    parts = [
        own.with_columns(pl.col("hour_at").dt.convert_time_zone(zone).dt.replace_time_zone(None).alias("local"))
        for (zone,), own in rows.partition_by("time_zone", as_dict=True).items()
    ]
    local = pl.concat(parts)
    earlier = pl.concat(
        [local.select("element_id", pl.col("local").dt.offset_by(f"{week}w"),
                      pl.col("connections_count").alias("before")) for week in range(1, 9)]
    )  # fmt: skip
    usual = earlier.group_by("element_id", "local").agg(pl.col("before").median().alias("usual"))
    recent = local.filter(pl.col("hour_at") >= pl.lit(as_of).dt.offset_by("-28d"))
    return recent.join(usual, on=["element_id", "local"]).select("element_id", "hour_at", "connections_count", "usual")
