"""Computed rows put into a table in place: what is written, what stays, and what is refused."""

from datetime import date

import psycopg
import pytest

from orchestration.access.applying import prepare_access
from orchestration.defs.replacing import replace_rows

MONDAY, TUESDAY = date(2026, 6, 1), date(2026, 6, 2)
COLUMNS = ("service_id", "as_of_date", "score")


@pytest.fixture
def connection(database_url):
    assert prepare_access(database_url) == []
    with psycopg.connect(database_url) as found:
        found.execute("create schema if not exists analytics")
        found.execute(
            "create table analytics.scores (service_id integer, as_of_date date, score numeric not null,"
            " computed_at timestamptz, primary key (service_id, as_of_date))"
        )
        yield found
        found.rollback()


def replace(connection, day: date, scores: dict[int, float]) -> tuple[int, int]:
    rows = [[service_id, day, score] for service_id, score in scores.items()]
    return replace_rows(connection, "analytics.scores", COLUMNS, rows, within={"as_of_date": day})


def scores_of(connection, day: date) -> dict[int, float]:
    rows = connection.execute("select service_id, score::float8 from analytics.scores where as_of_date = %s", [day])
    return dict(rows.fetchall())


def test_only_what_differs_within_the_day_is_written(connection):
    assert replace(connection, MONDAY, {1: 0.1, 2: 0.2}) == (2, 0)
    assert replace(connection, TUESDAY, {1: 0.1, 2: 0.2, 3: 0.3}) == (3, 0)
    places = "select service_id, ctid from analytics.scores where as_of_date = %s order by 1"
    before = connection.execute(places, [TUESDAY]).fetchall()
    assert replace(connection, TUESDAY, {1: 0.1, 2: 0.5, 4: 0.4}) == (2, 1)
    assert scores_of(connection, TUESDAY) == {1: 0.1, 2: 0.5, 4: 0.4}
    assert connection.execute(places, [TUESDAY]).fetchall()[0] == before[0]
    assert scores_of(connection, MONDAY) == {1: 0.1, 2: 0.2}
    assert replace(connection, TUESDAY, {}) == (0, 3)


def test_rows_of_one_key_are_refused_and_nothing_is_written(connection):
    replace(connection, MONDAY, {1: 0.1})
    with pytest.raises(psycopg.errors.UniqueViolation, match="as_of_date"), connection.transaction():
        replace_rows(connection, "analytics.scores", COLUMNS, [[1, MONDAY, 0.2], [1, MONDAY, 0.3]])
    assert scores_of(connection, MONDAY) == {1: 0.1}


def test_a_new_day_that_statistics_do_not_know_is_compared_by_key(connection):
    """As on the second day of scores: tens of thousands were once compared pair by pair, for minutes."""
    replace(connection, MONDAY, dict.fromkeys(range(5000), 0.1))
    connection.execute("analyze analytics.scores")
    replace(connection, TUESDAY, dict.fromkeys(range(5000), 0.2))
    plan = connection.execute(
        "explain (format json) delete from analytics.scores as kept where as_of_date = %s and not exists (select 1"
        " from computed where computed.service_id = kept.service_id and computed.as_of_date = kept.as_of_date)",
        [TUESDAY],
    ).fetchone()
    assert "Seq Scan" not in {
        node["Node Type"] for node in _nodes(plan[0][0]["Plan"]) if node.get("Relation Name") == "computed"
    }


def _nodes(plan: dict) -> list[dict]:
    return [plan, *(found for part in plan.get("Plans", []) for found in _nodes(part))]
