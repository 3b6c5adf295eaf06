"""Providers, zones, plans and network elements of the simulated operator.

Not here: customers and anything that happens over time, but for the elements' changes of state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from ingestion.sample.clock import Clock, uuids


@dataclass(frozen=True)
class ProviderTemplate:
    name: str
    kind: str
    time_zone: str
    state: str
    state_fips: str
    latitude: float
    longitude: float
    area_code: str
    cities: tuple[str, ...]
    share_of_customers: float
    # Kinds of access equipment: (element type, type of the part that serves customers).
    access: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Plan:
    name: str
    kind: str
    includes: tuple[str, ...]
    price_cents: int
    allowance_gb: int | None
    down_mbps: int
    up_mbps: int
    is_business: bool
    is_prepaid: bool
    share: float
    overage_cents_per_gb: int | None = None
    technology_code: int | None = None


PROVIDERS = (
    ProviderTemplate(
        "Magnolia Wireless", "mobile", "America/Chicago", "AL", "01", 32.38, -86.30, "334",
        ("Montgomery", "Prattville", "Wetumpka"), 0.45, (("cell_site", "sector"),),
    ),
    ProviderTemplate(
        "Peachtree Cable", "cable", "America/New_York", "GA", "13", 32.46, -84.99, "706",
        ("Columbus", "Opelika", "LaGrange"), 0.25, (("cmts", "service_group"),),
    ),
    ProviderTemplate(
        "Front Range Fiber", "converged", "America/Denver", "CO", "08", 38.83, -104.82, "719",
        ("Colorado Springs", "Pueblo", "Fountain"), 0.30, (("olt", "pon_port"), ("cell_site", "sector")),
    ),
)  # fmt: skip

PLANS = (
    (
        Plan("Smart 5", "mobile", ("data", "voice", "sms"), 3500, 5, 100, 20, False, False, 0.30, 1000),
        Plan("Smart 20", "mobile", ("data", "voice", "sms"), 5000, 20, 200, 30, False, False, 0.30, 1000),
        Plan("Unlimited", "mobile", ("data", "voice", "sms"), 7000, None, 300, 50, False, False, 0.25),
        Plan("Prepaid 3", "mobile", ("data", "voice", "sms"), 2000, 3, 50, 10, False, True, 0.15),
        Plan("Business Mobile 50", "mobile", ("data", "voice", "sms"), 6000, 50, 300, 50, True, False, 1.0, 800),
    ),
    (
        Plan("Cable 100", "cable", ("data",), 4999, None, 100, 10, False, False, 0.40, None, 40),
        Plan("Cable 300", "cable", ("data",), 6499, None, 300, 20, False, False, 0.40, None, 40),
        Plan("Cable Gig", "cable", ("data", "video"), 8999, None, 1000, 35, False, False, 0.20, None, 40),
        Plan("Business Cable 500", "cable", ("data",), 12999, None, 500, 50, True, False, 1.0, None, 40),
    ),
    (
        Plan("Fiber 500", "broadband", ("data",), 5500, None, 500, 500, False, False, 0.40, None, 50),
        Plan("Fiber Gig", "broadband", ("data",), 7500, None, 1000, 1000, False, False, 0.25, None, 50),
        Plan("Home Phone", "voice", ("voice",), 1999, None, 0, 0, False, False, 0.10),
        Plan("Mobile 15", "mobile", ("data", "voice", "sms"), 4000, 15, 150, 30, False, False, 0.25, 1000),
        Plan("Business Fiber", "broadband", ("data",), 14900, None, 1000, 1000, True, False, 1.0, None, 50),
    ),
)


@dataclass(frozen=True)
class World:
    """The operator's inventory. `zones` and `leaves` are per provider: ids of zones, and of the elements that serve."""

    provider_ids: list[str]
    plan_ids: list[list[str]]
    zones: list[list[str]]
    leaves: list[list[list[str]]]
    providers: pl.DataFrame
    service_zones: pl.DataFrame
    service_plans: pl.DataFrame
    network_elements: pl.DataFrame


def _founded(clock: Clock) -> str:
    return datetime(clock.first_day.year - 6, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _zones(clock: Clock, provider_ids: list[str]) -> tuple[list[list[str]], pl.DataFrame]:
    rng = clock.random("zones")
    rows, ids = [], []
    for provider_id, template in zip(provider_ids, PROVIDERS, strict=True):
        ids.append(uuids(rng, len(template.cities)))
        for zone_id, city, kind in zip(ids[-1], template.cities, ("urban", "suburban", "rural"), strict=True):
            households = int(rng.integers(4_000, 60_000))
            rows.append(
                {
                    "zone_id": zone_id, "provider_id": provider_id, "zone_name": city, "zone_type": kind,
                    "customer_density": f"{households / 900:.2f}", "capacity_subscribers": str(households // 3),
                    "busy_hour_capacity_mbps": str(households // 2), "population": str(int(households * 2.5)),
                    "households": str(households), "updated_at": _founded(clock),
                }
            )  # fmt: skip
    return ids, pl.DataFrame(rows)


def _plans(clock: Clock, provider_ids: list[str]) -> tuple[list[list[str]], pl.DataFrame]:
    rng = clock.random("plans")
    rows, ids = [], []
    for provider_id, plans in zip(provider_ids, PLANS, strict=True):
        ids.append(uuids(rng, len(plans)))
        for plan_id, plan in zip(ids[-1], plans, strict=True):
            includes = "[" + ", ".join(f'"{kind}"' for kind in plan.includes) + "]"
            overage = None if plan.overage_cents_per_gb is None else f"{plan.overage_cents_per_gb / 100:.2f}"
            rows.append(
                {
                    "plan_id": plan_id, "provider_id": provider_id, "plan_name": plan.name, "plan_type": plan.kind,
                    "includes": includes, "technology_code": plan.technology_code and str(plan.technology_code),
                    "base_price": f"{plan.price_cents / 100:.2f}", "currency": "USD",
                    "data_allowance_gb": plan.allowance_gb and str(plan.allowance_gb),
                    "speed_mbps_down": str(plan.down_mbps), "speed_mbps_up": str(plan.up_mbps),
                    "overage_price_per_gb": overage, "is_business": str(plan.is_business).lower(),
                    "is_prepaid": str(plan.is_prepaid).lower(), "contract_months": "0" if plan.is_prepaid else "24",
                    "additional_features": '{"support": "standard, 24/7"}', "available_from": "2020-01-01",
                    "updated_at": _founded(clock),
                }
            )  # fmt: skip
    return ids, pl.DataFrame(rows, infer_schema_length=None)


def _element(
    clock: Clock, template: ProviderTemplate, rng: np.random.Generator, **own: str | None
) -> dict[str, str | None]:
    installed = clock.first_day - timedelta(days=int(rng.integers(100, 2000)))
    vendor = ("Nordlink", "Halcyon", "Telebit")[int(rng.integers(3))]
    return {
        "vendor": vendor, "model": f"{vendor[:2].upper()}-{int(rng.integers(100, 999))}",
        "software_version": f"{int(rng.integers(1, 9))}.{int(rng.integers(0, 20))}", "operational_status": "active",
        "latitude": f"{template.latitude + rng.normal(0, 0.15):.6f}",
        "longitude": f"{template.longitude + rng.normal(0, 0.15):.6f}",
        "capacity_mbps": str(int(rng.integers(2, 80)) * 100), "power_rating_kw": f"{rng.uniform(0.5, 8):.2f}",
        "backup_power_hours": str(int(rng.integers(0, 25))), "serves_911": str(bool(rng.random() < 0.4)).lower(),
        "installed_on": installed.isoformat(),
        "configuration": '{"protocols": ["ssh", "snmp"], "snmp_version": "3", "encryption_enabled": true}',
        "updated_at": _founded(clock), **own,
    }  # fmt: skip


def _elements(
    clock: Clock, provider_ids: list[str], zones: list[list[str]]
) -> tuple[list[list[list[str]]], pl.DataFrame]:
    """Per zone: a router, and for each kind of access a few head ends with the parts that serve customers."""
    rng = clock.random("elements")
    rows: list[dict[str, str | None]] = []
    leaves: list[list[list[str]]] = []
    for provider_id, template, provider_zones in zip(provider_ids, PROVIDERS, zones, strict=True):
        leaves.append([])
        for number, zone_id in enumerate(provider_zones, start=1):
            own = {"provider_id": provider_id, "zone_id": zone_id}
            serving: list[str] = []
            (router,) = uuids(rng, 1)
            rows.append(_element(clock, template, rng, element_id=router, element_type="router",
                                 element_name=f"{template.state}-R{number}", **own))  # fmt: skip
            for head, part in template.access:
                for site in range(3):
                    name = f"{template.state}-{head[:2].upper()}{number}{site}"
                    ids = uuids(rng, 4)
                    rows.append(_element(clock, template, rng, element_id=ids[0], element_type=head,
                                         element_name=name, parent_element_id=router, **own))  # fmt: skip
                    for index, part_id in enumerate(ids[1:], start=1):
                        radio = "nr" if part == "sector" else None
                        rows.append(_element(clock, template, rng, element_id=part_id, element_type=part,
                                             element_name=f"{name}-{index}", parent_element_id=ids[0],
                                             radio_technology=radio, **own))  # fmt: skip
                    serving += ids[1:]
            leaves[-1].append(serving)
    return leaves, pl.DataFrame(rows + _changes(clock, rng, rows), infer_schema_length=None)


def _changes(clock: Clock, rng: np.random.Generator, rows: list[dict[str, str | None]]) -> list[dict[str, str | None]]:
    """Later versions: some elements fail and come back, some degrade, one is retired, one is only planned."""
    changes = []
    for row in rows:
        draw = rng.random()
        at = datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC) + timedelta(
            minutes=int(rng.integers(60 * 24, clock.days * 1440 - 3000))
        )
        states = ("failed", "active") if draw < 0.10 else ("degraded",) if draw < 0.14 else (
            ("retired",) if draw < 0.16 else ("failed",) if draw < 0.18 else ()
        )  # fmt: skip
        if 0.18 <= draw < 0.20 and row["element_type"] == "router":
            row["operational_status"], row["installed_on"] = "planned", (clock.last_day + timedelta(90)).isoformat()
        for step, state in enumerate(states):
            updated_at = (at + timedelta(hours=9 * step)).strftime("%Y-%m-%dT%H:%M:%SZ")
            changes.append({**row, "operational_status": state, "updated_at": updated_at})
    return changes


def build_world(clock: Clock) -> World:
    """Everything that stands before the first customer comes."""
    provider_ids = uuids(clock.random("providers"), len(PROVIDERS))
    zones, service_zones = _zones(clock, provider_ids)
    plan_ids, service_plans = _plans(clock, provider_ids)
    leaves, network_elements = _elements(clock, provider_ids, zones)
    providers = pl.DataFrame(
        [
            {
                "provider_id": provider_id, "provider_name": template.name, "provider_type": template.kind,
                "frn": f"00{index}8842{index}51", "brand_name": template.name.split()[0], "market": template.cities[0],
                "state_fips": template.state_fips, "time_zone": template.time_zone, "is_ilec": "false",
                "is_covered_911_provider": "true", "updated_at": _founded(clock),
            }
            for index, (provider_id, template) in enumerate(zip(provider_ids, PROVIDERS, strict=True), start=1)
        ]
    )  # fmt: skip
    return World(provider_ids, plan_ids, zones, leaves, providers, service_zones, service_plans, network_elements)
