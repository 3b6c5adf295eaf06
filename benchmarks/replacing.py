"""Replacing one day in a large fact: the project's partition replacement beside dbt's own merge, on the same rows.

Not here: the materialization (dbt_project/macros/materializations).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.warehouse import BENCH_FOLDER, ROOT, bench_server, database
from orchestration.dbt_runner import connection_environment

DAYS, ROWS_A_DAY, RUNS = 10, 2_000_000, 3
BAR = 2.0
DAY = "2026-01-06"
_LAND = """
    create table core.landed as
    select md5(n::text)::uuid as usage_id,
        timestamptz '2026-01-01T00:00Z' + (n / %(rows)s) * interval '1 day'
            + (n %% %(rows)s) * (interval '1 day' / %(rows)s) as usage_at,
        md5((n %% 50000)::text)::uuid as service_id, (n %% 1000003)::bigint as data_usage_bytes,
        (n %% 600)::bigint as voice_seconds
    from generate_series(0, %(days)s * %(rows)s - 1) n
"""
# What a day's late corrections look like: every row of it is delivered again with other figures.
_CORRECT = "update core.landed set data_usage_bytes = data_usage_bytes + 1 where usage_at >= %s and usage_at < %s"


def _build(url: str, model: str, windows: object) -> float:
    """Seconds that the model itself took, as dbt says."""
    target = BENCH_FOLDER / "replacing_target"
    command = [
        str(Path(sys.executable).parent / "dbt"), "run", "--select", model,
        "--project-dir", str(ROOT / "benchmarks" / "replacing_project"), "--profiles-dir", str(ROOT / "dbt_project"),
        "--target-path", str(target), "--log-path", str(target), "--quiet",
        "--vars", json.dumps({"windows": {"usage_records": windows}}),
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, **connection_environment(url)})
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    (seconds,) = [float(one["execution_time"]) for one in results if one["unique_id"].startswith("model.")]
    return seconds


def measure(url: str, rows_a_day: int, runs: int) -> dict[str, list[float]]:
    """Seconds of each run by model, the day corrected before each pair of runs.

    Raises:
        RuntimeError: the two facts do not hold the same rows in the end.
    """
    following = f"{DAY[:-2]}{int(DAY[-2:]) + 1:02}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema core")
        connection.execute(_LAND, {"days": DAYS, "rows": rows_a_day})
        connection.execute("create index on core.landed using brin (usage_at)")
        connection.execute("vacuum analyze core.landed")
    for model in ("fact_merged", "fact_replaced"):
        _build(url, model, "all")
    seconds: dict[str, list[float]] = {"fact_merged": [], "fact_replaced": []}
    for _ in range(runs):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_CORRECT, [DAY, following])
            connection.execute("vacuum analyze core.landed")
            connection.execute("checkpoint")
        for model, found in seconds.items():
            found.append(_build(url, model, [[DAY, following]]))
    with psycopg.connect(url) as connection:
        (differing,) = connection.execute(
            "select count(*) from (table core.fact_merged except all table core.fact_replaced) rows"
        ).fetchone() or (None,)
    if differing != 0:
        raise RuntimeError(f"the two facts differ in {differing} rows")
    return seconds


def run() -> None:
    with bench_server() as server, database(server, "replacing") as url:
        seconds = measure(url, ROWS_A_DAY, RUNS)
    merged = min(seconds["fact_merged"])
    head = ["what", "best seconds", f"x dbt's merge (bar {BAR:.0f})", "all runs, seconds"]
    lines = [
        [name, f"{min(found):.1f}", f"{merged / min(found):.1f}", " ".join(f"{one:.1f}" for one in found)]
        for name, found in (
            ("dbt's merge", seconds["fact_merged"]),
            ("partition replacement", seconds["fact_replaced"]),
        )
    ]
    said = (
        f"One day of {ROWS_A_DAY:,} rows, all of them corrected, in a fact of {DAYS * ROWS_A_DAY:,} rows with two"
        " indexes; the time is dbt's own for the model. Afterwards both facts hold the same rows."
    )
    report.write_part("replacing", "Replacing a day in a large fact", f"{said}\n\n{report.table(head, lines)}")
