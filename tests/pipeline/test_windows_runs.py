"""Runs of the facts of windows: by partitions, without a window, and after a worker was killed."""

import json
import os
import signal
import subprocess
import sys
import time

import dagster as dg
import psycopg
import pytest

from orchestration.commands.run import overrides_of, run_pipeline, set_environment
from orchestration.definitions import build_defs
from orchestration.runs import keep_connections, reap_orphans, runs_in_the_way
from orchestration.unchanged import forget_good_build
from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.settings import ROOT
from tests.pipeline.windowed import contents, copy_of

USAGE = [dg.AssetKey(["core", "fct_usage_daily"]), dg.AssetKey(["core", "fct_usage_hourly"])]
RANGE = {"dagster/asset_partition_range_start": "2026-08-03", "dagster/asset_partition_range_end": "2026-08-30"}
WORKER = """
import sys, dagster as dg
from orchestration.definitions import build_defs
with dg.DagsterInstance.get() as instance:
    build_defs().resolve_job_def("stage_facts").execute_in_process(
        instance=instance, tags={tags!r}, asset_selection=[dg.AssetKey(["core", "fct_usage_daily"])]
    )
"""


@pytest.fixture(scope="module")
def warehouse(built_warehouse, make_database, tmp_path_factory):
    warehouse = copy_of(built_warehouse, make_database, tmp_path_factory.mktemp("runs"))
    set_environment(warehouse.settings, open_warehouse(warehouse.settings))
    return warehouse


@pytest.fixture(scope="module")
def defs(warehouse):
    return build_defs(overrides_of(warehouse.settings, open_warehouse(warehouse.settings)))


@pytest.fixture(scope="module")
def instance(warehouse):
    with dg.DagsterInstance.get() as instance:
        keep_connections(instance)
        yield instance


def run_facts(defs, instance, tags: dict[str, str], assets: list[dg.AssetKey] = USAGE) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("stage_facts").execute_in_process(
        instance=instance, tags=tags, asset_selection=assets, raise_on_error=False
    )


def days_of_run(instance, run_id: str, asset: dg.AssetKey) -> list[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    found = [record.event_log_entry.dagster_event.event_specific_data.materialization for record in records]
    return sorted(event.partition for event in found if event.asset_key == asset)


def test_a_range_of_partitions_is_one_run_of_its_days_only(warehouse, defs, instance):
    before = contents(warehouse)
    with psycopg.connect(warehouse.url) as connection:
        # What a rebuild mends, within the range and out of it.
        connection.execute("update core.fct_usage_daily set sms_count = sms_count + 1")
        connection.execute("update core.fct_usage_hourly set sms_count = sms_count + 1")
    assert run_facts(defs, instance, RANGE).success
    after = contents(warehouse)
    # Hours are those of the UTC days of the range, both ends included.
    mended = set(after["fct_usage_hourly"]) & set(before["fct_usage_hourly"])
    days = {json.loads(row[0])["usage_hour_at"][:10] for row in mended}
    assert (min(days), max(days)) == ("2026-08-03", "2026-08-30")
    assert {row for row in before["fct_usage_hourly"] if json.loads(row[0])["usage_hour_at"][:10] in days} == mended
    assert 0 < len(set(after["fct_usage_daily"]) & set(before["fct_usage_daily"])) < len(before["fct_usage_daily"])
    # Two more ranges that meet mend the rest, and all is as it was.
    for first, last in (("2026-06-01", "2026-08-02"), ("2026-08-31", "2026-10-02")):
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        result = run_facts(defs, instance, tags)
        assert result.success
        assert days_of_run(instance, result.run_id, USAGE[0])[0] == first
        assert days_of_run(instance, result.run_id, USAGE[1])[-1] == last
    assert contents(warehouse) == before


def test_a_run_of_facts_without_a_window_is_refused(warehouse, defs, instance):
    before = contents(warehouse)
    result = run_facts(defs, instance, {})
    assert not result.success
    ((said,),) = [
        [event.step_failure_data.user_failure_data.description] for event in result.all_events if event.is_step_failure
    ]
    assert "fct_usage_daily, fct_usage_hourly: no window of days, so nothing was changed; choose partitions" in said
    assert contents(warehouse) == before


def claimed(instance) -> set[str]:
    return set(instance.event_log_storage.get_concurrency_info("dbt").active_run_ids)


def wait_for(condition, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start_worker(warehouse, tags: dict[str, str]) -> subprocess.Popen:
    """A run of the facts of usage in a process of its own."""
    environment = {**os.environ, **overrides_of(warehouse.settings, open_warehouse(warehouse.settings))}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER.format(tags=tags)], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )


def test_two_backfills_at_once_work_one_after_the_other(warehouse, instance):
    """Their ranges overlap, and together they mend everything."""
    before = contents(warehouse)
    with psycopg.connect(warehouse.url) as connection:
        connection.execute("update core.fct_usage_daily set sms_count = sms_count + 1")
    workers = [
        start_worker(
            warehouse, {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        )
        for first, last in (("2026-06-01", "2026-08-20"), ("2026-08-01", "2026-10-02"))
    ]
    seen: set[str] = set()
    while any(worker.poll() is None for worker in workers):
        working = claimed(instance)
        assert len(working) <= 1
        seen |= working
        time.sleep(0.02)
    assert [worker.wait() for worker in workers] == [0, 0]
    assert len(seen) == 2
    assert contents(warehouse) == before


def test_a_killed_worker_frees_its_slot_and_the_next_tick_and_run_work(warehouse, defs, instance):
    before = contents(warehouse)
    works = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name = 'dbt' and query ilike '%%fct_usage_daily%%'"
    )
    worker = start_worker(warehouse, RANGE)
    wait_for(lambda: claimed(instance) and warehouse.ask(works)[0][0])
    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    (run_id,) = claimed(instance)
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.STARTED
    assert claimed(instance) == {run_id}
    assert runs_in_the_way(instance, set(USAGE)) == []
    # A run that asks for the slot before anybody has reaped the lost one would wait for good.
    assert reap_orphans(instance) == [run_id]
    assert claimed(instance) == set()
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
    wait_for(lambda: not warehouse.ask(works)[0][0])
    assert run_pipeline(warehouse.settings).problem is None
    assert contents(warehouse) == before


def test_an_interrupted_run_ends_there_and_the_next_does_its_work(warehouse, instance):
    """As by Ctrl-C or the pages' Terminate: no later stage begins, and no run is left as started."""
    before, known = contents(warehouse), {run.run_id for run in instance.get_runs()}
    forget_good_build(warehouse.url)
    environment = {**os.environ, **overrides_of(warehouse.settings, open_warehouse(warehouse.settings))}
    run = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "run"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: "stage_transform" in {one.job_name for one in instance.get_runs() if one.run_id not in known})
    wait_for(lambda: warehouse.ask("select count(*) from pg_stat_activity where application_name = 'dbt'")[0][0])
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1, said
    assert "interrupted" in said
    runs = [one for one in instance.get_runs() if one.run_id not in known]
    assert {one.job_name for one in runs} == {"warehouse", "stage_ingest", "stage_transform"}
    assert all(one.is_finished for one in runs)
    assert run_pipeline(warehouse.settings).problem is None
    assert contents(warehouse) == before
