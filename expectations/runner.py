"""Runs a suite on a batch: measures, lets great-expectations judge, keeps the results, writes the feed's page.

Not here: Dagster, and what stands on a failed check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import psycopg

from expectations.batch import Batch, batch_query
from expectations.data_docs import write_index, write_page
from expectations.judging import could_not, judge
from expectations.measuring import measure_newest, measure_parents, measure_tolerated, unknown_parents
from expectations.profiles import close_days, measure_days, update_profiles
from expectations.results import CheckResult, Connection, create_quality_tables, keep_result
from expectations.suites import PARENTS, Expectation, Suite, expectations

_SHOWN = 5
_FAILED = """
    select subject, day, value, at_least, at_most, unit, value > stop_above from quality.measurements
    where run_id = %s and feed = %s and check_name = %s and not value between at_least and at_most
    order by day desc nulls first, subject
"""


def _said(subject: str, day: object, value: float, at_least: float, at_most: float, unit: str) -> str:
    what = f"{subject} on {day}" if day else subject
    if at_least == float("-inf"):
        return f"{what}: {value:.4g} {unit}, at most {at_most:.4g}"
    return f"{what}: {value:.4g} ({unit}), expected {at_least:.4g} to {at_most:.4g}"


def _measured_result(
    connection: Connection, run_id: str, suite: Suite, expectation: Expectation, failed: int, evaluated: int
) -> CheckResult:
    """A failed check that was judged by measurements: what was found, how grave it is, and how to find the rows."""
    rows = connection.execute(_FAILED, [run_id, suite.feed, expectation.name]).fetchall()
    is_critical = expectation.severity == "critical" and any(row[-1] for row in rows)
    said = "; ".join(_said(*row[:-1]) for row in rows[:_SHOWN])
    more = f"; and {len(rows) - _SHOWN} more in quality.measurements" if len(rows) > _SHOWN else ""
    broken, key = expectation.broken, expectation.key
    if expectation.name == PARENTS:
        broken = " union all ".join(unknown_parents(suite, row[0]) for row in rows)
        key = (*suite.contract.identity, "parent_column")
    return CheckResult(
        suite.feed, expectation.name, "critical" if is_critical else "warning", False, evaluated, failed,
        said + more, broken, key,
    )  # fmt: skip


def _result(
    connection: Connection, run_id: str, suite: Suite, expectation: Expectation, failed: int, evaluated: int
) -> CheckResult:
    if failed and expectation.is_measured:
        return _measured_result(connection, run_id, suite, expectation, failed, evaluated)
    said = f"{failed} row{'s' * (failed > 1)}; keys in quality.failed_rows" if failed else ""
    return CheckResult(
        suite.feed, expectation.name, expectation.severity, not failed, evaluated, failed, said,
        expectation.broken, expectation.key,
    )  # fmt: skip


def _measure(
    connection: Connection, suite: Suite, batch: Batch, run_id: str, as_of: datetime, wanted: Sequence[Expectation]
) -> list[date]:
    """Writes what the run measures to quality.measurements; returns the days that are judged by it."""
    with connection.transaction():
        days: list[date] = []
        if suite.measures:
            update_profiles(connection, suite, batch)
            days = measure_days(connection, suite, run_id, as_of)
        measure_parents(connection, suite, batch, run_id)
        for expectation in wanted:
            if expectation.tolerated:
                measure_tolerated(connection, suite, batch, run_id, expectation)
        if not suite.newest.delivery:
            measure_newest(connection, suite, run_id, as_of)
    return days


def run_suite(
    suite: Suite, batch: Batch, *, url: str, run_id: str, as_of: datetime, docs_folder: Path | None = None
) -> list[CheckResult]:
    """Judges a batch, keeps the results in schema `quality` and writes the feed's Data Docs page.

    Args:
        suite: the feed's expectations.
        batch: the touched days and new loads; where there are none, nothing is judged.
        url: the warehouse, postgresql://….
        run_id: under which the results are kept.
        as_of: the instant against which days are over and events are fresh.
        docs_folder: where the Data Docs are; none are written without it.

    Raises:
        ExpectationError: an expectation could not be evaluated.
    """
    wanted = list(expectations(suite))
    with psycopg.connect(url, autocommit=True) as connection:
        create_quality_tables(connection)
        row = connection.execute(f"select count(*) from ({batch_query(batch, '1')}) as batch".encode()).fetchone()
        evaluated = int(row[0]) if row else 0
        if not evaluated:
            return []
        try:
            days = _measure(connection, suite, batch, run_id, as_of, wanted)
        except psycopg.Error as error:
            # Of an error only its kind is told: the database's words hold values.
            raise could_not(suite.feed, "what its suite measures", type(error).__name__) from None
        counts, pages = judge(url, run_id, batch, wanted)
        results = [
            _result(connection, run_id, suite, expectation, counts[expectation.name], evaluated)
            for expectation in wanted
        ]
        with connection.transaction():
            for result in results:
                keep_result(connection, run_id, batch, result)
            close_days(connection, suite.feed, days)
        if docs_folder:
            write_page(docs_folder, suite.feed, run_id, pages, {result.check_name: result.said for result in results})
            write_index(docs_folder, connection)
    return results
