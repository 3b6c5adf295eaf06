"""Histories of services and prices, read from core for the rating engine: to rate what was, period by period.

Not here: the rating (orchestration.analytics.rating), the price list of AS_OF (plan_inputs).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row

from orchestration.analytics.plan_advice.subjects import exact
from orchestration.analytics.rating import (
    DayUse,
    Discount,
    Line,
    Period,
    ServiceVersion,
    TariffError,
    TariffVersion,
    Use,
    parts_of,
    rate,
    tariff_from,
)

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
# What holds since ever or for ever becomes the first or last day that Python knows.
_PRICES = f"""
    select plan_id::text, plan_name, includes::text as includes, base_price, plan.currency, data_allowance_gb,
        voice_allowance_minutes, sms_allowance, overage_price_per_gb, overage_price_per_minute, overage_price_per_sms,
        rating_rules::text as rating_rules, bundle_components::text as bundle_components,
        case when valid_from = '-infinity' then '0001-01-01'
            else (valid_from at time zone coalesce(provider.time_zone, 'UTC'))::date end as from_day
    from core.dim_service_plan as plan
    left join core.dim_provider as provider using (provider_id)
    where plan_id <> '{UNKNOWN_ID}'
    order by plan_id, valid_from"""
_SERVICES = f"""
    select service_id::text, plan_id::text, discount_type, discount_value, discount_end,
        case when valid_from = '-infinity' then '0001-01-01' else (valid_from at time zone time_zone)::date end
            as from_day,
        (activated_at at time zone time_zone)::date as activated_day,
        coalesce((deactivated_at at time zone time_zone)::date, '9999-12-31') as deactivated_day
    from core.dim_service
    where activated_at is not null and service_id <> '{UNKNOWN_ID}'
    order by service_id, valid_from"""
_USE = """
    select usage.service_id::text, (usage_timestamp at time zone usage.time_zone)::date, usage_type,
        floor(extract(epoch from usage_timestamp at time zone provider.time_zone))::bigint,
        case usage_type when 'data' then data_usage_bytes when 'voice' then voice_seconds else sms_count end,
        coalesce(direction = 'in', false), is_roaming
    from core.fct_usage_event as usage
    inner join core.dim_service as service on service.service_id = usage.service_id and service.is_current
    inner join core.dim_provider as provider on provider.provider_id = service.provider_id
    where usage_timestamp >= %(first_day)s::date - 1 and usage_timestamp < %(end_day)s::date + 2"""


@dataclass(frozen=True)
class Histories:
    """Prices by plan, versions by service, and the days in force of services that ever were."""

    prices: Mapping[str, Sequence[TariffVersion]]
    versions: Mapping[str, Sequence[ServiceVersion]]
    in_force: Mapping[str, Period]

    def rate(self, service_id: str, uses: Sequence[DayUse], period: Period) -> list[Line]:
        """What the service's plans charge it for a period; KeyError for a plan without prices."""
        return rate(parts_of(self.versions[service_id], self.prices, self.in_force[service_id], period), uses, period)


def discount_of(kind: str | None, value: Decimal | None, last_day: date | None) -> Discount | None:
    """A service's discount; one that has ended still stands in the row, and cuts nothing."""
    if kind is None or value is None:
        return None
    amount = exact(value)
    return Discount(amount, last_day=last_day) if kind == "percentage" else Discount(amount=amount, last_day=last_day)


def read_prices(connection: psycopg.Connection, not_rated: list[str] | None = None) -> dict[str, list[TariffVersion]]:
    """All versions of all plans; one that cannot be rated is an error, or named in `not_rated` and left out."""
    prices: dict[str, list[TariffVersion]] = defaultdict(list)
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_PRICES.encode()):
            try:
                prices[row["plan_id"]].append(TariffVersion(row["from_day"], tariff_from(row)))
            except TariffError as error:
                if not_rated is None:
                    raise
                not_rated.append(str(error))
    return dict(prices)


def read_histories(connection: psycopg.Connection) -> Histories:
    """All versions of all plans and services."""
    prices = read_prices(connection)
    versions: dict[str, list[ServiceVersion]] = defaultdict(list)
    in_force: dict[str, Period] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_SERVICES.encode()):
            discount = discount_of(row["discount_type"], row["discount_value"], row["discount_end"])
            versions[row["service_id"]].append(ServiceVersion(row["from_day"], row["plan_id"], discount))
            if row["activated_day"] < row["deactivated_day"]:
                in_force[row["service_id"]] = Period(row["activated_day"], row["deactivated_day"])
    return Histories(prices, versions, in_force)


def read_uses(connection: psycopg.Connection, span: Period) -> dict[str, list[DayUse]]:
    """Every record of the local days of a span, by service: single records, so for a period or two at a time."""
    found: dict[str, list[DayUse]] = defaultdict(list)
    asked = {"first_day": span.first_day, "end_day": span.end_day}
    for service_id, day, kind, start, quantity, is_incoming, is_roaming in connection.execute(_USE, asked):
        if span.first_day <= day < span.end_day:
            found[service_id].append(DayUse(day, kind, Use(start, quantity, is_incoming, is_roaming)))
    return found
