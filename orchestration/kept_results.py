"""What dbt's tests found, from its events to `quality.dbt_test_results`: one row per test, whatever number of runs.

Not here: running dbt; the expectations' own results (expectations.results).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from expectations.results import create_quality_tables

_KEEP = """
    insert into quality.dbt_test_results as kept (table_name, check_name, run_id, severity, success, rows_failed, said,
        first_checked_at, last_checked_at, first_failed_at, last_failed_at)
    select %s, %s, %s, %s, %s, %s, %s, now(), now(), case when not %s then now() end, case when not %s then now() end
    on conflict (table_name, check_name) do update set run_id = excluded.run_id, severity = excluded.severity,
        success = excluded.success, rows_failed = excluded.rows_failed, said = excluded.said,
        last_checked_at = excluded.last_checked_at,
        first_failed_at = coalesce(kept.first_failed_at, excluded.first_failed_at),
        last_failed_at = coalesce(excluded.last_failed_at, kept.last_failed_at)
"""
_SEVERITIES = {"error": "critical", "warn": "warning"}


@dataclass(frozen=True)
class DbtTestResult:
    """One dbt test's result; `rows_failed` is None where the test itself could not run."""

    table_name: str
    check_name: str
    severity: str
    success: bool
    rows_failed: int | None
    said: str | None


def result_of(event: dict[str, Any], manifest: dict[str, Any]) -> DbtTestResult | None:
    """The result that an event of dbt tells, or None: another event, or a test that was passed over."""
    data = event["data"]
    if event["info"]["name"] != "LogTestResult" or data["status"] not in ("pass", "fail", "warn", "error"):
        return None
    test = manifest["nodes"][data["node_info"]["unique_id"]]
    nodes = {**manifest["nodes"], **manifest["sources"]}
    tested = nodes[test.get("attached_node") or test["depends_on"]["nodes"][0]]
    status = data["status"]
    return DbtTestResult(
        f"{tested['schema']}.{tested['name']}",
        test["name"],
        _SEVERITIES[test["config"]["severity"].lower()],
        status == "pass",
        None if status == "error" else int(data.get("num_failures") or 0),
        None if status == "pass" else str(event["info"]["msg"]),
    )


def keep_results(url: str, run_id: str, results: Sequence[DbtTestResult]) -> None:
    """Writes the results in place of the tests' earlier ones; when each ran and failed first stays."""
    with psycopg.connect(url) as connection:
        create_quality_tables(connection)
        connection.cursor().executemany(
            _KEEP,
            [(found.table_name, found.check_name, run_id, found.severity, found.success, found.rows_failed, found.said,
              found.success, found.success) for found in results],
        )  # fmt: skip
