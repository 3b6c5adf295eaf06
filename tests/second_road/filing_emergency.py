"""Emergency readiness besides counts of outages: restoration, power, ways round a failure, 911, government customers.

Not here: dbt's SQL and the graph of orchestration.analytics; here each link is cut in turn.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta

from tests.second_road.availability import availability_of, key_at
from tests.second_road.availability import start_of as start_of_element
from tests.second_road.coverage import _last_kept, elements_in_service
from tests.second_road.world import FOREVER, World, start_of

RESTORED_WITHIN_HOURS, BACKUP_HOURS = 24, 8
Graph = dict[str, list[tuple[str, str]]]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _percentile(values: list[float], share: float) -> float | None:
    """Between neighbours by the distance to them."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _share(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _restoration(world: World, provider_id: str, begin: datetime, end: datetime) -> list[float | None]:
    outages = [
        (row, (row["actual_restoration"] - row["outage_start"]) / timedelta(hours=1))
        for row in world.feeds["outages"].newest()
        if row["provider_id"] == provider_id and begin <= row["outage_start"] < end
        if row["outage_type"] != "planned" and row["actual_restoration"]
    ]
    hours = [lasted for _, lasted in outages]
    urgent = [lasted for row, lasted in outages if row["outage_type"] == "emergency_failure" or row["affects_911"]]
    in_time = sum(lasted <= RESTORED_WITHIN_HOURS for lasted in hours)
    return [_percentile(hours, 0.95), _mean(urgent), _share(in_time, len(hours))]


def _reached(graph: Graph, cut: str) -> set[str]:
    """Who comes to a core without the link."""
    seen, waiting = {"core"}, ["core"]
    while waiting:
        for other, link_id in graph[waiting.pop()]:
            if link_id != cut and other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def _with_a_second_way(world: World, elements: list[dict]) -> set[str]:
    """Elements that come to a core whichever one link is cut."""
    working = {row["element_id"]: row for row in elements if row["operational_status"] != "failed"}
    links = [row for row in world.feeds["network_topology"].newest() if row["link_status"] not in ("failed", "retired")]
    joined = {frozenset((row["source_element_id"], row["target_element_id"])) for row in links}
    edges = [(row["source_element_id"], row["target_element_id"], row["link_id"]) for row in links]
    for element_id, row in working.items():
        whole = "core" if row["element_type"] == "core" else row["parent_element_id"]
        if whole and frozenset((element_id, whole)) not in joined:
            edges.append((element_id, whole, "built in"))
    graph: Graph = defaultdict(list)
    for one, other, link_id in edges:
        if {one, other} <= {*working, "core"} and one != other:
            graph[one].append((other, link_id))
            graph[other].append((one, link_id))
    kept = _reached(graph, "")
    for link in links:
        kept &= _reached(graph, link["link_id"])
    return kept & set(working)


def _power(elements: list[dict], safe: set[str]) -> list[float | None]:
    backed_up = [row["power_rating_kw"] for row in elements if (row["backup_power_hours"] or 0) > 0]
    known = [float(kw) for kw in backed_up if kw is not None]
    serving = [row for row in elements if row["serves_911"]]
    long_enough = sum((row["backup_power_hours"] or 0) >= BACKUP_HOURS for row in serving)
    return [
        sum(known) if known else None, len(serving), _share(long_enough, len(serving)), len(elements),
        sum(row["element_id"] in safe for row in elements),
    ]  # fmt: skip


def _availability_911(world: World, first: date, last: date) -> dict[str, list[float | None]]:
    """Provider to (percent up, percent measured) of the time in service of elements that serve 911."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (element_id, day), row in availability_of(world).items():
        if not first <= day <= last or element_id not in world.element_versions:
            continue
        held = key_at(world, element_id, start_of_element(world, element_id, day + timedelta(days=1)) - 1)
        if held and held["serves_911"]:
            own = sums[held["provider_id"]]
            for place, name in enumerate(("seconds_in_service", "seconds_down", "seconds_measured")):
                own[place] += row[name]
    return {
        provider_id: [_share(total - down, total), _share(measured, total)]
        for provider_id, (total, down, measured) in sums.items()
    }


def _people(world: World, provider_id: str, closing: datetime) -> list[float | None]:
    customers = set()
    for service_id, versions in world.service_versions.items():
        version, dates = world.at(versions, closing), _last_kept(versions)
        if version is None or world.provider_of_service(service_id, closing) != provider_id:
            continue
        if dates["activated_at"] and dates["activated_at"] <= closing < (dates["deactivated_at"] or FOREVER):
            customers.add(version["customer_id"])
    known = world.feeds["customers"].versions()
    held = [world.at(known[one], closing) for one in customers if one in known]
    government = sum(row is not None and row["customer_type"] == "government" for row in held)
    return [len(customers), government, _share(government, len(customers))]


def readiness(world: World, day: date) -> dict[str, list[float | None]]:
    """Provider to the measures, in the order of COLUMNS."""
    available, first = _availability_911(world, date(day.year, 1, 1), day), date(day.year, 1, 1)
    found = {}
    for provider_id in world.providers:
        zone = world.zone_of_provider(provider_id)
        end = start_of(day + timedelta(days=1), zone)
        closing = end - timedelta(microseconds=1)
        standing = elements_in_service(world, closing, day)
        own = [row for row in standing if row["provider_id"] == provider_id]
        safe = _with_a_second_way(world, standing)
        found[provider_id] = [
            *_restoration(world, provider_id, start_of(first, zone), end), *_power(own, safe),
            *available.get(provider_id, [None, None]), *_people(world, provider_id, closing),
        ]  # fmt: skip
    return found


COLUMNS = (
    "p95_restoration_hours", "emergency_response_hours", "restored_in_time_percentage", "backup_power_kw",
    "elements_911_count", "elements_911_backed_up_percentage", "elements_count", "elements_redundant_count",
    "availability_911_percentage", "measured_911_percentage", "customers_count", "government_customers_count",
    "government_customers_percentage",
)  # fmt: skip
