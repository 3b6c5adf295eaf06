"""Typical questions are answered by an index: EXPLAIN says by which."""

import json

import psycopg
import pytest

# (question, table, columns of the index that must be used). Written as an analyst would, over the small sample: with
# so few rows reading everything is often cheaper, so that the planner is told not to where an index serves.
QUESTIONS = {
    "versions of an element": (
        "select * from core.dim_network_element where element_id = {element} and valid_from <= now()",
        "dim_network_element", "element_id, valid_from"),
    "elements in a window of the map": (
        "select element_id from core.dim_network_element where location <@ box '(-85,34),(-88,31)'",
        "dim_network_element", "location"),
    "elements that may cover a place": (
        "select element_id from core.dim_network_element where coverage_box @> box(point '(-86.8,33.5)')",
        "dim_network_element", "coverage_box"),
    "elements by a setting": (
        "select element_id from core.dim_network_element where configuration @> '{{\"snmp_version\": \"1\"}}'",
        "dim_network_element", "configuration"),
    "plans with a feature": (
        "select plan_id from core.dim_service_plan where additional_features ? 'static_ip'",
        "dim_service_plan", "additional_features"),
    "zones that may hold a place": (
        "select zone_id from core.dim_service_zone where boundary_box @> box(point '(-86.8,33.5)')",
        "dim_service_zone", "boundary_box"),
    "providers that may cover a place": (
        "select provider_id from core.dim_provider where coverage_box @> box(point '(-86.8,33.5)')",
        "dim_provider", "coverage_box"),
    "a customer's services in a state": (
        "select service_id from core.dim_service where customer_id = {customer} and service_status = 'active'",
        "dim_service", "customer_id, service_status"),
    "a name": (
        "select customer_id from core.dim_customer_pii where name_search @@ plainto_tsquery('simple', 'smith')",
        "dim_customer_pii", "name_search"),
    "customers around a place, nearest first": (
        "select customer_id from core.dim_customer_pii order by location <-> point '(-86.8,33.5)' limit 5",
        "dim_customer_pii", "location"),
    "service addresses in a window": (
        "select service_id from core.dim_service_pii where location <@ box '(-86,34),(-87,33)'",
        "dim_service_pii", "location"),
    "blocks in a window": (
        "select block_geoid from core.dim_census_block where location <@ box '(-86,34),(-87,33)'",
        "dim_census_block", "location"),
    "what is offered in a block": (
        "select * from core.dim_serviceable_location where block_geoid = '010730001001000'",
        "dim_serviceable_location", "block_geoid"),
    "links of an element": (
        "select link_id from core.dim_network_link where source_element_id = {element}",
        "dim_network_link", "source_element_id"),
    "a customer's devices": (
        "select device_id from core.dim_device where customer_id = {customer} and status = 'assigned'",
        "dim_device", "customer_id, status"),
    "a service's days": (
        "select sum(data_usage_bytes) from core.fct_usage_daily"
        " where service_id = {service} and usage_date >= date '2026-09-01'",
        "fct_usage_daily", "service_id, usage_date"),
    "an element's days": (
        "select avg_latency_ms from core.fct_network_performance_daily"
        " where element_id = {element} and performance_date >= date '2026-09-01'",
        "fct_network_performance_daily", "element_id, performance_date"),
    "an element's hours": (
        "select data_usage_bytes from core.fct_usage_hourly"
        " where element_id = {element} and usage_hour_at >= timestamptz '2026-09-01'",
        "fct_usage_hourly", "element_id, usage_hour_at"),
    "a service's assessments": (
        "select customer_rating from core.fct_service_quality"
        " where service_id = {service} and assessment_date >= date '2026-09-01'",
        "fct_service_quality", "service_id, assessment_date"),
    "a customer's bills": (
        "select total_amount from core.fct_bill where customer_id = {customer}"
        " and billing_period_start >= date '2026-01-01' and bill_status = 'issued'",
        "fct_bill", "customer_id, billing_period_start, bill_status"),
    "a customer's tickets": (
        "select ticket_id from core.fct_support_ticket where customer_id = {customer} and ticket_status = 'open'",
        "fct_support_ticket", "customer_id, ticket_status"),
}  # fmt: skip
BLOCK_RANGES = {
    "fct_usage_daily": "day_start_at",
    "fct_usage_hourly": "usage_hour_at",
    "fct_network_performance_daily": "day_start_at",
    "fct_element_availability_daily": "day_start_at",
    "fct_bill_charge": "earned_to_date",
}


@pytest.fixture(scope="module")
def connection(built_warehouse):
    with psycopg.connect(built_warehouse.url) as opened:
        opened.execute("analyze")
        opened.execute("set enable_seqscan = off")
        yield opened


def _ids(connection) -> dict[str, str]:
    found = connection.execute(
        "select service.service_id, service.customer_id, service.serving_element_id from core.dim_service as service"
        " where serving_element_id is not null limit 1"
    ).fetchone()
    return dict(zip(("service", "customer", "element"), (f"'{name}'" for name in found), strict=True))


def _indexes_used(plan: dict) -> set[str]:
    return ({plan["Index Name"]} if "Index Name" in plan else set()).union(
        *(_indexes_used(part) for part in plan.get("Plans", []))
    )


def _index_columns(connection, table: str) -> dict[str, str]:
    """Columns per index of a table and of its partitions."""
    rows = connection.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i"
        " where i.indrelid in (select relid from pg_partition_tree(%s::regclass) union select %s::regclass)",
        [f"core.{table}", f"core.{table}"],
    ).fetchall()
    return {
        name.rpartition(".")[2].strip('"'): definition.rpartition(" USING ")[2].partition("(")[2].rstrip(")")
        for name, definition in rows
    }


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_typical_question_uses_its_index(connection, question):
    query, table, columns = QUESTIONS[question]
    query = query.format(**_ids(connection))
    plan = connection.execute(f"explain (format json) {query}").fetchone()[0]
    used = {_index_columns(connection, table).get(name) for name in _indexes_used(plan[0]["Plan"])}
    assert columns in used, json.dumps(plan, indent=1)


@pytest.mark.parametrize("table", BLOCK_RANGES)
def test_time_has_block_ranges(connection, table):
    definitions = connection.execute(
        "select pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = %s::regclass", [f"core.{table}"]
    ).fetchall()
    assert any(f"USING brin ({BLOCK_RANGES[table]})" in definition for (definition,) in definitions)
