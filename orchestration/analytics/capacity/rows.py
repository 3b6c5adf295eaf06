"""The rows of analytics.capacity_forecasts: every zone and leaf, measure and month, from demand, supply and rules.

Not here: the parts' arithmetic (outlook, supply, plans), the database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestration.analytics.capacity.outlook import PRIOR, Outlooks
from orchestration.analytics.capacity.plans import Exhaustion, Plan, Rules, binding, exhaustion, plan_months
from orchestration.analytics.capacity.supply import MEASURES, ElementVersion, Supply, element_supply, zone_supplies

# entity_type, entity_id, measure.
Key = tuple[str, str, str]
SUBSCRIBERS = "subscribers"
COLUMNS = (
    "entity_type", "entity_id", "provider_id", "zone_id", "measure", "planning_period", "months_ahead",
    "current_demand", "current_capacity", "projected_demand", "lower_80", "upper_80", "lower_95", "upper_95",
    "capacity_gap", "projected_utilization_percentage", "exceedance_probability", "exhaustion_month_date",
    "earliest_exhaustion_month_date", "binding_measure", "is_binding", "recommended_actions",
    "implementation_priority", "estimated_cost", "closing_element_id", "closing_element_name", "closing_on",
    "capacity_source", "forecast_method", "is_prior", "fallback_reason", "interval_method", "history_months_count",
    "backtest_skill", "history_sha256", "as_of_date", "model_version",
)  # fmt: skip


@dataclass(frozen=True)
class Zone:
    """A service zone and what the inventory says of its capacity: subscribers, the same by density, Mbps."""

    zone_id: str
    provider_id: str
    name: str
    capacity_subscribers: float | None
    density_subscribers: float | None
    busy_hour_capacity_mbps: float | None


@dataclass(frozen=True)
class Network:
    """Zones; leaves in service now, on the first day of each month of the horizon, and the planned ones."""

    zones: tuple[Zone, ...]
    now: tuple[ElementVersion, ...]
    ahead: tuple[tuple[ElementVersion, ...], ...]
    coming: tuple[ElementVersion, ...]


@dataclass(frozen=True)
class Entity:
    """A zone or an element, its supply by measure, and what a planner's rules ask of it."""

    entity_type: str
    entity_id: str
    provider_id: str
    zone_id: str
    kind: str | None
    supplies: Mapping[str, Supply]
    subscribers_per_mbps: Mapping[str, float | None]


def entities(network: Network) -> list[Entity]:
    """All zones, then all leaves in service."""
    found = []
    per_mbps: dict[str, dict[str, float | None]] = {}
    for zone in network.zones:
        own = [version for version in network.now if version.zone_id == zone.zone_id]
        ahead = [[version for version in month if version.zone_id == zone.zone_id] for month in network.ahead]
        coming = [version for version in network.coming if version.zone_id == zone.zone_id]
        stated = {
            "capacity_subscribers": zone.capacity_subscribers,
            "density_subscribers": zone.density_subscribers,
            "busy_hour_capacity_mbps": zone.busy_hour_capacity_mbps,
        }
        supplies = zone_supplies(own, ahead, coming, stated)
        limits = supplies[SUBSCRIBERS].capacities
        per_mbps[zone.zone_id] = {measure: _ratio(limits[0], supplies[measure].capacities[0]) for measure in MEASURES}
        found.append(
            Entity("zone", zone.zone_id, zone.provider_id, zone.zone_id, None, supplies, per_mbps[zone.zone_id])
        )
    by_month = [{version.element_id: version for version in month} for month in network.ahead]
    beside: dict[tuple[str | None, str], list[ElementVersion]] = {}
    for version in network.now:
        beside.setdefault((version.parent_id, version.element_type), []).append(version)
    for version in network.now:
        sisters = beside[version.parent_id, version.element_type]
        supplies = {
            measure: element_supply(version, measure, sisters, network.coming, by_month) for measure in MEASURES
        }
        found.append(
            Entity("element", version.element_id, version.provider_id, version.zone_id, version.element_type, supplies,
                   per_mbps.get(version.zone_id, {}))
        )  # fmt: skip
    return found


def _ratio(subscribers: float | None, mbps: float | None) -> float | None:
    return subscribers / mbps if subscribers is not None and mbps else None


def forecast_rows(
    network: Network,
    histories: Mapping[Key, Mapping[date, float]],
    outlooks: Mapping[Key, Outlooks],
    months: Sequence[date],
    rules: Rules,
    hashes: Mapping[str, str],
    as_of_date: date,
    model_version: str,
) -> list[list[object]]:
    """The rows in the order of COLUMNS.

    Args:
        network: zones and leaves.
        histories: per series its values by month.
        outlooks: per series its demand ahead; an entity has rows of the measures that are here.
        months: first days of the horizon's months.
        rules: the planner's.
        hashes: by kind of measure (subscribers, traffic) what its forecasts were made from.
        as_of_date: the last local day that is known.
        model_version: of the forecaster.
    """
    rows: list[list[object]] = []
    for entity in entities(network):
        plans: dict[str, list[Plan]] = {}
        for measure, supply in entity.supplies.items():
            found = outlooks.get((entity.entity_type, entity.entity_id, measure))
            if found is not None:
                unit = 1.0 if measure == SUBSCRIBERS else entity.subscribers_per_mbps.get(measure)
                is_traffic = measure != SUBSCRIBERS
                plans[measure] = plan_months(found, supply, months, rules, entity.kind, unit, is_traffic=is_traffic)
        ends = {measure: exhaustion(own) for measure, own in plans.items()}
        bound = binding(ends, plans)
        for measure, own in plans.items():
            key = (entity.entity_type, entity.entity_id, measure)
            history = histories.get(key, {})
            before = history[max(history)] if history else None
            source = hashes["subscribers" if measure == SUBSCRIBERS else "traffic"]
            last = [len(history), outlooks[key].skill, source, as_of_date, model_version]
            for ahead, plan in enumerate(own, start=1):
                head = [*key[:2], entity.provider_id, entity.zone_id, measure, plan.month, ahead, before]
                rows.append(head + _figures(plan, ends[measure], bound, measure)
                            + [entity.supplies[measure].source, *_how(outlooks[key]), *last])  # fmt: skip
    return rows


def _figures(plan: Plan, ends: Exhaustion, bound: str | None, measure: str) -> list[object]:
    outlook, closing = plan.outlook, plan.closing
    return [
        plan.capacity, outlook.middle, outlook.lower_80, outlook.upper_80, outlook.lower_95, outlook.upper_95,
        plan.gap, 100 * outlook.middle / plan.capacity if plan.capacity else None, plan.exceedance,
        ends.month, ends.earliest_month, bound, bound == measure, json.dumps(list(plan.actions)), plan.priority,
        None if plan.cost is None else round(plan.cost, 2),
        closing.element_id if closing else None, closing.name if closing else None,
        closing.installed_on if closing else None,
    ]  # fmt: skip


def _how(found: Outlooks) -> list[object]:
    return [found.method, found.method == PRIOR, found.fallback, found.interval_method]
