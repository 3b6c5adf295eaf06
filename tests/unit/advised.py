"""Plans, services and their use for the tests of plan advice.

Not here: tests.
"""

from datetime import date
from decimal import Decimal

import numpy as np

from orchestration.analytics.plan_advice.candidates import candidates
from orchestration.analytics.plan_advice.pricing import Records
from orchestration.analytics.plan_advice.quality import Line, SpeedTest
from orchestration.analytics.plan_advice.subjects import Parameters, Plan, Service
from orchestration.analytics.rating import tariff_from
from orchestration.analytics.rating.tariff import KINDS

MILLION = 10**6
DAY = date(2026, 10, 1)
VALUES = {
    "tested_periods": 6, "minimum_tested_periods": 3, "minimum_yearly_saving": 12, "minimum_speed_percentage": 100,
    "bootstrap_draws": 200, "bootstrap_seed": 1, "quality_window_days": 180, "quality_minimum_tests": 2,
    "quality_fault_percentage": 70, "saturation_window_days": 30, "saturation_minimum_days": 15,
    "saturation_percentage": 70, "saturation_days_percentage": 10, "history_days": 400,
}  # fmt: skip
PARAMETERS = Parameters.of({name: Decimal(value) for name, value in VALUES.items()})
FIXED = {"plan_type": "broadband", "includes": ("data",)}


def plan(plan_id, price=30, includes=KINDS, rules=None, components=None, **columns):
    prices = {name: columns.pop(name) for name in list(columns) if "allowance" in name or "overage" in name}
    parts = [{"plan_id": one, "quantity": 1, "price_share": Decimal("0.5")} for one in components or ()]
    tariff = tariff_from(
        {"plan_id": plan_id, "plan_name": plan_id.title(), "includes": list(includes), "base_price": price,
         "currency": columns.pop("currency", "USD"), "rating_rules": rules, "bundle_components": parts, **prices}
    )  # fmt: skip
    given_columns = {
        "provider_id": "one", "plan_type": "mobile", "technology_code": None, "speed_mbps_down": Decimal(100),
        "speed_mbps_up": Decimal(10), "voice_service": None, "is_business": False, "early_termination_fee": None,
        "contract_months": 0, "available_from": date(2020, 1, 1), "available_to": None,
    }  # fmt: skip
    return Plan(tariff, **{**given_columns, **columns})


def service(plan_id="own", service_id="s", **columns):
    given_columns = {
        "customer_id": "c", "provider_id": "one", "zone_id": "z", "is_business": False, "as_of_day": DAY,
        "bill_day": 1, "activated_day": date(2020, 1, 1), "has_marketing_consent": True,
    }  # fmt: skip
    return Service(service_id=service_id, plan_id=plan_id, **{**given_columns, **columns})


def by_id(*plans):
    return {one.plan_id: one for one in plans}


def names(subject, *plans):
    return [one.plan_id for one in candidates(subject, by_id(*plans), PARAMETERS)]


def records_of(*people):
    rows = [
        (index, period, KINDS.index(kind), 0, quantity, 0, 1)
        for index, (_, use) in enumerate(people)
        for period, _, kind, quantity in use
    ]
    return Records(*np.array(sorted(rows), dtype=np.int64).reshape(len(rows), 7).T)


def measured(*speeds):
    return Line([SpeedTest(Decimal(one), Decimal(100)) for one in speeds])
