"""What security monitoring reads: hours of the last weeks, the inventory and its versions, links, stakes, the seeds.

Not here: what is computed from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg

from orchestration.analytics.security_monitoring.changes import WatchedSetting
from orchestration.analytics.security_monitoring.configurations import Rule
from orchestration.analytics.security_monitoring.findings import Stakes
from orchestration.analytics.security_monitoring.incidents import neighbours_of
from orchestration.analytics.security_monitoring.parameters import IncidentKind, Level, Measure, Parameters, Scoring
from orchestration.defs.frames import read_frame

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
# A baseline's weeks before the first judged hour, one more for its level, and one since weeks begin on Mondays.
_MORE_WEEKS = 2
_IN_SERVICE = f"""
    element_id <> '{UNKNOWN_ID}' and valid_from <= %(as_of)s and valid_to > %(as_of)s
    and operational_status not in ('planned', 'retired')
    and coalesce(installed_on <= ((%(as_of)s::timestamptz - interval '1 microsecond') at time zone time_zone)::date,
        true)"""
_ELEMENTS = f"""
    select element_id::text, provider_id::text, nullif(zone_id, '{UNKNOWN_ID}')::text as zone_id,
        coalesce(element_name, element_id::text) as element_name, element_type, vendor, software_version,
        end_of_support_on, configuration, parent_element_id::text, time_zone
    from core.dim_network_element where {_IN_SERVICE} order by element_id"""
_VERSIONS = f"""
    select element_id::text, provider_id::text, nullif(zone_id, '{UNKNOWN_ID}')::text as zone_id,
        coalesce(element_name, element_id::text) as element_name, element_type, vendor, software_version,
        end_of_support_on, configuration,
        case when isfinite(valid_from) then valid_from else updated_at end as valid_from
    from core.dim_network_element as version
    where valid_from <= %(as_of)s
        and element_id in (select element_id from core.dim_network_element where {_IN_SERVICE})
    order by version.element_id, version.valid_from"""
_LINKS = """
    select source_element_id::text, target_element_id::text from core.dim_network_link
    where link_status <> 'retired' and source_element_id is not null and target_element_id is not null
    order by link_id"""
# An element that does not say whether it was up was down in an outage of its own or of what it is part of.
_HOURS = f"""
    select hour.element_id::text, element.provider_id::text, element.time_zone, hour.performance_hour_at as hour_at,
        hour.avg_throughput_mbps::float8 as throughput_mbps,
        hour.avg_uplink_throughput_mbps::float8 as uplink_throughput_mbps,
        hour.max_connections_count::float8 as connections_count,
        coalesce(hour.availability_percentage, case when exists (
            select from core.fct_outage as outage
            where outage.element_id in (element.element_id, element.parent_element_id)
                and outage.outage_start < hour.performance_hour_at + interval '1 hour'
                and (outage.actual_restoration > hour.performance_hour_at
                    or (outage.actual_restoration is null and outage.outage_status not in ('restored', 'closed')))
        ) then 0 end)::float8 as availability_percentage
    from core.fct_network_performance_hourly as hour
    inner join (select * from core.dim_network_element where {_IN_SERVICE}) as element using (element_id)
    where hour.performance_hour_at >= %(since)s and hour.performance_hour_at < %(as_of)s
    order by hour.element_id, hour.performance_hour_at"""
# The index finds an element's last hour; grouping would read all hours that there ever were.
_REPORTING = f"""
    with recent as (
        select element_id, count(*) as hours_count from core.fct_network_performance_hourly
        where performance_hour_at >= %(since)s and performance_hour_at < %(as_of)s group by 1
    )
    select element.element_id::text, newest.last_sample_at, coalesce(recent.hours_count, 0) as hours_count
    from (select distinct element_id from core.dim_network_element where element_id <> '{UNKNOWN_ID}') as element
    cross join lateral (
        select performance_hour_at as last_sample_at from core.fct_network_performance_hourly as hour
        where hour.element_id = element.element_id and performance_hour_at < %(as_of)s
        order by performance_hour_at desc limit 1
    ) as newest
    left join recent using (element_id)
    order by 1"""
_STAKES = """
    select entity_id::text, coalesce(customers_cut_off_count, 0), coalesce(elements_911_cut_off_count, 0)
    from analytics.topology_risk where entity_type = 'element' order by 1"""
_NUMBERS = ("throughput_mbps", "uplink_throughput_mbps", "connections_count", "availability_percentage")


@dataclass(frozen=True)
class Seeds:
    """The seeds security_*."""

    parameters: Parameters
    measures: tuple[Measure, ...]
    kinds: tuple[IncidentKind, ...]
    rules: tuple[Rule, ...]
    watched: tuple[WatchedSetting, ...]
    scoring: Scoring


@dataclass(frozen=True)
class Moment:
    """A run's instant, its last local day, and from when on it judges hours."""

    as_of: datetime
    as_of_date: date
    judged_from: pd.Timestamp

    @classmethod
    def of(cls, as_of: datetime, time_zone: str, parameters: Parameters) -> Moment:
        day = (as_of - timedelta(microseconds=1)).astimezone(ZoneInfo(time_zone)).date()
        return cls(as_of, day, pd.Timestamp(as_of) - pd.Timedelta(days=parameters.judged_days))


def read_seeds(connection: psycopg.Connection) -> Seeds:
    """The seeds' rows as the mathematics takes them."""

    def rows(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode()).fetchall()

    def parts(text: str | None) -> tuple[str, ...]:
        return tuple(text.split("|")) if text else ()

    rules = rows(
        "select rule_id, violation_type, json_path, operator, value, if_absent, element_types, vendors, severity,"
        " description, recommended_action from reference.security_configuration_rules order by rule_id"
    )
    return Seeds(
        Parameters.of(dict(rows("select parameter, value::float8 from reference.security_parameters"))),
        tuple(Measure(*row) for row in rows("select measure, least_level::float8, least_difference::float8"
                                            " from reference.security_measures order by measure")),
        tuple(IncidentKind(*row) for row in rows("select finding_kind, severity, title, recommended_action"
                                                 " from reference.security_incident_kinds order by 1")),
        tuple(Rule(*(*row[:6], parts(row[6]), parts(row[7]), *row[8:])) for row in rules),
        tuple(WatchedSetting(*row) for row in rows(
            "select json_path, weaker_when, is_told_otherwise, severity, recommended_action"
            " from reference.security_watched_settings order by 1")),
        Scoring(
            dict(rows("select severity, points::float8 from reference.security_severities")),
            tuple(Level(*row) for row in rows("select security_status, over_score::float8"
                                              " from reference.security_levels order by 2")),
        ),
    )  # fmt: skip


def read_elements(connection: psycopg.Connection, as_of: datetime) -> pd.DataFrame:
    """Elements in service, as they are at AS_OF."""
    return read_frame(connection, _ELEMENTS, {"as_of": as_of})


def read_versions(connection: psycopg.Connection, as_of: datetime) -> pd.DataFrame:
    """All versions of elements in service up to AS_OF; the first ones begin when they were entered."""
    versions = read_frame(connection, _VERSIONS, {"as_of": as_of})
    return versions.assign(valid_from=pd.to_datetime(versions["valid_from"], utc=True))


def read_hours(connection: psycopg.Connection, moment: Moment, parameters: Parameters) -> pd.DataFrame:
    """The hours that are judged, and those that their baselines are made of."""
    weeks = parameters.history_weeks + _MORE_WEEKS
    since = moment.judged_from - pd.Timedelta(weeks=weeks)
    hours = read_frame(connection, _HOURS, {"as_of": moment.as_of, "since": since.to_pydatetime()})
    numbers = {name: hours[name].astype("float64") for name in _NUMBERS}
    return hours.assign(hour_at=pd.to_datetime(hours["hour_at"], utc=True), **numbers)


def read_reporting(connection: psycopg.Connection, as_of: datetime, parameters: Parameters) -> pd.DataFrame:
    """Of each element the last hour with a sample, and how many there are in the weeks of a baseline."""
    since = as_of - timedelta(weeks=parameters.history_weeks)
    rows = read_frame(connection, _REPORTING, {"as_of": as_of, "since": since})
    return rows.assign(last_sample_at=pd.to_datetime(rows["last_sample_at"], utc=True))


def read_neighbours(connection: psycopg.Connection, elements: pd.DataFrame) -> dict[str, frozenset[str]]:
    """What hangs together, by links, parents and parts."""
    return neighbours_of(elements, read_frame(connection, _LINKS))


def read_stakes(connection: psycopg.Connection, elements: pd.DataFrame) -> dict[str, Stakes]:
    """What is at stake at each element, as analytics.topology_risk says."""
    known = {row[0]: (row[1], row[2]) for row in connection.execute(_STAKES)}
    parents = dict(zip(elements["element_id"], elements["parent_element_id"], strict=True))
    return {element_id: Stakes(*(*known.get(element_id, (0, 0)), parent)) for element_id, parent in parents.items()}
