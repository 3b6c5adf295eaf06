"""What the outage feed is held against: days by measurement, records, elements, and whose services hang on them.

Not here: what is concluded (orchestration.analytics.outage_checks), writing findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pandas as pd
import psycopg

from orchestration.analytics.outage_checks import Inputs, outage_reach
from orchestration.defs.frames import read_frame
from orchestration.defs.geography import read_network

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
_DAYS = """
    select fact.element_id::text, fact.availability_date, fact.day_start_at,
        ((fact.availability_date + 1)::timestamp at time zone coalesce(element.time_zone, %(time_zone)s)) as day_end_at,
        fact.seconds_in_service, fact.seconds_measured, fact.seconds_down
    from core.fct_element_availability_daily as fact
    left join core.dim_network_element as element on element.element_key = fact.element_key
    where fact.availability_date >= %(from)s and fact.day_start_at < %(as_of)s
    order by fact.element_id, fact.availability_date"""
# A record that says it is over but not since when covers nothing.
_OUTAGES = """
    select outage_id::text, element_id::text, outage_start, is_planned, affected_customers,
        least(case
            when actual_restoration is not null then actual_restoration
            when outage_status in ('restored', 'closed') then outage_start
            else %(as_of)s
        end, %(as_of)s) as ended_at,
        actual_restoration <= %(as_of)s or outage_status in ('restored', 'closed') as is_over
    from core.fct_outage
    where element_id is not null and outage_start < %(as_of)s
        and coalesce(actual_restoration, 'infinity') >= %(from)s
    order by outage_id"""
_ELEMENTS = f"""
    select element_id::text, provider_id::text, nullif(zone_id, '{UNKNOWN_ID}')::text as zone_id, element_name,
        element_type, coalesce(serves_911, false) as serves_911, parent_element_id::text
    from core.dim_network_element
    where element_id <> '{UNKNOWN_ID}' and valid_from < %(as_of)s and %(as_of)s <= valid_to order by element_id"""
# Half-open spans in UTC. Whoever is suspended is a customer still.
_SERVICES = f"""
    select serving_element_id::text as element_id, customer_id::text,
        greatest(valid_from, coalesce(activated_at, '-infinity'), '1900-01-01') at time zone 'UTC' as active_from,
        least(valid_to, coalesce(deactivated_at, 'infinity'), '2200-01-01') at time zone 'UTC' as active_to
    from core.dim_service
    where service_id <> '{UNKNOWN_ID}' and serving_element_id is not null
        and least(valid_to, coalesce(deactivated_at, 'infinity')) > %(from)s order by service_id, valid_from"""


def read_outage_inputs(
    connection: psycopg.Connection, as_of: datetime, time_zone: str, parameters: Mapping[str, float], first_day: date
) -> Inputs:
    """Everything since a day, as known at AS_OF."""
    values: dict[str, object] = {"as_of": as_of, "time_zone": time_zone, "from": first_day}
    days = read_frame(connection, _DAYS, values)
    for name in ("day_start_at", "day_end_at"):
        days[name] = pd.to_datetime(days[name], utc=True)
    outages = read_frame(connection, _OUTAGES, values)
    for name in ("outage_start", "ended_at"):
        outages[name] = pd.to_datetime(outages[name], utc=True)
    for name in ("is_planned", "is_over"):
        outages[name] = outages[name].astype(bool)
    elements = read_frame(connection, _ELEMENTS, values)
    elements["parent_element_id"] = elements["parent_element_id"].astype(object)
    reach, behind = _reach(connection, as_of, values, outages, elements)
    return Inputs(days, outages, elements, reach, behind, parameters, as_of)


def _reach(
    connection: psycopg.Connection, as_of: datetime, values: dict[str, object], outages: pd.DataFrame,
    elements: pd.DataFrame,
) -> tuple[pd.DataFrame, dict[str, int]]:  # fmt: skip
    """Who is behind each unplanned outage's element as it began, and behind each element at AS_OF."""
    services = read_frame(connection, _SERVICES, values)
    for name in ("active_from", "active_to"):
        services[name] = services[name].astype("datetime64[us]")
    risks = read_network(connection, as_of).risks
    cut_off = {risk.entity_id: set(risk.elements_cut_off) for risk in risks if risk.kind == "element"}
    parents = dict(zip(elements["element_id"], elements["parent_element_id"], strict=True))
    known = outages[~outages["is_planned"] & outages["element_id"].isin(elements["element_id"])]
    now = pd.DataFrame(
        {"outage_id": elements["element_id"], "element_id": elements["element_id"],
         "outage_start": pd.Timestamp(as_of) - timedelta(microseconds=1)}
    )  # fmt: skip
    reach = outage_reach(known, services, parents, cut_off)
    behind = outage_reach(now, services, parents, cut_off)
    return reach, dict(zip(behind["outage_id"], behind["customers_behind"].astype(int), strict=True))


def read_numbers(connection: psycopg.Connection, seed: str) -> dict[str, float]:
    """A seed of parameters by name."""
    return dict(connection.execute(f"select parameter, value::float8 from reference.{seed}".encode()).fetchall())
