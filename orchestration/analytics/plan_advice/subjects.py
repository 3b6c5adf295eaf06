"""What plan advice is about: services, plans as they are offered, addresses, and the parameters.

Not here: prices (rating), how they are read from the warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction

from orchestration.analytics.rating import Discount, Tariff

# FCC technology codes of the old forms as those of the Broadband Data Collection.
_BDC_TECHNOLOGY = {11: 10, 12: 10, 20: 10, 30: 10, 41: 40, 42: 40, 43: 40, 90: 0}


@dataclass(frozen=True)
class Parameters:
    """reference.plan_advice_parameters, one field per row."""

    tested_periods: int
    minimum_tested_periods: int
    minimum_yearly_saving: Decimal
    minimum_speed_percentage: Decimal
    bootstrap_draws: int
    bootstrap_seed: int
    quality_window_days: int
    quality_minimum_tests: int
    quality_fault_percentage: Decimal
    saturation_window_days: int
    saturation_minimum_days: int
    saturation_percentage: Decimal
    saturation_days_percentage: Decimal
    history_days: int

    @classmethod
    def of(cls, values: Mapping[str, Decimal]) -> Parameters:
        """Raises ValueError where one is missing, unknown or not whole though it counts something."""
        names = {field.name: field.type for field in fields(cls)}
        if set(names) != set(values):
            raise ValueError(
                f"reference.plan_advice_parameters: missing {sorted(set(names) - set(values))}, unknown"
                f" {sorted(set(values) - set(names))}; correct the seed plan_advice_parameters.csv"
            )
        broken = [name for name, kind in names.items() if kind == "int" and values[name] != int(values[name])]
        if broken:
            raise ValueError(f"reference.plan_advice_parameters: expected whole numbers for {sorted(broken)}")
        return cls(**{name: int(value) if names[name] == "int" else value for name, value in values.items()})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Plan:
    """A plan as it is offered at AS_OF; speeds in Mbps."""

    tariff: Tariff
    provider_id: str
    plan_type: str
    technology_code: int | None
    speed_mbps_down: Decimal | None
    speed_mbps_up: Decimal | None
    voice_service: str | None
    is_business: bool
    early_termination_fee: Decimal | None
    contract_months: int
    available_from: date
    available_to: date | None

    @property
    def plan_id(self) -> str:
        return self.tariff.plan_id

    @property
    def name(self) -> str:
        return self.tariff.plan_name

    def is_on_sale(self, day: date) -> bool:
        return self.available_from <= day and (self.available_to is None or day <= self.available_to)


@dataclass(frozen=True)
class Address:
    """Where a fixed service is: `offers`: highest download and upload Mbps by technology (None: not listed)."""

    place: str | None = None
    offers: Mapping[int, tuple[Decimal, Decimal]] | None = None


@dataclass(frozen=True)
class Service:
    """A service in force at AS_OF. `as_of_day` is its local day then, `bill_day` its customer's at the provider.

    `time_zone` is that of its days; `has_broadband`: the customer has a fixed service with data, which calls over the
    top need.
    """

    service_id: str
    customer_id: str
    provider_id: str
    zone_id: str
    plan_id: str
    is_business: bool
    as_of_day: date
    bill_day: int
    activated_day: date
    time_zone: str = "UTC"
    contract_end: date | None = None
    discount: Discount | None = None
    has_marketing_consent: bool = False
    has_broadband: bool = False
    address: Address = field(default_factory=Address)

    @property
    def is_under_contract(self) -> bool:
        return self.contract_end is not None and self.contract_end > self.as_of_day


def bdc_technology(code: int) -> int:
    """A plan's technology code as serviceable locations state it."""
    return _BDC_TECHNOLOGY.get(code, code)


def exact(value: Decimal | None) -> Fraction:
    return Fraction(0) if value is None else Fraction(value)
