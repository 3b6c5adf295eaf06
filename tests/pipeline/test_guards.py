"""Guards in a real run: what a failing feed stops and what goes on, what is shown of it, and what is overdue."""

import json
import re
from datetime import datetime, timedelta

import dagster as dg
import psycopg
import pytest

from ingestion.contract import contracts
from orchestration.commands.run import overrides_of
from orchestration.definitions import build_defs
from orchestration.defs.resources import AS_OF_TAG
from orchestration.warehouse.connection import open_warehouse
from tests.integration.landing import customer, identifier, land, usage
from tests.pipeline.windowed import copy_of

SECRETS = {"first_name": "Zebulon", "last_name": "Quackenbush", "email": "zq@example.org", "phone": "+13125550199",
           "street_address": "9 Xylophone Way"}  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(small_warehouse, make_database, tmp_path_factory):
    """A warehouse of this module's own, which its tests change one after the other."""
    return copy_of(small_warehouse, make_database, tmp_path_factory.mktemp("guards"))


def check_overdue(warehouse, as_of: datetime) -> dict[str, dg.AssetCheckEvaluation]:
    """The freshness job at an instant, with no load; its checks by feed."""
    definitions = build_defs(overrides_of(warehouse.settings, open_warehouse(warehouse.settings)))
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def("freshness").execute_in_process(
            instance=instance, tags={AS_OF_TAG: as_of.isoformat()}
        )
    return {check.asset_key.path[-1]: check for check in result.get_asset_check_evaluations()}


def test_every_loaded_feed_was_judged_and_has_a_page(warehouse):
    assert warehouse.result.problem is None
    loaded = {feed for (feed,) in warehouse.ask("select distinct feed from raw.load_ledger where status = 'loaded'")}
    assert len(loaded) >= 11
    judged = warehouse.ask("select feed, count(*), bool_or(not success and severity = 'critical')"
                           " from quality.check_results group by 1")  # fmt: skip
    assert {feed for feed, _, _ in judged} == loaded
    assert not any(is_red for _, _, is_red in judged)
    folder = warehouse.settings.warehouse_folder / "data_docs"
    assert {path.stem for path in folder.glob("*.html")} == {*loaded, "index"}
    linked = re.findall(r'href="(\w+)\.html"', (folder / "index.html").read_text())
    assert set(linked) == loaded


def test_the_newest_event_is_the_one_that_the_dashboards_mean(warehouse):
    checks = check_overdue(warehouse, warehouse.settings.as_of)
    assert set(checks) == set(contracts())
    theirs = warehouse.ask("select feed, provider_id, data_through_at from intermediate.int_freshness__data_through"
                           " where provider_id <> '00000000-0000-0000-0000-000000000000'"
                           " and feed <> 'support_tickets'")  # fmt: skip
    # A ticket that names no service, of a customer of two providers, says nothing of either.
    theirs += warehouse.ask(
        "select 'support_tickets', provider_id, max(greatest(created_at, updated_at)) from core.fct_support_ticket"
        " where greatest(created_at, updated_at) <= %s and (service_id is not null or customer_id not in (select"
        " customer_id from core.bridge_customer_provider group by 1 having count(distinct provider_id) > 1))"
        " and provider_id <> '00000000-0000-0000-0000-000000000000' group by 2", warehouse.settings.as_of
    )  # fmt: skip
    ours = warehouse.ask("select feed, provider_id, newest_event_at from quality.freshness"
                         " where feed in (select feed from intermediate.int_freshness__data_through)")  # fmt: skip
    assert len(ours) > 10
    assert sorted(ours) == sorted(theirs)


def test_a_feed_that_stays_away_is_red_without_a_load(warehouse):
    as_of = warehouse.settings.as_of
    loads = warehouse.ask("select count(*) from raw.load_ledger")
    assert check_overdue(warehouse, as_of)["usage_records"].passed
    red = check_overdue(warehouse, as_of + timedelta(days=4))["usage_records"]
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert re.search(r"overdue for [12] days \d+ hours", red.description)
    assert "dashboards.operations_dashboard" in red.description.partition("Stands on it: ")[2]
    assert warehouse.ask("select bool_and(is_overdue) from quality.freshness where feed = 'usage_records'") == [(True,)]
    assert warehouse.ask("select count(*) from raw.load_ledger") == loads


@pytest.fixture(scope="module")
def red(warehouse):
    """A run over usage that breaks a critical rule, an odd customer, tickets that cannot be judged, and a good bill."""
    wrong = [usage(f"wrong {i}", "2026-09-20T10:00:00Z", sms_count=1) for i in range(250)]
    land(warehouse.landing, "usage_records", "wrong.jsonl", wrong)
    (bill,) = warehouse.ask("select to_jsonb(b)::text from raw.bills b where bill_status = 'issued' limit 1")
    good = {
        name: value for name, value in json.loads(bill[0]).items() if not name.startswith("_") and value is not None
    }
    land(warehouse.landing, "bills", "good.jsonl", [{**good, "bill_id": identifier("good bill")}])
    secret = customer("secret", created_at="2026-09-20T00:00:00Z", updated_at="2026-09-01T00:00:00Z", **SECRETS)
    land(warehouse.landing, "customers", "odd.jsonl", [secret])
    column = "alter table raw.support_tickets rename column {} to {}"
    with psycopg.connect(warehouse.url) as connection:
        connection.execute(column.format("first_response_at", "hidden"))
        connection.execute("insert into raw.touched_days (feed, day, load_id) select feed, day, load_id"
                           " from raw.touched_days where feed = 'support_tickets' limit 1")  # fmt: skip
    problem = warehouse.run().problem
    with psycopg.connect(warehouse.url) as connection:
        connection.execute(column.format("hidden", "first_response_at"))
    return problem, wrong


def test_a_failing_feed_stops_what_stands_on_it_and_the_others_go_on(warehouse, red):
    problem, wrong = red
    assert "raw.usage_records (ingest): check quantities_fit_the_kind failed: 250 rows; keys in quality.fail" in problem
    not_built = problem.partition("Not built because of it: ")[2]
    assert "core.fct_usage_daily" in not_built
    assert "dashboards.operations_dashboard" in not_built
    assert "core.fct_bill," not in not_built
    assert warehouse.ask("select count(*) from core.fct_bill where bill_id = %s", identifier("good bill")) == [(1,)]
    kept = warehouse.ask("select row_key ->> 'usage_id' from quality.failed_rows join quality.check_results"
                         " using (check_result_id) where check_name = 'quantities_fit_the_kind'")  # fmt: skip
    assert {key for (key,) in kept} == {row["usage_id"] for row in wrong}
    assert len(kept) == 250
    # A warning is kept and shown, and stops nothing.
    assert warehouse.ask("select severity, success from quality.check_results where feed = 'customers'"
                         " and check_name = 'created_before_the_version' order by checked_at desc limit 1") == [
        ("warning", False)]  # fmt: skip
    assert "core.dim_customer" not in not_built


def test_a_feed_that_cannot_be_judged_stops_what_stands_on_it(red):
    problem, _ = red
    assert "feed support_tickets: resolved_after_created could not be evaluated" not in problem
    assert "feed support_tickets: response_after_created could not be evaluated (UndefinedColumn)" in problem
    assert "core.fct_support_ticket" in problem.partition("Not built because of it: ")[2]


def test_no_personal_value_is_in_quality_in_the_docs_or_in_dagsters_log(warehouse, red):
    """The customer of the failing row is named by id, and nothing else of them is anywhere."""
    said = "".join(path.read_text() for path in (warehouse.settings.warehouse_folder / "data_docs").glob("*.html"))
    for (table,) in warehouse.ask("select tablename from pg_tables where schemaname = 'quality'"):
        said += repr(warehouse.ask(f"select to_jsonb(t)::text from quality.{table} t"))
    assert identifier("secret") in said
    with psycopg.connect(warehouse.settings.dagster_storage_url) as connection:
        said += repr(connection.execute("select event from event_logs").fetchall())
        said += repr(connection.execute("select to_jsonb(e)::text from asset_check_executions e").fetchall())
    assert "created_before_the_version" in said
    assert [value for value in SECRETS.values() if value in said] == []


def test_once_mended_everything_is_built(warehouse, red):
    land(warehouse.landing, "usage_records", "taken_back.jsonl", [
        usage(f"wrong {i}", "2026-09-20T10:00:00Z", sms_count=1, is_deleted="true") for i in range(250)])  # fmt: skip
    assert warehouse.run().problem is None
