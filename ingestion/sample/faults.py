"""Failures of the network: which element, when, why; and the outages, repairs and changes of state that they make.

Not here: what elements measure meanwhile, and what customers do about it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Clock, Floats, Ints, dates, stamp, stamps, uuids
from ingestion.sample.configurations import Change, with_changes
from ingestion.sample.geography import ZONES, Geography
from ingestion.sample.inventory import Network

FAILURES_PER_MONTH = 0.016
STORMS_PER_ZONE_MONTH = 0.03
CAUSES = ("equipment_failure", "power", "fiber_cut", "congestion", "security")
CAUSE_SHARES = (0.55, 0.22, 0.13, 0.07, 0.03)
ROOT_CAUSES = {
    "equipment_failure": "line card replaced", "power": "commercial power lost", "fiber_cut": "dig-up by a third party",
    "congestion": "traffic above capacity", "security": "denial-of-service attack", "weather": "storm damage",
    "planned": "software upgrade", "emergency_failure": "911 trunk group down",
}  # fmt: skip
HOUR = 3600
NOTED_AT = ("discovered_at", "nors_notified_at", "nors_initial_filed_at", "nors_final_filed_at", "psap_notified_at",
            "facility_followup_at")  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One failure in UTC seconds; failing hardware shows from `degraded_from` on (NEVER: without warning)."""

    element: int
    start: int
    end: int
    cause: str
    degraded_from: int


@dataclass(frozen=True)
class Faults:
    """All failures, the elements that each takes along, and per element and month how many lasted half an hour."""

    faults: list[Fault]
    hit: list[Ints]
    exposure: Floats
    # Days between which an element is in service.
    live_from: Ints
    live_to: Ints
    retired: list[int]
    planned: list[int]


def below(network: Network, element: int) -> Ints:
    """The element and everything that hangs on it."""
    found = {element}
    while True:
        more = {i for i, parent in enumerate(network.parent) if int(parent) in found} - found
        if not more:
            return np.array(sorted(found), dtype=np.int64)
        found |= more


def _draw(clock: Clock, network: Network, rng: np.random.Generator) -> list[Fault]:
    begin, end = int(clock.month_bounds()[0]) * DAY, clock.as_of_seconds - 12 * HOUR
    months = (end - begin) / DAY / 30.4
    found = []
    for element in range(len(network.kinds)):
        # Old firmware and gear near the end of its life fail more often; a core is built twice.
        age = 1 + network.firmware_age[element] / 3 + (begin - network.installed[element]) / DAY / 2500
        rate = FAILURES_PER_MONTH * age * (0.25 if network.kinds[element] in ("core", "switch") else 0.6)
        for _ in range(int(rng.poisson(rate * months))):
            start = begin + int(rng.integers(DAY, end - begin))
            cause = str(rng.choice(CAUSES, p=CAUSE_SHARES))
            lasts = int(np.clip(rng.lognormal(0.7, 1.0), 0.1, 60) * HOUR)
            warned = cause == "equipment_failure" and rng.random() < 0.75
            degraded = max(start - int(rng.integers(8, 26)) * DAY, begin) if warned else NEVER
            found.append(Fault(element, start, start + lasts, cause, degraded))
    for zone in range(len(ZONES)):
        router = next(i for i, kind in enumerate(network.kinds) if kind == "router" and network.zone[i] == zone)
        for _ in range(int(rng.poisson(STORMS_PER_ZONE_MONTH * months))):
            start = begin + int(rng.integers(DAY, end - begin))
            found.append(Fault(router, start, start + int(rng.lognormal(1.0, 0.6) * HOUR), "weather", NEVER))
    return sorted(found, key=lambda fault: (fault.start, fault.element))


def build_faults(clock: Clock, network: Network) -> Faults:
    """The history of failures."""
    rng = clock.random("faults")
    spare = [i for i, kind in enumerate(network.kinds) if kind == "router" and network.kinds[i - 1] == "router"]
    planned, retired = [spare[0]], [spare[-1]]
    faults = [fault for fault in _draw(clock, network, rng) if fault.element not in (*planned, *retired)]
    bounds = clock.month_bounds()
    exposure = np.zeros((len(network.kinds), len(bounds) - 1))
    hit = []
    for fault in faults:
        hit.append(below(network, fault.element))
        if fault.end - fault.start >= HOUR // 2:
            month = int(np.searchsorted(bounds * DAY, fault.start, side="right")) - 1
            exposure[hit[-1], month] += 1
    live_from, live_to = network.installed // DAY, np.full(len(network.kinds), NEVER, dtype=np.int64)
    live_from[planned] = NEVER
    live_to[retired] = int(rng.integers(min(bounds[0] + 20, clock.last_ordinal - 11), clock.last_ordinal - 10))
    return Faults(faults, hit, exposure, live_from, live_to, retired, planned)


def element_versions(clock: Clock, network: Network, faults: Faults, settings: list[Change]) -> pl.DataFrame:
    """The inventory as first entered and after each change of state and of settings."""
    rng = clock.random("element versions")
    base = network.elements
    planned = pl.Series([i in faults.planned for i in range(len(base))])
    installed = dates(np.where(planned.to_numpy(), clock.last_ordinal + 90, network.installed // DAY))
    base = base.with_columns(
        pl.when(planned).then(pl.lit("planned")).otherwise("operational_status").alias("operational_status"),
        installed.alias("installed_on"),
    )
    element, at, state = [], [], []

    def change(index: int, when: int, to: str) -> None:
        if when < clock.as_of_seconds:
            element.append(index)
            at.append(when)
            state.append(to)

    for fault in faults.faults:
        is_noted = rng.random() < 0.75
        if fault.degraded_from < NEVER and is_noted:
            change(fault.element, fault.degraded_from + 3 * DAY, "degraded")
        if is_noted and fault.end - fault.start > HOUR // 4:
            change(fault.element, fault.start + 120, "failed")
            change(fault.element, fault.end + 300, "active")
    for index in faults.retired:
        change(index, int(faults.live_to[index]) * DAY + 12 * HOUR, "retired")
    changes = base[np.array(element, dtype=np.int64)].with_columns(
        pl.Series("operational_status", state, dtype=pl.String),
        stamps(np.array(at, dtype=np.int64)).alias("updated_at"),
    )
    versions = pl.concat([base, changes]).unique(["element_id", "updated_at"], keep="last", maintain_order=True)
    return with_changes(versions, network, settings)


def _outage(
    network: Network, geography: Geography, rng: np.random.Generator, fault: Fault, customers: int
) -> dict[str, str | None]:
    """An outage as known in the end."""
    place, kind = int(network.zone[fault.element]), network.kinds[fault.element]
    zone = ZONES[place]
    minutes = (fault.end - fault.start) // 60
    is_core, is_911 = kind in ("core", "switch"), bool(network.serves_911[fault.element])
    cause = "emergency_failure" if is_911 and fault.cause == "equipment_failure" and rng.random() < 0.3 else fault.cause
    discovered = fault.start + int(rng.gamma(2, 240))
    county = {"AL": f"01{zone.county}", "GA": "13215", "CO": "08101"}[zone.state]
    numbers = int(customers * 1.4)
    is_reportable = minutes >= 30 and (is_core or cause == "emergency_failure")
    times = {
        "discovered_at": discovered, "estimated_restoration": fault.start + int(rng.uniform(0.5, 1.6) * minutes * 60),
        "nors_notified_at": discovered + int(rng.uniform(30, 140)) * 60 if is_reportable else NEVER,
        "nors_initial_filed_at": discovered + int(rng.uniform(20, 76)) * HOUR if is_reportable else NEVER,
        "nors_final_filed_at": discovered + int(rng.uniform(12, 31)) * DAY if is_reportable else NEVER,
        "psap_notified_at": discovered + int(rng.uniform(8, 40)) * 60 if is_911 else NEVER,
        "facility_followup_at": discovered + int(rng.uniform(60, 140)) * 60 if is_911 else NEVER,
    }  # fmt: skip
    return {
        "provider_id": geography.provider_ids[zone.provider], "zone_id": geography.zone_ids[place],
        "element_id": network.element_ids[fault.element],
        "affected_service": "emergency" if cause == "emergency_failure" else "all" if rng.random() < 0.8 else "data",
        "outage_type": cause, "affected_customers": str(customers), "affected_numbers": str(numbers),
        "affected_user_minutes": str(numbers * minutes) if rng.random() < 0.7 else None,
        "oc3_minutes": str(minutes * int(rng.integers(1, 12))) if cause == "fiber_cut" else None,
        "county_fips": json.dumps([county]), "affects_911": str(is_911).lower(),
        "affects_988": str(is_911 and bool(rng.random() < 0.2)).lower(),
        "is_mobile_switching_centre": str(is_core and zone.provider == 0).lower(),
        "is_special_facility": str(bool(rng.random() < 0.01)).lower(),
        "psap_ids": json.dumps([f"{county[:2]}{county[2:]}1"]) if is_911 else None,
        "nors_number": f"ON-{rng.integers(10**7, 10**8)}" if is_reportable else None,
        "root_cause": ROOT_CAUSES[cause],
        **{name: stamp(at) for name, at in times.items()},
    }  # fmt: skip


def build_outages(
    clock: Clock, geography: Geography, network: Network, faults: Faults, customers_at: list[int],
    phantoms: list[Fault], phantom_customers_at: list[int], factor: Floats,
) -> pl.DataFrame:  # fmt: skip
    """Nine of ten failures are recorded as outages: reported, restored, closed later; so are some that never were.

    Args:
        clock: of the simulation.
        geography: for ids of providers and zones.
        network: for the elements.
        faults: that happened.
        customers_at: whom each of them hit.
        phantoms: outages that are recorded though nothing failed (ingestion.sample.outage_mistakes).
        phantom_customers_at: who is behind each of these.
        factor: what the customers of each failure are multiplied by in its record.
    """
    rng, rows = clock.random("outages"), []
    for fault, customers, times in zip(faults.faults, customers_at, factor, strict=True):
        if rng.random() >= 0.1:
            rows += _record(clock, geography, network, rng, fault, customers, float(times))
    rng = clock.random("phantom outages")
    for fault, customers in zip(phantoms, phantom_customers_at, strict=True):
        rows += _record(clock, geography, network, rng, fault, customers, 1.0)
    return pl.DataFrame(rows, infer_schema_length=None)


def _record(
    clock: Clock, geography: Geography, network: Network, rng: np.random.Generator, fault: Fault, customers: int,
    factor: float,
) -> list[dict[str, str | None]]:  # fmt: skip
    """The versions of one outage that are known by the end."""
    row = _outage(network, geography, rng, fault, customers)
    row |= {"outage_id": uuids(rng, 1)[0], "outage_start": stamp(fault.start),
            "affected_customers": str(int(customers * factor))}  # fmt: skip
    first = fault.start + int(rng.integers(1500, 3000))
    restored = max(fault.end, first) + 300
    states = ((first, "investigating"), (restored, "restored"), (restored + 4 * DAY, "restored"),
              (restored + 32 * DAY, "closed"))  # fmt: skip
    return [
        {**_known(row, str(stamp(at)), state), "updated_at": stamp(at),
         "actual_restoration": stamp(fault.end) if state != "investigating" else None}
        for at, state in states if at < clock.as_of_seconds
    ]  # fmt: skip


def _known(row: dict[str, str | None], at: str, state: str) -> dict[str, str | None]:
    """What of an outage is known at an instant: nothing later than it, and its end and cause only afterwards."""
    known = {**row, "outage_status": state}
    for name in NOTED_AT:
        value = row[name]
        known[name] = value if value and value <= at else None
    if state == "investigating":
        known |= {"root_cause": None, "affected_user_minutes": None, "nors_number": None}
    return known


def build_maintenance(clock: Clock, network: Network, faults: Faults) -> pl.DataFrame:
    """A corrective visit after most failures of hardware; preventive ones and upgrades twice a year."""
    rng = clock.random("maintenance")
    begin = int(clock.month_bounds()[0]) * DAY
    visits = [
        (fault.element, "corrective", fault.end + int(rng.integers(1, 12)) * DAY // 2)
        for fault in faults.faults
        if fault.cause == "equipment_failure" and rng.random() < 0.85
    ]
    span = clock.as_of_seconds + 60 * DAY - begin
    for element in range(len(network.kinds)):
        for _ in range(int(rng.poisson(span / DAY / 365 * 2))):
            kind = str(rng.choice(["preventive", "upgrade", "inspection"], p=[0.5, 0.25, 0.25]))
            visits.append((element, kind, begin + int(rng.integers(0, span // DAY)) * DAY + 8 * HOUR))
    rows = []
    for element, kind, at in visits:
        planned_at = at - int(rng.integers(1, 20)) * DAY
        # No visit is over before it begins.
        hours = max(float(rng.gamma(3, 0.8)), 0.25)
        outcome = str(rng.choice(["completed", "failed", "cancelled"], p=[0.93, 0.04, 0.03]))
        row = {
            "maintenance_id": uuids(rng, 1)[0], "element_id": network.element_ids[element], "maintenance_type": kind,
            "scheduled_at": stamp(at), "started_at": None, "completed_at": None, "outcome": "pending",
            "cost": None, "currency": None, "updated_at": stamp(max(planned_at, begin)),
        }  # fmt: skip
        if max(planned_at, begin) < clock.as_of_seconds:
            rows.append(row)
        done = at + int(hours * HOUR)
        if done < clock.as_of_seconds:
            is_done = outcome != "cancelled"
            rows.append({**row, "outcome": outcome, "updated_at": stamp(done),
                         "started_at": stamp(at + 600) if is_done else None,
                         "completed_at": stamp(done) if is_done else None,
                         "cost": f"{hours * 180 + rng.gamma(1, 300):.2f}" if is_done else None,
                         "currency": "USD" if is_done else None})  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)
