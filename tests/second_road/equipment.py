"""Equipment by its age, state and maintenance from the landed files, in plain Python.

Not here: dbt's SQL; the devices' own rows (geography).
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from tests.second_road.geography import devices, provider_id_of
from tests.second_road.world import World


def rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"), ROUND_HALF_UP)


def as_of_day(world: World, zone: ZoneInfo) -> date:
    return (world.as_of - timedelta(microseconds=1)).astimezone(zone).date()


def state_of_visit(visit: dict, as_of: datetime) -> str | None:
    begun = visit["started_at"] is not None and visit["started_at"] <= as_of
    ended = visit["completed_at"] is not None and visit["completed_at"] <= as_of
    if visit["outcome"] == "cancelled":
        return None
    if ended:
        return "failed" if visit["outcome"] == "failed" else "done"
    is_open = visit["completed_at"] is not None or visit["outcome"] == "pending"
    if begun:
        return "in progress" if is_open else None
    return "waiting" if is_open or visit["started_at"] is not None else None


def equipment_lifecycle(world: World) -> dict[tuple, dict]:
    groups: dict[tuple, list[dict]] = defaultdict(list)
    visits: dict[str, list[dict]] = defaultdict(list)
    for visit in world.feeds["maintenance_events"].newest():
        visits[visit["element_id"]].append(visit)
    for element_id, versions in world.element_versions.items():
        version = world.at(versions, world.as_of)
        if version is None:
            continue
        day = as_of_day(world, world.zone_of_element(element_id))
        state = version["operational_status"]
        if state != "retired" and version["installed_on"] and version["installed_on"] > day:
            state = "planned"
        name = (provider_id_of(world, version["provider_id"]), "network_element", version["element_type"],
                version["vendor"] or "unknown", version["model"] or "unknown")  # fmt: skip
        groups[name].append({**version, "state": state, "day": day, "visits": visits.get(element_id, [])})
    found = {name: _elements(world, rows, bool(visits)) for name, rows in groups.items()}
    shelves: dict[tuple, list[dict]] = defaultdict(list)
    for row in devices(world).values():
        name = (row["provider_id"], "device", row["device_type"], row["manufacturer"] or "unknown",
                row["model"] or "unknown")  # fmt: skip
        shelves[name].append(row)
    return found | {name: _devices(world, rows) for name, rows in shelves.items()}


def _newest(world: World, rows: list[dict]) -> datetime | None:
    return max((row["updated_at"] for row in rows if row["updated_at"] <= world.as_of), default=None)


def _elements(world: World, rows: list[dict], has_maintenance: bool) -> dict:
    serving = [row for row in rows if row["state"] not in ("planned", "retired")]
    supports = [(row["end_of_support_on"], row["day"]) for row in serving if row["end_of_support_on"]]
    year_on = {day: day.replace(year=day.year + 1) if (day.month, day.day) != (2, 29) else date(day.year + 1, 2, 28)
               for _, day in supports}  # fmt: skip
    ages = [(row["day"] - row["installed_on"]).days for row in serving if row["installed_on"]]
    figures: dict = {
        "equipment_count": sum(row["state"] != "retired" for row in rows), "elements_in_service_count": len(serving),
        **{f"elements_{name}_count": sum(row["state"] == state for row in rows) for name, state in (
            ("planned", "planned"), ("active", "active"), ("degraded", "degraded"), ("in_maintenance", "maintenance"),
            ("failed", "failed"), ("retired", "retired"))},
        **{f"devices_{name}_count": None for name in ("in_stock", "assigned", "returned", "lost", "stolen")},
        "oldest_installed_on": min((row["installed_on"] for row in serving if row["installed_on"]), default=None),
        "avg_age_years": rounded(Decimal(sum(ages)) / len(ages) / Decimal("365.25")) if ages else None,
        "past_end_of_support_count": sum(end < day for end, day in supports),
        "end_of_support_within_12_months_count": sum(day <= end <= year_on[day] for end, day in supports),
        "next_end_of_support_on": min((end for end, day in supports if end >= day), default=None),
    }  # fmt: skip
    figures["data_through_at"] = _newest(world, [*rows, *(visit for row in rows for visit in row["visits"])])
    return figures | _maintenance(world, rows, serving, has_maintenance)


def _maintenance(world: World, rows: list[dict], serving: list[dict], has_maintenance: bool) -> dict:
    names = ("done", "failed", "in_progress", "due", "overdue")
    if not has_maintenance:
        return {**{f"maintenance_{name}_count": None for name in names}, "elements_never_maintained_count": None}
    counts = dict.fromkeys(names, 0)
    for visit in (visit for row in rows for visit in row["visits"]):
        state = state_of_visit(visit, world.as_of)
        if state in ("done", "failed"):
            counts[state] += visit["completed_at"] > world.as_of - timedelta(days=365)
        elif state == "in progress":
            counts["in_progress"] += 1
        elif state == "waiting":
            counts["overdue"] += visit["scheduled_at"] < world.as_of
            counts["due"] += world.as_of <= visit["scheduled_at"] < world.as_of + timedelta(days=30)
    never = sum(all(state_of_visit(v, world.as_of) != "done" for v in row["visits"]) for row in serving)
    return {**{f"maintenance_{name}_count": n for name, n in counts.items()}, "elements_never_maintained_count": never}


def _devices(world: World, rows: list[dict]) -> dict:
    states = ("in_stock", "assigned", "returned", "lost", "stolen")
    return {
        "equipment_count": len(rows), "data_through_at": _newest(world, rows),
        **{f"devices_{state}_count": sum(row["status"] == state for row in rows) for state in states},
        "elements_in_service_count": None, "avg_age_years": None, "maintenance_done_count": None,
    }  # fmt: skip
