"""Which plans a service may take: same provider, type, customers and currency, on sale, no less, served at the address.

Not here: which of them is the cheapest (choice).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from orchestration.analytics.plan_advice.subjects import Parameters, Plan, Service, bdc_technology

OVER_THE_TOP = "voip_over_the_top"


def technologies(plan: Plan, plans: Mapping[str, Plan]) -> frozenset[int]:
    """The technologies that must reach the address: a bundle's are those of its components; mobile plans need none."""
    if plan.plan_type == "mobile":
        return frozenset()
    inside = [plans[plan_id] for plan_id, _, _ in plan.tariff.components if plan_id in plans]
    found = {bdc_technology(plan.technology_code)} if plan.technology_code is not None else set()
    return frozenset(found.union(*(technologies(part, plans) for part in inside)))


def may_take(
    service: Service, present: Plan, plan: Plan, plans: Mapping[str, Plan], minimum_speed_percentage: Decimal
) -> bool:
    """Whether the service may change to the plan."""
    return (
        plan.plan_id != present.plan_id
        and plan.provider_id == service.provider_id
        and plan.plan_type == present.plan_type
        and is_offered(service, present, plan, plans)
        and set(present.tariff.kinds) <= set(plan.tariff.kinds)
        and _is_fast_enough(present.speed_mbps_down, plan.speed_mbps_down, minimum_speed_percentage)
        and _is_fast_enough(present.speed_mbps_up, plan.speed_mbps_up, minimum_speed_percentage)
    )


def may_fill(service: Service, present: Plan, part: Plan, plans: Mapping[str, Plan], parameters: Parameters) -> bool:
    """Whether a component of a bundle can take the service's place: its own plan or one that it may take."""
    return part.plan_id == present.plan_id or may_take(
        service, present, part, plans, parameters.minimum_speed_percentage
    )


def is_offered(service: Service, present: Plan, plan: Plan, plans: Mapping[str, Plan]) -> bool:
    """Whether the plan is on sale to the customer, in the currency of the present one, and reaches the address."""
    return (
        plan.is_on_sale(service.as_of_day)
        and plan.is_business == service.is_business
        and plan.tariff.currency == present.tariff.currency
        and is_served(service, present, plan, plans)
    )


def is_served(service: Service, present: Plan, plan: Plan, plans: Mapping[str, Plan]) -> bool:
    """Whether the plan's technologies reach the address: by the list of locations, else as the present one's do.

    Calls over the top reach it where the customer has broadband.
    """
    needed = technologies(plan, plans)
    if not needed:
        is_new_over_the_top = OVER_THE_TOP == plan.voice_service != present.voice_service
        return service.has_broadband or not is_new_over_the_top
    if service.address.offers is None:
        return needed <= technologies(present, plans)
    return all(
        technology in service.address.offers
        and _is_fast_enough(plan.speed_mbps_down, service.address.offers[technology][0])
        for technology in needed
    )


def is_address_confirmed(service: Service, present: Plan, plan: Plan, plans: Mapping[str, Plan]) -> bool:
    """Whether it is known that the address gets the plan, not only supposed from the present technology."""
    if not technologies(plan, plans) or service.address.offers is not None:
        return True
    return _is_fast_enough(plan.speed_mbps_down, present.speed_mbps_down)


def _is_fast_enough(wanted: Decimal | None, offered: Decimal | None, percentage: Decimal = Decimal(100)) -> bool:
    return wanted is None or (offered is not None and offered * 100 >= wanted * percentage)


def candidates(service: Service, plans: Mapping[str, Plan], parameters: Parameters) -> Sequence[Plan]:
    """The plans that a service may take, its own not among them."""
    present = plans[service.plan_id]
    found = (may_take(service, present, plan, plans, parameters.minimum_speed_percentage) for plan in plans.values())
    return [plan for plan, may in zip(plans.values(), found, strict=True) if may]
