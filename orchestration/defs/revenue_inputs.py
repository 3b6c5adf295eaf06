"""What revenue assurance stands on, read from the warehouse as it is at AS_OF.

Not here: what is found (orchestration.analytics.revenue_assurance), the asset (revenue_assurance).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import psycopg

from orchestration.analytics.rating import INCOMING, ROAMING
from orchestration.analytics.revenue_assurance import Inputs, Parameters
from orchestration.analytics.revenue_assurance.inputs import (
    BILLS,
    CHARGES,
    ELEMENTS,
    ORDERS,
    PAYMENTS,
    PLANS,
    QUARANTINED,
    SERVICES,
    USAGE,
)
from orchestration.analytics.revenue_assurance.rows import Rule
from orchestration.defs.frames import Schema, copied_frame, local_clock
from orchestration.defs.rating_inputs import UNKNOWN_ID, read_prices

# Bills so long before the judged ones tell what a young line owes.
_EARLIER_DAYS = 100
_AT = "extract(epoch from {0}) * 1000000"
_MICROSECONDS = {name: f"({_AT.format(name)})::bigint" for name in ("activated_at", "deactivated_at", "completed_at")}
_SERVICES = f"""
    select service_id, customer_id, service.provider_id, service.plan_id,
        case when service.valid_from = '-infinity' then '0001-01-01'
            else (service.valid_from at time zone time_zone)::date end,
        (activated_at at time zone time_zone)::date, (deactivated_at at time zone time_zone)::date,
        {_MICROSECONDS["activated_at"]}, {_MICROSECONDS["deactivated_at"]},
        discount_type, discount_value::text, discount_end, coalesce(plan.plan_type = 'mobile', false)
    from core.dim_service as service
    left join core.dim_service_plan as plan on plan.plan_id = service.plan_id and plan.is_current
    where service_id <> '{UNKNOWN_ID}' and (service.valid_from <= %(as_of)s)
    order by service_id, service.valid_from"""
_BILLS = """
    select bill_id, provider_id, customer_id, billing_period_start, billing_period_end, issued_on, due_date, currency,
        round(total_amount * 100)::bigint, bill_status, paid_on
    from core.fct_bill
    where (billing_period_start >= %(bills_from)s or paid_on >= %(judged_from)s
            or bill_id in (select bill_id from core.fct_payment where paid_date >= %(judged_from)s))
        and issued_on <= %(as_of_day)s
    order by bill_id"""
# A charge counts in the period that it begins in, whichever bill it stands on.
_CHARGES = """
    select charge_id, bill_id, service_id, plan_id, charge_type, charge_period_start, charge_period_end, description,
        round(amount * 100)::bigint
    from core.fct_bill_charge
    where billing_period_start >= %(bills_from)s and issued_on <= %(as_of_day)s
        and coalesce(charge_period_start, billing_period_start) >= %(judged_from)s
    order by charge_id"""
_PAYMENTS = """
    select payment_id, bill_id, customer_id, currency, round(amount * 100)::bigint, payment_status, paid_date
    from core.fct_payment as payment
    where payment_date < %(as_of)s and (paid_date >= %(judged_from)s or bill_id in (
        select bill_id from core.fct_bill where billing_period_start >= %(bills_from)s or paid_on >= %(judged_from)s))
    order by payment_id"""
# Double precision tells a microsecond, and is quicker than exact numbers. Nothing is asked that PostgreSQL would join
# for.
_USAGE = f"""
    select usage_id, service_id, element_id, device_id, (date_part('epoch', usage_timestamp) * 1000000)::bigint,
        case usage_type when 'data' then 0 when 'voice' then 1 else 2 end,
        coalesce(direction = 'in', false)::integer * {INCOMING} + is_roaming::integer * {ROAMING},
        case usage_type when 'data' then data_usage_bytes when 'voice' then voice_seconds else sms_count end,
        voice_seconds, session_seconds, counterparty_hash, counterparty_country, mediation_source, source_sequence
    from intermediate.int_usage__records
    where usage_timestamp >= %(begins)s and usage_timestamp < %(ends)s"""
_READ = {name: kind for name, kind in USAGE.items() if name not in ("day", "start")}
# A service's days are those of its own calendar, its rates those of its provider's clock.
_CLOCKS = """
    select service.service_id, service.time_zone, provider.time_zone
    from core.dim_service as service
    left join core.dim_provider as provider on provider.provider_id = service.provider_id
    where service.is_current"""
_CLOCK: Schema = {"service_id": USAGE["service_id"], "calendar": pl.String, "clock": pl.String}
_ELEMENTS = f"""
    select element_id, latitude, longitude from core.dim_network_element
    where is_current and element_id <> '{UNKNOWN_ID}' order by element_id"""
_ORDERS = f"""
    select service_id, order_type, {_MICROSECONDS["completed_at"]}
    from core.fct_service_order
    where order_status = 'completed' and service_id is not null and completed_at >= %(begins)s
        and completed_at < %(as_of)s and order_type in ('sim_swap', 'device_change', 'port_out')
    order by service_id, completed_at, order_type"""
_PLANS = f"""
    select plan_id, speed_mbps_down from core.dim_service_plan
    where is_current and plan_id <> '{UNKNOWN_ID}' order by plan_id"""
_BILLED = (
    "select distinct service_id from core.fct_bill_charge where charge_type = 'recurring' and service_id is not null"
)
_FIRST_USAGE = "select provider_id::text, min(usage_date) from intermediate.int_usage__provider_days group by 1"
_QUARANTINED = """
    select quarantined.original_text, ledger.columns
    from raw.quarantine as quarantined
    inner join raw.load_ledger as ledger using (load_id)
    where quarantined.feed = 'usage_records'"""


def read_parameters(connection: psycopg.Connection) -> tuple[Parameters, dict[str, Rule]]:
    """The thresholds, and the rule catalogue by kind of finding."""
    values: dict[str, float] = dict(
        connection.execute("select parameter, value::float8 from reference.revenue_assurance_parameters")
    )
    rows = connection.execute(
        "select finding_kind, severity, recommended_action, is_enabled from reference.revenue_assurance_rules"
    ).fetchall()
    rules = {kind: Rule(severity, action) for kind, severity, action, _ in rows}
    return Parameters(values, frozenset(kind for kind, *_, is_enabled in rows if not is_enabled)), rules


def first_judged(as_of_day: date, months: int) -> date:
    """The first day of the month so many months before AS_OF's."""
    index = as_of_day.year * 12 + as_of_day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def read_inputs(
    connection: psycopg.Connection, as_of: datetime, time_zone: str, parameters: Parameters, not_rated: list[str]
) -> Inputs:
    """Everything of the judged months; usage a month at a time, so that its text is never all in memory.

    Plans that cannot be rated are named in `not_rated`: their services' recurring charges and use are not judged.
    """
    as_of_day = as_of.astimezone(ZoneInfo(time_zone)).date()
    judged_from = first_judged(as_of_day, int(parameters["judged_months"]))
    at: dict[str, object] = {
        "as_of": as_of, "as_of_day": as_of_day, "judged_from": judged_from,
        "bills_from": judged_from - timedelta(days=_EARLIER_DAYS),
        "begins": datetime.combine(judged_from, datetime.min.time(), ZoneInfo(time_zone)),
    }  # fmt: skip
    countries = connection.execute("select country_code from reference.fraud_countries").fetchall()
    return Inputs(
        as_of, as_of_day, judged_from, judged_from, read_prices(connection, not_rated),
        dict(connection.execute(_FIRST_USAGE)),
        copied_frame(connection, _SERVICES, SERVICES, at), copied_frame(connection, _BILLS, BILLS, at),
        copied_frame(connection, _CHARGES, CHARGES, at), copied_frame(connection, _PAYMENTS, PAYMENTS, at),
        _usage(connection, judged_from, as_of, time_zone), copied_frame(connection, _ELEMENTS, ELEMENTS),
        copied_frame(connection, _ORDERS, ORDERS, at), _quarantined(connection),
        copied_frame(connection, _PLANS, PLANS),
        copied_frame(connection, _BILLED, {"service_id": SERVICES["service_id"]})["service_id"],
        frozenset(code for (code,) in countries),
    )  # fmt: skip


def _usage(connection: psycopg.Connection, first_day: date, as_of: datetime, time_zone: str) -> pl.DataFrame:
    """Records of the services' local days from `first_day` on, until AS_OF; `time_zone` is that of unknown services."""
    begins = datetime.combine(first_day - timedelta(days=1), datetime.min.time(), ZoneInfo("UTC"))
    clocks = copied_frame(connection, _CLOCKS, _CLOCK)
    parts = []
    while begins < as_of:
        ends = min((begins + timedelta(days=32)).replace(day=1), as_of)
        part = copied_frame(connection, _USAGE, _READ, {"begins": begins, "ends": ends})
        dated = _dated(part.join(clocks, on="service_id", how="left"), time_zone)
        parts.append(dated.filter(pl.col("day") >= first_day))
        begins = ends
    return pl.concat(parts).sort("usage_timestamp", "usage_id")


def _dated(usage: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Usage as USAGE has it: with the day of its service's calendar, and the start on its provider's clock."""
    at, parts = pl.col("usage_timestamp"), [pl.DataFrame(schema=USAGE)]
    for (calendar, clock), own in usage.group_by("calendar", "clock"):
        start = local_clock(at, str(clock)).dt.epoch("s") if clock else pl.lit(None, pl.Int64)
        day = local_clock(at, str(calendar or time_zone)).dt.date()
        parts.append(own.with_columns(day=day, start=start).select(list(USAGE)))
    return pl.concat(parts)


def _quarantined(connection: psycopg.Connection) -> pl.DataFrame:
    """The running numbers that could be read in quarantined usage records."""
    rows = connection.execute(_QUARANTINED)
    return pl.DataFrame(list(_sequences(rows)), schema=QUARANTINED, orient="row")


def _sequences(rows: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, int]]:
    for text, columns in rows:
        fields = _fields(text, columns)
        source, number = fields.get("mediation_source"), str(fields.get("source_sequence") or "")
        if source and number.isdigit():
            yield str(source), int(number)


def _fields(text: str, columns: list[str]) -> Mapping[str, object]:
    """A quarantined row by column, as far as it can be taken apart: a line of JSON, else of a CSV."""
    if text.startswith("{"):
        try:
            found: Mapping[str, object] = json.loads(text)
        except ValueError:
            return {}
        return found
    values = next(csv.reader([text]), [])
    return dict(zip(columns, values, strict=True)) if len(values) == len(columns) else {}
