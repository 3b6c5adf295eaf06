"""Capacity planning's histories from the landed files: subscribers by zone and month, busy-hour traffic of leaves.

Not here: forecasts of them; dbt's SQL.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from tests.second_road.availability import samples_by_day
from tests.second_road.network import belonging, mean, percentile, start_of
from tests.second_road.world import UNKNOWN, World
from tests.second_road.world import start_of as instant_of

ACCESS = {"cell_site", "sector", "olt", "pon_port", "cmts", "service_group", "dslam", "satellite_gateway"}
WHOLE_DAY = 82_800
Histories = dict[tuple[str, str, str], dict[date, float]]


def last_months(world: World, count: int) -> list[date]:
    """The first days of the last months that were over, ascending."""
    from zoneinfo import ZoneInfo

    day = world.as_of.astimezone(ZoneInfo(world.reporting_time_zone)).date().replace(day=1)
    found = []
    for _ in range(count):
        day = (day - timedelta(days=1)).replace(day=1)
        found.append(day)
    return found[::-1]


def subscribers(world: World) -> Histories:
    first_bill = min(bill["billing_period_start"] for bill in world.feeds["bills"].newest()).replace(day=1)
    months = [month for month in last_months(world, 48) if month >= first_bill]
    counts: dict[str, dict[date, int]] = {zone_id: dict.fromkeys(months, 0) for zone_id in world.zones}
    for service_id, service in world.services.items():
        start, end = service["activated_at"], service["deactivated_at"]
        if start is None:
            continue
        zone = world.zone_of_service(service_id)
        for month in months:
            closes = min(instant_of((month + timedelta(days=32)).replace(day=1), zone), world.as_of)
            if not start < closes or (end is not None and not closes <= end):
                continue
            version = world.at(world.service_versions[service_id], closes - timedelta(microseconds=1))
            place = world.zone_id_of_service(version)
            if version and version["service_status"] != "suspended" and place in counts:
                counts[place][month] += 1
    found: Histories = {}
    for zone_id, by_month in counts.items():
        begun = next((place for place, month in enumerate(months) if by_month[month]), len(months))
        found["zone", zone_id, "subscribers"] = {month: float(by_month[month]) for month in months[begun:]}
    return found


def leaf_ids(world: World) -> set[str]:
    own = {id_ for id_, row in world.elements.items() if row["element_type"] in ACCESS}
    parents = {
        version["parent_element_id"]
        for id_ in own
        for version in world.element_versions[id_]
        if version["operational_status"] not in ("planned", "retired")
    }
    return own - parents


def busy_days(world: World) -> dict[tuple[str, date], tuple[float | None, float | None]]:
    """Down and up, in Mbps, of each leaf and local day."""
    leaves, found = leaf_ids(world), {}
    for (element_id, day), samples in samples_by_day(world).items():
        if element_id not in leaves:
            continue
        short = [s for s in samples if s["interval_seconds"] < WHOLE_DAY]
        chosen = [s for s in samples if s["interval_seconds"] >= WHOLE_DAY] or short
        stated = [s["busy_hour_throughput_mbps"] for s in chosen if s["busy_hour_throughput_mbps"] is not None]
        busiest = [s["throughput_mbps"] for s in short if s["throughput_mbps"] is not None]
        down = max(stated or busiest, default=None)
        hours = defaultdict(list)
        for sample in short:
            if sample["uplink_throughput_mbps"] is not None:
                at = sample["measurement_timestamp"].astimezone(UTC).replace(minute=0, second=0, microsecond=0)
                hours[at].append(sample["uplink_throughput_mbps"])
        here = {at: mean(values) for at, values in hours.items() if _day_of(world, element_id, at) == day}
        usual = mean([s["throughput_mbps"] for s in chosen if s["throughput_mbps"] is not None])
        up = mean([s["uplink_throughput_mbps"] for s in chosen if s["uplink_throughput_mbps"] is not None])
        if len(here) >= 20:
            up = max(here.values())
        else:
            up = up * down / usual if up is not None and down is not None and usual else None
        found[element_id, day] = (None if down is None else float(down), None if up is None else float(up))
    return found


def _day_of(world: World, element_id: str, at: datetime) -> date:
    return at.astimezone(world.zone_of_element(element_id)).date()


def traffic(world: World) -> Histories:
    months = set(last_months(world, 48))
    values: dict[tuple[str, str, str, date], list[float]] = defaultdict(list)
    zone_days: dict[tuple[str, date], list[tuple[str, float | None, float | None]]] = defaultdict(list)
    for (element_id, day), (down, up) in busy_days(world).items():
        month = day.replace(day=1)
        if month not in months:
            continue
        for measure, value in (("busy_hour_mbps_down", down), ("busy_hour_mbps_up", up)):
            if value is not None:
                values["element", element_id, measure, month].append(value)
        zone_id = belonging(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1)["zone_id"]
        zone_days[zone_id, day].append((element_id, down, up))
    reporting = defaultdict(set)
    for (zone_id, day), rows in zone_days.items():
        reporting[zone_id, day.replace(day=1)] |= {e for e, down, up in rows if not down is up is None}
    for (zone_id, day), rows in zone_days.items():
        least = 0.9 * len(reporting[zone_id, day.replace(day=1)])
        for place, measure in ((1, "busy_hour_mbps_down"), (2, "busy_hour_mbps_up")):
            own = [row[place] for row in rows if row[place] is not None]
            if zone_id != UNKNOWN and len(own) >= least:
                values["zone", zone_id, measure, day.replace(day=1)].append(sum(own))
    found: Histories = defaultdict(dict)
    for (kind, id_, measure, month), own in values.items():
        if len(own) >= 20:
            found[kind, id_, measure][month] = percentile(own, 0.95)
    return found


__all__ = ["busy_days", "last_months", "leaf_ids", "subscribers", "traffic"]
