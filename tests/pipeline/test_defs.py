"""The names that others rely on: assets, jobs, schedules and their times."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from expectations.suites import IDENTITY
from ingestion.contract import contracts
from orchestration.definitions import build_defs
from orchestration.defs.filing_dates import FILING_DATES, newest_regular_date
from orchestration.defs.resources import AS_OF_TAG
from orchestration.defs.stages import STAGES, facts_selection, stage_selection
from orchestration.defs.windowed import DAYS
from orchestration.windows import WINDOWED_FACTS


@pytest.fixture(scope="module")
def defs(make_folder):
    return build_defs({"WAREHOUSE_FOLDER": str(make_folder())})


def test_jobs(defs):
    assert sorted(job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")) == [
        "filings", "freshness", "stage_access", "stage_analytics", "stage_derived", "stage_facts", "stage_filing",
        "stage_ingest", "stage_marts", "stage_transform", "warehouse",
    ]  # fmt: skip


def test_assets(defs):
    keys = {".".join(key.path) for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert {f"raw.{feed}" for feed in contracts()} <= keys
    assert {
        "staging.stg_customers", "core.dim_customer", "core.fct_usage_daily", "core.fct_bill",
        "analytics.provider_daily_summary", "dashboards.operations_dashboard", "reference.exchange_rates",
    } <= keys  # fmt: skip


def test_every_dbt_test_and_expectation_is_a_check(defs):
    checks = {check.to_user_string() for check in defs.resolve_asset_graph().asset_check_keys}
    assert any("primary_key_fct_bill" in check for check in checks)
    assert "raw/bills:amounts_add_up" in checks
    for check in (IDENTITY, "no_refused_files", "overdue"):
        assert {f"raw/{feed}:{check}" for feed in contracts()} <= checks
    assert len(checks) > 200


def test_the_overdue_checks_stand_apart_from_the_stages(defs):
    def steps_of(job):
        return {node.name for node in defs.resolve_job_def(job).nodes}

    assert steps_of("freshness") == {"overdue"}
    assert {f"guard_{feed}" for feed in contracts()} <= steps_of("stage_ingest")
    assert "overdue" not in steps_of("stage_ingest")


@pytest.fixture
def scheduled(tmp_path):
    """An instance, and a schedule's context at 3 in the morning in Chicago."""
    tick = datetime(2026, 11, 2, 9, tzinfo=UTC)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=tick) as context,
    ):
        yield instance, context


def test_the_hourly_schedule_of_the_overdue_check(defs, scheduled):
    schedule = defs.resolve_schedule_def("hourly_freshness")
    assert (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone) == (
        "freshness", "0 * * * *", "America/Chicago"
    )  # fmt: skip
    instance, context = scheduled
    (request,) = schedule.evaluate_tick(context).run_requests
    assert request.tags[AS_OF_TAG] == "2026-11-02T09:00:00+00:00"
    # It waits for no load: a run of the pipeline does not hold it up, only one of its own does.
    for job, is_held_up in (("warehouse", False), ("freshness", True)):
        run = instance.create_run_for_job(defs.resolve_job_def(job))
        instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", job, message="started"), run_id=run.run_id)
        assert bool(schedule.evaluate_tick(context).skip_message) is is_held_up


def test_facts_of_windows_are_partitioned_by_day_and_backfilled_in_one_run(defs):
    facts = set(facts_selection().resolve(defs.resolve_asset_graph()))
    assert len(facts) == sum(map(len, WINDOWED_FACTS.values())) >= 4
    for key in defs.resolve_asset_graph().get_all_asset_keys():
        node = defs.resolve_asset_graph().get(key)
        if key in facts:
            assert (node.partitions_def, node.backfill_policy) == (DAYS, dg.BackfillPolicy.single_run())
            assert defs.resolve_assets_def(key).op.pool == "dbt"
        elif node.group_name == "regulatory":
            assert node.partitions_def == FILING_DATES
        else:
            assert node.partitions_def is None
    assert (
        DAYS.get_first_partition_key() == min(contracts()[feed].earliest_event for feed in WINDOWED_FACTS).isoformat()
    )


def test_filings_are_partitioned_by_as_of_date_in_a_job_of_their_own(defs):
    job = defs.resolve_job_def("filings")
    assert job.partitions_def == FILING_DATES
    assert {node.name for node in job.nodes} == {
        "analytics__link_redundancy", "dbt_models", "regulatory__filing_packages",
    }  # fmt: skip
    at = datetime(2026, 7, 1, tzinfo=UTC)
    keys = FILING_DATES.get_partition_keys(current_time=at)
    assert keys[:3] == ["2022-06-30", "2022-12-31", "2023-06-30"]
    assert keys[-2:] == ["2025-12-31", "2026-06-30"]
    assert newest_regular_date(datetime(2026, 7, 1, 4, 59, tzinfo=UTC), "America/Chicago") == date(2025, 12, 31)
    assert newest_regular_date(datetime(2026, 7, 1, 5, tzinfo=UTC), "America/Chicago") == date(2026, 6, 30)


def test_every_asset_belongs_to_one_stage(defs):
    graph = defs.resolve_asset_graph()
    stages = [stage_selection(stage).resolve(graph) for stage in STAGES]
    assert sum(map(len, stages)) == len(set().union(*stages)) == len(graph.materializable_asset_keys)
    # A stage stands on the stages before it only.
    for i, stage in enumerate(stages):
        for key in stage:
            parents = graph.get(key).parent_keys & graph.materializable_asset_keys
            assert parents <= set().union(*stages[: i + 1])


def test_an_import_opens_no_connection(monkeypatch):
    import psycopg

    monkeypatch.setattr(psycopg, "connect", lambda *_: pytest.fail("a connection was opened"))
    build_defs()
