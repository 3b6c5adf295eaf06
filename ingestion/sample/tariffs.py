"""The price list: what each provider sells, at which prices, allowances and rating rules, and when prices rose.

Not here: what a customer's usage costs under it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from ingestion.sample.clock import NEVER, TIME_ZONES, Clock, Ints, stamps, to_utc, uuids
from ingestion.sample.geography import PROVIDERS

GB = 2**30
MB = 2**20


@dataclass(frozen=True)
class Plan:
    """One tariff. Prices are cents; `share` is its share among what its kind of customer takes."""

    provider: int
    name: str
    kind: str
    includes: tuple[str, ...]
    price: int
    share: float
    data_gb: float | None = None
    minutes: int | None = None
    messages: int | None = None
    speed: tuple[int, int] | None = None
    per_gb: str | None = None
    per_minute: str | None = None
    per_message: str | None = None
    technology: int | None = None
    voice_service: str | None = None
    lines: int | None = None
    is_business: bool = False
    is_prepaid: bool = False
    is_iot: bool = False
    contract_months: int = 24
    termination_fee: int | None = None
    local_loop: str | None = None
    long_distance: bool | None = None
    components: tuple[tuple[str, int, float], ...] = ()
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Typical gigabytes and minutes a month of those who take it.
    typical_gb: float = 0.0
    typical_minutes: float = 0.0
    typical_messages: float = 0.0
    raise_cents: int = 0

    @property
    def is_fixed(self) -> bool:
        return self.kind != "mobile"


ALL = ("data", "voice", "sms")
BLOCKS_OF_50_GB = {"data": {"price_per": 50 * GB, "tiers": [{"up_to": None, "block_size": 50 * GB, "unit_price": 10}]}}
BUSINESS_TIERS = {
    "data": {
        "price_per": GB,
        "mode": "graduated",
        "tiers": [
            {"up_to": 10 * GB, "unit_price": 8},
            {"up_to": 30 * GB, "unit_price": 6},
            {"up_to": None, "unit_price": 4},
        ],
    }
}
PER_MINUTE = {
    "voice": {
        "connect_fee": 0.05,
        "first_increment": 60,
        "increment": 60,
        "price_per": 60,
        "tiers": [{"up_to": None, "unit_price": 0.05}],
        "time_bands": [{"days": "1-5", "from": "07:00", "to": "19:00", "unit_price": 0.12}],
    }
}
METER_TIERS = {
    "data": {
        "first_increment": 1024,
        "increment": 1024,
        "price_per": MB,
        "mode": "volume",
        "tiers": [
            {"up_to": 20 * MB, "unit_price": 0.02},
            {"up_to": 100 * MB, "unit_price": 0.015},
            {"up_to": None, "unit_price": 0.01},
        ],
        "decimals": 2,
        "rounding": "up",
    }
}
OFFICE_TIERS = {
    "voice": {
        "connect_fee": 0.03,
        "first_increment": 30,
        "increment": 6,
        "price_per": 60,
        "mode": "volume",
        "tiers": [
            {"up_to": 30_000, "unit_price": 0.045},
            {"up_to": 120_000, "unit_price": 0.035},
            {"up_to": None, "unit_price": 0.025},
        ],
    }
}

PLANS = (
    Plan(0, "Smart 5", "mobile", ALL, 3500, 0.23, 5, speed=(100, 20), per_gb="10", voice_service="mobile", lines=1,
         typical_gb=3.2, typical_minutes=380, typical_messages=160, raise_cents=300),
    Plan(0, "Smart 20", "mobile", ALL, 5000, 0.24, 20, speed=(200, 30), per_gb="10", voice_service="mobile", lines=1,
         typical_gb=13, typical_minutes=420, typical_messages=190, termination_fee=15000, raise_cents=500),
    Plan(0, "Unlimited", "mobile", ALL, 7000, 0.27, speed=(300, 50), voice_service="mobile", lines=1, typical_gb=27,
         typical_minutes=480, typical_messages=220, termination_fee=15000),
    Plan(0, "Prepaid 3", "mobile", ALL, 2000, 0.14, 3, speed=(50, 10), voice_service="mobile", lines=1,
         is_prepaid=True, contract_months=0, typical_gb=2.1, typical_minutes=260, typical_messages=120),
    Plan(0, "Talk & Text", "mobile", ("voice", "sms"), 1500, 0.06, minutes=300, messages=300, per_minute="0.10",
         per_message="0.05", voice_service="mobile", lines=1, contract_months=0, typical_minutes=190,
         typical_messages=150),
    Plan(0, "Per Minute", "mobile", ("voice", "sms"), 800, 0.06, minutes=0, messages=0, per_message="0.05",
         voice_service="mobile", lines=1, contract_months=0, rules=PER_MINUTE, typical_minutes=60,
         typical_messages=25),
    Plan(0, "Business Mobile 50", "mobile", ALL, 6000, 0.70, 50, 1500, speed=(300, 50), per_minute="0.05",
         voice_service="mobile", lines=1, is_business=True, termination_fee=20000, rules=BUSINESS_TIERS, typical_gb=31,
         typical_minutes=800, typical_messages=140),
    Plan(0, "IoT Meter", "mobile", ("data",), 200, 0.30, 0.05, speed=(1, 1), is_business=True, is_iot=True,
         contract_months=36, rules=METER_TIERS, typical_gb=0.04),
    Plan(1, "Cable 100", "cable", ("data",), 4999, 0.28, 1200, speed=(100, 10), technology=40, rules=BLOCKS_OF_50_GB,
         contract_months=12, typical_gb=430, raise_cents=400),
    Plan(1, "Cable 300", "cable", ("data",), 6499, 0.30, 1200, speed=(300, 20), technology=40, rules=BLOCKS_OF_50_GB,
         contract_months=12, typical_gb=560, termination_fee=12000),
    Plan(1, "Cable Gig", "cable", ("data", "video"), 8999, 0.17, speed=(1000, 35), technology=40, contract_months=24,
         typical_gb=760, termination_fee=12000),
    Plan(1, "Business Cable 500", "cable", ("data",), 12999, 1.0, speed=(500, 50), technology=40, is_business=True,
         contract_months=36, typical_gb=520, termination_fee=30000),
    Plan(1, "Cable Phone", "voice", ("voice",), 1999, 0.09, technology=40, voice_service="voip_facilities", lines=1,
         contract_months=0, long_distance=True, local_loop="owned", typical_minutes=420),
    Plan(1, "Double Play 300", "bundle", ("data", "voice"), 7499, 0.16, speed=(300, 20), contract_months=24,
         termination_fee=12000, components=(("Cable 300", 1, 0.76), ("Cable Phone", 1, 0.24)), typical_gb=580,
         typical_minutes=390),
    Plan(2, "Fiber 500", "broadband", ("data",), 5500, 0.27, speed=(500, 500), technology=50, contract_months=12,
         typical_gb=640, raise_cents=500),
    Plan(2, "Fiber Gig", "broadband", ("data",), 7500, 0.15, speed=(1000, 1000), technology=50, contract_months=12,
         typical_gb=820),
    Plan(2, "DSL 25", "broadband", ("data",), 3999, 0.12, speed=(25, 3), technology=10, contract_months=12,
         typical_gb=260),
    Plan(2, "Satellite 100", "satellite", ("data",), 8999, 0.05, 150, speed=(100, 5), technology=60,
         termination_fee=20000, typical_gb=105),
    Plan(2, "Home Phone", "voice", ("voice",), 1999, 0.08, minutes=300, per_minute="0.07", technology=10,
         voice_service="switched", lines=1, contract_months=0, long_distance=True, local_loop="owned",
         typical_minutes=210),
    Plan(2, "Digital Voice", "voice", ("voice",), 1499, 0.05, minutes=500, per_minute="0.05",
         voice_service="voip_over_the_top", lines=1, contract_months=0, long_distance=False, typical_minutes=300),
    Plan(2, "Mobile 15", "mobile", ALL, 4000, 0.20, 15, speed=(150, 30), per_gb="10", voice_service="mobile", lines=1,
         termination_fee=15000, typical_gb=9.5, typical_minutes=400, typical_messages=180),
    Plan(2, "Fiber & Phone", "bundle", ("data", "voice"), 6800, 0.08, speed=(500, 500), contract_months=24,
         termination_fee=12000, components=(("Fiber 500", 1, 0.79), ("Digital Voice", 1, 0.21)), typical_gb=610,
         typical_minutes=280),
    Plan(2, "Business Fiber", "broadband", ("data",), 14900, 0.6, speed=(1000, 1000), technology=50, is_business=True,
         contract_months=36, termination_fee=30000, typical_gb=560),
    Plan(2, "Office Lines", "voice", ("voice",), 8900, 0.4, minutes=600, technology=10, voice_service="switched",
         lines=4, is_business=True, contract_months=24, long_distance=True, local_loop="une_l", rules=OFFICE_TIERS,
         typical_minutes=1100),
)  # fmt: skip
PLAN_INDEX = {plan.name: index for index, plan in enumerate(PLANS)}


@cache
def offers(provider: int, is_business: bool) -> tuple[int, ...]:
    """Indices of the plans that a provider sells to private or to business customers."""
    return tuple(
        i for i, plan in enumerate(PLANS) if plan.provider == provider and plan.is_business == is_business
    )  # fmt: skip


def successors(plan: int) -> tuple[int, ...]:
    """Plans of the same provider, kind, customers and technology that someone on this one can change to."""
    own = PLANS[plan]
    return tuple(
        i
        for i in offers(own.provider, own.is_business)
        if i != plan and not PLANS[i].is_iot and not own.is_iot
        and (PLANS[i].kind, PLANS[i].technology, PLANS[i].is_prepaid) == (own.kind, own.technology, own.is_prepaid)
    )  # fmt: skip


@dataclass(frozen=True)
class Tariffs:
    """Plan ids, the price in cents of every plan in every month, and the feed's rows."""

    plan_ids: pl.Series
    prices: Ints
    service_plans: pl.DataFrame


def _text(value: object) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _row(plan: Plan, plan_id: str, provider_id: str, ids: dict[str, str], updated_at: str) -> dict[str, str | None]:
    components = [
        {"plan_id": ids[name], "quantity": quantity, "price_share": share} for name, quantity, share in plan.components
    ]
    fee = plan.termination_fee
    return {
        "plan_id": plan_id, "provider_id": provider_id, "plan_name": plan.name, "plan_type": plan.kind,
        "includes": json.dumps(plan.includes), "technology_code": _text(plan.technology),
        "voice_service": plan.voice_service, "voice_lines": _text(plan.lines),
        "base_price": f"{plan.price / 100:.2f}", "currency": "USD", "data_allowance_gb": _text(plan.data_gb),
        "voice_allowance_minutes": _text(plan.minutes), "sms_allowance": _text(plan.messages),
        "speed_mbps_down": _text(plan.speed and plan.speed[0]), "speed_mbps_up": _text(plan.speed and plan.speed[1]),
        "overage_price_per_gb": plan.per_gb, "overage_price_per_minute": plan.per_minute,
        "overage_price_per_sms": plan.per_message, "rating_rules": json.dumps(plan.rules) if plan.rules else None,
        "bundle_components": json.dumps(components) if components else None,
        "contract_months": str(plan.contract_months),
        "early_termination_fee": None if fee is None else f"{fee / 100:.2f}",
        "is_business": _text(plan.is_business), "is_prepaid": _text(plan.is_prepaid),
        "includes_long_distance": _text(plan.long_distance), "local_loop": plan.local_loop,
        "additional_features": '{"support": "standard, 24/7"}', "available_from": "2020-01-01",
        "updated_at": updated_at,
    }  # fmt: skip


def build_tariffs(clock: Clock, provider_ids: pl.Series) -> Tariffs:
    """Every plan, and for some a rise of the price at the start of a month of the history."""
    rng = clock.random("plans")
    plan_ids = uuids(rng, len(PLANS))
    ids = {plan.name: plan_id for plan, plan_id in zip(PLANS, plan_ids, strict=True)}
    bounds = clock.month_bounds()
    months = len(bounds) - 1
    prices = np.repeat(np.array([[plan.price] for plan in PLANS], dtype=np.int64), months, axis=1)
    founded = clock.history_first.replace(year=clock.history_first.year - 6, month=1, day=1)
    rows = []
    for index, (plan, plan_id) in enumerate(zip(PLANS, plan_ids, strict=True)):
        row = _row(plan, plan_id, provider_ids[plan.provider], ids, f"{founded.isoformat()}T00:00:00Z")
        rows.append(row)
        if plan.raise_cents and months >= 6:
            month = int(rng.integers(months // 3, months - 1))
            prices[index, :month] -= plan.raise_cents
            row["base_price"] = f"{(plan.price - plan.raise_cents) / 100:.2f}"
            zone = TIME_ZONES.index(PROVIDERS[plan.provider].time_zone)
            at = stamps(to_utc(bounds[month : month + 1] * 86400, np.array([zone])))
            rows.append({**row, "base_price": f"{plan.price / 100:.2f}", "updated_at": at[0]})
    return Tariffs(plan_ids, prices, pl.DataFrame(rows, infer_schema_length=None))


def plan_array(name: str) -> np.ndarray:
    """One attribute of every plan as an array."""
    return np.array([getattr(plan, name) for plan in PLANS])


def allowance(kind: str) -> Ints:
    """What every plan includes a month in bytes, seconds or messages; NEVER where it is unlimited or not sold."""
    factor, name = {"data": (GB, "data_gb"), "voice": (60, "minutes"), "sms": (1, "messages")}[kind]
    found = [getattr(plan, name) for plan in PLANS]
    return np.array([NEVER * MB if value is None else round(value * factor) for value in found], dtype=np.int64)
