"""What capacity planning reads: histories by month, the network's equipment, the planner's seeds.

Not here: what is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from orchestration.analytics.capacity.outlook import Prior, month_after, whole_months
from orchestration.analytics.capacity.plans import Priority, Rules
from orchestration.analytics.capacity.rows import Key, Network, Zone
from orchestration.analytics.capacity.supply import ElementVersion, ever_leaves, leaves_by_month

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
_ZONES = f"""
    select zone_id::text, provider_id::text, zone_name, capacity_subscribers::float8,
        (customer_density * %(subscribers_per_density)s)::float8, busy_hour_capacity_mbps::float8
    from core.dim_service_zone where zone_id <> '{UNKNOWN_ID}' order by 1"""
_ELEMENTS = f"""
    select element_id::text, provider_id::text, zone_id::text, element_name, element_type, parent_element_id::text,
        operational_status, capacity_mbps::float8, capacity_uplink_mbps::float8, installed_on,
        case when isfinite(valid_from) then (valid_from at time zone time_zone)::date else '0001-01-01' end,
        case when isfinite(valid_to) then (valid_to at time zone time_zone)::date else '9999-12-31' end
    from core.dim_network_element where element_id <> '{UNKNOWN_ID}' order by element_id, valid_from"""
_SUBSCRIBERS = """
    select zone_id::text, month_start_date, count(*) filter (where is_in_service_at_end)::float8
    from core.fct_subscription_monthly
    where month_start_date >= %(first)s and month_start_date < %(next)s group by 1, 2 order by 1, 2"""
# Sums are numeric: those of floats depend on the order in which PostgreSQL happens to read.
# A day's busy hour of the uplink: the busiest of its hours where nearly all are there; else the daily mean, by as much
# busier as the downlink was.
_TRAFFIC = """
    with day as (
        select element_id, zone_id, performance_date, date_trunc('month', performance_date)::date as month_start_date,
            busy_hour_throughput_mbps as mbps_down,
            coalesce(case when uplink_hour_count >= %(least_hours)s then busy_hour_uplink_throughput_mbps end,
                avg_uplink_throughput_mbps * busy_hour_throughput_mbps / nullif(avg_throughput_mbps, 0)) as mbps_up
        from core.fct_network_performance_daily
        where element_id = any(%(leaves)s) and performance_date >= %(first)s and performance_date < %(next)s
    ),
    zone_day as (
        select zone_id, performance_date, month_start_date, sum(mbps_down) as mbps_down, sum(mbps_up) as mbps_up,
            count(mbps_down) as down_count, count(mbps_up) as up_count
        from day where zone_id <> '00000000-0000-0000-0000-000000000000' group by 1, 2, 3
    ),
    measured as (
        select zone_id, month_start_date, count(distinct element_id)
            filter (where mbps_down is not null or mbps_up is not null) as leaves_count
        from day group by 1, 2
    ),
    value as (
        select 'element' as entity_type, element_id as entity_id, month_start_date,
            unnest(array['busy_hour_mbps_down', 'busy_hour_mbps_up']) as measure,
            unnest(array[mbps_down, mbps_up]) as mbps
        from day
        union all
        select 'zone', zone_id, month_start_date, unnest(array['busy_hour_mbps_down', 'busy_hour_mbps_up']),
            unnest(array[
                case when down_count >= least then mbps_down end, case when up_count >= least then mbps_up end
            ])
        from zone_day
        inner join measured using (zone_id, month_start_date)
        cross join lateral (select leaves_count * %(least_reporting)s::float8 as least) as counted
    )
    select entity_type, entity_id::text, measure, month_start_date,
        percentile_cont(%(percentile)s::float8) within group (order by mbps::float8)
    from value where mbps is not null group by 1, 2, 3, 4 having count(*) >= %(least_days)s
    order by 1, 2, 3, 4"""


@dataclass(frozen=True)
class Parameters:
    """The seed capacity_parameters."""

    values: Mapping[str, float]

    @property
    def horizon(self) -> int:
        return int(self.values["horizon_months"])

    @property
    def prior(self) -> Prior:
        return Prior(
            int(self.values["least_history_months"]),
            self.values["prior_monthly_growth_percentage"] / 100,
            self.values["prior_growth_deviation_percentage"] / 100,
        )

    def forecasting(self) -> list[float]:
        """Those that a forecast from given histories depends on."""
        prior = self.prior
        return [self.horizon, prior.least_months, prior.monthly_growth, prior.growth_deviation]


@dataclass(frozen=True)
class Inputs:
    """Everything that is read.

    Attributes:
        as_of_date: the last local day that is known.
        months: first days of the horizon's months.
        network: zones and leaves.
        histories: per (entity_type, entity_id, measure) the values by first day of month.
        rules: what a gap asks for.
        unmeasured: leaves in service without a history of traffic.
    """

    as_of_date: date
    months: tuple[date, ...]
    network: Network
    histories: dict[Key, dict[date, float]]
    rules: Rules
    unmeasured: int

    def histories_by_kind(self) -> dict[str, dict[Key, dict[date, float]]]:
        """Subscribers and traffic apart: their errors are of different kinds."""
        found: dict[str, dict[Key, dict[date, float]]] = {"subscribers": {}, "traffic": {}}
        for key, history in self.histories.items():
            found["subscribers" if key[2] == "subscribers" else "traffic"][key] = history
        return {kind: own for kind, own in found.items() if own}


def read_parameters(connection: psycopg.Connection) -> Parameters:
    """The seed's values by name."""
    rows = connection.execute("select parameter, value::float8 from reference.capacity_parameters").fetchall()
    return Parameters(dict(rows))


def read_inputs(connection: psycopg.Connection, as_of: datetime, time_zone: str, parameters: Parameters) -> Inputs:
    """Histories of the months that were over by AS_OF in a time zone, and what is known of the network."""
    zone_info = ZoneInfo(time_zone)
    as_of_date = (as_of - timedelta(microseconds=1)).astimezone(zone_info).date()
    begun = as_of.astimezone(zone_info).date().replace(day=1)
    months = tuple(month_after(begun, step) for step in range(parameters.horizon))
    given = parameters.values
    span: dict[str, Any] = {"first": month_after(begun, -int(given["history_months"])), "next": begun}
    zones = [Zone(*row) for row in connection.execute(_ZONES.encode(), given)]
    versions = [ElementVersion(*row) for row in connection.execute(_ELEMENTS.encode())]
    types = connection.execute("select element_type from reference.capacity_element_types where is_access").fetchall()
    now, ahead, coming = leaves_by_month(versions, {row[0] for row in types}, as_of_date, months)
    histories: dict[Key, dict[date, float]] = {}
    counts = connection.execute(_SUBSCRIBERS.encode(), span).fetchall()
    for zone in zones:
        own = {month: count for zone_id, month, count in counts if zone_id == zone.zone_id}
        histories["zone", zone.zone_id, "subscribers"] = whole_months(own, month_after(begun, -1))
    span |= {
        "leaves": sorted(ever_leaves(versions, {row[0] for row in types})),
        "least_hours": given["least_hours_in_day"], "least_reporting": given["least_reporting_percentage"] / 100,
        "percentile": given["busy_day_percentile"] / 100, "least_days": given["least_days_in_month"],
    }  # fmt: skip
    known = {zone.zone_id for zone in zones} | {version.element_id for version in now}
    for entity_type, entity_id, measure, month, mbps in connection.execute(_TRAFFIC.encode(), span):
        if entity_id in known:
            histories.setdefault((entity_type, entity_id, measure), {})[month] = mbps
    unmeasured = sum(("element", version.element_id, "busy_hour_mbps_down") not in histories for version in now)
    network = Network(tuple(zones), tuple(now), tuple(map(tuple, ahead)), tuple(coming))
    return Inputs(as_of_date, months, network, histories, _rules(connection), unmeasured)


def _rules(connection: psycopg.Connection) -> Rules:
    priorities = connection.execute(
        "select implementation_priority, (over_gap_percentage / 100)::float8, cost_per_subscriber::float8,"
        " cost_per_mbps::float8 from reference.capacity_priorities order by over_gap_percentage desc"
    ).fetchall()
    actions: dict[tuple[str, str | None], tuple[str, ...]] = {}
    for priority, kind, action in connection.execute(
        "select implementation_priority, element_type, recommended_action from reference.capacity_actions"
        " order by implementation_priority, element_type, action_number"
    ):
        actions[priority, kind] = (*actions.get((priority, kind), ()), action)
    return Rules(tuple(Priority(*row) for row in priorities), actions)
