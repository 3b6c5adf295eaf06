"""Demand against capacity by month: the gap, how likely it is, when it comes, what closes it and what that costs.

Not here: demand (outlook) and capacity (supply) themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestration.analytics.capacity.outlook import Outlook, Outlooks
from orchestration.analytics.capacity.supply import Coming, Supply

NO_PRIORITY, PLANNED_PRIORITY = "none", "planned"


@dataclass(frozen=True)
class Priority:
    """What is done about a gap over so great a share of the capacity, and what each unit of it costs.

    `cost_per_mbps` None: a Mbps costs as much as the subscribers for whom it is there.
    """

    name: str
    over_share: float
    cost_per_subscriber: float
    cost_per_mbps: float | None


@dataclass(frozen=True)
class Rules:
    """The planner's seeds: priorities, and actions by (priority, kind of element); None as kind for all others."""

    priorities: tuple[Priority, ...]
    actions: Mapping[tuple[str, str | None], tuple[str, ...]]

    def priority(self, gap: float, capacity: float) -> Priority:
        """The priority with the greatest share that the gap is over; any gap where there is no capacity at all."""
        ordered = sorted(self.priorities, key=lambda priority: -priority.over_share)
        return next((one for one in ordered if gap > one.over_share * capacity), ordered[-1])

    def actions_for(self, priority: str, kind: str | None) -> tuple[str, ...]:
        """What is recommended for a kind of element, else for all."""
        return self.actions.get((priority, kind)) or self.actions.get((priority, None), ())


@dataclass(frozen=True)
class Plan:
    """One month of one entity and measure; quantities in the measure's unit, money in the seeds' currency."""

    month: date
    outlook: Outlook
    capacity: float | None
    gap: float | None
    exceedance: float | None
    actions: tuple[str, ...]
    priority: str | None
    cost: float | None
    closing: Coming | None


@dataclass(frozen=True)
class Exhaustion:
    """When demand first exceeds capacity: by the middle, and by the upper end of the 80 % interval; None if never."""

    month: date | None
    earliest_month: date | None


def plan_months(
    outlooks: Outlooks,
    supply: Supply,
    months: Sequence[date],
    rules: Rules,
    kind: str | None = None,
    subscribers_per_unit: float | None = None,
    *,
    is_traffic: bool = False,
) -> list[Plan]:
    """Every month of the horizon, with a gap or without.

    A gap that planned equipment closes, in that month or in a later one of the horizon, names it and asks for no action
    and no money; of a gap that it closes in part only the rest does.

    Args:
        outlooks: demand.
        supply: capacity.
        months: first days of the months.
        rules: the planner's.
        kind: of element; None for a zone.
        subscribers_per_unit: 1 where demand is subscribers; of traffic the subscribers that one Mbps of capacity is
            there for, None if unknown.
        is_traffic: whether demand is in Mbps.
    """
    found = []
    for month, outlook, capacity in zip(months, outlooks.months, supply.capacities, strict=True):
        if capacity is None:
            found.append(Plan(month, outlook, None, None, None, (), None, None, None))
            continue
        gap = outlook.middle - capacity
        chance = outlook.exceedance(capacity)
        here = [one for one in supply.coming if one.installed_on <= month and one.added > 0]
        later = [one for one in supply.coming if month < one.installed_on <= months[-1] and one.added > 0]
        if gap <= 0:
            closing = _closing(gap + sum(one.added for one in here), here)
            priority = PLANNED_PRIORITY if closing else NO_PRIORITY
            actions = _named(closing)
            found.append(Plan(month, outlook, capacity, gap, chance, actions, priority, 0.0, closing))
            continue
        rest = gap - sum(one.added for one in later)
        if rest <= 0:
            closing = _closing(gap, later)
            actions = _named(closing)
            found.append(Plan(month, outlook, capacity, gap, chance, actions, PLANNED_PRIORITY, 0.0, closing))
            continue
        one = rules.priority(rest, capacity)
        cost = _cost(rest, one, subscribers_per_unit, is_traffic)
        actions = rules.actions_for(one.name, kind)
        found.append(Plan(month, outlook, capacity, gap, chance, actions, one.name, cost, None))
    return found


def _closing(gap: float, coming: Sequence[Coming]) -> Coming | None:
    """The planned element whose installation closes the gap: with it and those before it nothing is left."""
    if gap <= 0:
        return None
    for one in sorted(coming, key=lambda one: (one.installed_on, one.element_id)):
        gap -= one.added
        if gap <= 1e-9:
            return one
    return None


def _named(coming: Coming | None) -> tuple[str, ...]:
    if coming is None:
        return ()
    return (f"Planned: {coming.name} in service from {coming.installed_on:%Y-%m-%d} closes this gap",)


def _cost(gap: float, priority: Priority, subscribers_per_unit: float | None, is_traffic: bool) -> float | None:
    if is_traffic and priority.cost_per_mbps is not None:
        return gap * priority.cost_per_mbps
    return None if subscribers_per_unit is None else gap * subscribers_per_unit * priority.cost_per_subscriber


def exhaustion(plans: Sequence[Plan]) -> Exhaustion:
    """The first months whose demand is over their capacity."""
    known = [plan for plan in plans if plan.capacity is not None]
    return Exhaustion(
        next((plan.month for plan in known if plan.gap is not None and plan.gap > 0), None),
        next((plan.month for plan in known if plan.outlook.upper_80 > (plan.capacity or 0)), None),
    )


def binding(exhaustions: Mapping[str, Exhaustion], plans: Mapping[str, Sequence[Plan]]) -> str | None:
    """The measure of an entity that runs out first; of those in one month the one with the greater share missing."""
    ending = {measure: found.month for measure, found in exhaustions.items() if found.month is not None}
    if not ending:
        return None

    def share(measure: str) -> float:
        first = next(plan for plan in plans[measure] if plan.month == ending[measure])
        return (first.gap or 0.0) / first.capacity if first.capacity else float("inf")

    return min(ending, key=lambda measure: (ending[measure], -share(measure), measure))
