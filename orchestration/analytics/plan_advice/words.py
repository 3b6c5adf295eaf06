"""The words of plan advice, with the figures that they stand on.

Not here: the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from orchestration.analytics.plan_advice.quality import Fault, Saturation
from orchestration.analytics.plan_advice.subjects import Parameters, Plan, Service


def months(count: int) -> str:
    return "the last full billing month" if count == 1 else f"the last {count} full billing months"


def number(value: Decimal | float) -> str:
    """Whole where it is over 10, else with one decimal."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def contract(service: Service, fee: Decimal, plan: Plan) -> str:
    """What a change does to contracts; empty where there are none."""
    currency = plan.tariff.currency
    said = ""
    if service.is_under_contract:
        cost = f"leaving it costs {fee} {currency}, counted here" if fee else "no fee for leaving it is known"
        said += f" The present contract runs until {service.contract_end}; {cost}."
    if plan.contract_months:
        said += f" {plan.name} binds for {plan.contract_months} months."
    return said


def change(present: Plan, plan: Plan, saving: Decimal, costs: tuple[Decimal, Decimal], won: int, tested: int) -> str:
    currency = plan.tariff.currency
    return (
        f"By the use of {months(tested)} {plan.name} costs {costs[1]} {currency} a year, {present.name} {costs[0]}:"
        f" {saving} {currency} less in the first year, and less in {won} of {tested}."
    )


def stay(present: Plan, best: Plan | None, saving: Decimal, served: int, tested: int, parameters: Parameters) -> str:
    """Why nothing is to be changed."""
    needed = parameters.minimum_tested_periods
    if tested < needed:
        found = str(tested) if tested else "No"
        return f"{found} full billing months in service with usage data; plans are tested on {needed} or more."
    currency = present.tariff.currency
    if best is None:
        return f"No other plan that may be taken serves the use of {months(tested)}."
    others = "the only other plan that serves" if served == 1 else f"the cheapest of {served} other plans that serve"
    by = f"By the use of {months(tested)} {best.name}, {others} it,"
    if saving > 0:
        return (
            f"{by} saves {saving} {currency} a year; a change should save more than {parameters.minimum_yearly_saving}."
        )
    return f"{by} saves nothing: it costs {-saving} {currency} a year more than {present.name}."


def fault(found: Fault, advertised: Decimal | None, parameters: Parameters) -> tuple[str, str]:
    """(reason, improvement) of a line that gets too little."""
    promised = f" of {number(advertised)}" if advertised else ""
    reason = (
        f"{found.tests} speed tests of the last {parameters.quality_window_days} days measured"
        f" {number(found.measured_mbps)}{promised} Mbps, {found.percentage:.0f} % of what was advertised: under"
        f" {parameters.quality_fault_percentage} % the line has a fault. Repair it; a dearer plan would not help."
    )
    after = f"{number(advertised)} Mbps" if advertised else "the advertised speed"
    return reason, f"from {number(found.measured_mbps)} Mbps to {after} download once the fault is repaired"


def saturated(found: Saturation, present: Plan, parameters: Parameters) -> str:
    return (
        f"The busiest hour took {parameters.saturation_percentage} % or more of the"
        f" {number(present.speed_mbps_down or 0)} Mbps of {present.name} on {found.days} of {found.observed_days} days"
        f" (at most {number(found.peak_mbps)} Mbps): the line fills its plan."
    )


def faster(plan: Plan, more: Decimal) -> str:
    speed, currency = number(plan.speed_mbps_down or 0), plan.tariff.currency
    difference = f"{more} {currency} more" if more >= 0 else f"{-more} {currency} less"
    return f" {plan.name} with {speed} Mbps costs {difference} in the first year."


def speed_change(present: Plan, plan: Plan) -> str:
    return f"from {number(present.speed_mbps_down or 0)} to {number(plan.speed_mbps_down or 0)} Mbps download"


def improvement(present: Plan, plan: Plan, has_fault: bool, is_saturated: bool) -> str:
    """What a change to save money does to quality."""
    if has_fault:
        return "none to be expected: the line has a fault"
    if plan.speed_mbps_down is None or plan.speed_mbps_down <= (present.speed_mbps_down or 0):
        return "none to be expected: the speed stays"
    if is_saturated:
        return speed_change(present, plan)
    return f"none to be expected: the line does not fill its present plan (advertised {speed_change(present, plan)})"


def bundle(plan: Plan, presents: Sequence[Plan], saving: Decimal, costs: tuple[Decimal, Decimal], tested: int) -> str:
    names = " and ".join(present.name for present in presents)
    currency = plan.tariff.currency
    return (
        f"{plan.name} in the place of {names}: by the use of {months(tested)} {costs[1]} {currency} a year instead of"
        f" {costs[0]}, {saving} less in the first year together; the saving is split by what each costs now."
    )
