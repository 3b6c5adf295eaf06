"""Every figure of the warehouse equals the one recomputed from the landed files by other code."""

import math
from decimal import Decimal
from itertools import pairwise

import psycopg
from psycopg.rows import dict_row

from tests.second_road.comparing import table_differences
from tests.second_road.operations import fact_rows, operations_daily, operations_dashboard


def _same(one: object, other: object) -> bool:
    if isinstance(one, Decimal) and isinstance(other, Decimal | int):
        # Division is exact to PostgreSQL's 16 or more digits; everything else is equal to the last digit.
        return one == other or math.isclose(one, other, rel_tol=1e-14)
    return one == other


def differences(url: str, expected: dict[str, dict[str, object]]) -> list[str]:
    """Every column of every provider in which the mart is not as recomputed."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("set timezone to 'UTC'")
        found = {str(row["provider_id"]): row for row in connection.execute("table dashboards.operations_dashboard")}
    assert found.keys() == expected.keys()
    return [
        f"{row['provider_name']}.{column}: warehouse {found[provider][column]!r}, second road {value!r}"
        for provider, row in expected.items()
        for column, value in row.items()
        if not _same(found[provider][column] if column != "provider_id" else provider, value)
    ]


def test_the_run_went_well(built_warehouse):
    assert built_warehouse.result.problem is None


def test_operations_dashboard(any_warehouse, any_world):
    expected = operations_dashboard(any_world)
    assert len(expected) == 3
    assert set(next(iter(expected.values()))) == {
        row[0]
        for row in any_warehouse.ask(
            "select column_name from information_schema.columns"
            " where table_schema = 'dashboards' and table_name = 'operations_dashboard'"
        )
    }
    assert differences(any_warehouse.url, expected) == []
    # A comparison of nothing with nothing would also be equal.
    assert all(row["total_data_tb_24h"] for row in expected.values())
    assert all(row["monthly_revenue"] for row in expected.values())


def test_the_ledger_balances_to_the_row(any_warehouse, any_world):
    ledger = any_warehouse.ask(
        "select feed, sum(rows_in_file)::int, sum(rows_quarantined)::int, sum(rows_duplicate)::int,"
        " sum(rows_loaded)::int"
        " from raw.load_ledger where status = 'loaded' group by feed order by feed"
    )
    assert ledger == [
        (name, feed.rows, feed.bad, feed.repeated, len(feed.winners))
        for name, feed in sorted(any_world.feeds.items())
        if feed.rows
    ]
    counts = any_warehouse.manifest["feeds"]
    assert [(name, rows, bad, repeated) for name, rows, bad, repeated, _ in ledger] == [
        (name, counts[name]["rows"], counts[name]["bad_rows"], counts[name]["repeated_rows"]) for name in sorted(counts)
    ]
    assert sum(row[2] for row in ledger) > 10
    assert sum(row[3] for row in ledger) > 10


def test_row_counts_of_the_facts(any_warehouse, any_world):
    for table, rows in fact_rows(any_world).items():
        assert any_warehouse.ask(f"select count(*) from core.{table}") == [(rows,)], table


def test_operations_daily(any_warehouse, any_world):
    expected = operations_daily(any_world)
    assert {provider_id for provider_id, _ in expected} == set(any_world.providers)
    assert len(expected) > 80 * 3
    key = ("provider_id", "summary_date")
    assert table_differences(any_warehouse.url, "dashboards.operations_daily", key, expected)[:20] == []
    # The sample's days have what is hard: feeds that are overdue (of many customers an assessment comes each day), and
    # days with an hour more or less.
    assert {feed for row in expected.values() for feed in row["stale_feeds"]} or len(any_world.customers) > 300
    ends = {p: sorted(row["as_of_at"] for (of, _), row in expected.items() if of == p) for p in any_world.providers}
    hours = {(later - end).total_seconds() / 3600 for days in ends.values() for end, later in pairwise(days)}
    assert hours > {24} or any_world.as_of.month == 10


def test_a_day_s_end_as_as_of_is_that_day(any_warehouse):
    """AS_OF is a midnight of the reporting time zone; of who lives by it the last day is the dashboard's row."""
    columns = ", ".join(
        row[0]
        for row in any_warehouse.ask(
            "select column_name from information_schema.columns"
            " where table_schema = 'dashboards' and table_name = 'operations_dashboard'"
        )
    )
    dashboard = any_warehouse.ask(f"select {columns} from dashboards.operations_dashboard")
    daily = any_warehouse.ask(
        f"select {columns} from dashboards.operations_daily where as_of_at = %s", any_warehouse.settings.as_of
    )
    assert daily
    assert [row for row in daily if row not in dashboard] == []
