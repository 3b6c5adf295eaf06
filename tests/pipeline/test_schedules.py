"""Schedules and the sensor, evaluated in this process: what they request, when, and when they wait."""

import socket
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orchestration.definitions import build_defs
from orchestration.defs import touched_windows
from orchestration.defs.cadence import CADENCE_TAG, DAILY, MONTHLY, QUARTER_HOURLY, assets_of
from orchestration.defs.resources import AS_OF_TAG
from orchestration.defs.stages import facts_selection
from orchestration.defs.windowed import WINDOWS_TAG
from orchestration.runs import PROCESS_TAG
from orchestration.windows import Window, from_text

# 3 in the morning in Chicago.
TICK = datetime(2026, 11, 2, 9, tzinfo=UTC)
TIMES = {
    "quarter_hourly_warehouse": (QUARTER_HOURLY, "5,20,35,50 * * * *", "2026-11-02T09:00:00+00:00"),
    "daily_warehouse": (DAILY, "0,15,30,45 3 * * *", "2026-11-02T06:00:00+00:00"),
    "monthly_warehouse": (MONTHLY, "0,15,30,45 4 1 * *", "2026-11-02T06:00:00+00:00"),
}
GONE = f"{socket.gethostname()}:999999999"


@pytest.fixture(scope="module")
def defs(make_folder):
    return build_defs({"WAREHOUSE_FOLDER": str(make_folder())})


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def tick(defs, instance, name: str, at: datetime = TICK):
    local = at.astimezone(ZoneInfo("America/Chicago"))
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=local) as context:
        return defs.resolve_schedule_def(name).evaluate_tick(context)


def start_run(defs, instance, job: str, assets: set[dg.AssetKey] | None = None) -> dg.DagsterRun:
    run = instance.create_run_for_job(defs.resolve_job_def(job), asset_selection=assets)
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", job, message="started"), run_id=run.run_id)
    return run


@pytest.mark.parametrize("name", TIMES)
def test_a_schedule_requests_its_cadence(defs, instance, name):
    cadence, cron, as_of = TIMES[name]
    schedule = defs.resolve_schedule_def(name)
    assert (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone) == (
        "warehouse", cron, "America/Chicago"
    )  # fmt: skip
    (request,) = tick(defs, instance, name).run_requests
    assert (request.tags[AS_OF_TAG], request.tags[CADENCE_TAG]) == (as_of, cadence)


def test_a_tick_that_tries_again_requests_the_same_night_once(defs, instance):
    def key(name: str, minute: int) -> str:
        return tick(defs, instance, name, TICK.replace(minute=minute)).run_requests[0].run_key

    assert key("daily_warehouse", 0) == key("daily_warehouse", 45)
    assert key("monthly_warehouse", 0) == key("monthly_warehouse", 45)
    assert key("quarter_hourly_warehouse", 5) != key("quarter_hourly_warehouse", 20)
    assert (
        key("daily_warehouse", 0)
        != tick(defs, instance, "daily_warehouse", TICK.replace(day=3)).run_requests[0].run_key
    )


@pytest.mark.parametrize("name", TIMES)
def test_a_tick_waits_for_a_living_run_of_its_assets(defs, instance, name):
    def held_up() -> str | None:
        return tick(defs, instance, name).skip_message

    run = start_run(defs, instance, "warehouse")
    assert f"run {run.run_id} of warehouse is still active" in held_up()
    # One whose process is gone, and that nobody has failed yet, stands in nobody's way.
    instance.add_run_tags(run.run_id, {PROCESS_TAG: GONE})
    assert held_up() is None
    # The overdue check builds nothing; a backfill of a fact does.
    start_run(defs, instance, "freshness")
    assert held_up() is None
    backfill = start_run(defs, instance, "stage_facts", {dg.AssetKey(["core", "fct_usage_daily"])})
    assert f"run {backfill.run_id} of stage_facts is still active" in held_up()


def test_a_run_of_assets_of_another_cadence_is_not_waited_for(defs, instance):
    other = dg.AssetKey(["analytics", "provider_daily_summary"])
    assert other in assets_of(defs, DAILY) - assets_of(defs, QUARTER_HOURLY)
    start_run(defs, instance, "stage_analytics", {other})
    assert tick(defs, instance, "quarter_hourly_warehouse").skip_message is None
    assert "still active" in tick(defs, instance, "daily_warehouse").skip_message


def test_what_is_built_how_often(defs):
    graph = defs.resolve_asset_graph()
    quarter, daily = assets_of(defs, QUARTER_HOURLY), assets_of(defs, DAILY)
    dashboard = dg.AssetKey(["dashboards", "operations_dashboard"])
    assert {dashboard, dg.AssetKey(["raw", "usage_records"])} <= quarter < daily
    assert facts_selection().resolve(graph) <= quarter
    assert dg.AssetKey(["core", "dim_customer_pii"]) not in quarter
    # Nothing is built whose parents the run leaves out.
    built = graph.materializable_asset_keys
    assert all(graph.get(key).parent_keys & built <= quarter for key in quarter)
    monthly = dg.AssetSelection.tag(MONTHLY, "").resolve(graph)
    assert daily.isdisjoint(monthly)
    assert monthly <= assets_of(defs, MONTHLY)
    assert built == daily | assets_of(defs, MONTHLY)


def sensor_tick(defs, instance, monkeypatch, windows: list[Window]):
    monkeypatch.setattr(touched_windows, "open_windows", lambda _: {window.feed: window for window in windows})
    monkeypatch.setattr(touched_windows.WarehouseResource, "url", "not opened")
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        return defs.resolve_sensor_def(touched_windows.NAME).evaluate_tick(context)


def test_the_sensor_requests_touched_windows_and_gives_up_after_three_failures(defs, instance, monkeypatch):
    windows = [
        Window("usage_records", [("2026-10-30", "2026-11-01")], 12, 4),
        Window("network_performance", [], 10, 4),
    ]
    keys = []
    for _ in range(3):
        (request,) = sensor_tick(defs, instance, monkeypatch, windows).run_requests
        assert {key.path[-1] for key in request.asset_selection} == {"fct_usage_daily", "fct_usage_hourly"}
        assert from_text(request.tags[WINDOWS_TAG]) == {"usage_records": windows[0]}
        keys.append(request.run_key)
        run = instance.create_run_for_job(
            defs.resolve_job_def("stage_facts"), tags=dict(request.tags), status=dg.DagsterRunStatus.FAILURE
        )
        assert instance.get_run_by_id(run.run_id).is_finished
    assert [key.rpartition(":")[2] for key in keys] == ["1", "2", "3"]
    assert len({key.rpartition(":")[0] for key in keys}) == 1
    assert "12-4" in keys[0]
    assert "failed 3 times" in sensor_tick(defs, instance, monkeypatch, windows).skip_message
    # A newer touch is another window.
    newer = [Window("usage_records", [("2026-10-30", "2026-11-01")], 13, 4)]
    assert sensor_tick(defs, instance, monkeypatch, newer).run_requests[0].run_key.endswith(":1")


def test_the_sensor_waits_and_is_content_without_windows(defs, instance, monkeypatch):
    assert (
        "no day was touched" in sensor_tick(defs, instance, monkeypatch, [Window("usage_records", [], 12)]).skip_message
    )
    start_run(defs, instance, "warehouse")
    assert "still active" in sensor_tick(defs, instance, monkeypatch, [Window("usage_records", "all", 12)]).skip_message
