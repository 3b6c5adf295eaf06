"""Customers and their services: who comes, what they take, when they change and leave.

Not here: what they use or pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from ingestion.sample.clock import Clock, uuids
from ingestion.sample.world import PLANS, PROVIDERS, World

MONTHLY_CHURN = 0.013
FIRST_NAMES = ("Ada", "Ben", "Carla", "Diego", "Elena", "Frank", "Grace", "Hugo", "Iris", "Jamal", "Kira", "Liam",
               "Maya", "Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sam", "Tara")  # fmt: skip
LAST_NAMES = ("Abbott", "Brooks", "Chavez", "Dawson", "Ellis", "Flores", "Grant", "Hayes", "Ingram", "Jordan", "Knox",
              "Lopez", "Mercer", "Nolan", "O'Brien", "Parker", "Quinn", "Reyes", "Sutton", "Tran")  # fmt: skip
STREETS = ("Oak Street", "Main Street", "Cedar Avenue", "2nd Avenue", "Hillcrest Road", "Mill Lane, Apt. 4")
TRADES = ("Bakery", "Dental Care", "Auto Parts", "Logistics, Inc.", "Law Office", "Garden Center")
REASONS = (("voluntary", 0.55), ("port_out", 0.2), ("non_payment", 0.15), ("moved", 0.1))


@dataclass
class Service:
    """One service over its life; `plan_changes` are (at, index of the new plan)."""

    service_id: str
    customer: int
    provider: int
    zone: int
    element_id: str
    plan: int
    activated_at: datetime
    deactivated_at: datetime | None
    reason: str | None
    plan_changes: list[tuple[datetime, int]]
    discount_percentage: int | None
    discount_end: datetime | None

    def plan_at(self, at: datetime) -> int:
        """Index of the plan in force at an instant."""
        plan = self.plan
        for changed_at, changed_to in self.plan_changes:
            if changed_at <= at:
                plan = changed_to
        return plan


@dataclass(frozen=True)
class Base:
    """The customer base: rows for the two feeds, and the services as objects for the parts that follow."""

    customer_ids: list[str]
    created_at: list[datetime]
    services: list[Service]
    customers: pl.DataFrame
    customer_services: pl.DataFrame


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _arrivals(clock: Clock, rng: np.random.Generator, count: int) -> list[datetime]:
    """When accounts were made: seven of ten up to four years before the span, the rest over it."""
    start = datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC)
    before = rng.random(count) < 0.7
    minutes = np.where(before, -rng.integers(1440, 1440 * 1460, count), rng.integers(0, (clock.days - 2) * 1440, count))
    return [start + timedelta(minutes=int(m)) for m in minutes]


def _end(clock: Clock, rng: np.random.Generator, activated_at: datetime) -> datetime | None:
    """When a service ends, if it ends within the span (nobody's end lies before it)."""
    start = max(activated_at, datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC))
    end = start + timedelta(days=float(rng.exponential(30.4 / MONTHLY_CHURN)) + 1)
    return end.replace(microsecond=0) if end < clock.as_of - timedelta(hours=2) else None


def _make_service(
    clock: Clock,
    rng: np.random.Generator,
    world: World,
    customer: int,
    provider: int,
    is_business: bool,
    created: datetime,
) -> Service:
    plans = PLANS[provider]
    offers = [i for i, plan in enumerate(plans) if plan.is_business == is_business]
    shares = np.array([plans[i].share for i in offers])
    plan = int(rng.choice(offers, p=shares / shares.sum()))
    zone = int(rng.choice(len(world.zones[provider]), p=(0.5, 0.3, 0.2)))
    activated = created + timedelta(hours=float(rng.integers(1, 40)))
    ended = _end(clock, rng, activated)
    changes = []
    span_start = max(activated, datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC))
    if rng.random() < 0.12 and len(offers) > 1:
        at = span_start + (min(ended or clock.as_of, clock.as_of) - span_start) * float(rng.uniform(0.1, 0.9))
        changes.append((at.replace(microsecond=0), int(rng.choice([i for i in offers if i != plan]))))
    has_discount = rng.random() < 0.15
    return Service(
        uuids(rng, 1)[0], customer, provider, zone, str(rng.choice(world.leaves[provider][zone])), plan,
        activated, ended,
        str(rng.choice([r for r, _ in REASONS], p=[p for _, p in REASONS])) if ended else None, changes,
        int(rng.choice([10, 20, 25])) if has_discount else None,
        span_start + timedelta(days=int(rng.integers(60, 400))) if has_discount else None,
    )  # fmt: skip


def _customer_row(rng: np.random.Generator, customer_id: str, kind: str, home: Service, created: datetime,
                  zone_id: str) -> dict[str, str | None]:  # fmt: skip
    template = PROVIDERS[home.provider]
    first, last = str(rng.choice(FIRST_NAMES)), str(rng.choice(LAST_NAMES))
    is_person = kind == "individual"
    company = (
        None
        if is_person
        else f"{last} {rng.choice(TRADES)}"
        if kind == "business"
        else f"City of {template.cities[home.zone]}"
    )
    return {
        "customer_id": customer_id, "customer_type": kind, "first_name": first if is_person else None,
        "last_name": last if is_person else None, "company_name": company,
        "email": f"{first}.{last.replace(chr(39), '')}{int(rng.integers(1, 999))}@example.com".lower(),
        "phone": f"+1 {template.area_code} 555-01{int(rng.integers(0, 100)):02d}",
        "date_of_birth": f"{rng.integers(1940, 2005)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
        if is_person else None,
        "street_address": f"{int(rng.integers(1, 9999))} {rng.choice(STREETS)}", "city": template.cities[home.zone],
        "state": template.state, "postal_code": f"{int(rng.integers(30000, 81000)):05d}",
        "latitude": f"{template.latitude + rng.normal(0, 0.1):.6f}",
        "longitude": f"{template.longitude + rng.normal(0, 0.1):.6f}", "service_zone_id": zone_id,
        "account_status": "active", "acquisition_date": created.date().isoformat(),
        "acquisition_channel": str(rng.choice(("web", "shop", "partner", "call"))),
        "acquisition_cost": f"{rng.uniform(20, 300):.2f}", "lifetime_value": f"{rng.lognormal(7, 0.6):.2f}",
        "currency": "USD", "churn_risk_score": f"{min(rng.gamma(2, 1.6), 10):.1f}",
        "auto_pay": str(bool(rng.random() < 0.55)).lower(),
        "marketing_consent": str(bool(rng.random() < 0.6)).lower(),
        "cpni_consent": str(bool(rng.random() < 0.4)).lower(),
        "preferences": '{"language": "en", "contact": ["email", "sms"]}', "created_at": _stamp(created),
        "updated_at": _stamp(created),
    }  # fmt: skip


def _service_rows(
    world: World, service: Service, customer_id: str, created: datetime, number: str
) -> list[dict[str, str | None]]:
    """Every version of a service: as activated, after each change of plan, as terminated."""
    discount = service.discount_percentage
    row: dict[str, str | None] = {
        "service_id": service.service_id, "customer_id": customer_id,
        "plan_id": world.plan_ids[service.provider][service.plan], "service_number": number,
        "service_status": "active", "activated_at": _stamp(service.activated_at),
        "service_state": PROVIDERS[service.provider].state, "serving_element_id": service.element_id,
        "sold_by": "direct",
        "contract_start": service.activated_at.date().isoformat(),
        "contract_end": (service.activated_at + timedelta(days=730)).date().isoformat(), "connections": "1",
        "discount_type": "percentage" if discount else None, "discount_value": str(discount) if discount else None,
        "discount_end": service.discount_end.date().isoformat() if service.discount_end else None,
        "created_at": _stamp(created), "updated_at": _stamp(service.activated_at),
    }  # fmt: skip
    rows = [row]
    for at, plan in service.plan_changes:
        rows.append({**rows[-1], "plan_id": world.plan_ids[service.provider][plan], "updated_at": _stamp(at)})
    if service.deactivated_at:
        ended = _stamp(service.deactivated_at)
        rows.append({**rows[-1], "service_status": "terminated", "deactivated_at": ended,
                     "deactivation_reason": service.reason, "updated_at": ended})  # fmt: skip
    return rows


def build_base(clock: Clock, world: World, count: int) -> Base:
    """`count` customers with one to three services, some with services of two providers."""
    rng = clock.random("customers")
    customer_ids, created = uuids(rng, count), _arrivals(clock, rng, count)
    services: list[Service] = []
    customer_rows: list[dict[str, str | None]] = []
    service_rows: list[dict[str, str | None]] = []
    shares = [template.share_of_customers for template in PROVIDERS]
    for i in range(count):
        kind = str(rng.choice(("individual", "business", "government"), p=(0.88, 0.10, 0.02)))
        home = int(rng.choice(len(PROVIDERS), p=shares))
        providers = [home] * int(rng.choice((1, 2, 3), p=(0.7, 0.22, 0.08)))
        if rng.random() < 0.12:
            providers.append((home + 1) % len(PROVIDERS))
        own = [_make_service(clock, rng, world, i, p, kind != "individual", created[i]) for p in providers]
        services += own
        row = _customer_row(rng, customer_ids[i], kind, own[0], created[i], world.zones[home][own[0].zone])
        customer_rows += _customer_versions(rng, clock, row, own)
        for service in own:
            number = f"+1{PROVIDERS[service.provider].area_code}5550{int(rng.integers(100, 200))}"
            service_rows += _service_rows(world, service, customer_ids[i], created[i], number)
    return Base(
        customer_ids, created, services, pl.DataFrame(customer_rows, infer_schema_length=None),
        pl.DataFrame(service_rows, infer_schema_length=None),
    )  # fmt: skip


def _customer_versions(
    rng: np.random.Generator, clock: Clock, row: dict[str, str | None], own: list[Service]
) -> list[dict[str, str | None]]:
    """The account as made, perhaps after a move, and closed with the last of its services."""
    rows = [row]
    start = max(own[0].activated_at, datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC))
    ends = [service.deactivated_at for service in own]
    closed_at = max(end for end in ends if end) if all(ends) else None
    if rng.random() < 0.08:
        moved_at = start + ((closed_at or clock.as_of) - start) * float(rng.uniform(0.2, 0.8))
        street = f"{int(rng.integers(1, 9999))} {rng.choice(STREETS)}"
        rows.append({**row, "street_address": street, "updated_at": _stamp(moved_at)})
    if closed_at:
        rows.append({**rows[-1], "account_status": "closed", "updated_at": _stamp(closed_at)})
    return rows
