"""Geography, devices, equipment and coverage from the landed files: dictionaries, distances and strips, no geometry library.

Not here: the pipeline's mathematics, dbt's SQL.
"""

import math
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from tests.second_road.world import FOREVER, UNKNOWN, World

EARTH_KM = 6371.0088
STRIPS = 1500
SINCE_EVER = datetime.min.replace(tzinfo=UTC)


def rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"), ROUND_HALF_UP)


# Dimensions


def positions(geojson: object) -> list[tuple[float, float]]:
    """Every position of a GeoJSON value."""
    if geojson is None:
        return []
    if geojson["type"] == "FeatureCollection":
        return [p for feature in geojson["features"] for p in positions(feature)]
    if geojson["type"] == "Feature":
        return positions(geojson["geometry"])
    if geojson["type"] == "GeometryCollection":
        return [p for part in geojson["geometries"] for p in positions(part)]
    found, waiting = [], [geojson["coordinates"]]
    while waiting:
        part = waiting.pop()
        if part and isinstance(part[0], int | float):
            found.append((float(part[0]), float(part[1])))
        else:
            waiting += part
    return found


def box_of(geojson: object) -> tuple[float, float, float, float] | None:
    """East, north, west, south."""
    found = positions(geojson)
    if not found:
        return None
    xs, ys = [p[0] for p in found], [p[1] for p in found]
    return max(xs), max(ys), min(xs), min(ys)


def element_box(row: dict) -> tuple[float, float, float, float] | None:
    if row["coverage_area"] is not None:
        return box_of(row["coverage_area"])
    if None in (row["longitude"], row["latitude"], row["coverage_radius_km"]):
        return None
    x, y, angle = float(row["longitude"]), float(row["latitude"]), float(row["coverage_radius_km"]) / EARTH_KM
    half = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(y))))
    return x + half, y + math.degrees(angle), x - half, y - math.degrees(angle)


def point(row: dict, longitude: str = "longitude", latitude: str = "latitude") -> tuple[float, float] | None:
    return None if None in (row[longitude], row[latitude]) else (float(row[longitude]), float(row[latitude]))


def zone_id_of(world: World, zone_id: str | None) -> str:
    return zone_id if zone_id in world.zones else UNKNOWN


def provider_id_of(world: World, provider_id: str | None) -> str:
    return provider_id if provider_id in world.providers else UNKNOWN


def zone_provider(world: World, zone_id: str | None) -> str:
    zone = world.zones.get(zone_id)
    return provider_id_of(world, zone["provider_id"]) if zone else UNKNOWN


def census_blocks(world: World) -> dict[tuple, dict]:
    found = {}
    for row in sorted(world.feeds["census_blocks"].newest_events(), key=lambda r: r["zone_id"], reverse=True):
        zone_id, geoid = zone_id_of(world, row["zone_id"]), row["block_geoid"]
        found[geoid, zone_id] = {
            "block_geoid": geoid, "zone_id": zone_id, "provider_id": zone_provider(world, row["zone_id"]),
            "tract_geoid": geoid[:11], "county_fips": geoid[:5], "state_fips": geoid[:2], "location": point(row),
            "households": row["households"], "housing_units": row["housing_units"], "population": row["population"],
        }  # fmt: skip
    return found


def newest_by_key(world: World, feed: str, *key: str) -> list[dict]:
    """The newest version by a key of several columns."""
    newest: dict[tuple, dict] = {}
    for row in world.feeds[feed].winners.values():
        name = tuple(row[k] for k in key)
        if name not in newest or row["updated_at"] > newest[name]["updated_at"]:
            newest[name] = row
    return [row for row in newest.values() if not row["is_deleted"]]


def serviceable_locations(world: World) -> dict[tuple, dict]:
    zone_of: dict[tuple, str] = {}
    for block in census_blocks(world).values():
        if block["provider_id"] != UNKNOWN:
            name = (block["block_geoid"], block["provider_id"])
            zone_of[name] = min(zone_of.get(name, block["zone_id"]), block["zone_id"])
    found = {}
    offers = newest_by_key(world, "serviceable_locations", "provider_id", "location_id", "technology_code")
    for row in sorted(offers, key=lambda r: r["updated_at"]):
        provider_id = provider_id_of(world, row["provider_id"])
        found[provider_id, row["location_id"], row["technology_code"]] = {
            "provider_id": provider_id, "tract_geoid": row["block_geoid"][:11],
            "zone_id": zone_of.get((row["block_geoid"], provider_id), UNKNOWN), "location": point(row),
            **{name: row[name] for name in (
                "location_id", "technology_code", "block_geoid", "max_advertised_download_mbps",
                "max_advertised_upload_mbps", "low_latency", "business_residential_code", "available_from",
                "available_to", "updated_at")},
        }  # fmt: skip
    return found


def network_links(world: World) -> dict[tuple, dict]:
    def end(element_id: str) -> str:
        return element_id if element_id in world.elements else UNKNOWN

    found = {}
    for row in world.feeds["network_topology"].newest():
        source = world.elements.get(row["source_element_id"])
        found[(row["link_id"],)] = {
            "source_element_id": end(row["source_element_id"]), "target_element_id": end(row["target_element_id"]),
            "provider_id": provider_id_of(world, source["provider_id"]) if source else UNKNOWN,
            "zone_id": zone_id_of(world, source["zone_id"]) if source else UNKNOWN,
            **{name: row[name] for name in ("link_id", "link_type", "capacity_mbps", "latency_ms",
                                            "reliability_percentage", "link_status", "updated_at")},
        }  # fmt: skip
    return found


def zone_of_service_row(world: World, service: dict) -> str:
    """The customer's zone where it is one of the service's provider."""
    customer = world.customers.get(service["customer_id"])
    zone = world.zones.get(customer["service_zone_id"]) if customer else None
    provider_id = world.plan_provider.get(service["plan_id"], UNKNOWN)
    return customer["service_zone_id"] if zone and zone["provider_id"] == provider_id else UNKNOWN


def latest_primary(world: World, customer_id: str) -> str | None:
    """The primary provider of the last stretch of time in which the customer had any service in force."""
    spans = [
        (s["activated_at"], s["deactivated_at"] or FOREVER, world.plan_provider.get(s["plan_id"], UNKNOWN))
        for s in world.services.values()
        if s["customer_id"] == customer_id and s["activated_at"]
    ]
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        return None
    end = max(span[1] for span in spans)
    begin = max(t for span in spans for t in span[:2] if t < end)
    in_force: dict[str, list[datetime]] = defaultdict(list)
    for start, stop, provider in spans:
        if start <= begin and stop >= end:
            in_force[provider].append(start)
    return min(in_force, key=lambda p: (-len(in_force[p]), min(in_force[p]), p))


def devices(world: World) -> dict[tuple, dict]:
    running: dict[str, list[dict]] = defaultdict(list)
    for service in world.services.values():
        if service["device_id"]:
            running[service["device_id"]].append(service)
    found = {}
    for row in world.feeds["devices"].newest():
        own = running.get(row["device_id"], [])
        own.sort(key=lambda s: (-(s["deactivated_at"] or FOREVER).timestamp(), s["activated_at"] or FOREVER,
                                s["service_id"]))  # fmt: skip
        service = own[0] if own else None
        customer_id = row["customer_id"]
        provider_id = (
            world.plan_provider.get(service["plan_id"], UNKNOWN) if service
            else (latest_primary(world, customer_id) or UNKNOWN) if customer_id else UNKNOWN
        )  # fmt: skip
        found[(row["device_id"],)] = {
            "customer_id": customer_id if customer_id is None or customer_id in world.customers else UNKNOWN,
            "service_id": service["service_id"] if service else None, "provider_id": provider_id,
            "zone_id": zone_of_service_row(world, service) if service else UNKNOWN,
            "type_allocation_code": row["imei"] and row["imei"][:8],
            **{name: row[name] for name in ("device_id", "device_type", "manufacturer", "model", "status",
                                            "assigned_at", "updated_at")},
        }  # fmt: skip
    return found


# Holidays


def federal_holidays(year: int) -> dict[date, str]:
    """By counting weekdays from the month's first or last day (5 U.S.C. 6103)."""

    def nth(month: int, weekday: int, number: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))

    memorial = date(year, 5, 31)
    found = {
        date(year, 1, 1): "New Year's Day", nth(1, 0, 3): "Birthday of Martin Luther King, Jr.",
        nth(2, 0, 3): "Washington's Birthday", memorial - timedelta(days=memorial.weekday()): "Memorial Day",
        date(year, 7, 4): "Independence Day", nth(9, 0, 1): "Labor Day", nth(10, 0, 2): "Columbus Day",
        date(year, 11, 11): "Veterans Day", nth(11, 3, 4): "Thanksgiving Day", date(year, 12, 25): "Christmas Day",
    }  # fmt: skip
    return found | ({date(year, 6, 19): "Juneteenth National Independence Day"} if year >= 2021 else {})


def calendar() -> dict[tuple, dict]:
    names = {day: name for year in range(1989, 2103) for day, name in federal_holidays(year).items()}
    observed = {day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0)) for day in names}
    found, day = {}, date(1990, 1, 1)
    while day <= date(2100, 12, 31):
        iso = day.isocalendar()
        month_end = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        quarter = (day.month + 2) // 3
        quarter_end = date(day.year + quarter // 4, quarter % 4 * 3 + 1, 1) - timedelta(days=1)
        found[(day,)] = {
            "date_day": day, "day_of_week": iso.weekday, "day_name": f"{day:%A}", "day_of_month": day.day,
            "day_of_year": day.timetuple().tm_yday, "is_weekend": iso.weekday > 5, "iso_week": iso.week,
            "iso_year": iso.year, "iso_week_name": f"{iso.year}-W{iso.week:02d}",
            "week_start_date": day - timedelta(days=day.weekday()), "month_start_date": day.replace(day=1),
            "month_end_date": month_end, "month_of_year": day.month, "month_name": f"{day:%B}",
            "year_month": f"{day:%Y-%m}", "is_month_start": day.day == 1, "is_month_end": day == month_end,
            "days_in_month": month_end.day, "quarter_of_year": quarter, "year_quarter": f"{day.year}-Q{quarter}",
            "quarter_start_date": date(day.year, 3 * quarter - 2, 1), "quarter_end_date": quarter_end,
            "calendar_year": day.year, "federal_holiday_name": names.get(day), "is_federal_holiday": day in names,
            "is_federal_holiday_observed": day in observed,
            "is_business_day": iso.weekday < 6 and day not in observed,
        }  # fmt: skip
        day += timedelta(days=1)
    return found


# Equipment


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


# Coverage


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The angle between two directions from the Earth's centre, by their cross and dot products."""

    def direction(place: tuple[float, float]) -> tuple[float, float, float]:
        x, y = (math.radians(degrees) for degrees in place)
        return math.cos(y) * math.cos(x), math.cos(y) * math.sin(x), math.sin(y)

    a, b = direction(one), direction(other)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return EARTH_KM * math.atan2(math.hypot(*cross), sum(p * q for p, q in zip(a, b, strict=True)))


def strip_area_factor(latitude: float) -> float:
    """Square km of a strip of WGS 84, a degree of longitude by a degree of latitude: M N cos(latitude)."""
    a, e2, angle = 6378.137, 0.00669437999014, math.radians(latitude)
    return a * a * (1 - e2) * math.cos(angle) / (1 - e2 * math.sin(angle) ** 2) ** 2 * math.radians(1) ** 2


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for west, east in sorted(spans):
        if joined and west <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], east))
        else:
            joined.append((west, east))
    return joined


def _length(spans: list[tuple[float, float]]) -> float:
    return sum(east - west for west, east in spans)


def _both(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> list[tuple[float, float]]:
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    return [(west, east) for west, east in pairs if west < east]


def _chord(circle: tuple, latitude: float) -> tuple[float, float] | None:
    """The span of longitudes of a circle at a latitude, from the spherical law of cosines."""
    (x, y), radius = circle
    own, there = math.radians(y), math.radians(latitude)
    cosine = (math.cos(radius / EARTH_KM) - math.sin(own) * math.sin(there)) / (math.cos(own) * math.cos(there))
    if cosine > 1:
        return None
    half = math.degrees(math.acos(max(cosine, -1)))
    return x - half, x + half


def rectangle_cover(box: tuple, circles: dict[str, list[tuple]]) -> dict[str, tuple[float, float]]:
    """(covered, overlap with others) in square km per provider, of a zone that is a rectangle, in strips."""
    east, north, west, south = box
    height = (north - south) / STRIPS
    found = {provider: [0.0, 0.0] for provider in circles}
    for strip in range(STRIPS):
        latitude = south + (strip + 0.5) * height
        factor = strip_area_factor(latitude) * height
        spans = {
            provider: _both([(west, east)], _joined([c for one in own if (c := _chord(one, latitude))]))
            for provider, own in circles.items()
        }
        for provider, own in spans.items():
            others = _joined([span for other, theirs in spans.items() if other != provider for span in theirs])
            found[provider][0] += factor * _length(own)
            found[provider][1] += factor * _length(_both(own, others))
    return {provider: (covered, overlap) for provider, (covered, overlap) in found.items()}


def moments(as_of: datetime, zone: ZoneInfo, months: int = 24) -> list[tuple[date, datetime, bool]]:
    """(local day, instant, whether AS_OF): the last months' ends, and AS_OF."""
    last = (as_of - timedelta(microseconds=1)).astimezone(zone).date()
    found = [(last, as_of, True)]
    first = last.replace(day=1)
    if (last + timedelta(days=1)).day == 1 and as_of == datetime.combine(last + timedelta(days=1), time(), zone):
        months -= 1
    for _ in range(months):
        last = first - timedelta(days=1)
        found.append((last, datetime.combine(first, time(), zone).astimezone(UTC) - timedelta(microseconds=1), False))
        first = last.replace(day=1)
    return found


def elements_in_service(world: World, at: datetime, day: date) -> list[dict]:
    held = [world.at(versions, at) for versions in world.element_versions.values()]
    return [
        row for row in held
        if row and row["operational_status"] not in ("planned", "retired")
        and (row["installed_on"] is None or row["installed_on"] <= day)
    ]  # fmt: skip


def services_at(world: World, at: datetime) -> list[dict]:
    """The version of each service that holds then, if it is in force then by the newest version's dates."""
    found = []
    for service_id, versions in world.service_versions.items():
        version, newest = world.at(versions, at), _last_kept(versions)
        if version is None or version["service_status"] == "suspended" or newest["activated_at"] is None:
            continue
        if newest["activated_at"] <= at and (newest["deactivated_at"] or FOREVER) > at:
            now = world.services.get(service_id, {})
            customer = world.customers.get(version["customer_id"])
            place = point(now, "service_longitude", "service_latitude") if now else None
            found.append({**version, "place": place or (point(customer) if customer else None)})
    return found


def _last_kept(versions: list[dict]) -> dict:
    return (
        [v for v in versions if not v["is_deleted"]][-1] if any(not v["is_deleted"] for v in versions) else versions[-1]
    )


def coverage_at(world: World, zone_id: str, day: date, at: datetime) -> dict[str, dict]:
    """Per provider that covers the zone, and its own: everything but the areas, which are there as circles."""
    zone = world.zones[zone_id]
    standing = elements_in_service(world, at, day)
    circles: dict[str, list] = defaultdict(list)
    for row in standing:
        # The sample's elements have circles only; the comparison says so if that changes.
        assert row["coverage_area"] is None
        place = point(row)
        if place and row["coverage_radius_km"]:
            circles[provider_id_of(world, row["provider_id"])].append((place, float(row["coverage_radius_km"])))
    own = provider_id_of(world, zone["provider_id"])
    blocks = [row for row in world.feeds["census_blocks"].newest_events() if row["zone_id"] == zone_id]
    people = [s for s in services_at(world, at) if zone_of_service_row(world, {**s}) == zone_id]
    return {
        provider: {
            "is_zone_provider": provider == own,
            "elements_in_service_count": sum(
                row["zone_id"] == zone_id and provider_id_of(world, row["provider_id"]) == provider for row in standing
            ),
            "circles": dict(circles), "is_known": provider in circles,
            **_places(blocks, people, circles.get(provider)),
        }
        for provider in {own, *circles}
    }  # fmt: skip


def _places(blocks: list[dict], people: list[dict], circles: list | None) -> dict:
    def is_covered(place: tuple | None) -> bool:
        return place is not None and any(distance_km(place, centre) <= radius for centre, radius in circles or [])

    covered = [row for row in blocks if is_covered(point(row))]
    counts = {
        "tracts": [len({row["block_geoid"][:11] for row in rows}) for rows in (blocks, covered)],
        "blocks": [len(blocks), len(covered)],
        "households": [sum(row["households"] or 0 for row in rows) for rows in (blocks, covered)],
    }
    found: dict = {}
    for name, (whole, part) in counts.items():
        found[f"{name}_count"] = whole if blocks else None
        found[f"{name}_covered_count"] = part if blocks and circles else None
    reached = {row["customer_id"] for row in people if is_covered(row["place"])}
    return found | {
        "customers_count": len({row["customer_id"] for row in people}),
        "customers_located_count": len({row["customer_id"] for row in people if row["place"]}),
        "customers_covered_count": len(reached) if circles else None,
    }


# Topology


def topology_risk(world: World) -> dict[tuple, dict]:
    """Each element and link is taken out in turn, and it is looked who still arrives at a core."""
    elements = {}
    for element_id, versions in world.element_versions.items():
        row = world.at(versions, world.as_of)
        day = as_of_day(world, world.zone_of_element(element_id))
        if row and row["operational_status"] not in ("planned", "retired"):
            if row["installed_on"] is None or row["installed_on"] <= day:
                elements[element_id] = row
    links = {row["link_id"]: row for row in world.feeds["network_topology"].newest() if row["link_status"] != "retired"}
    working = {element_id for element_id, row in elements.items() if row["operational_status"] != "failed"}
    edges = [(row["source_element_id"], row["target_element_id"], link_id) for link_id, row in links.items()
             if row["link_status"] != "failed"]  # fmt: skip
    linked = {frozenset(edge[:2]) for edge in edges if {*edge[:2]} <= working and edge[0] != edge[1]}
    edges += [(e, row["parent_element_id"], "") for e, row in elements.items()
              if row["parent_element_id"] and frozenset((e, row["parent_element_id"])) not in linked]  # fmt: skip
    cores = {e for e in working if elements[e]["element_type"] == "core"}
    neighbours: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one, other, link_id in edges:
        if {one, other} <= working and one != other:
            neighbours[one].append((other, link_id))
            neighbours[other].append((one, link_id))
    before = _arriving(neighbours, cores, "")
    joined = {link_id for pairs in neighbours.values() for _, link_id in pairs}
    served: dict[str, list[dict]] = defaultdict(list)
    for row in services_at(world, world.as_of):
        if row["serving_element_id"]:
            served[row["serving_element_id"]].append(row)
    found = {}
    for kind, names in (("element", elements), ("link", links)):
        for name in names:
            has_path = name in before if kind == "element" else (
                name in joined and links[name]["source_element_id"] in before)  # fmt: skip
            lost = before - _arriving(neighbours, cores, name) - {name} if has_path else set()
            hit = lost | ({name} if kind == "element" else set())
            behind = [row for element_id in hit for row in served[element_id]]
            counts = {
                "is_single_point_of_failure": bool(lost), "elements_cut_off_count": len(lost),
                "elements_911_cut_off_count": sum(bool(elements[e]["serves_911"]) for e in hit),
                "services_cut_off_count": len({row["service_id"] for row in behind}),
                "customers_cut_off_count": len({row["customer_id"] for row in behind}),
            }  # fmt: skip
            found[kind, name] = {
                "has_path_to_core": has_path, **(counts if has_path else dict.fromkeys(counts)),
                "has_no_second_way": _has_no_second_way(neighbours, cores, kind, name, links)
                if has_path and not (kind == "element" and name in cores) else None,
            }  # fmt: skip
    return found


def _arriving(neighbours: dict, cores: set[str], without: str) -> set[str]:
    waiting = [core for core in cores if core != without]
    reached = set(waiting)
    while waiting:
        for other, link_id in neighbours[waiting.pop()]:
            if other not in reached and other != without and (not without or link_id != without):
                reached.add(other)
                waiting.append(other)
    return reached


def _has_no_second_way(neighbours: dict, cores: set[str], kind: str, name: str, links: dict) -> bool:
    """Whether one other failure alone takes an element's last path, or a link's ends have no other way."""
    if kind == "link":
        ends = {links[name]["source_element_id"]}
        return links[name]["target_element_id"] not in _arriving(neighbours, ends, name)
    things = {x for pairs in neighbours.values() for pair in pairs for x in pair if x and x != name}
    return any(name not in _arriving(neighbours, cores, thing) for thing in things)
