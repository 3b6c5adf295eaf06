"""What plan advice stands on, read from core and reference as they are at AS_OF.

Not here: use of the tested periods (plan_use), the advice (orchestration.analytics.plan_advice), the asset (plans).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row

from orchestration.analytics.plan_advice.everybody import Subjects
from orchestration.analytics.plan_advice.quality import Line, SpeedTest
from orchestration.analytics.plan_advice.subjects import Address, Parameters, Plan, Service
from orchestration.analytics.rating import TariffError, tariff_from
from orchestration.defs.rating_inputs import UNKNOWN_ID, discount_of

_AT = "valid_from <= %(as_of)s and {0}.valid_to > %(as_of)s"
# The price list as it is at AS_OF; JSON as text, so that its numbers stay exact.
_PLANS = f"""
    select plan_id::text, provider_id::text, plan_name, plan_type, includes::text as includes, technology_code,
        base_price, currency, data_allowance_gb, voice_allowance_minutes, sms_allowance, speed_mbps_down, speed_mbps_up,
        overage_price_per_gb, overage_price_per_minute, overage_price_per_sms, rating_rules::text as rating_rules,
        bundle_components::text as bundle_components, coalesce(contract_months, 0) as contract_months,
        early_termination_fee, voice_service, is_business, available_from, available_to
    from core.dim_service_plan as plan
    where plan_id <> '{UNKNOWN_ID}' and plan.{_AT.format("plan")}
    order by plan_id"""
_SERVICES = f"""
    with newest_bill as (
        select customer_id, provider_id, max(extract(day from billing_period_start))::integer as bill_day
        from core.fct_bill
        where issued_on <= %(as_of)s::timestamptz and billing_period_end > %(as_of)s::date - 100
        group by 1, 2
    )

    select service.service_id::text, service.customer_id::text, service.provider_id::text, service.zone_id::text,
        service.plan_id::text, service.time_zone, class.customer_class = 'business' as is_business,
        (%(as_of)s::timestamptz at time zone service.time_zone)::date as as_of_day,
        coalesce(newest_bill.bill_day, 1) as bill_day,
        (service.activated_at at time zone service.time_zone)::date as activated_day, service.contract_end,
        service.discount_type, service.discount_value, service.discount_end,
        coalesce(customer.marketing_consent, false) as has_marketing_consent,
        coalesce(bool_or(plan.plan_type <> 'mobile' and plan.includes ? 'data') over (partition by service.customer_id),
            false) as has_broadband,
        coalesce(place.bdc_location_id::text, place.block_geoid) as place, place.bdc_location_id as location_id
    from core.dim_service as service
    inner join core.dim_service_plan as plan
        on plan.plan_id = service.plan_id and plan.plan_id <> '{UNKNOWN_ID}' and plan.{_AT.format("plan")}
    inner join core.dim_customer as customer
        on customer.customer_id = service.customer_id and customer.{_AT.format("customer")}
    inner join reference.customer_classes as class using (customer_type)
    left join core.dim_service_pii as place using (service_id)
    left join newest_bill
        on newest_bill.customer_id = service.customer_id and newest_bill.provider_id = service.provider_id
    where service.{_AT.format("service")} and service.activated_at <= %(as_of)s
        and coalesce(service.deactivated_at, 'infinity') > %(as_of)s
    order by service.service_id"""
_IN_FORCE = f"""
    select count(*) from core.dim_service as service
    where service_id <> '{UNKNOWN_ID}' and service.{_AT.format("service")} and activated_at <= %(as_of)s
        and coalesce(deactivated_at, 'infinity') > %(as_of)s"""
_OFFERS = """
    select provider_id::text, location_id, technology_code::integer, max(max_advertised_download_mbps),
        max(max_advertised_upload_mbps)
    from core.dim_serviceable_location
    where available_from <= %(as_of)s and coalesce(available_to >= %(as_of)s, true)
    group by 1, 2, 3"""
_TESTS = """
    select service_id::text, speed_test_download_mbps, advertised_download_mbps
    from core.fct_service_quality
    where speed_test_download_mbps is not null and advertised_download_mbps > 0
        and assessment_date < %(as_of_date)s and assessment_date >= %(as_of_date)s - %(days)s::integer
    order by service_id, assessment_date, assessment_id"""
# An hour's mean; a session that lasts longer gives its first hour an hour's share.
_BUSIEST = """
    with busy_hour as (
        select service_id, (usage_timestamp at time zone time_zone)::date as day, date_trunc('hour', usage_timestamp),
            sum(data_usage_bytes * 3600 / greatest(coalesce(session_seconds, 0), 3600)) * 8 / 3600 / 1000000 as mbps
        from intermediate.int_usage__records
        where usage_type = 'data' and usage_timestamp >= %(as_of)s::timestamptz - %(days)s * interval '1 day'
            and usage_timestamp < %(as_of)s
        group by 1, 2, 3
    )

    select service_id::text, array_agg(mbps order by day)
    from (select service_id, day, max(mbps)::float8 as mbps from busy_hour group by 1, 2) as busiest
    group by 1"""


def read_subjects(connection: psycopg.Connection, as_of: datetime) -> Subjects:
    """Services in force at AS_OF, the price list and the parameters."""
    parameters = Parameters.of(dict(connection.execute(
        "select parameter, value from reference.plan_advice_parameters").fetchall()))  # fmt: skip
    at = {"as_of": as_of}
    offers: dict[tuple[str, int], dict[int, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for provider_id, location_id, technology, down, up in connection.execute(_OFFERS, at):
        offers[provider_id, location_id][technology] = (down, up)
    with connection.cursor(row_factory=dict_row) as cursor:
        plans, not_rated = _plans(cursor.execute(_PLANS.encode(), at))
        rows = cursor.execute(_SERVICES.encode(), at)
        services = [_service(row, offers) for row in rows if row["plan_id"] in plans]
    return Subjects(services, plans, parameters, not_rated)


def _plans(rows: Iterable[Mapping[str, object]]) -> tuple[dict[str, Plan], list[str]]:
    """Plans by id, and what is wrong with those that cannot be rated: they shall not cost everybody's advice."""
    plans, not_rated = {}, []
    for row in rows:
        try:
            plans[str(row["plan_id"])] = _plan(row)
        except TariffError as error:
            not_rated.append(str(error))
    return plans, not_rated


def count_in_force(connection: psycopg.Connection, as_of: datetime) -> int:
    """Services in force at AS_OF; those whose plan is in no price list (yet), or cannot be rated, get no advice."""
    found = connection.execute(_IN_FORCE.encode(), {"as_of": as_of}).fetchone()
    return int(found[0]) if found else 0


def _plan(row: Mapping[str, object]) -> Plan:
    names = ("provider_id", "plan_type", "technology_code", "speed_mbps_down", "speed_mbps_up", "voice_service",
             "is_business", "early_termination_fee", "contract_months", "available_from", "available_to")  # fmt: skip
    return Plan(tariff_from(row), **{name: row[name] for name in names})  # type: ignore[arg-type]


def _service(
    row: Mapping[str, object], offers: Mapping[tuple[str, int], Mapping[int, tuple[Decimal, Decimal]]]
) -> Service:
    names = ("service_id", "customer_id", "provider_id", "zone_id", "plan_id", "time_zone", "is_business", "as_of_day",
             "bill_day", "activated_day", "contract_end", "has_marketing_consent", "has_broadband")  # fmt: skip
    return Service(
        **{name: row[name] for name in names},  # type: ignore[arg-type]
        discount=discount_of(row["discount_type"], row["discount_value"], row["discount_end"]),  # type: ignore[arg-type]
        address=Address(row["place"], offers.get((row["provider_id"], row["location_id"]))),  # type: ignore[arg-type]
    )


def read_lines(
    connection: psycopg.Connection, subjects: Subjects, as_of: datetime, as_of_date: date
) -> dict[str, Line]:
    """Speed tests and busiest hours by service; days without use are hours of 0 Mbps."""
    parameters = subjects.parameters
    tests: dict[str, list[SpeedTest]] = defaultdict(list)
    asked = {"as_of_date": as_of_date, "days": parameters.quality_window_days}
    for service_id, measured, advertised in connection.execute(_TESTS, asked):
        tests[service_id].append(SpeedTest(measured, advertised))
    window = parameters.saturation_window_days
    busiest: dict[str, Sequence[float]] = dict(
        connection.execute(_BUSIEST, {"as_of": as_of, "days": window}).fetchall()
    )
    found = {}
    for service in subjects.services:
        used = busiest.get(service.service_id, [])
        in_force = min(window, (service.as_of_day - service.activated_day).days)
        idle = [0.0] * max(in_force - len(used), 0)
        found[service.service_id] = Line(tests.get(service.service_id, []), [*used, *idle])
    return found
