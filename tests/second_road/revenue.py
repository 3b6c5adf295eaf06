"""Charges that stand twice, records that never came, charges after a service's end: plain counts over landed rows.

Not here: anything of the warehouse or of the analytics; other kinds of finding.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta

from tests.second_road.world import World

PERIODIC = {"recurring", "discount", "equipment", "fee", "usage", "overage"}


def _charges(world: World, judged_from: date) -> list[dict]:
    bills = {bill["bill_id"]: bill for bill in world.feeds["bills"].newest()}
    found = []
    for charge in world.feeds["bill_charges"].newest_events():
        bill = bills.get(charge["bill_id"])
        if bill and charge["service_id"] and charge["charge_type"] != "tax":
            start = charge["charge_period_start"] or bill["billing_period_start"]
            if start >= judged_from:
                found.append({**charge, "start": start, "period": bill["billing_period_start"]})
    return found


def twice_charged(world: World, judged_from: date) -> set[frozenset[str]]:
    """Ids of the charges that say the same of the same service and time."""
    same: dict[tuple, set[str]] = defaultdict(set)
    for one in _charges(world, judged_from):
        names = ("service_id", "plan_id", "charge_type", "description", "start", "charge_period_end", "amount")
        same[tuple(one[name] for name in names)].add(one["charge_id"])
    return {frozenset(ids) for ids in same.values() if len(ids) > 1}


def charged_after_the_end(world: World, judged_from: date) -> set[tuple[str, date]]:
    """Services and periods with a charge for time that begins on the day of the service's end or later."""
    found = set()
    for one in _charges(world, judged_from):
        ended = world.services.get(one["service_id"], {}).get("deactivated_at")
        if not ended or one["charge_type"] not in PERIODIC:
            continue
        if one["start"] >= ended.astimezone(world.zone_of_service(one["service_id"])).date():
            found.add((one["service_id"], one["period"]))
    return found


def never_came(world: World, judged_from: date, late: timedelta) -> set[tuple[str, int, int]]:
    """Source, first and last running number of every hole between two numbers that came long enough ago."""
    came: dict[str, dict[int, datetime]] = defaultdict(dict)
    for one in world.feeds["usage_records"].newest_events():
        day = one["usage_timestamp"].astimezone(world.zone_of_service(one["service_id"])).date()
        if one["mediation_source"] and one["source_sequence"] is not None and day >= judged_from:
            numbers = came[one["mediation_source"]]
            number, at = one["source_sequence"], one["usage_timestamp"]
            numbers[number] = max(at, numbers.get(number, at))
    found = set()
    for source, numbers in came.items():
        for number, at in numbers.items():
            if number - 1 not in numbers and number > min(numbers) and at <= world.as_of - late:
                before = max(other for other in numbers if other < number)
                found.add((source, before + 1, number - 1))
    return found
