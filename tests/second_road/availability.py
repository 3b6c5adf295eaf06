"""The availability of every element and day in service, from the rows that count, on a line of whole microseconds.

Not here: dbt's SQL; this follows the definition in the description of core.fct_element_availability_daily.
"""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta

from tests.second_road.world import UNKNOWN, World

Spans = list[tuple[int, int]]
EVER = (-(10**18), 10**18)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def union(spans: Spans) -> Spans:
    joined: Spans = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def common(one: Spans, other: Spans) -> Spans:
    return union([(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other])


def without(spans: Spans, taken: Spans) -> Spans:
    rest: Spans = []
    for begin, end in spans:
        at = begin
        for start, stop in union(taken):
            if stop > at and start < end:
                rest.append((at, min(start, end)))
                at = max(at, stop)
        rest.append((at, end))
    return union(rest)


def length(spans: Spans) -> int:
    return sum(end - start for start, end in union(spans))


def seconds(microseconds: int) -> int:
    return (microseconds + 500_000) // 1_000_000


def start_of(world: World, element_id: str, day: date) -> int:
    return micros(datetime.combine(day, time(), tzinfo=world.zone_of_element(element_id)).astimezone(UTC))


def states(world: World, element_id: str) -> list[tuple[int, int, dict]]:
    """The element's versions that were not taken back, with the span in which each held."""
    versions = world.element_versions[element_id]
    bounds = [EVER[0], *(micros(version["updated_at"]) for version in versions[1:]), EVER[1]]
    return [(start, end, v) for v, start, end in zip(versions, bounds, bounds[1:], strict=False) if not v["is_deleted"]]


def in_service(world: World, element_id: str) -> Spans:
    held = states(world, element_id)
    installed_on = held[-1][2]["installed_on"] if held else None
    since = start_of(world, element_id, installed_on) if installed_on else EVER[0]
    return union([(max(a, since), b) for a, b, v in held if v["operational_status"] not in ("planned", "retired")])


def stopped(world: World) -> dict[str, tuple[Spans, Spans]]:
    """Per element the spans in which it was down unplanned, and those in which it was down by plan only."""
    unplanned, planned, now = defaultdict(list), defaultdict(list), micros(world.as_of)
    for outage in world.feeds["outages"].newest():
        if outage["actual_restoration"] is None and outage["outage_status"] in ("restored", "closed"):
            continue
        end = micros(outage["actual_restoration"]) if outage["actual_restoration"] else now
        kind = planned if outage["outage_type"] == "planned" else unplanned
        kind[outage["element_id"]].append((micros(outage["outage_start"]), end))
    for work in world.feeds["maintenance_events"].newest():
        ended = work["completed_at"] or (world.as_of if work["outcome"] == "pending" else None)
        if work["maintenance_type"] == "corrective" or work["outcome"] == "cancelled" or not work["started_at"]:
            continue
        if ended:
            planned[work["element_id"]].append((micros(work["started_at"]), micros(ended)))
    for element_id in world.element_versions:
        unplanned[element_id] += [
            (a, b) for a, b, v in states(world, element_id) if v["operational_status"] == "failed"
        ]
    return {e: (union(unplanned[e]), without(union(planned[e]), unplanned[e])) for e in {*unplanned, *planned}}


def samples_by_day(world: World) -> dict[tuple[str, date], list[dict]]:
    found = defaultdict(list)
    for row in world.feeds["network_performance"].newest_events():
        zone = world.zone_of_element(row["element_id"])
        found[row["element_id"], row["measurement_timestamp"].astimezone(zone).date()].append(row)
    return found


def span_of(sample: dict) -> tuple[int, int]:
    start = micros(sample["measurement_timestamp"])
    return start, start + sample["interval_seconds"] * 1_000_000


def sampled(samples: list[dict], planned: Spans) -> tuple[int, int, int]:
    """Microseconds of a day that samples speak for, down, and of these down by plan; the shorter samples first."""
    covered = down = by_plan = 0
    daily = [s for s in samples if s["interval_seconds"] >= 82_800]
    for sample in (s for s in samples if s["interval_seconds"] < 82_800):
        lost = max(0, sample["interval_seconds"] - sample["availability_seconds"]) * 1_000_000
        covered += sample["interval_seconds"] * 1_000_000
        down += lost
        by_plan += min(lost, length(common([span_of(sample)], planned)))
    lost = sum(max(0, s["interval_seconds"] - s["availability_seconds"]) for s in daily) * 1_000_000
    rest = max(0, sum(s["interval_seconds"] for s in daily) * 1_000_000 - covered)
    rest_down = min(rest, max(0, lost - down))
    windows = sum(
        length(common([span_of(s)], planned)) for s in daily if s["interval_seconds"] > s["availability_seconds"]
    )
    return covered + rest, down + rest_down, by_plan + min(rest_down, max(0, windows - by_plan))


def key_at(world: World, element_id: str, at: int) -> dict | None:
    return next((v for start, end, v in states(world, element_id) if start <= at < end), None)


def first_days(world: World, samples: dict) -> dict[str, date]:
    """Per provider the first day on which its network was watched."""
    found: dict[str, list[date]] = defaultdict(list)
    for element_id, day in samples:
        if element_id in world.element_versions:
            held = key_at(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1)
            found[held["provider_id"] if held and held["provider_id"] in world.providers else UNKNOWN].append(day)
        else:
            found[UNKNOWN].append(day)
    for outage in world.feeds["outages"].newest():
        provider_id = outage["provider_id"] if outage["provider_id"] in world.providers else UNKNOWN
        found[provider_id].append(outage["outage_start"].astimezone(world.zone_of_provider(provider_id)).date())
    return {provider_id: min(days) for provider_id, days in found.items()}


def day_row(spans: dict[str, Spans], day: tuple[int, int], known: tuple[int, int, int]) -> dict[str, int] | None:
    """The seconds of one day, given the element's spans and what the day's samples say; None if not in service."""
    service = common(spans["service"], [day])
    total = seconds(length(service))
    failed = seconds(length(common(spans["unplanned"], service)))
    by_plan = seconds(length(common(spans["planned"], service)))
    covered, down, sampled_by_plan = known
    measured = min(total, covered // 1_000_000 + failed + by_plan)
    lost = min(total, seconds(down - sampled_by_plan) + failed)
    return None if not total else {
        "seconds_in_service": total,
        "seconds_measured": measured,
        "seconds_down": lost,
        "seconds_planned_down": min(measured - lost, seconds(sampled_by_plan) + by_plan),
        "seconds_not_measured": total - measured,
    }  # fmt: skip


def availability_days(world: World) -> dict[tuple[str, date], dict[str, int]]:
    """One row per element and local day in service that is over at AS_OF."""
    everything, halted = samples_by_day(world), stopped(world)
    telling = {
        k: t for k, rows in everything.items() if (t := [r for r in rows if r["availability_seconds"] is not None])
    }
    first, rows = first_days(world, everything), {}
    by_element = defaultdict(list)
    for (element_id, _), samples in telling.items():
        by_element[element_id] += samples
    for element_id in {*world.element_versions, *by_element}:
        zone, is_known = world.zone_of_element(element_id), element_id in world.element_versions
        unplanned, planned = halted.get(element_id, ([], []))
        seen = [span_of(s) for s in by_element[element_id] if common([span_of(s)], unplanned + planned)]
        spans = {
            "service": in_service(world, element_id) if is_known else [EVER],
            "unplanned": without(unplanned, seen) if is_known else [],
            "planned": without(planned, seen) if is_known else [],
        }
        provider_id = states(world, element_id)[-1][2]["provider_id"] if is_known else UNKNOWN
        day = first.get(provider_id if provider_id in world.providers else UNKNOWN)
        last = world.as_of.astimezone(zone).date() - timedelta(days=1)
        while day and day <= last:
            if is_known or (element_id, day) in telling:
                bounds = (start_of(world, element_id, day), start_of(world, element_id, day + timedelta(days=1)))
                row = day_row(spans, bounds, sampled(telling.get((element_id, day), []), planned if is_known else []))
                if row:
                    rows[element_id, day] = row
            day += timedelta(days=1)
    return rows


def availability_of(world: World) -> dict[tuple[str, date], dict[str, int]]:
    """availability_days, once for each world."""
    if not hasattr(world, "availability"):
        world.availability = availability_days(world)
    return world.availability
