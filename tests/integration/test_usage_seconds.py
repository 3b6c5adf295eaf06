"""A record is of the second in which it began, whoever reads it to rate it: the queries themselves, on one record."""

from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest

from orchestration.defs import plan_use, rating_inputs, revenue_inputs
from orchestration.defs.frames import copied_frame

# 19:59:59.6 on the provider's clock: rounded, it would be rated in the hour after.
BEGAN = datetime(2026, 7, 1, 0, 59, 59, 600_000, tzinfo=UTC)
CLOCK = int(datetime(2026, 6, 30, 19, 59, 59, tzinfo=UTC).timestamp())
_RELATIONS = """
    create schema core;
    create schema intermediate;
    create table intermediate.int_usage__records (
        usage_id uuid, service_id uuid, element_id uuid, device_id uuid, usage_timestamp timestamptz, time_zone text,
        usage_type text, direction text, data_usage_bytes bigint, voice_seconds bigint, sms_count bigint,
        session_seconds bigint, is_roaming boolean, counterparty_hash text, counterparty_country text,
        mediation_source text, source_sequence bigint);
    create view core.fct_usage_event as select * from intermediate.int_usage__records;
    create table core.dim_service (service_id uuid, provider_id uuid, time_zone text, is_current boolean);
    create table core.dim_provider (provider_id uuid, time_zone text);
    insert into core.dim_provider values ('10000000-0000-0000-0000-000000000000', 'America/Chicago');
    insert into core.dim_service
    values ('50000000-0000-0000-0000-000000000000', '10000000-0000-0000-0000-000000000000', 'America/New_York', true)"""
_RECORD = """
    insert into intermediate.int_usage__records (usage_id, service_id, usage_timestamp, time_zone, usage_type,
        voice_seconds, is_roaming)
    values (gen_random_uuid(), '50000000-0000-0000-0000-000000000000', %s, 'America/New_York', 'voice', 60, false)"""
MONTH = {"begins": datetime(2026, 6, 1, tzinfo=UTC), "ends": datetime(2026, 8, 1, tzinfo=UTC)}


@pytest.fixture(scope="module")
def connection(make_database):
    with psycopg.connect(make_database()) as connected:
        connected.execute(_RELATIONS)
        connected.execute(_RECORD, [BEGAN])
        yield connected


def test_of_revenue_assurance(connection):
    found = revenue_inputs._usage(connection, date(2026, 6, 1), MONTH["ends"], "UTC")
    assert found["usage_timestamp"].to_list() == [BEGAN]
    assert found["start"].to_list() == [CLOCK]
    # Still the evening before on the service's own calendar, which is not the provider's.
    assert found["day"].to_list() == [date(2026, 6, 30)]


def test_of_revenue_assurance_where_nothing_is_known_of_the_service(connection):
    connection.execute("savepoint known")
    connection.execute("delete from core.dim_service")
    found = revenue_inputs._usage(connection, date(2026, 6, 1), MONTH["ends"], "Asia/Tokyo")
    connection.execute("rollback to savepoint known")
    assert found.select("day", "start").rows() == [(date(2026, 7, 1), None)]


def test_of_plan_advice(connection):
    found = copied_frame(connection, plan_use._EVENTS, plan_use._EVENT, MONTH)
    assert found["start"].to_list() == [int(BEGAN.timestamp())]
    eastern, june, july = "America/New_York", date(2026, 6, 1), date(2026, 7, 1)
    ends = plan_use._began(july, eastern)
    assert ends == int(datetime(2026, 7, 1, 4, tzinfo=UTC).timestamp())
    service_id, by_record = found["service_id"][0], (True, True, True)
    # The service's own calendar says which period, the provider's clock which hour.
    spans = (plan_use._began(june, eastern), ends), (ends, plan_use._began(date(2026, 8, 1), eastern))
    cells = [(number, service_id, *span, "America/Chicago", *by_record) for number, span in enumerate(spans, 1)]
    use = plan_use._use_of(pl.DataFrame(cells, schema=plan_use._CELL, orient="row"), found)
    assert use.select("cell", "start", "records").rows() == [(1, CLOCK, 1)]


def test_of_rating(connection):
    days = {"first_day": date(2026, 6, 30), "end_day": date(2026, 7, 2)}
    rows = connection.execute(rating_inputs._USE, days).fetchall()
    assert [row[3] for row in rows] == [CLOCK]
