"""Maintenance and outage findings on the session's warehouse: rows, a second road, reasons, runs again, roles."""

import math
from collections import Counter
from datetime import UTC, timedelta

import psycopg
import pytest

from orchestration.defs.maintenance_filling import fill_maintenance_models, fill_maintenance_risk
from orchestration.defs.maintenance_reading import MaintenanceReader, read_maintenance_seeds
from orchestration.defs.outage_findings import fill_outage_findings
from tests.second_road import maintenance as road
from tests.second_road.world import read_world

RISK = "analytics.maintenance_risk"


@pytest.fixture(scope="module")
def world(built_warehouse):
    settings = built_warehouse.settings
    return read_world(built_warehouse.landing, settings.as_of, settings.reporting_time_zone)


@pytest.fixture(scope="module")
def missing(built_warehouse, world):
    """Outages without a record by the second road, from the availability that has a second road of its own."""
    rows = built_warehouse.ask(
        "select element_id::text, availability_date, seconds_in_service, seconds_measured, seconds_down"
        " from core.fct_element_availability_daily"
    )
    return road.missing_outages(world, {(row[0], row[1]): row[2:] for row in rows})


def reader(connection, warehouse) -> MaintenanceReader:
    settings = warehouse.settings
    day = (settings.as_of - timedelta(microseconds=1)).date()
    return MaintenanceReader(
        connection, settings.as_of, day, settings.reporting_time_zone, read_maintenance_seeds(connection)
    )


def test_every_element_in_service_is_scored_by_the_rules(built_warehouse):
    rows = built_warehouse.ask(
        f"select risk.element_id is not null, feature.element_id is not null, failure_probability_7d,"
        f" failure_probability_30d, score_method, fallback_reason, risk_reasons, risk_level, confidence_score, state"
        f" from {RISK} as risk full join (select * from core.feature_element where is_latest) as feature"
        f" using (element_id, as_of_date) left join (select element_id, operational_status as state"
        f" from core.dim_network_element where is_current) as element using (element_id)"
    )
    assert len(rows) > 100
    for is_scored, is_known, seven, thirty, method, reason, reasons, level, confidence, state in rows:
        assert is_scored
        assert is_known
        assert 0 < seven < thirty <= 0.95
        assert method == "rules"
        assert "failures of elements are known, models need 60" in reason or "too short a time" in reason
        assert reasons[0]["factor"] == "base_rate"
        assert all(one["description"] for one in reasons)
        assert level in ("low", "medium", "high", "critical")
        assert confidence is None
        assert state not in ("planned", "retired")


def test_probabilities_are_those_of_the_reasons(built_warehouse):
    """Rate of the kind x the weights of the reasons, over 30 days."""
    rows = built_warehouse.ask(
        "select element_type, risk_reasons, failure_probability_7d::float8, failure_probability_30d::float8"
        f" from {RISK}"
    )
    by_kind: dict[str, set[float]] = {}
    for kind, reasons, seven, thirty in rows:
        weight = 1.0
        for one in reasons:
            weight *= one["weight"]
        # P = 1 - exp(-rate x weight x months): the rate that each row stands for is one and the same in a kind.
        assert (1 - thirty) ** (7 / 30) == pytest.approx(1 - seven, abs=2e-6)
        by_kind.setdefault(kind, set()).add(round((1 - (1 - thirty) ** (1 / weight)) * 1e4))
    assert all(max(rates) - min(rates) <= 1 for rates in by_kind.values())
    assert any(len(reasons) > 1 for _, reasons, _, _ in rows)


def test_the_crew_s_list_is_the_likeliest_of_each_provider(built_warehouse):
    rows = built_warehouse.ask(
        f"select provider_id, crew_rank, is_in_crew_list, failure_probability_30d from {RISK} order by 1, 2"
    )
    sizes = Counter(row[0] for row in rows)
    for provider_id, size in sizes.items():
        own = [row for row in rows if row[0] == provider_id]
        assert [row[1] for row in own] == list(range(1, size + 1))
        assert [row[2] for row in own] == [True] + [False] * (size - 1)
        assert [row[3] for row in own] == sorted((row[3] for row in own), reverse=True)


def test_due_work_and_stakes(built_warehouse, world):
    rows = built_warehouse.ask(
        "select risk.element_id::text, oldest_overdue_at, next_maintenance_at, overdue_maintenance,"
        " customers_at_stake_count, customers_cut_off_count, elements_911_at_stake_count, elements_911_cut_off_count"
        f" from {RISK} as risk left join analytics.topology_risk on entity_id = risk.element_id"
    )
    due = road.due_work(world)
    for element_id, overdue, ahead, count, *stakes in rows:
        expected = due.get(element_id, (None, None))
        assert (overdue and overdue.astimezone(UTC), ahead and ahead.astimezone(UTC)) == expected
        assert count is None or (count > 0) >= (overdue is not None)
        assert stakes[0] == stakes[1]
        assert stakes[2] == stakes[3]
    assert sum(row[2] is not None for row in rows) > 5


def test_windows_come_when_there_is_little_traffic(built_warehouse, world):
    rows = built_warehouse.ask(
        "select element_id::text, suggested_window_start_at, suggested_window_end_at, suggested_window_source,"
        f" suggested_window_traffic_percentage from {RISK} order by 1"
    )
    own = [row for row in rows if row[3] == "element"]
    assert len(own) > 10
    for element_id, start, *_ in own[:4]:
        assert start.astimezone(UTC) == road.quiet_window(world, element_id)
    for _, start, end, source, share in rows:
        assert end - start == timedelta(hours=4)
        assert timedelta(hours=12) <= start - world.as_of < timedelta(hours=38)
        assert (share is None) == (source == "default")
        assert share is None or share < 100
    assert {row[3] for row in rows} >= {"element", "zone"}


def test_outages_without_a_record(built_warehouse, missing):
    rows = built_warehouse.ask(
        "select element_id::text, evidence -> 'availability_dates' ->> 0, evidence -> 'down_minutes',"
        " evidence -> 'recorded_minutes', finding_status from analytics.outage_findings"
        " where finding_kind = 'missing_outage'"
    )
    assert {(row[0], row[1]) for row in rows} == {(element, str(day)) for element, day in missing}
    rest = {(element, str(day)): seconds for (element, day), seconds in missing.items()}
    for element_id, day, down, recorded, status in rows:
        assert down - recorded == pytest.approx(rest[element_id, day] / 60, abs=0.2)
        assert status == "open"


def test_labels(built_warehouse, world, missing):
    wrong = {row[0] for row in built_warehouse.ask(
        "select outage_id::text from analytics.outage_findings where finding_kind = 'unexplained_outage'"
    )}  # fmt: skip
    failed = road.failures(world, missing, wrong)
    with psycopg.connect(built_warehouse.url) as connection:
        labelled = reader(connection, built_warehouse).labelled()
    checked = Counter()
    for days in (7, 30):
        labels = labelled.labels[f"fails_{days}d"]
        for place, label in labels.items():
            at = labelled.rows.loc[place, "as_of_at"].astimezone(UTC)
            moments = failed.get(labelled.rows.loc[place, "element_id"], [])
            if at + timedelta(days=days) > world.as_of:
                assert math.isnan(label)
            else:
                assert label == any(at <= one < at + timedelta(days=days) for one in moments)
                checked[days, label] += 1
    assert checked[7, 1.0] >= 5
    assert checked[30, 0.0] > 500


def test_a_second_run_changes_nothing(built_warehouse):
    settings = built_warehouse.settings
    with psycopg.connect(built_warehouse.url) as connection:
        again = reader(connection, built_warehouse)
        assert fill_maintenance_models(again).said.startswith("The rules decide")
        counts = fill_maintenance_risk(again)
        assert counts["rows"] > 100
        assert (counts["rows_changed"], counts["rows_removed"]) == (0, 0)
        found = fill_outage_findings(connection, settings.as_of, settings.reporting_time_zone)
        assert (found["findings_new"], found["findings_resolved_now"]) == (0, 0)
        connection.rollback()


def test_mondays_that_no_run_saw_are_scored_later(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        (monday,) = connection.execute(
            "select distinct as_of_date from core.feature_element where not is_latest order by 1 desc offset 2 limit 1"
        ).fetchone()
        connection.execute(f"update {RISK} set as_of_date = %s", [monday])
        fill_maintenance_risk(reader(connection, built_warehouse))
        dates = connection.execute(
            f"select as_of_date, count(*), count(customers_at_stake_count) from {RISK} group by 1 order by 1"
        ).fetchall()
        connection.rollback()
    assert [row[0] - monday for row in dates[:3]] == [timedelta(0), timedelta(7), timedelta(14)]
    # Who is at stake is known of AS_OF only.
    assert [row[2] > 0 for row in dates[1:]] == [False] * (len(dates) - 2) + [True]


def test_outages_that_are_entered_later_resolve_the_findings(built_warehouse):
    settings = built_warehouse.settings
    ask = "select array_agg(finding_id::text order by 1) from analytics.outage_findings where finding_status = 'open'"
    with psycopg.connect(built_warehouse.url) as connection:
        begun = connection.execute(ask).fetchone()[0]
        connection.execute(
            "create temporary table kept on commit drop as select * from core.fct_outage where not is_planned"
        )
        connection.execute("delete from core.fct_outage where not is_planned")
        fill_outage_findings(connection, settings.as_of, settings.reporting_time_zone)
        without = connection.execute(ask).fetchone()[0]
        connection.execute("insert into core.fct_outage select * from kept")
        later = fill_outage_findings(connection, settings.as_of + timedelta(minutes=1), settings.reporting_time_zone)
        ended = connection.execute(ask).fetchone()[0]
        connection.rollback()
    assert len(set(without) - set(begun or [])) > 3
    assert later["findings_resolved_now"] == len(set(without) - set(begun or []))
    assert ended == begun


@pytest.mark.parametrize(
    ("role", "may"), [("network_engineer", True), ("security_analyst", True), ("analyst", True), ("billing", False)]
)
def test_who_may_read_the_risk(built_warehouse, role, may):
    with psycopg.connect(built_warehouse.url) as connection:
        connection.execute(f"set local role {role}")
        if may:
            assert connection.execute(f"select count(*) from {RISK}").fetchone()[0] > 100
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select count(*) from {RISK}")
        connection.rollback()
