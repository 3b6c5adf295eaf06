"""Usage records: sessions, calls and messages with the rhythm of days and weeks, growth and heavy tails.

Not here: what usage costs.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.sample.clock import Clock, iso, local_to_utc, uuids
from ingestion.sample.customers import Base
from ingestion.sample.world import PLANS, PROVIDERS

RECORDS_PER_DAY = {"mobile": 0.58, "voice": 0.30}
RECORDS_PER_DAY_FIXED = 0.36
MONTHLY_GROWTH = 0.015
# Weight of each local hour, private and business; weekends of businesses are quiet.
HOURS_PRIVATE = np.array([2, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 7, 8, 7, 7, 7, 8, 9, 11, 13, 14, 12, 8, 4], dtype=float)
HOURS_BUSINESS = np.array(
    [1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 13, 12, 10, 12, 13, 12, 11, 8, 4, 3, 2, 2, 1, 1], dtype=float
)


def _local_times(clock: Clock, rng: np.random.Generator, service_of: np.ndarray, base: Base) -> np.ndarray:
    """A local wall-clock second for every record, counted from the first day's midnight."""
    services = base.services
    origin = np.datetime64(clock.first_day, "s")
    first = np.array([np.datetime64(s.activated_at.replace(tzinfo=None), "s") for s in services])
    last = np.array([np.datetime64((s.deactivated_at or clock.as_of).replace(tzinfo=None), "s") for s in services])
    first_day = np.maximum((first - origin).astype(np.int64) // 86400, 0)[service_of]
    last_day = ((last - origin).astype(np.int64) // 86400)[service_of]
    # The square root of a uniform draw leans towards later days, as growing usage does.
    lean = np.where(
        rng.random(len(service_of)) < 0.15, np.sqrt(rng.random(len(service_of))), rng.random(len(service_of))
    )
    days = first_day + (lean * (last_day - first_day + 1)).astype(np.int64)
    is_business = np.array([PLANS[s.provider][s.plan].is_business for s in services])[service_of]
    private = rng.choice(24, len(days), p=HOURS_PRIVATE / HOURS_PRIVATE.sum())
    business = rng.choice(24, len(days), p=HOURS_BUSINESS / HOURS_BUSINESS.sum())
    weekday = (days + clock.first_day.weekday()) % 7
    quiet = is_business & (weekday >= 5) & (rng.random(len(days)) < 0.8)
    days = np.where(quiet, np.maximum(days - 2, first_day), days)
    seconds: np.ndarray = (
        days * 86400 + np.where(is_business, business, private) * 3600 + rng.integers(0, 3600, len(days))
    )
    return seconds


def _record_counts(clock: Clock, rng: np.random.Generator, base: Base) -> np.ndarray:
    """How many records each service has: its days in the span, its kind, and how lively it is."""
    counts = []
    for service in base.services:
        begun = max(service.activated_at.date(), clock.first_day)
        ended = min((service.deactivated_at or clock.as_of).date(), clock.last_day)
        rate = RECORDS_PER_DAY.get(PLANS[service.provider][service.plan].kind, RECORDS_PER_DAY_FIXED)
        counts.append(max((ended - begun).days + 1, 0) * rate)
    liveliness = rng.gamma(3, 1 / 3, len(counts))
    return rng.poisson(np.array(counts) * liveliness)


def build_usage(clock: Clock, base: Base) -> pl.DataFrame:
    """All usage records in the order of their time, as text columns; `_provider`, `_service` and `_at` beside them."""
    rng = clock.random("usage")
    service_of = np.repeat(np.arange(len(base.services)), _record_counts(clock, rng, base))
    seconds = _local_times(clock, rng, service_of, base)
    count = len(service_of)
    provider = np.array([s.provider for s in base.services])[service_of]
    kinds = np.array([PLANS[s.provider][s.plan].kind for s in base.services])[service_of]
    is_mobile, is_voice = kinds == "mobile", kinds == "voice"
    draw = rng.random(count)
    usage_type = np.where(
        is_voice | (is_mobile & (draw < 0.28)), "voice", np.where(is_mobile & (draw < 0.38), "sms", "data")
    )
    is_data = usage_type == "data"
    growth = (1 + MONTHLY_GROWTH) ** (seconds / 86400 / 30.4)
    scale = np.where(is_mobile, 3.2e8, 4.5e9) * growth
    data = np.where(is_data, scale * rng.lognormal(-0.5, 1.1, count), 0).astype(np.int64)
    voice = np.where(usage_type == "voice", rng.lognormal(4.6, 1.1, count), 0).astype(np.int64)
    frame = pl.DataFrame(
        {
            "_service": service_of, "_provider": provider, "_local": seconds, "usage_type": usage_type,
            "direction": np.where(rng.random(count) < 0.55, "out", "in"), "data_usage_bytes": data,
            "voice_seconds": voice, "sms_count": (usage_type == "sms").astype(np.int64),
            "session_seconds": np.where(is_data, rng.lognormal(6.5, 1.2, count), 0).astype(np.int64),
            "signal_strength_dbm": np.where(is_mobile, np.round(rng.normal(-92, 9, count).clip(-125, -55), 1), np.nan),
            "is_roaming": is_mobile & (rng.random(count) < 0.015),
        }
    )  # fmt: skip
    frame = _place_in_time(clock, base, frame)
    return _finish(rng, base, frame)


def _place_in_time(clock: Clock, base: Base, frame: pl.DataFrame) -> pl.DataFrame:
    """Instants from local times; records outside their service's life, or in a skipped hour, fall out."""
    local = pl.lit(clock.first_day).cast(pl.Datetime("us")) + pl.duration(seconds=pl.col("_local"))
    parts = []
    for index, template in enumerate(PROVIDERS):
        part = frame.filter(pl.col("_provider") == index).with_columns(local.alias("_at"))
        parts.append(part.with_columns(local_to_utc(part["_at"], template.time_zone).alias("_at")))
    services = pl.DataFrame(
        {
            "_service": np.arange(len(base.services)),
            "_from": [s.activated_at for s in base.services],
            "_to": [s.deactivated_at or clock.as_of for s in base.services],
        }
    )
    placed = pl.concat(parts).join(services, on="_service")
    inside = (pl.col("_at") >= pl.col("_from")) & (pl.col("_at") < pl.col("_to")) & (pl.col("_at") < clock.as_of)
    return placed.filter(inside).drop("_from", "_to", "_local").sort("_at", "_service")


def _finish(rng: np.random.Generator, base: Base, frame: pl.DataFrame) -> pl.DataFrame:
    """Ids, references and text forms."""
    count, of = len(frame), frame["_service"].to_numpy()
    services = base.services
    is_call = frame["usage_type"] != "data"
    source = frame["_provider"].cast(pl.String).str.replace("^", "mediation-")
    return frame.with_columns(
        pl.Series("usage_id", uuids(rng, count)),
        pl.Series("service_id", np.array([s.service_id for s in services])[of]),
        pl.Series("element_id", np.array([s.element_id for s in services])[of]),
        iso(frame["_at"]).alias("usage_timestamp"),
        pl.col("signal_strength_dbm").fill_nan(None).round(1).cast(pl.String),
        pl.col("is_roaming").cast(pl.String),
        pl.when(is_call).then(None).otherwise(pl.col("session_seconds")).alias("session_seconds").cast(pl.String),
        pl.Series("counterparty_hash", [f"{n:012x}" for n in rng.integers(0, 2**40, count)]).zip_with(
            is_call, pl.Series([None], dtype=pl.String)
        ),
        pl.lit("US").alias("counterparty_country"),
        source.alias("mediation_source"),
        pl.int_range(pl.len()).over("_provider").cast(pl.String).alias("source_sequence"),
    ).with_columns(pl.col("data_usage_bytes", "voice_seconds", "sms_count").cast(pl.String))
