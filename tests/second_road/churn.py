"""Departures, rule scores and campaign results from the rows that count, in plain Python.

Not here: dbt's SQL, the pipeline's labels; this follows docs/churn.md.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta

from tests.second_road.features import DAY, Past
from tests.second_road.money import seed, start_of
from tests.second_road.world import World, newest_bills

KINDS = {row["deactivation_reason"]: row["departure_kind"] for row in seed("deactivation_reasons")}
LENGTHS = [int(row["silent_days"]) for row in seed("churn_silences")]


def _paid_days(world: World, service_id: str) -> set[date]:
    """Provider-local days on which a bill that charges the service was paid."""
    days = set()
    bills = {b["bill_id"]: b for b in newest_bills(world)}
    charged = {
        c["bill_id"] for c in world.feeds["bill_charges"].newest_events()
        if c["service_id"] == service_id and c["bill_version"] == bills.get(c["bill_id"], c)["bill_version"]
    }  # fmt: skip
    for payment in world.feeds["payments"].newest():
        if payment["bill_id"] in charged and payment["payment_status"] in ("pending", "settled"):
            zone = world.zone_of_provider(bills[payment["bill_id"]]["provider_id"])
            days.add(payment["payment_date"].astimezone(zone).date())
    return days


def service_departures(world: World, past: Past) -> dict[tuple, dict]:
    """By service, length of silence (0: an end) and instant: kind and return."""
    plans = {row["plan_id"]: row for row in world.feeds["service_plans"].newest()}
    found: dict[tuple, dict] = {}
    for service_id, service in world.services.items():
        begun, ended = service["activated_at"], service["deactivated_at"]
        if not begun or begun >= world.as_of:
            continue
        if ended and ended < world.as_of:
            kind = KINDS.get(service["deactivation_reason"], "other")
            found[service_id, 0, ended] = {"departure_kind": kind, "returned_at": None}
        plan = plans.get(service["plan_id"])
        covered = past.covered.get(world.plan_provider.get(service["plan_id"], ""), [])
        if not (plan and plan["is_prepaid"] and covered):
            continue
        zone = world.zone_of_service(service_id)
        first = max(begun.astimezone(zone).date(), covered[0])
        last = min(ended.astimezone(zone).date() - DAY, covered[-1]) if ended else covered[-1]
        used = {d for d, amounts in past.days.get(service_id, {}).items() if sum(amounts[:3]) > 0}
        seen = sorted({first} | {d for d in used | _paid_days(world, service_id) if first <= d <= last})
        for day, following in zip(seen, [*seen[1:], None], strict=True):
            silent = ((following or last + DAY) - day).days - 1
            for length in LENGTHS:
                if silent >= length:
                    back = start_of(following, zone) if following else None
                    key = (service_id, length, start_of(day + DAY, zone))
                    found[key] = {"departure_kind": "silent", "returned_at": back}
    return found


def rule_score(features: dict) -> float:
    """The source's points."""
    score = 0.0
    if (features["zero_usage_share_90d"] or 0) > 0.2:
        score += 25
    score += min((features["overdue_bills_12m"] or 0) * 10, 30)
    if (features["tickets_6m"] or 0) > 3:
        score += min(features["tickets_6m"] * 5, 20)
    if features["tenure_days"] is not None and features["tenure_days"] < 90:
        score += 15
    return score


def campaign_counts(world: World, days: int) -> dict[str, list[int]]:
    """Per campaign (and all): treated, of them left, held out, of them left, so many days after the first contact."""
    members: dict[tuple, list[dict]] = defaultdict(list)
    for contact in world.feeds["campaign_contacts"].newest():
        if contact["contacted_at"] < world.as_of:
            members[contact["campaign_id"], contact["service_id"]].append(contact)
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (campaign_id, service_id), contacts in members.items():
        outcome = left_within(world, service_id, min(c["contacted_at"] for c in contacts), days)
        if outcome is None:
            continue
        place = 2 if all(c["is_control"] for c in contacts) else 0
        for name in (campaign_id, "all"):
            found[name][place] += 1
            found[name][place + 1] += outcome
    return found


def left_within(world: World, service_id: str, at: datetime, days: int) -> bool | None:
    """Whether a service that nobody needs usage for left; None where it cannot be said."""
    service, until = world.services[service_id], at + timedelta(days=days)
    ended = service["deactivated_at"]
    if until > world.as_of or not service["activated_at"] or service["activated_at"] >= at or (ended and ended < at):
        return None
    if not ended or ended >= until:
        return False
    return True if KINDS.get(service["deactivation_reason"], "other") == "left" else None
