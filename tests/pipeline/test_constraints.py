"""The database itself refuses what our definitions rule out: what the contracts say stands in its catalogue.

Not here: how constraints come into a table that is there already (test_materializations).
"""

import psycopg
import pytest

from orchestration.dbt_runner import invoke, parse_project
from tests.conftest import database_name
from tests.pipeline.windowed import copy_of

# A change of one row that breaks a constraint, and the constraint that must be named.
BREAKS = {
    "update core.dim_service set valid_to = valid_from": "an_interval_ends_after_it_begins",
    "update core.bridge_customer_provider set valid_from = valid_to + interval '1 day'":
        "an_interval_ends_after_it_begins",
    "update core.fct_network_performance_daily set sample_count = 0": "sample_count_is_positive",
    "update core.fct_usage_hourly set voice_seconds = -1": "counts_are_not_negative",
    "update core.fct_bill_charge set earned_to_date = earned_from_date": "a_charge_is_earned_on_a_day_at_least",
    "update core.fct_element_availability_daily set seconds_down = seconds_measured + 1": "down_is_within_measured",
    "update core.fct_subscription_monthly set is_added = not is_added":
        "opening_and_changes_make_the_closing",
    "update core.feature_customer set zero_usage_share_30d = 1.01": "zero_usage_share_30d_is_a_share",
    "update core.feature_service set overdue_days = -1": "counts_are_not_negative",
    "update dashboards.billing_monthly set breakdown = 'colour'": "breakdown_is_one_of_five",
    "update dashboards.noc_dashboard set availability_percentage = 100.1": "percentages_lie_between_0_and_100",
    "update dashboards.kpi_monthly set ended_lines = -1": "counts_are_not_negative",
    "update dashboards.operations_daily set open_tickets = -1": "counts_are_not_negative",
    "update dashboards.cell_quality_daily set services_measured = 2": "at_least_three_services",
}  # fmt: skip


@pytest.fixture(scope="module")
def models(built_warehouse):
    """The tables of both schemas as their contracts describe them, each with the columns of its key."""
    database = built_warehouse.url.rpartition("/")[2]
    manifest = parse_project(built_warehouse.settings.warehouse_folder / "dbt", database).manifest()
    keys = {
        node["attached_node"]: node["test_metadata"]["kwargs"]["columns"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "primary_key"
    }
    return [
        {**node, "key": keys[node["unique_id"]]}
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in ("core", "dashboards")
        and node["config"]["materialized"] != "view"
    ]  # fmt: skip


def not_null_columns(warehouse):
    return {
        (schema, table, column)
        for schema, table, column in warehouse.ask(
            "select n.nspname, c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " join pg_namespace n on n.oid = c.relnamespace where a.attnum > 0 and a.attnotnull"
            " and n.nspname in ('core', 'dashboards')"
        )
    }


def test_every_key_is_not_null_and_so_is_what_a_contract_says(built_warehouse, models):
    found = not_null_columns(built_warehouse)
    assert len(models) > 35
    for model in models:
        columns = model["columns"].values()
        said = [c["name"] for c in columns if "not_null" in [kind["type"] for kind in c["constraints"]]]
        assert set(model["key"]) <= set(said), model["name"]
        assert {(model["schema"], model["name"], column) for column in said} <= found, model["name"]
        versions = [c["name"] for c in columns if c["name"].endswith("_key") or c["name"] == "is_current"]
        assert set(versions) <= set(said), model["name"]


def test_every_check_of_a_contract_holds_in_the_table_and_in_each_partition(built_warehouse, models):
    found = set(
        built_warehouse.ask(
            "select n.nspname, c.relname, k.conname from pg_constraint k join pg_class c on c.oid = k.conrelid"
            " join pg_namespace n on n.oid = c.relnamespace where k.contype = 'c' and k.convalidated"
        )
    )
    partitions = built_warehouse.ask(
        "select n.nspname, p.relname, c.relname from pg_inherits i join pg_class p on p.oid = i.inhparent"
        " join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = p.relnamespace where c.relkind = 'r'"
    )
    wanted = {
        (model["schema"], model["name"], constraint["name"])
        for model in models
        for constraint in model["constraints"]
        if constraint["type"] == "check"
    }
    assert len(wanted) > 40
    assert wanted <= found
    leaves = {
        (schema, leaf, name)
        for schema, parent, leaf in partitions
        for wanted_schema, table, name in wanted
        if (wanted_schema, table) == (schema, parent)
    }
    assert len(leaves) > 20
    assert leaves <= found


@pytest.mark.parametrize("statement", BREAKS)
def test_a_row_that_cannot_be_is_refused_by_a_constraint_that_says_why(built_warehouse, statement):
    table = statement.split()[1]
    where = f" where ctid = (select ctid from {table} where {_ordinary(table)} limit 1)"
    with psycopg.connect(built_warehouse.url) as connection:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(statement + where)
        connection.rollback()
    assert refused.value.diag.constraint_name == BREAKS[statement]


def _ordinary(table):
    return "service_id <> '00000000-0000-0000-0000-000000000000'" if table == "core.dim_service" else "true"


def test_a_row_without_its_key_is_refused_by_the_name_of_the_column(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        with pytest.raises(psycopg.errors.NotNullViolation) as refused:
            connection.execute("update core.fct_usage_daily set zone_id = null")
        connection.rollback()
    assert refused.value.diag.column_name == "zone_id"


def failures_of(warehouse, test: str) -> list[str]:
    project = parse_project(warehouse.settings.warehouse_folder / "dbt", database_name(warehouse.url))
    events = list(invoke(project, warehouse.url, ["test", "--select", test], {"as_of": "2026-10-01T05:00:00Z"}))
    assert any(event["info"]["name"] == "LogTestResult" for event in events)
    return [event["info"]["msg"] for event in events if event["info"]["name"] == "RunResultFailure"]


def test_a_key_that_the_database_does_not_hold_is_counted(built_warehouse, make_database, tmp_path):
    warehouse = copy_of(built_warehouse, make_database, tmp_path)
    key = "primary_key_fct_support_ticket_ticket_id"
    assert failures_of(warehouse, key) == []
    with psycopg.connect(warehouse.url) as connection:
        connection.execute("alter table core.fct_support_ticket drop constraint fct_support_ticket_pkey")
        connection.execute("insert into core.fct_support_ticket select * from core.fct_support_ticket limit 1")
    assert len(failures_of(warehouse, key)) == 1


def test_settled_rows_with_the_key_of_an_untested_one_are_counted(built_warehouse, make_database, tmp_path):
    warehouse = copy_of(built_warehouse, make_database, tmp_path)
    key = "primary_key_fct_bill_bill_id"
    with psycopg.connect(warehouse.url) as connection:
        newest, bill_id = connection.execute(
            "select max(issued_on), (array_agg(bill_id order by issued_on))[1] from core.fct_bill"
        ).fetchone()
        connection.execute("update quality.model_builds set untested_from = %s where model = 'fct_bill'", [newest])
        connection.execute("insert into core.fct_bill select * from core.fct_bill where bill_id = %s", [bill_id])
    assert failures_of(warehouse, key) == []
    with psycopg.connect(warehouse.url) as connection:
        one = "select min(ctid) from core.fct_bill where bill_id = %s"
        moved = f"update core.fct_bill set issued_on = %s where bill_id = %s and ctid = ({one})"
        connection.execute(moved, [newest, bill_id, bill_id])
    assert len(failures_of(warehouse, key)) == 1
