"""Checks at the raw border: great-expectations suites on the days that a run's loads touched.

Not here: the suites (expectations). A check that fails does not stop its run; the pipeline's next stage acts on it.
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import psycopg

from expectations.runner import keep_results, run_suite
from expectations.suites import SUITES, Suite
from orchestration.defs.ingest import feed_key
from orchestration.defs.resources import WarehouseResource

_CHECKED = """
    create table if not exists raw.guarded (
        feed text primary key,
        touched_id bigint not null,
        guarded_at timestamptz not null default clock_timestamp()
    )
"""


def _unguarded_days(url: str, feed: str) -> tuple[list[date], int]:
    """Days touched since the suite last passed, and the newest touch among them."""
    with psycopg.connect(url) as connection:
        connection.execute(_CHECKED)
        rows = connection.execute(
            "select distinct day, max(touched_id) over () from raw.touched_days where feed = %s"
            " and touched_id > coalesce((select touched_id from raw.guarded where feed = %s), 0)",
            [feed, feed],
        ).fetchall()
    return [row[0] for row in rows], rows[0][1] if rows else 0


def _remember(url: str, feed: str, touched_id: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into raw.guarded (feed, touched_id) values (%s, %s)"
            " on conflict (feed) do update set touched_id = excluded.touched_id, guarded_at = clock_timestamp()",
            [feed, touched_id],
        )


def _guard(suite: Suite) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"guard_{suite.feed}",
        specs=[
            dg.AssetCheckSpec(expectation.name, asset=feed_key(suite.feed), description=expectation.meaning)
            for expectation in suite.expectations
        ],
    )
    def guard(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        days, newest = _unguarded_days(warehouse.url, suite.feed)
        results = run_suite(suite, warehouse.url, days)
        if results:
            keep_results(warehouse.url, context.run.run_id, days, results)
        # A critical failure keeps its days unguarded: they stay red until they are mended.
        if results and all(result.success for result in results if result.severity == "critical"):
            _remember(warehouse.url, suite.feed, newest)
        found = {result.check_name: result for result in results}
        for expectation in suite.expectations:
            result = found.get(expectation.name)
            is_critical = expectation.severity == "critical"
            yield dg.AssetCheckResult(
                check_name=expectation.name,
                asset_key=feed_key(suite.feed),
                passed=result is None or result.success,
                severity=dg.AssetCheckSeverity.ERROR if is_critical else dg.AssetCheckSeverity.WARN,
                description=f"{result.rows_failed} rows; keys in quality.check_results"
                if result and not result.success
                else None,
                metadata={
                    "rows_evaluated": result.rows_evaluated if result else 0,
                    "rows_failed": result.rows_failed if result else 0,
                    "days": len(days),
                },
            )

    return guard


def guards() -> list[dg.AssetChecksDefinition]:
    """One set of checks per feed that has a suite."""
    return [_guard(suite) for suite in SUITES.values()]
