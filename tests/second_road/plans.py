"""Plan advice by brute force: every month of every service rated on every plan by the sample operator's own billing.

Not here: the rating engine and the advice, of which this knows nothing but docs/plan_advice.md.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np

from ingestion.sample.rating import rounded_up, rules_of, share_cents, usage_cents, whole_allowance
from ingestion.sample.tariffs import PLAN_INDEX, PLANS
from tests.second_road.world import World

MONTHS, FEWEST_MONTHS, LEAST_SAVING_CENTS = 6, 3, 1200
QUANTITY = {"data": "data_usage_bytes", "voice": "voice_seconds", "sms": "sms_count"}
BDC = {None: None, 10: 10, 40: 40, 50: 50, 60: 60}
BUNDLE_TECHNOLOGY = {"Double Play 300": 40, "Fiber & Phone": 50}


@dataclass
class Subject:
    """A service in force, its plan, its full months and what was used in each: (kind, local start, quantity)."""

    service: dict
    plan: dict
    customer: dict
    months: list[date]
    use: dict[date, list[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(list))


def month_after(month: date, count: int = 1) -> date:
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def price_list(world: World) -> list[dict]:
    return [row for row in world.feeds["service_plans"].newest() if row["plan_name"] in PLAN_INDEX]


def subjects(world: World) -> list[Subject]:
    """Services in force at AS_OF with the records of their full months with usage data."""
    plans = {row["plan_id"]: row for row in price_list(world)}
    records, seen = defaultdict(list), defaultdict(list)
    for row in world.feeds["usage_records"].newest_events():
        records[row["service_id"]].append(row)
    found = []
    for service_id, rows in records.items():
        if service_id in world.services:
            zone = world.zone_of_service(service_id)
            days = [row["usage_timestamp"].astimezone(zone).date() for row in rows]
            seen[world.plan_provider[world.services[service_id]["plan_id"]]] += [min(days), max(days)]
    for service in world.services.values():
        begins, ends = service["activated_at"], service["deactivated_at"]
        if begins is None or begins > world.as_of or (ends is not None and ends <= world.as_of):
            continue
        plan, zone = plans[service["plan_id"]], world.zone_of_service(service["service_id"])
        today = world.as_of.astimezone(zone).date()
        months = [month_after(today.replace(day=1), -back) for back in range(MONTHS, 0, -1)]
        data = seen[plan["provider_id"]]
        months = [
            month
            for month in months
            if max(begins.astimezone(zone).date(), min(data)) <= month
            and month_after(month) - timedelta(days=1) <= max(data)
        ]
        one = Subject(service, plan, world.customers[service["customer_id"]], months)
        clock = ZoneInfo(world.providers[plan["provider_id"]]["time_zone"])
        for row in records[service["service_id"]]:
            at = row["usage_timestamp"]
            wall = at.astimezone(clock).replace(tzinfo=UTC)
            used = (row["usage_type"], int(wall.timestamp()), row[QUANTITY[row["usage_type"]]])
            one.use[at.astimezone(zone).date().replace(day=1)].append(used)
        found.append(one)
    return found


def month_cents(plan: str, use: list[tuple[str, int, int]], days: int) -> tuple[int, bool]:
    """(charges for use in a whole month, whether the plan sells all of it)."""
    index, total, serves = PLAN_INDEX[plan], 0, True
    for kind in QUANTITY:
        own = sorted((start, quantity) for name, start, quantity in use if name == kind)
        sizes = np.array([quantity for _, quantity in own], dtype=np.int64)
        if kind not in PLANS[index].includes:
            serves &= int(sizes.sum()) == 0
            continue
        rules = rules_of(index, kind)
        if rules is None:
            included = whole_allowance(index, kind)
            serves &= included is None or int(sizes.sum()) <= included
            continue
        units = rounded_up(sizes, rules.first_increment, rules.increment)
        calls = [(start, int(unit)) for (start, _), unit in zip(own, units, strict=True)] if rules.bands else None
        total += sum(usage_cents(index, kind, int(units.sum()), len(own), days, days, calls))
    return total, serves


def year_cents(plan: dict, service: dict, today: date) -> int:
    """Recurring charges of the twelve months from the next one (or the one that begins today) on, less the discount."""
    total, price = 0, int(plan["base_price"] * 100)
    month = today if today.day == 1 else month_after(today.replace(day=1))
    for _ in range(12):
        after = month_after(month)
        whole, last = (after - month).days, service["discount_end"]
        until = after if last is None else min(after, last + timedelta(days=1))
        days = max((until - month).days, 0)
        value = int((service["discount_value"] or 0) * 100)
        if service["discount_type"] == "percentage":
            cut = round(Fraction(price * value * days, 10_000 * whole))
        else:
            cut = min(int(share_cents(*(np.array([x]) for x in (value, days, whole)))[0]), price)
        total += price - (cut if service["discount_type"] else 0)
        month = after
    return total


def may_take(one: Subject, plan: dict, world: World, offers: dict, has_broadband: bool, today: date) -> bool:
    """The conditions of docs/plan_advice.md."""
    present = one.plan

    def no_slower(name: str) -> bool:
        return present[name] is None or (plan[name] is not None and plan[name] >= present[name])

    technology = BUNDLE_TECHNOLOGY.get(plan["plan_name"], plan["technology_code"])
    own = BUNDLE_TECHNOLOGY.get(present["plan_name"], present["technology_code"])
    if plan["plan_type"] == "mobile":
        reaches = True
    elif technology is None:
        reaches = has_broadband or plan["voice_service"] == present["voice_service"]
    elif (listed := offers.get((plan["provider_id"], one.service["bdc_location_id"]))) is None:
        reaches = technology == own
    else:
        reaches = technology in listed and (plan["speed_mbps_down"] or 0) <= listed[technology]
    return (
        plan["plan_id"] != present["plan_id"]
        and (plan["provider_id"], plan["plan_type"]) == (present["provider_id"], present["plan_type"])
        and plan["available_from"] <= today
        and (plan["available_to"] is None or today <= plan["available_to"])
        and plan["is_business"] == (one.customer["customer_type"] != "individual")
        and set(present["includes"]) - {"video"} <= set(plan["includes"])
        and no_slower("speed_mbps_down")
        and no_slower("speed_mbps_up")
        and reaches
    )


def saving_rows(world: World) -> dict[str, tuple]:
    """Of each service (recommended plan, saving in cents as a fraction, months tested, confidence)."""
    people, plans = subjects(world), price_list(world)
    offers: dict[tuple, dict] = defaultdict(dict)
    for row in world.feeds["serviceable_locations"].newest():
        if row["available_from"] <= world.as_of.date() and (row["available_to"] or date.max) >= world.as_of.date():
            offers[row["provider_id"], row["location_id"]][row["technology_code"]] = row["max_advertised_download_mbps"]
    online = {
        one.service["customer_id"]
        for one in people
        if one.plan["plan_type"] != "mobile" and "data" in one.plan["includes"]
    }
    found = {}
    for one in people:
        today = world.as_of.astimezone(world.zone_of_service(one.service["service_id"])).date()
        has_broadband = one.service["customer_id"] in online
        choices = [plan for plan in plans if may_take(one, plan, world, offers, has_broadband, today)]
        found[one.service["service_id"]] = best_of(one, choices, today)
    return found


def best_of(one: Subject, choices: list[dict], today: date) -> tuple:
    """The cheapest plan that serves every month, if it saves enough."""
    stay = (one.plan["plan_name"], Fraction(0), len(one.months))
    if len(one.months) < FEWEST_MONTHS:
        return (*stay, None)

    def yearly(plan: dict) -> list[tuple[int, bool]]:
        recurring = year_cents(plan, one.service, today)
        rated = [month_cents(plan["plan_name"], one.use[m], (month_after(m) - m).days) for m in one.months]
        return [(12 * cents + recurring, serves) for cents, serves in rated]

    fee = 0
    if one.service["contract_end"] and one.service["contract_end"] > today:
        fee = int((one.plan["early_termination_fee"] or 0) * 100)
    now = [cents for cents, _ in yearly(one.plan)]
    savings = {}
    for plan in sorted(choices, key=lambda plan: plan["plan_name"]):
        rated = yearly(plan)
        if all(serves for _, serves in rated):
            savings[plan["plan_name"]] = [own - cents - fee for own, (cents, _) in zip(now, rated, strict=True)]
    best = max(savings, key=lambda name: sum(savings[name]), default=None)
    count = len(one.months)
    if best is None or Fraction(sum(savings[best]), count) <= LEAST_SAVING_CENTS:
        right = [all(savings[name][m] <= LEAST_SAVING_CENTS for name in savings) for m in range(count)]
        return (*stay, Fraction(sum(right), count))
    won = sum(saved > 0 for saved in savings[best])
    return best, Fraction(sum(savings[best]), count), count, Fraction(won, count)
