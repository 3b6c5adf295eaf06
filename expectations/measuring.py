"""What is judged against a limit, not row by row: unknown parents, tolerated rules, the newest event.

Not here: days against the days before them (profiles); the limits (thresholds.yml).
"""

from __future__ import annotations

from datetime import datetime

from expectations.batch import Batch, batch_query
from expectations.newest import update_freshness
from expectations.results import Connection
from expectations.suites import NEWEST, PARENTS, Expectation, Suite, threshold
from ingestion.contract import contract

INFINITY = float("inf")

_INSERT = """
    insert into quality.measurements
        (run_id, feed, check_name, subject, unit, value, at_least, at_most, stop_above)
    values (%s, %s, %s, %s, %s, %s, '-infinity', %s, %s)
    on conflict (run_id, feed, check_name, subject, day) do update
    set value = excluded.value, at_most = excluded.at_most, stop_above = excluded.stop_above
"""


def unknown_parents(suite: Suite, column: str) -> str:
    """SQL of the keys of rows whose parent in `column` is in no delivery."""
    parent = suite.parents[column]
    keys = ", ".join(suite.contract.identity)
    return (
        f"select {keys}, '{column}' as parent_column from batch where is_deleted is not true"
        f" and {column} is not null and not exists (select 1 from raw.{parent} as parent"
        f" where parent.{contract(parent).key[0]} = batch.{column})"
    )


def measure_parents(connection: Connection, suite: Suite, batch: Batch, run_id: str) -> None:
    """The share of rows with an unknown parent, per column. A feed that nobody delivers is nobody's parent."""
    for column, parent in suite.parents.items():
        if connection.execute(f"select exists (select 1 from raw.{parent})".encode()).fetchone() != (True,):
            continue
        row = connection.execute(
            f"with batch as ({batch_query(batch)}), named as (select {column} as id, count(*) as rows from batch"
            f" where is_deleted is not true and {column} is not null group by 1)"
            " select (sum(rows) filter (where parent.id is null))::float8 / sum(rows) from named left join"
            f" (select distinct {contract(parent).key[0]} as id from raw.{parent}) as parent using (id)".encode()
        ).fetchone()
        subjects = (f"{suite.feed}.{column}", suite.feed)
        limits = [threshold(f"unknown_parent_share_{level}", *subjects) for level in ("warning", "critical")]
        connection.execute(
            _INSERT, [run_id, suite.feed, PARENTS, column, "share of rows", (row and row[0]) or 0.0, *limits]
        )


def measure_tolerated(
    connection: Connection, suite: Suite, batch: Batch, run_id: str, expectation: Expectation
) -> None:
    """The share that breaks a rule of which some is tolerated."""
    row = connection.execute(
        f"with batch as ({batch_query(batch)}) select (select count(*) from ({expectation.broken}) as broken)::float8"
        f" / nullif((select count(*) from ({expectation.population}) as population), 0)".encode()
    ).fetchone()
    limit = threshold(expectation.tolerated, f"{suite.feed}.{expectation.name}", suite.feed)
    stop_above = limit if expectation.severity == "critical" else INFINITY
    connection.execute(
        _INSERT, [run_id, suite.feed, expectation.name, "share", "share of rows", (row and row[0]) or 0.0, limit,
                  stop_above],
    )  # fmt: skip


def measure_newest(connection: Connection, suite: Suite, run_id: str, as_of: datetime) -> None:
    """Hours from each provider's newest event to AS_OF."""
    limit = (suite.contract.expected_every + suite.contract.grace).total_seconds() / 3600
    for state in update_freshness(connection, suite, as_of):
        hours = state.age.total_seconds() / 3600
        connection.execute(
            _INSERT, [run_id, suite.feed, NEWEST, str(state.provider_id), "hours", hours, limit, INFINITY]
        )
