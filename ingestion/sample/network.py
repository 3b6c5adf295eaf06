"""Performance samples: a day's sample of every element in service, hourly ones of a few for the last weeks.

Not here: the inventory, nor outages as records of their own.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from ingestion.sample.clock import Clock, iso, local_to_utc
from ingestion.sample.world import PROVIDERS, World

HOURLY_DAYS = 60
HOURLY_ELEMENTS = 20
LOAD_BY_HOUR = np.array(
    [22, 16, 12, 10, 10, 14, 22, 34, 42, 46, 48, 52, 56, 56, 56, 58, 62, 68, 76, 84, 88, 80, 60, 36]
)


def _in_service(world: World) -> pl.DataFrame:
    """The first version of every element that is not only planned, with its provider's index."""
    index = {provider_id: i for i, provider_id in enumerate(world.provider_ids)}
    return (
        world.network_elements.unique("element_id", keep="first", maintain_order=True)
        .filter(pl.col("operational_status") != "planned")
        .with_columns(pl.col("provider_id").replace_strict(index, return_dtype=pl.Int64).alias("_provider"))
    )


def _instants(days: list[date], hours: list[int], time_zone: str) -> pl.Series:
    """Local full hours of the days as instants; skipped ones are null."""
    local = pl.Series([day for day in days for _ in hours]).cast(pl.Datetime("us"))
    return local_to_utc(local + pl.Series([timedelta(hours=h) for _ in days for h in hours]), time_zone)


def _measures(
    rng: np.random.Generator, load: np.ndarray, seconds: np.ndarray, capacity: np.ndarray
) -> dict[str, object]:
    """What an element measures under a load in percent; latency and loss grow with it, few samples have downtime."""
    count = len(load)
    down = np.where(rng.random(count) < 0.012, rng.integers(30, 4000, count), 0)
    is_measured = rng.random(count) >= 0.01
    return {
        "availability_seconds": pl.Series(np.maximum(seconds - down, 0)).zip_with(
            pl.Series(is_measured), pl.Series([None], dtype=pl.Int64)
        ),
        "bandwidth_utilization_percentage": np.round(load, 2),
        "throughput_mbps": np.round(capacity * load / 100, 2),
        "latency_ms": np.round(8 + load**2 / 300 + rng.gamma(2, 1.5, count), 2),
        "jitter_ms": np.round(rng.gamma(2, 0.8, count), 2),
        "packet_loss_percentage": np.round(np.minimum(rng.gamma(1, 0.02, count) * (1 + load / 50), 100), 3),
        "error_rate_percentage": np.round(np.minimum(rng.gamma(1, 0.05, count), 100), 3),
        "connections_count": (load * rng.uniform(2, 9, count)).astype(np.int64),
        "temperature_celsius": np.round(rng.normal(34, 4, count) + load / 12, 1),
        "cpu_percentage": np.round(np.clip(load * 0.7 + rng.normal(8, 4, count), 0, 100), 1),
    }


def _samples(
    clock: Clock, rng: np.random.Generator, elements: pl.DataFrame, days: list[date], hourly: bool
) -> pl.DataFrame:
    """Samples of elements of one provider; a day lasts as long as its clock says."""
    time_zone = PROVIDERS[elements["_provider"][0]].time_zone
    hours = list(range(24)) if hourly else [0]
    at = _instants(days, hours, time_zone)
    ends = _instants([day + timedelta(days=1) for day in days], [0], time_zone)
    lengths = np.full(len(at), 3600) if hourly else (ends - at).dt.total_seconds().to_numpy()
    capacity = np.repeat(elements["capacity_mbps"].cast(pl.Float64).to_numpy(), len(at))
    base = np.repeat(rng.uniform(0.5, 1.1, len(elements)), len(at))
    rhythm = LOAD_BY_HOUR[np.tile(np.array(hours), len(days))] if hourly else np.full(len(at), LOAD_BY_HOUR.mean())
    load = np.clip(base * np.tile(rhythm, len(elements)) * rng.normal(1, 0.08, len(base)), 0.5, 99.5)
    seconds = np.tile(lengths, len(elements))
    frame = pl.DataFrame(
        {
            "element_id": np.repeat(elements["element_id"].to_numpy(), len(at)),
            "_at": pl.concat([at] * len(elements)),
            "interval_seconds": seconds,
            **_measures(rng, load, seconds, capacity),
        }
    )
    if not hourly:
        frame = frame.with_columns((pl.col("throughput_mbps") * 1.7).round(2).alias("busy_hour_throughput_mbps"))
    return frame.filter(pl.col("_at").is_not_null() & (pl.col("_at").dt.offset_by("1h") <= clock.as_of))


def build_performance(clock: Clock, world: World) -> pl.DataFrame:
    """All samples in the order of their time, as text columns; `_at` beside them."""
    rng = clock.random("performance")
    elements = _in_service(world)
    hourly_ids = set(elements.filter(pl.col("element_type").is_in(["sector", "pon_port", "service_group"]))
                     .sample(HOURLY_ELEMENTS, seed=clock.seed)["element_id"])  # fmt: skip
    days = [clock.first_day + timedelta(days=i) for i in range(clock.days)]
    parts = []
    for _, own in sorted(elements.partition_by("_provider", as_dict=True).items()):
        # The day that the operator's clock has not ended where this provider is has no sample yet.
        whole = days if PROVIDERS[own["_provider"][0]].time_zone != "America/Denver" else days[:-1]
        parts.append(_samples(clock, rng, own, whole, hourly=False))
        watched = own.filter(pl.col("element_id").is_in(list(hourly_ids)))
        if len(watched):
            parts.append(_samples(clock, rng, watched, days[-HOURLY_DAYS:], hourly=True))
    frame = pl.concat(parts, how="diagonal").sort("_at", "element_id", "interval_seconds")
    return frame.with_columns(iso(frame["_at"]).alias("measurement_timestamp")).with_columns(
        pl.all().exclude("_at", "element_id", "measurement_timestamp").cast(pl.String)
    )
