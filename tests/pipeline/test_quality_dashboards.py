"""dashboards.freshness and dashboards.data_quality show what the checks of every engine found."""

from collections import defaultdict
from datetime import UTC, datetime, time

import psycopg

from orchestration.dbt_runner import parse_project
from orchestration.kept_results import DbtTestResult, keep_results
from tests.conftest import database_name
from tests.second_road.world import cadence, newest_bills

TEST = "primary_key_dim_x_x_id"


def _known(pairs):
    """Ids that lead to one provider only."""
    found = defaultdict(set)
    for id_, provider in pairs:
        if provider:
            found[id_].add(provider)
    return {id_: next(iter(providers)) for id_, providers in found.items() if len(providers) == 1}


def recomputed_freshness(world):
    """The newest event by AS_OF of some feeds, by any version of what leads to the provider."""
    plans = [(p["plan_id"], p["provider_id"]) for p in world.feeds["service_plans"].winners.values()]
    offered = defaultdict(set)
    for plan_id, provider_id in plans:
        offered[plan_id].add(provider_id)
    versions = list(world.feeds["customer_services"].winners.values())
    services = _known((v["service_id"], p) for v in versions for p in offered[v["plan_id"]])
    elements = _known((e["element_id"], e["provider_id"]) for e in world.feeds["network_elements"].winners.values())
    found: dict[tuple[str, str], datetime] = {}

    def heard(feed, provider_id, at):
        if provider_id and at <= world.as_of:
            found[feed, provider_id] = max(at, found.get((feed, provider_id), at))

    for row in world.feeds["usage_records"].newest_events():
        heard("usage_records", services.get(row["service_id"]), row["usage_timestamp"])
    for row in world.feeds["network_performance"].newest_events():
        heard("network_performance", elements.get(row["element_id"]), row["measurement_timestamp"])
    for row in world.feeds["outages"].winners.values():
        heard("outages", row["provider_id"], max(row["outage_start"], row["updated_at"]))
    for row in newest_bills(world):
        zone = world.zone_of_provider(row["provider_id"])
        heard("bills", row["provider_id"], datetime.combine(row["issued_on"], time(), zone).astimezone(UTC))
    return found


def test_freshness(any_warehouse, any_world):
    expected = recomputed_freshness(any_world)
    feeds = sorted({feed for feed, _ in expected})
    assert len(feeds) == 4
    found = any_warehouse.ask(
        "select feed, provider_id::text, data_through_at, expected_by_at, is_overdue, provider_name"
        " from dashboards.freshness where feed = any(%s)", feeds)  # fmt: skip
    assert {row[:2]: row[2:] for row in found} == {
        (feed, provider): (
            at, at + cadence(feed), any_world.as_of > at + cadence(feed),
            any_world.providers[provider]["provider_name"],
        )
        for (feed, provider), at in expected.items()
    }  # fmt: skip
    assert any_warehouse.ask("select distinct as_of_at from dashboards.freshness") == [(any_world.as_of,)]
    assert any_warehouse.ask("select count(distinct feed) from dashboards.freshness")[0][0] > 15


def test_every_check_of_every_engine(built_warehouse):
    expectations = built_warehouse.ask(
        "select count(*), count(distinct table_name) from dashboards.data_quality where engine = 'great_expectations'"
    )[0]
    assert expectations == built_warehouse.ask(
        "select count(*), count(distinct feed) from (select distinct engine, feed, check_name, days_from, days_to"
        " from quality.check_results) as judged"
    )[0]  # fmt: skip
    assert expectations[1] > 15
    # What failed says so, and names its rows.
    assert built_warehouse.ask(
        "select count(*) from dashboards.data_quality where not success and engine = 'great_expectations'"
        " and (said is null or last_failed_at is null or first_failed_at > last_failed_at)"
    ) == [(0,)]
    tested, passed = built_warehouse.ask(
        "select count(*), count(*) filter (where success and rows_failed = 0 and first_failed_at is null)"
        " from dashboards.data_quality where engine = 'dbt'"
    )[0]
    assert tested == passed > 100
    assert built_warehouse.ask(
        "select check_name from dashboards.data_quality where engine = 'dbt' and table_name = 'core.feature_customer'"
        " and check_name like 'primary_key%'"
    ) == [("primary_key_feature_customer_customer_id__as_of_date",)]


def test_every_test_of_the_project_was_run(built_warehouse):
    manifest = parse_project(
        built_warehouse.settings.warehouse_folder / "dbt", database_name(built_warehouse.url)
    ).manifest()
    tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    assert len(tests) > 250
    assert {name for (name,) in built_warehouse.ask("select check_name from quality.dbt_test_results")} >= tests
    # So every model that leaves settled periods alone leaves their tests alone too.
    assert built_warehouse.ask("select model from quality.model_builds where untested_from < 'infinity'") == []


def test_a_failing_test_is_remembered(built_warehouse):
    def keep(run_id, success):
        result = DbtTestResult(
            "core.dim_x", TEST, "critical", success, 0 if success else 3, None if success else "Got 3"
        )
        keep_results(built_warehouse.url, run_id, [result])
        return built_warehouse.ask(
            "select run_id, success, rows_failed, said, first_failed_at is not null, first_failed_at = last_failed_at,"
            " first_checked_at = last_checked_at from dashboards.data_quality where check_name = %s", TEST)  # fmt: skip

    try:
        assert keep("one", True) == [("one", True, 0, None, False, None, True)]
        assert keep("two", False) == [("two", False, 3, "Got 3", True, True, False)]
        assert keep("three", False) == [("three", False, 3, "Got 3", True, False, False)]
        assert keep("four", True) == [("four", True, 0, None, True, False, False)]
    finally:
        with psycopg.connect(built_warehouse.url) as connection:
            connection.execute("delete from quality.dbt_test_results where check_name = %s", [TEST])
