"""The rows of feature_service and feature_customer, from what features.py knows of the past.

Not here: the past itself.
"""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

from tests.second_road.billing import line_of_business
from tests.second_road.customers import decimal_hours, version_key
from tests.second_road.features import DAY, GB, Past, as_of_dates, before, levels, mean, ratio
from tests.second_road.world import UNKNOWN, World, newest_bills


def _dates(past: Past, world: World) -> dict[date, datetime]:
    days = [day for days in past.days.values() for day in days] + [b["issued_on"] for b in newest_bills(world)]
    return as_of_dates(world, days, lambda day: day.day == 1)


def _in_force(world: World, at: datetime) -> list[tuple[str, list[dict], dict, dict]]:
    """Services in force just before an instant: id, versions, the one that held, the last one with its dates."""
    found = []
    for service_id, versions in world.service_versions.items():
        held, last = before(versions, at), [v for v in versions if not v["is_deleted"]][-1:]
        begun = held and last and last[0]["activated_at"] and last[0]["activated_at"] < at
        if begun and (not last[0]["deactivated_at"] or last[0]["deactivated_at"] >= at):
            found.append((service_id, versions, held, last[0]))
    return found


def _quality(past: Past, service_id: str, last: date) -> dict[str, list]:
    rows = [r for r in past.quality.get(service_id, []) if last - 365 * DAY < r["assessment_date"] <= last]
    recent = [r for r in rows if r["assessment_date"] > last - 90 * DAY]
    shares = [r["download_speed_percentage"] for r in recent if r["download_speed_percentage"] is not None]
    ratings = [r["customer_rating"] for r in rows if r["customer_rating"] is not None]
    return {"recent": recent, "shares": shares, "ratings": ratings}


def _service(past: Past, day: date, at: datetime, service_id: str, held: dict, activated_at: datetime) -> dict:
    """The columns of one service that its customer's row needs too, some of them as parts."""
    zone, provider_id = past.world.zone_of_service(held["service_id"]), past.versions.provider(held)
    activated, last = activated_at.astimezone(zone).date(), at.astimezone(zone).date() - DAY
    plans = past.versions.plans.get(held["plan_id"])
    plan = before(plans, at) if plans else None
    use = past.usage(service_id, provider_id, activated, last)
    quality, met = _quality(past, service_id, last), past.met(held, provider_id, at)
    lines = {k: v for k, v in past.cost.get(service_id, {}).items() if day - 365 * DAY <= v[0] < day}
    recent = [v for v in lines.values() if v[0] >= day - 90 * DAY]
    charged, over = (sum(v[i] for v in recent) if recent else None for i in (1, 2))
    allowance = None
    if use and plan and "data" in plan["includes"] and plan["data_allowance_gb"]:
        rate = ratio(Decimal(use["bytes_30"] + use["bytes_90"]) / GB, use["observed_30"] + use["observed_90"])
        allowance = rate * 30 / plan["data_allowance_gb"] if rate is not None else None
    ported = [
        o
        for o in past.orders.get(service_id, [])
        if o["order_type"] == "port_out" and at - 90 * DAY <= o["requested_at"] < at
    ]
    assessed, failed_known = past.assessed_from <= last, past.outages_from < at
    return {
        "use": use, "quality": quality, "activated": activated, "activated_at": activated_at,
        "provider_id": provider_id,
        "plan_type": plan["plan_type"] if plan else None,
        "line_of_business": line_of_business(plan, past.lines),
        "days_to_contract_end": (held["contract_end"] - day).days if held["contract_end"] else None,
        "allowance_use_ratio_90d": allowance,
        "charged_amount_90d_reporting": charged,
        "overage_amount_90d_reporting": over,
        "overage_share_90d": ratio(over, charged),
        "bill_shocks_365d": len(past.service_shocks.get(service_id, set()) & set(lines))
        if past.billed_from < day
        else None,
        "assessments_90d": len(quality["recent"]) if assessed else None,
        "slow_assessments_90d": sum(bool(r["is_below_half_speed"]) for r in quality["recent"]) if assessed else None,
        "avg_download_speed_percentage_90d": mean(quality["shares"]),
        "avg_customer_rating_365d": mean(quality["ratings"]),
        "outages_90d": len(met) if failed_known else None,
        "outage_hours_90d": sum(map(decimal_hours, met), Decimal(0)) if failed_known else None,
        "porting_requests_90d": len(ported) if past.orders_from < at else None,
    }  # fmt: skip


def feature_service(world: World, past: Past) -> dict[tuple, dict[str, object]]:
    found = {}
    parts = ("use", "quality", "activated", "activated_at")
    for day, at in _dates(past, world).items():
        for service_id, versions, held, dated in _in_force(world, at):
            own = _service(past, day, at, service_id, held, dated["activated_at"])
            customers = past.versions.customers.get(held["customer_id"])
            customer = before(customers, at) if customers else None
            billing = past.billing(held["customer_id"], day)
            care = past.care(held["customer_id"], at, service_id)
            found[service_id, day] = {k: v for k, v in own.items() if k not in parts} | levels(own["use"]) | {
                "as_of_date": day, "as_of_at": at, "is_latest": at == world.as_of, "service_id": service_id,
                "service_key": version_key(service_id, versions, held), "customer_id": held["customer_id"],
                "zone_id": past.world.zone_id_of_service(held), "plan_id": held["plan_id"],
                "service_status": held["service_status"], "tenure_days": max(0, (day - own["activated"]).days),
                "auto_pay": customer["auto_pay"] if customer else None,
                "overdue_days": billing["overdue_days"], "overdue_days_365d": billing["overdue_days_365d"],
                "failed_payments_180d": past.failed_payments(held["customer_id"], at),
                **{name: value for name, value in care.items() if name != "tickets_6m"},
            }  # fmt: skip
    return found


def _total(values: list) -> object:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _customer(past: Past, day: date, at: datetime, customer_id: str, services: list[dict]) -> dict[str, object]:
    versions = past.versions.customers.get(customer_id, [])
    customer = before(versions, at) if versions else None
    used = [s["use"] for s in services if s["use"]]
    use = {name: sum(u[name] for u in used) for name in used[0]} if used else None
    owners: dict[str, list[datetime]] = defaultdict(list)
    for s in services:
        owners[s["provider_id"]].append(s["activated_at"])
    provider_id = min(owners, key=lambda p: (-len(owners[p]), min(owners[p]), p))
    lines: dict[str, list[datetime]] = defaultdict(list)
    for s in services:
        lines[s["line_of_business"]].append(s["activated_at"])
    zone = past.world.zones.get(customer["service_zone_id"]) if customer else None
    ends = [s["days_to_contract_end"] for s in services if s["days_to_contract_end"] is not None]
    over, charged = (_total([s[f"{n}_amount_90d_reporting"] for s in services]) for n in ("overage", "charged"))
    summed = ("slow_assessments_90d", "outages_90d", "porting_requests_90d")
    return {
        "as_of_date": day, "as_of_at": at, "is_latest": at == past.world.as_of, "customer_id": customer_id,
        "customer_key": version_key(customer_id, versions, customer), "provider_id": provider_id,
        "zone_id": zone["zone_id"] if zone and zone["provider_id"] == provider_id else UNKNOWN,
        "customer_type": customer["customer_type"] if customer else None,
        "account_status": customer["account_status"] if customer else None,
        "line_of_business": min(lines, key=lambda name: (-len(lines[name]), min(lines[name]), name)),
        "services_in_force": len(services),
        "tenure_days": (day - customer["acquisition_date"]).days if customer else None,
        "days_to_contract_end": min(ends, default=None),
        "auto_pay": customer["auto_pay"] if customer else None,
        "max_allowance_use_ratio_90d": max(
            (s["allowance_use_ratio_90d"] for s in services if s["allowance_use_ratio_90d"] is not None), default=None),
        "charged_amount_90d_reporting": charged, "overage_amount_90d_reporting": over,
        "overage_share_90d": ratio(over, charged),
        "failed_payments_180d": past.failed_payments(customer_id, at),
        "avg_download_speed_percentage_90d": mean(x for s in services for x in s["quality"]["shares"]),
        "avg_customer_rating_365d": mean(x for s in services for x in s["quality"]["ratings"]),
        "max_outage_hours_90d": max(
            (s["outage_hours_90d"] for s in services if s["outage_hours_90d"] is not None), default=None),
        **{name: _total([s[name] for s in services]) for name in summed},
        **levels(use), **past.billing(customer_id, day), **past.care(customer_id, at),
    }  # fmt: skip


def feature_customer(world: World, past: Past) -> dict[tuple, dict[str, object]]:
    found = {}
    for day, at in _dates(past, world).items():
        owned = defaultdict(list)
        for service_id, _, held, dated in _in_force(world, at):
            owned[held["customer_id"]].append(_service(past, day, at, service_id, held, dated["activated_at"]))
        for customer_id, services in owned.items():
            found[customer_id, day] = _customer(past, day, at, customer_id, services)
    return found
