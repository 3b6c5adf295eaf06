"""Coverage of zones and risks of the topology from the landed files: distances, strips and searches, no library.

Not here: the pipeline's mathematics.
"""

import math
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.second_road.equipment import as_of_day
from tests.second_road.geography import EARTH_KM, point, provider_id_of
from tests.second_road.world import FOREVER, World

STRIPS = 1500


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
    people = [s for s in services_at(world, at) if world.zone_id_of_service(s) == zone_id]
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


def topology_risk(world: World) -> dict[tuple, dict]:
    """Each element and link is taken out in turn, and it is looked who still arrives at a core."""
    elements = {}
    for element_id, versions in world.element_versions.items():
        row = world.at(versions, world.as_of)
        day = as_of_day(world, world.zone_of_element(element_id))
        is_installed = row is not None and (row["installed_on"] is None or row["installed_on"] <= day)
        if is_installed and row["operational_status"] not in ("planned", "retired"):
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
