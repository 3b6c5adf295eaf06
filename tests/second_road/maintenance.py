"""Outages without a record, failures and due work, in plain Python: one element and day after the other.

Not here: the frames of orchestration.analytics; availability itself (availability.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from tests.second_road.world import World, start_of

TOLERANCE = timedelta(minutes=90)
LEAST_SECONDS = 30 * 60
GRACE = timedelta(days=1)
Days = Mapping[tuple[str, date], tuple[int, int, int]]


def above(world: World, element_id: str) -> list[str]:
    found, at = [], world.elements[element_id]["parent_element_id"]
    while at in world.elements and at not in found:
        found.append(at)
        at = world.elements[at]["parent_element_id"]
    return found


def recorded_spans(world: World) -> dict[str, list[tuple[datetime, datetime]]]:
    spans = defaultdict(list)
    for row in world.feeds["outages"].newest():
        is_over = row["outage_status"] in ("restored", "closed")
        end = row["actual_restoration"] or (row["outage_start"] if is_over else world.as_of)
        if row["element_id"] and row["outage_start"] < world.as_of:
            spans[row["element_id"]].append((row["outage_start"], min(end, world.as_of)))
    return spans


def overlap(spans: Iterable[tuple[datetime, datetime]], begin: datetime, end: datetime) -> float:
    """Seconds of the window in the union of the spans."""
    covered, at = 0.0, begin
    for first, last in sorted(spans):
        if min(last, end) > max(first, at):
            covered += (min(last, end) - max(first, at)).total_seconds()
            at = min(last, end)
    return covered


def down_seconds(world: World, days: Days) -> dict[tuple[str, date], float]:
    """Seconds down per element and day, where the day was measured or what hangs on the element tells it."""
    down = {key: float(lost) for key, (asked, known, lost) in days.items() if known >= asked / 2 or lost > 0}
    children = defaultdict(list)
    for element_id, row in world.elements.items():
        if row["parent_element_id"] in world.elements:
            children[row["parent_element_id"]].append(element_id)
    for element_id in sorted(children, key=lambda one: -len(above(world, one))):
        for day in {day for _, day in days}:
            behind = [down[child, day] for child in children[element_id] if (child, day) in down]
            if (element_id, day) not in down and len(behind) >= 2 and min(behind) > 0:
                down[element_id, day] = min(behind)
    return down


def missing_outages(world: World, days: Days) -> dict[tuple[str, date], float]:
    """(element, first day) to seconds that no record covers, of downtime that nothing above the element explains.

    Args:
        world: the landed files.
        days: (element, local day) to seconds in service, measured and down without a plan.
    """
    down, spans = down_seconds(world, days), recorded_spans(world)
    found: dict[tuple[str, date], float] = {}
    for element_id in {one for one, _ in down if one in world.elements}:
        zone, own = world.zone_of_element(element_id), {}
        for (name, day), lost in down.items():
            if name != element_id or lost <= 0:
                continue
            window = (start_of(day, zone), start_of(day + timedelta(days=1), zone))
            explained = max(
                (down.get((one, day), overlap(spans[one], *window)) for one in above(world, element_id)), default=0
            )
            if lost > explained:
                own[day] = lost - explained
        run: list[date] = []
        for day in [*sorted(own), date.max]:
            if run and day != run[-1] + timedelta(days=1):
                begin, end = start_of(run[0], zone), start_of(run[-1] + timedelta(days=1), zone)
                seconds = sum(own[one] for one in run)
                rest = seconds - overlap(spans[element_id], begin - TOLERANCE, end + TOLERANCE)
                if rest > LEAST_SECONDS and end <= world.as_of - GRACE:
                    found[element_id, run[0]] = rest
                run = []
            run.append(day)
    return found


def failures(world: World, missing: Iterable[tuple[str, date]], wrong: set[str]) -> dict[str, list[datetime]]:
    """Per element the instants of its failures: unplanned records that are not wrong, and missing ones at noon."""
    found = defaultdict(list)
    for row in world.feeds["outages"].newest():
        if row["element_id"] and row["outage_type"] != "planned" and row["outage_id"] not in wrong:
            found[row["element_id"]].append(row["outage_start"])
    for element_id, day in missing:
        found[element_id].append(start_of(day, world.zone_of_element(element_id)) + timedelta(hours=12))
    return found


def due_work(world: World) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Per element when the oldest work still pending was to begin, and when the next one is to."""
    found = defaultdict(lambda: ([], []))
    for row in world.feeds["maintenance_events"].newest():
        if row["outcome"] == "pending" or (row["outcome"] == "failed" and not row["completed_at"]):
            found[row["element_id"]][row["scheduled_at"] >= world.as_of].append(row["scheduled_at"])
    return {one: (min(overdue, default=None), min(ahead, default=None)) for one, (overdue, ahead) in found.items()}


def quiet_window(world: World, element_id: str) -> datetime | None:
    """When the four hours with the least traffic of the last 28 days begin next, half a day from AS_OF at least."""
    zone, by_hour = world.zone_of_element(element_id), defaultdict(list)
    hourly = defaultdict(list)
    for row in world.feeds["network_performance"].newest_events():
        at = row["measurement_timestamp"]
        if row["element_id"] == element_id and row["interval_seconds"] < 82_800 and row["throughput_mbps"] is not None:
            hour = at.replace(minute=0, second=0, microsecond=0)
            if world.as_of - timedelta(days=28) <= hour < world.as_of:
                hourly[hour].append(row["throughput_mbps"])
    for hour, values in hourly.items():
        by_hour[hour.astimezone(zone).hour].append(sum(values) / len(values))
    if len(hourly) < 168 or len(by_hour) < 24:
        return None
    means = [float(sum(by_hour[hour]) / len(by_hour[hour])) for hour in range(24)]
    start = min(range(24), key=lambda hour: sum(means[(hour + step) % 24] for step in range(4)))
    at = world.as_of + timedelta(hours=12)
    while at.astimezone(zone).hour != start or at.minute:
        at += timedelta(minutes=1) if at.minute else timedelta(hours=1)
    return at.astimezone(UTC)
