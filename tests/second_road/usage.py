"""Usage by service, element and local day, by zone and hour, and where each service's version belongs.

Not here: what usage says about customers (usage_patterns, features); dbt's SQL.
"""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from tests.second_road.customers import version_key
from tests.second_road.world import UNKNOWN, World

SUMS = ("data_usage_bytes", "voice_seconds", "sms_count")


def held(world: World, versions: dict[object, list[dict]], id_: str | None, at: datetime) -> tuple[dict | None, str]:
    """The version that held at an instant, and its key."""
    known = versions.get(id_, [])
    row = world.at(known, at) if known else None
    return row, version_key(id_ or UNKNOWN, known, row)


def zone_of_usage(world: World, service: dict | None, element: dict | None) -> str:
    """The element's zone, else the service's."""
    if element and element["zone_id"] in world.zones:
        return element["zone_id"]
    return world.zone_id_of_service(service)


def _sums(rows: list[dict]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in SUMS}


def usage_daily(world: World) -> dict[tuple, dict]:
    days = defaultdict(list)
    zones = {}
    for row in world.feeds["usage_records"].newest_events():
        if row["service_id"] not in zones:
            zones[row["service_id"]] = world.zone_of_service(row["service_id"])
        day = row["usage_timestamp"].astimezone(zones[row["service_id"]]).date()
        days[row["service_id"], row["element_id"] or UNKNOWN, day].append(row)
    found = {}
    for (service_id, element_id, day), rows in days.items():
        start, end = (datetime.combine(d, time(), zones[service_id]).astimezone(UTC) for d in (day, day + timedelta(1)))
        last = end - timedelta(microseconds=1)
        service, service_key = held(world, world.service_versions, service_id, last)
        element, element_key = held(world, world.element_versions, element_id, last)
        sessions = [row["session_seconds"] for row in rows if row["session_seconds"] is not None]
        signals = [row["signal_strength_dbm"] for row in rows if row["signal_strength_dbm"] is not None]
        found[service_id, element_id, day] = {
            "usage_date": day, "day_start_at": start, "service_id": service_id, "service_key": service_key,
            "element_id": element_id, "element_key": element_key,
            "provider_id": world.plan_provider.get(service["plan_id"], UNKNOWN) if service else UNKNOWN,
            "zone_id": zone_of_usage(world, service, element),
            "customer_id": service["customer_id"] if service else UNKNOWN, "usage_record_count": len(rows),
            **_sums(rows), "roaming_data_usage_bytes": sum(r["data_usage_bytes"] for r in rows if r["is_roaming"]),
            "session_seconds": sum(sessions) if sessions else None,
            "avg_signal_strength_dbm": sum(signals, Decimal(0)) / len(signals) if signals else None,
            "signal_sample_count": len(signals),
        }  # fmt: skip
    return found


def usage_hourly(world: World) -> dict[tuple, dict]:
    hours = defaultdict(list)
    for row in world.feeds["usage_records"].newest_events():
        at = row["usage_timestamp"]
        service, _ = held(world, world.service_versions, row["service_id"], at)
        element, _ = held(world, world.element_versions, row["element_id"], at)
        hour = at.replace(minute=0, second=0, microsecond=0)
        provider_id = world.plan_provider.get(service["plan_id"], UNKNOWN) if service else UNKNOWN
        place = (hour, provider_id, zone_of_usage(world, service, element), row["element_id"] or UNKNOWN)
        hours[place].append(row)
    found = {}
    for place, rows in hours.items():
        signals = [row["signal_strength_dbm"] for row in rows if row["signal_strength_dbm"] is not None]
        found[place] = {
            **dict(zip(("usage_hour_at", "provider_id", "zone_id", "element_id"), place, strict=True)),
            "usage_record_count": len(rows), **_sums(rows),
            "signal_strength_dbm_sum": sum(signals) if signals else None, "signal_sample_count": len(signals),
            "first_usage_at": min(row["usage_timestamp"] for row in rows),
            "last_usage_at": max(row["usage_timestamp"] for row in rows),
        }  # fmt: skip
    return found


def service_places(world: World) -> dict[tuple, dict]:
    """Per version of a service, and of the unknown one, its provider, zone and time zone."""
    key = version_key(UNKNOWN, [], None)
    ids = dict.fromkeys(("service_id", "customer_id", "provider_id", "zone_id"), UNKNOWN)
    found: dict[tuple, dict] = {(key,): {"service_key": key, **ids, "time_zone": world.reporting_time_zone}}
    for service_id, versions in world.service_versions.items():
        for version in versions:
            if not version["is_deleted"]:
                key = version_key(service_id, versions, version)
                found[(key,)] = {
                    "service_key": key, "service_id": service_id, "customer_id": version["customer_id"],
                    "provider_id": world.plan_provider.get(version["plan_id"], UNKNOWN),
                    "zone_id": world.zone_id_of_service(version), "time_zone": world.zone_of_service(service_id).key,
                }  # fmt: skip
    return found
