"""Runs a suite with great-expectations on the touched days of a raw table, and keeps the results in schema `quality`.

Not here: the expectations. Results name rows by their keys only; no other value leaves the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from expectations.suites import Suite

_TABLE = """
    create schema if not exists quality;
    create table if not exists quality.check_results (
        run_id text not null,
        engine text not null,
        feed text not null,
        check_name text not null,
        severity text not null check (severity in ('critical', 'warning')),
        success boolean not null,
        rows_evaluated bigint not null,
        rows_failed bigint not null,
        failed_keys jsonb not null,
        days_from date,
        days_to date,
        checked_at timestamptz not null default clock_timestamp(),
        primary key (run_id, engine, feed, check_name)
    )
"""


@dataclass(frozen=True)
class CheckResult:
    """What one expectation found on the touched days."""

    feed: str
    check_name: str
    meaning: str
    severity: str
    success: bool
    rows_evaluated: int
    rows_failed: int
    failed_keys: list[dict[str, str]]


def _batch_query(suite: Suite, days: Iterable[date]) -> str:
    """The rows of the touched days; spans keep the query short."""
    listed = ", ".join(f"date '{day.isoformat()}'" for day in sorted(days))
    return f"select * from raw.{suite.feed} where {suite.day} in ({listed})"


def _failed_keys(suite: Suite, broken: str, url: str, days: Iterable[date]) -> list[dict[str, str]]:
    """Keys of all failing rows; great-expectations itself keeps 200."""
    query = broken.format(batch=f"({_batch_query(suite, days)}) as batch")
    keys = ", ".join(f"{name}::text" for name in suite.key)
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"select {keys} from ({query}) as failed order by {keys}".encode()).fetchall()
    return [dict(zip(suite.key, row, strict=True)) for row in rows]


def _validate(suite: Suite, url: str, days: list[date]) -> list[tuple[Any, int]]:
    """The suite's raw results, in the order of its expectations, and the number of rows in the batch."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres(
        "warehouse", connection_string=url.replace("postgresql://", "postgresql+psycopg://", 1)
    )
    batch_definition = source.add_query_asset(
        suite.feed, query=_batch_query(suite, days)
    ).add_batch_definition_whole_table("days")
    batch = batch_definition.get_batch()
    expectations = [
        gxe.UnexpectedRowsExpectation(unexpected_rows_query=expectation.broken, description=expectation.meaning)
        for expectation in suite.expectations
    ]
    count = batch.validate(gxe.ExpectTableRowCountToBeBetween(min_value=0))
    rows = int(count.result["observed_value"])
    return [(batch.validate(expectation, result_format="COMPLETE"), rows) for expectation in expectations]


def run_suite(suite: Suite, url: str, days: Iterable[date]) -> list[CheckResult]:
    """Judges the rows of the touched days; without days there is nothing to judge.

    Args:
        suite: the feed's expectations.
        url: the warehouse, postgresql://….
        days: touched days, as the feed's contract names them.

    Raises:
        RuntimeError: an expectation could not be evaluated; the message has the database's words.
    """
    touched = list(days)
    if not touched:
        return []
    results = []
    for expectation, (result, rows) in zip(suite.expectations, _validate(suite, url, touched), strict=True):
        if (result.exception_info or {}).get("raised_exception"):
            message = result.exception_info.get("exception_message")
            raise RuntimeError(f"expectation {expectation.name} of {suite.feed} could not be evaluated: {message}")
        failed = int(result.result.get("observed_value") or 0)
        results.append(
            CheckResult(
                feed=suite.feed,
                check_name=expectation.name,
                meaning=expectation.meaning,
                severity=expectation.severity,
                success=bool(result.success),
                rows_evaluated=rows,
                rows_failed=failed,
                failed_keys=_failed_keys(suite, expectation.broken, url, touched) if failed else [],
            )
        )
    return results


def keep_results(url: str, run_id: str, days: Iterable[date], results: Iterable[CheckResult]) -> None:
    """Writes results to quality.check_results, one row per run and check."""
    touched = sorted(days)
    with psycopg.connect(url) as connection:
        connection.execute(_TABLE)
        for result in results:
            connection.execute(
                "insert into quality.check_results (run_id, engine, feed, check_name, severity, success,"
                " rows_evaluated, rows_failed, failed_keys, days_from, days_to)"
                " values (%s, 'great_expectations', %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (run_id, engine, feed, check_name) do update set success = excluded.success,"
                " rows_evaluated = excluded.rows_evaluated, rows_failed = excluded.rows_failed,"
                " failed_keys = excluded.failed_keys, checked_at = clock_timestamp()",
                [run_id, result.feed, result.check_name, result.severity, result.success, result.rows_evaluated,
                 result.rows_failed, Jsonb(result.failed_keys), touched[0], touched[-1]],
            )  # fmt: skip
