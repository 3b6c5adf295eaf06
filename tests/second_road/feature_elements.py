"""feature_element from the rows that count, one element and Monday after the other.

Not here: dbt's SQL; customers and services (features.py).
"""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from tests.second_road.availability import availability_of
from tests.second_road.customers import share_of, version_key
from tests.second_road.features import DAY, as_of_dates, before, mean, ratio
from tests.second_road.world import UNKNOWN, World

MEANS = {
    "avg_latency_ms": "latency_ms",
    "avg_packet_loss_percentage": "packet_loss_percentage",
    "avg_error_rate_percentage": "error_rate_percentage",
    "avg_bandwidth_utilization_percentage": "bandwidth_utilization_percentage",
}


def _known(rows: list[dict], name: str) -> list[Decimal]:
    return [row[name] for row in rows if row[name] is not None]


def element_days(world: World) -> dict[str, dict[date, dict[str, Decimal | None]]]:
    """Per element and local day: samples of a whole day, else the shorter ones."""
    samples: dict[str, dict[date, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for row in world.feeds["network_performance"].newest_events():
        day = row["measurement_timestamp"].astimezone(world.zone_of_element(row["element_id"])).date()
        samples[row["element_id"]][day].append(row)
    found: dict[str, dict[date, dict]] = defaultdict(dict)
    for element_id, days in samples.items():
        for day, rows in days.items():
            short = [r for r in rows if r["interval_seconds"] < 82_800]
            chosen = [r for r in rows if r["interval_seconds"] >= 82_800] or short
            busy = _known(chosen, "busy_hour_throughput_mbps") or _known(short, "throughput_mbps")
            found[element_id][day] = {name: mean(_known(chosen, column)) for name, column in MEANS.items()} | {
                "temperature": max(_known(chosen, "temperature_celsius"), default=None),
                "busy": max(busy, default=None),
            }
    return found


def _performance(days: dict[date, dict], last: date) -> dict[str, object]:
    """The last 7 days against the 28 before them."""
    recent = [v for d, v in days.items() if last - 6 * DAY <= d <= last]
    earlier = [v for d, v in days.items() if last - 34 * DAY <= d < last - 6 * DAY]
    month = [v for d, v in days.items() if last - 27 * DAY <= d <= last]
    means = {name: (mean(v[name] for v in recent), mean(v[name] for v in earlier)) for name in (*MEANS, "temperature")}
    rates = sorted(v["avg_error_rate_percentage"] for v in month if v["avg_error_rate_percentage"] is not None)
    median = rates[(len(rates) - 1) // 2] if rates else None
    warm, was_warm = means["temperature"]
    load, was_load = means["avg_bandwidth_utilization_percentage"]
    return {
        "measured_days_7d": len(recent),
        **{f"{name}_7d": means[name][0] for name in MEANS},
        "latency_trend_ratio": ratio(*means["avg_latency_ms"]),
        "packet_loss_trend_ratio": ratio(*means["avg_packet_loss_percentage"]),
        "error_rate_trend_ratio": ratio(*means["avg_error_rate_percentage"]),
        "error_burst_days_28d": sum(rate > 3 * median for rate in rates) if recent or earlier else None,
        "max_temperature_celsius_7d": max(
            (v["temperature"] for v in recent if v["temperature"] is not None), default=None
        ),
        "temperature_rise_celsius": warm - was_warm if warm is not None and was_warm is not None else None,
        "bandwidth_utilization_rise_percentage": load - was_load if load is not None and was_load is not None else None,
        "busy": max((v["busy"] for v in month if v["busy"] is not None), default=None),
    }


def _software_since(versions: list[dict], held: dict) -> datetime | None:
    """When the element began to run what it runs; None if it has since it is known."""
    alive = [v for v in versions if not v["is_deleted"]]
    since = None
    for earlier, version in pairwise(alive):
        if version["updated_at"] <= held["updated_at"] and version["software_version"] != earlier["software_version"]:
            since = version["updated_at"]
    return since


def _whole_days(at: datetime, since: datetime | None) -> int | None:
    return (at - since) // timedelta(days=1) if since else None


def _works(outages: list[dict], maintenance: list[dict], at: datetime) -> dict[str, dict]:
    """Outages and maintenance before an instant, by element."""
    first = {
        "outages_from": min(r["outage_start"] for r in outages),
        "maintenance_from": min(r["started_at"] or r["scheduled_at"] for r in maintenance),
    }
    found: dict[str, dict] = defaultdict(lambda: {"failures": [], "done": [], "corrective": 0, "overdue": 0} | first)
    for row in outages:
        if row["element_id"] and row["outage_type"] != "planned" and row["outage_start"] < at:
            found[row["element_id"]]["failures"].append(row["outage_start"])
    for row in maintenance:
        if row["scheduled_at"] >= at:
            continue
        own, began, done = found[row["element_id"]], row["started_at"], row["completed_at"]
        if done and done < at and row["outcome"] == "completed":
            own["done"].append(done)
        own["corrective"] += bool(row["maintenance_type"] == "corrective" and began and at - 365 * DAY <= began < at)
        own["overdue"] += row["outcome"] != "cancelled" and (not done or done >= at)
    return found


def _in_service(world: World, day: date, at: datetime) -> list[tuple[str, dict]]:
    found = []
    for element_id, versions in world.element_versions.items():
        held = before(versions, at)
        is_there = held and held["operational_status"] not in ("planned", "retired")
        if is_there and (not held["installed_on"] or held["installed_on"] < day):
            found.append((element_id, held))
    return found


def _availability(days: dict[date, dict], last: date) -> Decimal | None:
    """Seconds available over seconds known and not down by plan, of the last 30 days."""
    own = [row for day, row in days.items() if last - 29 * DAY <= day <= last]
    asked = sum(row["seconds_measured"] - row["seconds_planned_down"] for row in own)
    return 100 * Decimal(asked - sum(row["seconds_down"] for row in own)) / asked if asked else None


def _row(world: World, day: date, at: datetime, element_id: str, held: dict, performance: dict, works: dict) -> dict:
    """One element's columns; `works` knows whether its feeds had begun."""
    versions, end, begun = world.element_versions[element_id], held["end_of_support_on"], held["installed_on"]
    busy = performance.pop("busy")
    outages_known, works_known = works["outages_from"] < at, works["maintenance_from"] < at
    return performance | {
        "as_of_date": day, "as_of_at": at, "is_latest": at == world.as_of, "element_id": element_id,
        "element_key": version_key(element_id, versions, held),
        "provider_id": held["provider_id"] if held["provider_id"] in world.providers else UNKNOWN,
        "zone_id": held["zone_id"] if held["zone_id"] in world.zones else UNKNOWN,
        **{n: held[n] for n in ("element_type", "vendor", "model", "software_version", "operational_status")},
        "software_age_days": _whole_days(at, _software_since(versions, held)),
        "age_days": (day - begun).days if begun else None,
        "life_share": ratio((day - begun).days, (end - begun).days) if begun and end else None,
        "days_to_end_of_support": (end - day).days if end else None,
        "busy_hour_load_percentage_28d": share_of(busy, held["capacity_mbps"]),
        "failures_365d": sum(s >= at - 365 * DAY for s in works["failures"]) if outages_known else None,
        "days_since_failure": _whole_days(at, max(works["failures"], default=None)),
        "corrective_maintenance_365d": works["corrective"] if works_known else None,
        "overdue_maintenance": works["overdue"] if works_known else None,
        "days_since_maintenance": _whole_days(at, max(works["done"], default=None)),
    }  # fmt: skip


def feature_element(world: World) -> dict[tuple, dict[str, object]]:
    days, found = element_days(world), {}
    outages, maintenance = world.feeds["outages"].newest(), world.feeds["maintenance_events"].newest()
    available: dict[str, dict[date, dict]] = defaultdict(dict)
    for (element_id, day), seconds in availability_of(world).items():
        available[element_id][day] = seconds
    measured = [day for own in days.values() for day in own]
    for day, at in as_of_dates(world, measured, lambda day: day.isoweekday() == 1).items():
        works, elements = _works(outages, maintenance, at), _in_service(world, day, at)
        models = Counter((held["vendor"], held["model"]) for _, held in elements)
        peers = Counter((held["vendor"], held["model"], held["software_version"]) for _, held in elements)
        for element_id, held in elements:
            last = at.astimezone(world.zone_of_element(element_id)).date() - DAY
            row = _row(
                world, day, at, element_id, held, _performance(days.get(element_id, {}), last), works[element_id]
            )
            is_known = held["software_version"] is not None and held["model"] is not None
            same = peers[held["vendor"], held["model"], held["software_version"]]
            row["availability_percentage_30d"] = _availability(available[element_id], last)
            row["software_peer_share"] = ratio(same, models[held["vendor"], held["model"]]) if is_known else None
            found[element_id, day] = row
    return found
