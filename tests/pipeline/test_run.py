"""How a run behaves: nothing new, a bad file, a failing expectation, a late parent, a lost process."""

import csv
import json
import socket

import psycopg
import pytest

from tests.integration.landing import identifier, land, usage
from tests.pipeline.test_second_road import differences
from tests.pipeline.windowed import copy_of
from tests.second_road.operations import operations_dashboard
from tests.second_road.world import read_world

CORE_CHECKSUMS = """
    select table_name, md5(string_agg(row_text, '' order by row_text)) from (
        {parts}
    ) as rows group by table_name order by table_name
"""


def checksums(warehouse) -> list[tuple]:
    """A checksum of every table of core, analytics and dashboards; when a row was computed does not count."""
    tables = warehouse.ask(
        "select schemaname, tablename from pg_tables"
        " where schemaname in ('core', 'analytics', 'dashboards') order by 1, 2"
    )
    parts = " union all ".join(
        f"select '{schema}.{table}' as table_name, (to_jsonb(t) - 'computed_at')::text as row_text"
        f" from {schema}.{table} t"
        for schema, table in tables
    )
    return warehouse.ask(CORE_CHECKSUMS.format(parts=parts))


@pytest.fixture(scope="module")
def warehouse(small_warehouse, make_database, tmp_path_factory):
    """A warehouse of this module's own, which its tests change one after the other."""
    return copy_of(small_warehouse, make_database, tmp_path_factory.mktemp("run"))


def test_a_second_run_changes_nothing(warehouse):
    assert warehouse.result.problem is None
    before, ledger = checksums(warehouse), warehouse.ask("select count(*) from raw.load_ledger")
    assert len(before) > 15
    assert warehouse.run().problem is None
    assert checksums(warehouse) == before
    assert warehouse.ask("select count(*) from raw.load_ledger") == ledger


def test_checks_of_what_did_not_change_carry_what_was_found_before(warehouse):
    """After the second run each check says what the first one's judgement was, warnings among them."""
    import dagster as dg

    found = warehouse.ask(
        "select distinct on (feed, check_name) feed, check_name, success, rows_failed, run_id"
        " from quality.check_results where engine = 'great_expectations' order by 1, 2, checked_at desc"
    )
    assert len(found) > 80
    with dg.DagsterInstance.get() as instance:
        for feed, name, success, rows_failed, run_id in found:
            key = dg.AssetCheckKey(dg.AssetKey(["raw", feed]), name)
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            said = record.event.dagster_event.event_specific_data
            assert (said.passed, said.metadata["rows_failed"].value) == (success, rows_failed)
            assert said.metadata["carried_from_run"].value == run_id != record.run_id


def test_a_late_row_and_a_late_parent_mend_their_days_only(warehouse):
    """Usage of a service that nobody knows yet counts for the unknown member, then for its own provider."""
    late = [usage(f"late {i}", f"2026-08-1{i}T03:00:00Z", service_id=identifier("late service")) for i in range(3)]
    land(warehouse.landing, "usage_records", "late.csv", late)
    assert warehouse.run().problem is None
    unknown = "00000000-0000-0000-0000-000000000000"
    own = (
        "select count(*), count(*) filter (where provider_id::text = %s)"
        " from core.fct_usage_daily where service_id = %s"
    )
    assert warehouse.ask(own, unknown, identifier("late service")) == [(3, 3)]
    (plan_id, provider_id), *_ = warehouse.ask("select plan_id::text, provider_id::text from raw.service_plans limit 1")
    (customer_id,), *_ = warehouse.ask("select customer_id::text from raw.customers limit 1")
    parent = {
        "service_id": identifier("late service"), "customer_id": customer_id, "plan_id": plan_id,
        "service_status": "active", "activated_at": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    land(warehouse.landing, "customer_services", "late.jsonl", [parent])
    assert warehouse.run().problem is None
    assert warehouse.ask(own, provider_id, identifier("late service")) == [(3, 3)]
    world = read_world(warehouse.landing, warehouse.settings.as_of, warehouse.settings.reporting_time_zone)
    assert differences(warehouse.url, operations_dashboard(world)) == []


def test_incremental_runs_reach_the_state_of_one_whole_build(warehouse, build_warehouse):
    key = str(warehouse.settings.pii_key_file)
    whole = build_warehouse(warehouse.landing, warehouse.settings.as_of, PII_KEY_FILE=key)
    assert whole.result.problem is None
    assert checksums(whole) == checksums(warehouse)


def test_a_refused_file_and_a_failing_expectation_stop_what_stands_on_their_feeds(warehouse):
    refused = land(warehouse.landing, "support_tickets", "broken.csv", [])
    refused.write_text("ticket_id,customer_id\n")
    (bill,) = warehouse.ask("select to_jsonb(b)::text from raw.bills b where bill_status = 'issued' limit 1")
    row = {k: v for k, v in json.loads(bill[0]).items() if not k.startswith("_") and v is not None}
    wrong = {**row, "bill_id": identifier("wrong bill"), "total_amount": "999999.99"}
    land(warehouse.landing, "bills", "wrong.jsonl", [wrong])
    problem = warehouse.run().problem
    assert (
        "raw.support_tickets (ingest): check no_refused_files failed: broken.csv: line 1 lacks the columns" in problem
    )
    assert "raw.bills (ingest): check amounts_add_up failed: 1 row; keys in quality.failed_rows" in problem
    not_built = problem.partition("Not built because of it: ")[2]
    for table in ("core.fct_support_ticket", "core.fct_bill", "dashboards.operations_dashboard"):
        assert table in not_built
    assert "core.dim_customer," not in not_built
    refused.unlink()
    ((key,),) = warehouse.ask(
        "select row_key from quality.failed_rows join quality.check_results using (check_result_id)"
        " where check_name = 'amounts_add_up'"
    )
    assert key["bill_id"] == identifier("wrong bill")
    assert set(key) == {"bill_id", "bill_version", "updated_at"}
    # Taken back by its sender, the bill leaves; the days stay under guard until then.
    taken_back = {**wrong, "updated_at": "2026-10-01T00:00:00Z", "is_deleted": "true"}
    land(warehouse.landing, "bills", "taken_back.jsonl", [taken_back])
    with psycopg.connect(warehouse.url) as connection:
        connection.execute(
            "delete from raw.bills where bill_id = %s and is_deleted is null", [identifier("wrong bill")]
        )
    assert warehouse.run().problem is None


def test_two_runs_at_once_are_told_apart(warehouse):
    from orchestration.defs.resources import _TRY_LOCK

    with psycopg.connect(warehouse.url, autocommit=True) as other:
        other.execute(_TRY_LOCK)
        assert "another run of the pipeline is at work" in warehouse.run().problem
    assert warehouse.run().problem is None


def test_a_run_that_lost_its_process_is_failed_at_the_next_start(warehouse, capfd):
    import dagster as dg

    from orchestration.runs import PROCESS_TAG

    with dg.DagsterInstance.get() as instance:
        lost = instance.create_run_for_job(
            dg.GraphDefinition("lost").to_job(), tags={PROCESS_TAG: f"{socket.gethostname()}:999999999"}
        )
        instance.handle_run_event(lost.run_id, dg.DagsterEvent("PIPELINE_START", "lost", message="started"))
        assert warehouse.run().problem is None
        assert f"\nRun {lost.run_id} had lost its process" in "\n" + capfd.readouterr().err
        assert instance.get_run_by_id(lost.run_id).status is dg.DagsterRunStatus.FAILURE


def test_the_quarantine_comes_back_corrected(warehouse, tmp_path, monkeypatch):
    from orchestration.__main__ import main

    (bad,) = warehouse.ask("select count(*) from raw.quarantine where feed = 'usage_records' and status = 'open'")[0]
    assert bad > 0
    settings = warehouse.settings
    for name, value in {
        "WAREHOUSE_URL": settings.warehouse_url, "LANDING_DIR": str(settings.landing_dir),
        "WAREHOUSE_FOLDER": str(settings.warehouse_folder), "PII_KEY_FILE": str(settings.pii_key_file),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    out = tmp_path / "fix.csv"
    assert main(["quarantine", "usage_records", str(out)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    header, *rows = out.read_text().splitlines()
    assert len(rows) == bad
    names = header.split(",")
    fixed = list(csv.DictReader(out.read_text().splitlines()))
    for i, row in enumerate(fixed):
        # Whatever was wrong with it.
        row.update(usage_id=identifier(f"fixed {i}"), usage_timestamp="2026-09-01T12:00:00Z", usage_type="data",
                   service_id=row["service_id"] or identifier("service"), data_usage_bytes="1", voice_seconds="0",
                   sms_count="0", direction="out", session_seconds="60", source_sequence="1")  # fmt: skip
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(fixed)
    assert main(["replay", "usage_records", str(out)]) == 0
    assert warehouse.ask("select status, count(*) from raw.quarantine where feed = 'usage_records' group by 1") == [
        ("replayed", bad)
    ]
    replayed = warehouse.ask(
        "select unknown_columns, rows_loaded from raw.load_ledger where file_name like %s", "replayed/%"
    )
    assert replayed == [([], bad)]
