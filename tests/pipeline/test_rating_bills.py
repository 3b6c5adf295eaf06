"""Re-rating the plan that services had gives the sample operator's charges to the cent, planted mistakes apart.

Not here: what the engine makes of single rules (unit tests).
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

import psycopg
from psycopg.rows import dict_row

from orchestration.analytics.rating import (
    DayUse,
    Discount,
    Period,
    ServiceVersion,
    TariffVersion,
    Use,
    parts_of,
    period_of,
    rate,
    tariff_from,
)
from orchestration.analytics.rating.tariff import KINDS

RATED = ("recurring", "discount", "overage", "usage")
_PLANS = """
    select plan.*, includes::text as includes, rating_rules::text as rating_rules, null as bundle_components,
        (plan.valid_from at time zone provider.time_zone)::date as from_day
    from core.dim_service_plan as plan
    inner join core.dim_provider as provider using (provider_id)
    where plan.valid_from > '-infinity'
    union all
    select plan.*, includes::text, rating_rules::text, null, '0001-01-01'::date
    from core.dim_service_plan as plan where plan.valid_from = '-infinity' and plan.plan_type is not null
    order by plan_id, from_day"""
_SERVICES = """
    select service_id::text, plan_id::text, discount_type, discount_value, discount_end,
        case when valid_from = '-infinity' then '0001-01-01' else (valid_from at time zone time_zone)::date end
            as from_day,
        (activated_at at time zone time_zone)::date as begins,
        coalesce((deactivated_at at time zone time_zone)::date, '9999-12-31') as ends
    from core.dim_service where activated_at is not null and plan_id <> '00000000-0000-0000-0000-000000000000'
    order by service_id, valid_from"""
_USE = """
    select usage.service_id::text, (usage_timestamp at time zone usage.time_zone)::date as day, usage_type,
        extract(epoch from usage_timestamp at time zone provider.time_zone)::bigint as start,
        case usage_type when 'data' then data_usage_bytes when 'voice' then voice_seconds else sms_count end,
        coalesce(direction = 'in', false) as is_incoming, is_roaming
    from core.fct_usage_event as usage
    inner join core.dim_service_current as service on service.service_id = usage.service_id
    inner join core.dim_provider as provider on provider.provider_id = service.provider_id"""
_BILLED = """
    select service_id::text, billing_period_start, charge_type, sum(amount)
    from core.fct_bill_charge where charge_type = any (%s) and billing_period_start >= %s group by 1, 2, 3"""


def read_versions(connection):
    """(prices by plan, versions by service, days in force by service)."""
    prices, versions, in_force = defaultdict(list), defaultdict(list), {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_PLANS):
            prices[str(row["plan_id"])].append(TariffVersion(row["from_day"], tariff_from(row)))
        for row in cursor.execute(_SERVICES):
            value, last_day = Fraction(row["discount_value"] or 0), row["discount_end"]
            cut = {"percentage": value} if row["discount_type"] == "percentage" else {"amount": value}
            version = ServiceVersion(row["from_day"], row["plan_id"], Discount(**cut, last_day=last_day))
            versions[row["service_id"]].append(version)
            if row["ends"] > row["begins"]:
                in_force[row["service_id"]] = Period(row["begins"], row["ends"])
    return prices, versions, in_force


def rated_charges(connection, periods: list[Period]) -> Iterator[tuple[tuple[str, date, str], Decimal]]:
    """What the engine charges every service for the periods."""
    prices, versions, in_force = read_versions(connection)
    uses = defaultdict(list)
    for service_id, day, kind, *use in connection.execute(_USE):
        uses[service_id, period_of(day, 1).first_day].append(DayUse(day, kind, Use(*use)))
    for service_id, days in in_force.items():
        for period in periods:
            parts = parts_of(versions[service_id], prices, days, period)
            for line in rate(parts, uses.get((service_id, period.first_day), []), period):
                yield (service_id, period.first_day, line.charge_type), line.amount


def compare(connection, truth) -> tuple[int, int, dict]:
    """(charges compared, planted mistakes among them, those that differ by something else)."""
    (first,) = connection.execute("select min(usage_date) from core.fct_usage_daily").fetchone()
    (last,) = connection.execute("select max(billing_period_start) from core.fct_bill").fetchone()
    periods = [period_of(first, 1)]
    while periods[-1].first_day < last:
        periods.append(period_of(periods[-1].end_day, 1))
    found: dict[tuple[str, date, str], Decimal] = defaultdict(Decimal)
    for service_id, start, charge_type, amount in connection.execute(_BILLED, [list(RATED), periods[0].first_day]):
        found[service_id, start, charge_type] += amount
    count, planted = len(found), 0
    with truth.open() as lines:
        for row in csv.DictReader(lines):
            key = (row["service_id"], date.fromisoformat(row["billing_period_start"]), row["charge_type"])
            if row["charge_type"] in RATED and key[1] >= periods[0].first_day:
                found[key] -= Decimal(row["cents"]) / 100
                planted += 1
    for key, amount in rated_charges(connection, periods):
        found[key] -= amount
    return count, planted, {key: amount for key, amount in found.items() if amount}


def test_every_charge_is_the_bills_own_but_the_planted_mistakes(any_warehouse):
    with psycopg.connect(any_warehouse.url) as connection:
        count, planted, differing = compare(connection, any_warehouse.landing.parent / "truth" / "billing_errors.csv")
    assert differing == {}
    assert count > 500
    assert planted > 0


def test_the_rated_charges_have_every_kind(built_warehouse):
    """Else the comparison says nothing of allowances, tiers, bands, connect fees and changes of plan."""
    with psycopg.connect(built_warehouse.url) as connection:
        prices, versions, _ = read_versions(connection)
        billed = connection.execute(
            "select charge_type, description from core.fct_bill_charge where charge_type = any (%s) group by 1, 2",
            [list(RATED)],
        ).fetchall()
    rules = [kind.rule for held in prices.values() for kind in held[0].tariff.kinds.values() if kind.rule]
    assert any(rule.time_bands for rule in rules)
    assert any(rule.is_volume for rule in rules)
    assert any(len(rule.tiers) > 1 for rule in rules)
    assert any(tier.block_size for rule in rules for tier in rule.tiers)
    assert any(rule.connect_fee for rule in rules)
    assert any(len({version.plan_id for version in held}) > 1 for held in versions.values())
    assert {kind for kind, _ in billed} == set(RATED)
    assert set(KINDS) <= {description.split()[-1] for _, description in billed}
