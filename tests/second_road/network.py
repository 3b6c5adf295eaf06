"""The network's facts from the rows that count: element-hours, outages, maintenance, cells.

Not here: availability and the operations centre (modules of their own); dbt's SQL.
"""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.second_road.availability import availability_of, key_at, micros, samples_by_day, start_of
from tests.second_road.world import UNKNOWN, World, provider_events

MEANS = {
    "avg_signal_strength_dbm": "signal_strength_dbm",
    "avg_bandwidth_utilization_percentage": "bandwidth_utilization_percentage",
    "avg_uplink_utilization_percentage": "uplink_utilization_percentage",
    "avg_throughput_mbps": "throughput_mbps",
    "avg_uplink_throughput_mbps": "uplink_throughput_mbps",
    "avg_prb_downlink_percentage": "prb_downlink_percentage",
    "avg_prb_uplink_percentage": "prb_uplink_percentage",
    "avg_active_users": "active_users",
    "avg_latency_ms": "latency_ms",
    "avg_jitter_ms": "jitter_ms",
    "avg_packet_loss_percentage": "packet_loss_percentage",
    "avg_error_rate_percentage": "error_rate_percentage",
    "avg_cpu_percentage": "cpu_percentage",
}
EXTREMES = {
    "max_latency_ms": (max, "latency_ms"),
    "min_packet_loss_percentage": (min, "packet_loss_percentage"),
    "max_connections_count": (max, "connections_count"),
    "max_temperature_celsius": (max, "temperature_celsius"),
}


def mean(values: list) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values) if values else None


def belonging(world: World, element_id: str | None, at: int) -> dict[str, str]:
    """Provider and zone of the element's version that held at an instant."""
    held = key_at(world, element_id, at) if element_id in world.element_versions else None
    return {
        "provider_id": held["provider_id"] if held and held["provider_id"] in world.providers else UNKNOWN,
        "zone_id": held["zone_id"] if held and held["zone_id"] in world.zones else UNKNOWN,
    }


def available_percentage(rows: list[dict]) -> Decimal | None:
    """Seconds available over seconds of those samples that say it."""
    told = [r for r in rows if r["availability_seconds"] is not None]
    up = sum(Decimal(min(r["availability_seconds"], r["interval_seconds"])) for r in told)
    return 100 * up / sum(r["interval_seconds"] for r in told) if told else None


def network_performance_hourly(world: World) -> dict[tuple, dict]:
    if hasattr(world, "element_hours"):
        return world.element_hours
    hours = defaultdict(list)
    for row in world.feeds["network_performance"].newest_events():
        if row["interval_seconds"] < 82_800:
            hour = row["measurement_timestamp"].replace(minute=0, second=0, microsecond=0)
            hours[row["element_id"], hour].append(row)
    found = {}
    for (element_id, hour), rows in hours.items():
        present = {c: [r[c] for r in rows if r[c] is not None] for c in rows[0]}
        found[element_id, hour] = {
            **belonging(world, element_id, micros(hour + timedelta(hours=1)) - 1),
            "sample_count": len(rows),
            "sampled_seconds": sum(present["interval_seconds"]),
            "first_sample_at": min(present["measurement_timestamp"]),
            "last_sample_at": max(present["measurement_timestamp"]),
            "availability_percentage": available_percentage(rows),
            **{name: mean(present[column]) for name, column in MEANS.items()},
            **{name: pick(present[column], default=None) for name, (pick, column) in EXTREMES.items()},
        }
    world.element_hours = found
    return found


DAILY_MEANS = (
    "signal_strength_dbm", "bandwidth_utilization_percentage", "throughput_mbps", "uplink_throughput_mbps",
    "latency_ms", "jitter_ms", "packet_loss_percentage", "error_rate_percentage",
)  # fmt: skip
DAILY_HIGHEST = ("latency_ms", "connections_count", "temperature_celsius")


def network_performance_daily(world: World) -> dict[tuple, dict]:
    """Element-days: samples of a whole day where there is one, else the shorter ones."""
    found = {}
    for (element_id, day), samples in samples_by_day(world).items():
        short = [s for s in samples if s["interval_seconds"] < 82_800]
        whole = [s for s in samples if s["interval_seconds"] >= 82_800]
        chosen = whole or short
        told = {c: [s[c] for s in chosen if s[c] is not None] for c in samples[0]}
        busiest = min(
            (s for s in short if s["throughput_mbps"] is not None),
            key=lambda s: (-s["throughput_mbps"], s["measurement_timestamp"]), default=None,
        )  # fmt: skip
        uplink = defaultdict(list)
        for sample in short:
            if sample["uplink_throughput_mbps"] is not None:
                hour = sample["measurement_timestamp"].replace(minute=0, second=0, microsecond=0)
                uplink[hour].append(sample["uplink_throughput_mbps"])
        stated = max(told["busy_hour_throughput_mbps"], default=None)
        found[element_id, day] = {
            **belonging(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1),
            "day_start_at": datetime.combine(day, time(), tzinfo=world.zone_of_element(element_id)).astimezone(UTC),
            "is_from_daily_samples": bool(whole),
            "sample_count": len(chosen),
            **{f"avg_{name}": mean(told[name]) for name in DAILY_MEANS},
            **{f"max_{name}": max(told[name], default=None) for name in DAILY_HIGHEST},
            "busy_hour_throughput_mbps": busiest["throughput_mbps"] if stated is None and busiest else stated,
            "busy_hour_at": busiest["measurement_timestamp"] if busiest else None,
            "busy_hour_uplink_throughput_mbps": max(map(mean, uplink.values()), default=None),
            "uplink_hour_count": len(uplink),
            "last_sample_at": max(s["measurement_timestamp"] for s in chosen),
        }
    return found


def percentile(values: list[Decimal], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(map(float, values))
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def performance_view(world: World, elements: set[str]) -> dict[tuple, dict]:
    hours, found = network_performance_hourly(world), {}
    for (element_id, hour), row in hours.items():
        if element_id not in elements:
            continue
        latencies = [
            latency
            for back in range(24)
            if (latency := hours.get((element_id, hour - timedelta(hours=back)), {}).get("avg_latency_ms")) is not None
        ]
        found[element_id, hour] = {
            "provider_id": row["provider_id"],
            "zone_id": row["zone_id"],
            "avg_signal": row["avg_signal_strength_dbm"],
            "avg_bandwidth_utilization": row["avg_bandwidth_utilization_percentage"],
            "max_latency": row["max_latency_ms"],
            "min_packet_loss": row["min_packet_loss_percentage"],
            **{
                n: row[n]
                for n in ("sample_count", "avg_latency_ms", "avg_packet_loss_percentage", "avg_throughput_mbps")
            },
            "latency_hours_24h": len(latencies),
            **{f"latency_p{p}_ms_24h": percentile(latencies, p / 100) for p in (50, 95, 99)},
        }
    return found


def span_seconds(start: datetime | None, end: datetime | None) -> Decimal | None:
    return Decimal(micros(end) - micros(start)) / 1_000_000 if start and end else None


def outages(world: World) -> dict[str, dict]:
    found = {}
    for row in world.feeds["outages"].newest():
        place = belonging(world, row["element_id"], micros(row["outage_start"]))
        lasted = span_seconds(row["outage_start"], row["actual_restoration"])
        customers = row["affected_customers"]
        found[row["outage_id"]] = {
            **{c: v for c, v in row.items() if c not in ("is_deleted", "outage_id")},
            "provider_id": row["provider_id"] if row["provider_id"] in world.providers else UNKNOWN,
            "zone_id": row["zone_id"] if row["zone_id"] in world.zones else place["zone_id"],
            "is_planned": row["outage_type"] == "planned",
            "outage_seconds": lasted,
            "discovery_seconds": span_seconds(row["outage_start"], row["discovered_at"]),
            "affected_customer_minutes": None if None in (lasted, customers) else customers * lasted / 60,
        }
    return found


def maintenance(world: World) -> dict[str, dict]:
    return {
        row["maintenance_id"]: {
            **{c: v for c, v in row.items() if c not in ("is_deleted", "maintenance_id")},
            **belonging(world, row["element_id"], micros(row["started_at"] or row["scheduled_at"])),
            "is_planned": row["maintenance_type"] != "corrective",
            "delay_seconds": span_seconds(row["scheduled_at"], row["started_at"]),
            "maintenance_seconds": span_seconds(row["started_at"], row["completed_at"]),
        }
        for row in world.feeds["maintenance_events"].newest()
    }


def availability(world: World) -> dict[tuple, dict]:
    return {
        (element_id, day): row
        | {"day_start_at": datetime.combine(day, time(), tzinfo=world.zone_of_element(element_id)).astimezone(UTC)}
        | belonging(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1)
        for (element_id, day), row in availability_of(world).items()
    }


def newest_usage(world: World, provider_id: str) -> datetime | None:
    """The newest usage of a provider's that had happened by AS_OF."""
    events = provider_events(world).get(provider_id, {}).get("usage_records", [])
    return max((at for at, _ in events if at <= world.as_of), default=None)


def cell_quality(world: World) -> dict[tuple, dict]:
    days, reports = defaultdict(list), defaultdict(list)
    for row in world.feeds["usage_records"].newest_events():
        if row["element_id"] is not None and row["signal_strength_dbm"] is not None:
            day = row["usage_timestamp"].astimezone(world.zone_of_service(row["service_id"])).date()
            days[row["element_id"], day].append(row)
    for row in world.feeds["network_performance"].newest_events():
        day = row["measurement_timestamp"].astimezone(world.zone_of_element(row["element_id"])).date()
        reports[row["element_id"], day].append(row)
    names = ("avg_signal_strength_dbm", "avg_throughput_mbps", "avg_latency_ms", "avg_packet_loss_percentage")
    newest_of = {provider_id: newest_usage(world, provider_id) for provider_id in (*world.providers, UNKNOWN)}
    found = {}
    for (element_id, day), rows in days.items():
        if len({r["service_id"] for r in rows}) < 3:
            continue
        samples = reports[element_id, day]
        samples = [s for s in samples if s["interval_seconds"] >= 82_800] or samples
        signal = mean([r["signal_strength_dbm"] for r in rows])
        owner = belonging(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1)
        day_end = datetime.combine(
            day + timedelta(days=1), time(), tzinfo=world.zone_of_element(element_id)
        ).astimezone(UTC)
        newest = newest_of[owner["provider_id"]]
        found[element_id, day] = {
            **owner,
            "as_of_at": min(world.as_of, day_end),
            "data_through_at": min(newest, day_end) if newest else None,
            "services_measured": len({r["service_id"] for r in rows}),
            "signal_sample_count": len(rows),
            "avg_customer_signal_strength_dbm": signal.quantize(Decimal("0.000001"), ROUND_HALF_UP),
            **{n: mean([s[MEANS[n]] for s in samples if s[MEANS[n]] is not None]) for n in names},
        }
    return found
