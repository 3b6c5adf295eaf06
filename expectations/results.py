"""Schema `quality`: what each check found, the keys of failing rows, what was measured, and what each day looked like.

Not here: judging. A row is named by its key only; no other value of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from expectations.batch import Batch, batch_query

Connection = psycopg.Connection[tuple[Any, ...]]
ENGINE = "great_expectations"

_TABLES = """
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
    days_from date,
    days_to date,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (run_id, engine, feed, check_name)
);
alter table quality.check_results
    drop column if exists failed_keys,
    add column if not exists check_result_id bigint generated always as identity,
    add column if not exists touched_after bigint not null default 0,
    add column if not exists said text;
create unique index if not exists check_results_id on quality.check_results (check_result_id);
create table if not exists quality.failed_rows (
    check_result_id bigint not null references quality.check_results (check_result_id) on delete cascade,
    row_key jsonb not null
);
create index if not exists failed_rows_result on quality.failed_rows (check_result_id);
create table if not exists quality.measurements (
    run_id text not null,
    feed text not null,
    check_name text not null,
    subject text not null,
    day date,
    unit text not null,
    value double precision not null,
    at_least double precision not null,
    at_most double precision not null,
    stop_above double precision not null default 'infinity',
    measured_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (run_id, feed, check_name, subject, day)
);
create table if not exists quality.daily_profiles (
    feed text not null,
    measure text not null,
    day date not null,
    rows bigint not null,
    value double precision not null,
    standard_error double precision not null,
    is_judged boolean not null,
    primary key (feed, measure, day)
);
create table if not exists quality.profile_states (
    feed text primary key,
    definition text not null,
    judged_through date
);
create index if not exists check_results_check
    on quality.check_results (engine, feed, check_name, days_from, days_to, checked_at);
create table if not exists quality.freshness (
    feed text not null,
    provider_id uuid not null,
    newest_event_at timestamptz not null,
    expected_by_at timestamptz not null,
    is_overdue boolean not null,
    as_of_at timestamptz not null,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (feed, provider_id)
);
create table if not exists quality.dbt_test_results (
    table_name text not null,
    check_name text not null,
    run_id text not null,
    severity text not null check (severity in ('critical', 'warning')),
    success boolean not null,
    rows_failed bigint,
    said text,
    first_checked_at timestamptz not null,
    last_checked_at timestamptz not null,
    first_failed_at timestamptz,
    last_failed_at timestamptz,
    primary key (table_name, check_name)
);
comment on table quality.freshness is
    'One row per feed and provider: the newest event loaded by AS_OF, and whether the next is overdue.';
comment on table quality.dbt_test_results is
    'One row per dbt test: its last result, and when it ran and failed first and last.';
comment on table quality.check_results is 'One row per run and check: whether it passed, and on how many rows not.';
comment on table quality.failed_rows is 'One row per failing row of a check result: its key, and nothing else of it.';
comment on table quality.measurements is 'One row per figure that a run measured, with the range that was expected.';
comment on table quality.daily_profiles is 'One row per feed, measure and touched day: what the day looks like now.';
comment on table quality.profile_states is 'One row per feed: the measures as they were defined, and how far judged.';
"""


@dataclass(frozen=True)
class CheckResult:
    """What one expectation found: `severity` is what follows from it, `broken` and `key` find the failing rows."""

    feed: str
    check_name: str
    severity: str
    success: bool
    rows_evaluated: int
    rows_failed: int
    said: str = ""
    broken: str = ""
    key: tuple[str, ...] = ()


def last_results(connection: Connection, feed: str) -> dict[str, tuple[CheckResult, str]]:
    """What each check of a feed's suite found last, and in which run."""
    if connection.execute("select to_regclass('quality.check_results')").fetchone() == (None,):
        return {}
    rows = connection.execute(
        "select distinct on (check_name) check_name, severity, success, rows_evaluated, rows_failed,"
        " coalesce(said, ''), run_id from quality.check_results"
        " where feed = %s and engine = 'great_expectations' order by check_name, checked_at desc",
        [feed],
    ).fetchall()
    return {row[0]: (CheckResult(feed, *row[:6]), row[6]) for row in rows}


def create_quality_tables(connection: Connection) -> None:
    """Makes what is missing of schema `quality`; does and locks nothing where it is up to date."""
    done = connection.execute(
        "select to_regclass('quality.dbt_test_results') is not null and exists (select 1 from pg_attribute where"
        " attrelid = to_regclass('quality.check_results') and attname = 'said')"
    ).fetchone()
    if done != (True,):
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(hashtextextended('quality schema', 0))")
            connection.execute(_TABLES)


def _keep_keys(connection: Connection, result_id: int, batch: Batch, broken: str, key: Iterable[str]) -> None:
    """Keys of all failing rows, from table to table: they do not pass through this process."""
    names = ", ".join(f"'{name}', broken.{name}::text" for name in key)
    connection.execute(
        f"insert into quality.failed_rows (check_result_id, row_key) with batch as ({batch_query(batch)})"
        f" select {result_id}, jsonb_build_object({names}) from ({broken}) as broken".encode()
    )


def keep_result(connection: Connection, run_id: str, batch: Batch, result: CheckResult) -> None:
    """Writes a result, and the keys of its failing rows in place of those of an earlier try on the same touches."""
    connection.execute(
        "delete from quality.failed_rows where check_result_id in (select check_result_id from quality.check_results"
        " where engine = %s and feed = %s and check_name = %s and touched_after = %s)",
        [ENGINE, batch.feed, result.check_name, batch.touched_after],
    )
    row = connection.execute(
        "insert into quality.check_results (run_id, engine, feed, check_name, severity, success, rows_evaluated,"
        " rows_failed, days_from, days_to, touched_after, said)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, nullif(%s, ''))"
        " on conflict (run_id, engine, feed, check_name) do update set success = excluded.success,"
        " severity = excluded.severity, rows_evaluated = excluded.rows_evaluated, rows_failed = excluded.rows_failed,"
        " said = excluded.said, checked_at = clock_timestamp() returning check_result_id",
        [run_id, ENGINE, batch.feed, result.check_name, result.severity, result.success, result.rows_evaluated,
         result.rows_failed, min(batch.days, default=None), max(batch.days, default=None), batch.touched_after,
         result.said],
    ).fetchone()  # fmt: skip
    if row and not result.success and result.broken:
        _keep_keys(connection, row[0], batch, result.broken, result.key)
