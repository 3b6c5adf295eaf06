"""A sample operator's landed network files as frames, as security monitoring takes them.

Not here: the warehouse's own way to them (core, orchestration.defs); measuring.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import polars as pl

MEASURES = ("throughput_mbps", "uplink_throughput_mbps", "connections_count")


@dataclass(frozen=True)
class LandedNetwork:
    """samples (hours), versions of elements (oldest first), links, all as the files say, broken rows left out."""

    samples: pd.DataFrame
    versions: pd.DataFrame
    links: pd.DataFrame


def read_feed(landing: Path, feed: str) -> pl.DataFrame:
    """All rows of a feed's files as text."""
    parts = []
    for path in sorted((landing / feed).iterdir()):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if ".parquet" in path.name:
            part = pl.read_parquet(io.BytesIO(data))
        elif ".jsonl" in path.name:
            part = pl.read_ndjson(data, infer_schema_length=None)
        else:
            part = pl.read_csv(data, infer_schema=False)
        parts.append(part.with_columns(pl.all().cast(pl.String)))
    return pl.concat(parts, how="diagonal")


def read_network(landing: Path) -> LandedNetwork:
    """Reads performance, inventory, topology and zones from a landing folder."""
    zones = read_feed(landing, "service_zones").unique("zone_id", keep="last", maintain_order=True)
    providers = read_feed(landing, "providers").unique("provider_id", keep="last", maintain_order=True)
    providers = providers.select("provider_id", pl.col("time_zone").alias("provider_time_zone"))
    versions = (
        read_feed(landing, "network_elements")
        .filter(pl.col("element_id").str.len_chars() == 36)
        .unique(["element_id", "updated_at"], keep="last", maintain_order=True)
        .sort("element_id", "updated_at")
        .join(zones.select("zone_id", "time_zone"), on="zone_id", how="left")
        .join(providers, on="provider_id", how="left")
        .with_columns(pl.col("time_zone").fill_null(pl.col("provider_time_zone")))
    )
    links = read_feed(landing, "network_topology").unique("link_id", keep="last", maintain_order=True)
    newest = versions.unique("element_id", keep="last", maintain_order=True)
    return LandedNetwork(_hours(landing, newest), versions.to_pandas(), links.sort("link_id").to_pandas())


def _hours(landing: Path, elements: pl.DataFrame) -> pd.DataFrame:
    """The hourly samples that keep the contract."""
    at = pl.col("measurement_timestamp")
    numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in (*MEASURES, "availability_seconds")]
    samples = (
        read_feed(landing, "network_performance")
        .filter(pl.col("interval_seconds") == "3600", pl.col("element_id").str.len_chars() == 36)
        .select(
            "element_id", *numbers,
            (at.str.slice(0, 10) + " " + at.str.slice(11, 2) + ":00")
            .str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_zone="UTC").alias("hour_at"),
        )
        .filter(pl.col("hour_at").is_not_null(), pl.all_horizontal(pl.col(name) >= 0 for name in MEASURES))
        .unique(["element_id", "hour_at"], keep="last", maintain_order=True)
        .with_columns((pl.col("availability_seconds") / 36).alias("availability_percentage"))
        .join(elements.select("element_id", "provider_id", "time_zone"), on="element_id", how="inner")
        .sort("element_id", "hour_at")
    )  # fmt: skip
    return samples.drop("availability_seconds").to_pandas()
