"""Checks at the raw border: great-expectations suites on the days that a run's loads touched.

Not here: the suites (expectations). A check that fails does not stop its run; the pipeline's next stage acts on it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg
import psycopg

from expectations.batch import Batch
from expectations.data_docs import FOLDER_NAME, page_of
from expectations.results import CheckResult, last_results
from expectations.runner import run_suite
from expectations.suites import Expectation, Suite, expectations, suites
from orchestration.apart import LAST
from orchestration.defs.ingest import feed_key
from orchestration.defs.resources import WarehouseResource
from orchestration.defs.stages import GUARD_PREFIX

_CHECKED = """
    create table if not exists raw.guarded (
        feed text primary key,
        touched_id bigint not null,
        guarded_at timestamptz not null default clock_timestamp()
    );
    alter table raw.guarded add column if not exists loaded_at timestamptz
"""


def _unguarded(url: str, feed: str) -> tuple[Batch, int, datetime | None]:
    """What was touched and loaded since the suite last passed, and the newest touch and load among it."""
    with psycopg.connect(url) as connection:
        present = "select 1 from pg_attribute where attrelid = to_regclass('raw.guarded') and attname = 'loaded_at'"
        if not connection.execute(present).fetchone():
            connection.execute(_CHECKED)
        touched_after, loaded_after = connection.execute(
            "select touched_id, loaded_at from raw.guarded where feed = %s", [feed]
        ).fetchone() or (0, None)
        rows = connection.execute(
            "select distinct day, max(touched_id) over () from raw.touched_days where feed = %s and touched_id > %s",
            [feed, touched_after],
        ).fetchall()
        (loaded,) = connection.execute(
            "select max(loaded_at) from raw.load_ledger where feed = %s and status = 'loaded'", [feed]
        ).fetchone() or (None,)
    days = tuple(sorted(row[0] for row in rows))
    return Batch(feed, days, touched_after, loaded_after), rows[0][1] if rows else touched_after, loaded


def _remember(url: str, feed: str, touched_id: int, loaded_at: datetime | None) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into raw.guarded (feed, touched_id, loaded_at) values (%s, %s, %s)"
            " on conflict (feed) do update set touched_id = excluded.touched_id, loaded_at = excluded.loaded_at,"
            " guarded_at = clock_timestamp()",
            [feed, touched_id, loaded_at],
        )


def _carried(url: str, feed: str) -> dict[str, tuple[CheckResult, str]]:
    with psycopg.connect(url) as connection:
        return last_results(connection, feed)


def _check_result(
    suite: Suite, expectation: Expectation, result: CheckResult | None, days: int, more: dict[str, Any]
) -> dg.AssetCheckResult:
    severity = result.severity if result else expectation.severity
    metadata: dict[str, Any] = {
        "rows_evaluated": result.rows_evaluated if result else 0,
        "rows_failed": result.rows_failed if result else 0,
        "days": days,
    }
    return dg.AssetCheckResult(
        check_name=expectation.name,
        asset_key=feed_key(suite.feed),
        passed=result is None or result.success,
        severity=dg.AssetCheckSeverity.ERROR if severity == "critical" else dg.AssetCheckSeverity.WARN,
        description=(result.said or None) if result else None,
        metadata=metadata | more,
    )


def _guard(suite: Suite) -> dg.AssetChecksDefinition:
    checks = list(expectations(suite))

    @dg.multi_asset_check(
        name=f"{GUARD_PREFIX}{suite.feed}",
        specs=[
            dg.AssetCheckSpec(expectation.name, asset=feed_key(suite.feed), description=expectation.meaning)
            for expectation in checks
        ],
        # So that a row's parent that came in the same run is known.
        op_tags=LAST,
    )
    def guard(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        batch, newest, loaded_at = _unguarded(warehouse.url, suite.feed)
        folder = warehouse.settings().warehouse_folder / FOLDER_NAME
        if batch.days or loaded_at != batch.loaded_after:
            as_of = warehouse.as_of(dict(context.run.tags))
            found = run_suite(
                suite, batch, url=warehouse.url, run_id=context.run.run_id, as_of=as_of, docs_folder=folder
            )
            results = {result.check_name: result for result in found}
            # A critical failure keeps its days unguarded: they stay red until they are mended.
            if all(result.success for result in found if result.severity == "critical"):
                _remember(warehouse.url, suite.feed, newest, loaded_at)
            page = {"data_docs": dg.MetadataValue.url(page_of(folder, suite.feed).as_uri())}
            for expectation in checks:
                yield _check_result(suite, expectation, results.get(expectation.name), len(batch.days), page)
            return
        # Nothing came: what was found last still holds.
        earlier = _carried(warehouse.url, suite.feed)
        for expectation in checks:
            result, run_id = earlier.get(expectation.name, (None, ""))
            yield _check_result(suite, expectation, result, 0, {"carried_from_run": run_id} if result else {})

    return guard


def guards() -> list[dg.AssetChecksDefinition]:
    """One set of checks per feed."""
    return [_guard(suite) for suite in suites().values()]
