"""The calendar and the dimensions of places, links and devices from the landed files, in plain Python.

Not here: dbt's SQL; equipment (equipment), coverage and topology (coverage).
"""

import math
from collections import defaultdict
from datetime import date, datetime, timedelta

from tests.second_road.world import FOREVER, UNKNOWN, World

EARTH_KM = 6371.0088


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
            "tract_geoid": geoid[:11], "county_geoid": geoid[:5], "state_fips": geoid[:2], "location": point(row),
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
            "zone_id": world.zone_id_of_service(service) if service else UNKNOWN,
            "type_allocation_code": row["imei"] and row["imei"][:8],
            **{name: row[name] for name in ("device_id", "device_type", "manufacturer", "model", "status",
                                            "assigned_at", "updated_at")},
        }  # fmt: skip
    return found


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


def boxes(world: World) -> dict[str, dict[tuple, dict]]:
    """Per table the bounding boxes and places of its rows by id; elements as they are now."""
    return {
        "dim_provider": {(i,): {"coverage_box": box_of(row["coverage_area"])} for i, row in world.providers.items()},
        "dim_service_zone": {(i,): {"boundary_box": box_of(row["boundary"])} for i, row in world.zones.items()},
        "dim_network_element_current": {
            (i,): {"coverage_box": element_box(row), "location": point(row)} for i, row in world.elements.items()
        },
    }


def personal(world: World) -> dict[str, dict[tuple, dict]]:
    """The three dimensions with personal values, and what is left of them in dim_customer_current."""
    customers = {
        (i,): {
            "zone_id": zone_id_of(world, row["service_zone_id"]), "location": point(row),
            **{name: row[name] for name in ("first_name", "last_name", "company_name", "email", "phone",
                                            "date_of_birth", "street_address", "city", "state", "postal_code")},
        }
        for i, row in world.customers.items()
    }  # fmt: skip
    masked = {
        (i,): {
            "first_name_initial": (row["first_name"] or "")[:1] or None, "postal_area": (row["postal_code"] or "")[:3]
            or None, "birth_year": row["date_of_birth"].year if row["date_of_birth"] else None,
            "zone_id": zone_id_of(world, row["service_zone_id"]), "account_status": row["account_status"],
        }
        for i, row in world.customers.items()
    }  # fmt: skip
    services = {
        (i,): {
            "customer_id": row["customer_id"], "zone_id": world.zone_id_of_service(row),
            "provider_id": world.plan_provider.get(row["plan_id"], UNKNOWN),
            "location": point(row, "service_longitude", "service_latitude"),
            **{name: row[name] for name in ("service_number", "block_geoid", "bdc_location_id",
                                            "service_postal_code")},
        }
        for i, row in world.services.items()
    }  # fmt: skip
    own = devices(world)
    clear = {
        (row["device_id"],): {
            **{name: own[(row["device_id"],)][name] for name in ("customer_id", "provider_id", "zone_id")},
            **{name: row[name] for name in ("imei", "mac_address", "serial_number")},
        }
        for row in world.feeds["devices"].newest()
    }
    return {"dim_customer_pii": customers, "dim_customer_current": masked, "dim_service_pii": services,
            "dim_device_pii": clear}  # fmt: skip
