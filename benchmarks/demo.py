"""The demo's operator: the first run, a run with nothing new, what each dashboard takes to answer, and row security.

Not here: the set-up, the sample's own speed (sample).
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime
from typing import cast

import psycopg

from benchmarks import report, row_security
from benchmarks.pipeline_run import BenchWarehouse
from benchmarks.warehouse import BENCH_FOLDER, bench_server, database
from ingestion.sample import write_sample
from orchestration.commands.demo import CUSTOMERS, MONTHS, SEED

WHOLE_BAR, AGAIN_BAR, ANSWER_BAR_MS = 180, 20, 100
ANSWERS = 5
# What a page asks of a dashboard that has a row per customer, service or element and period: those of one entity.
_ASKED = {
    "cell_quality_daily": "element_id = (select element_id from dashboards.cell_quality_daily limit 1)",
    "customer_bill_summary": "customer_id = (select customer_id from dashboards.customer_bill_summary limit 1)",
    "network_performance_hourly": "element_id = (select element_id from core.fct_network_performance_daily limit 1)",
    "usage_patterns": "service_id = (select service_id from dashboards.usage_patterns limit 1)",
}


def answers_ms(url: str) -> dict[str, tuple[int, float]]:
    """Rows and best milliseconds of each dashboard's question, its rows fetched."""
    found = {}
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "select relname from pg_class where relnamespace = 'dashboards'::regnamespace and relkind in ('r', 'v')"
            " order by 1"
        ).fetchall()
        for (name,) in names:
            query = f"select * from dashboards.{name} where {_ASKED.get(name, 'true')}".encode()
            best, rows = float("inf"), 0
            for _ in range(ANSWERS):
                begun = time.perf_counter()
                rows = len(connection.execute(query).fetchall())
                best = min(best, time.perf_counter() - begun)
            found[cast(str, name)] = (rows, best * 1000)
    return found


def run() -> None:
    folder = BENCH_FOLDER / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    with bench_server() as server, database(server, "demo") as url:
        begun = time.perf_counter()
        write_sample(folder / "sample", customers=CUSTOMERS, months=MONTHS, seed=SEED)
        sample_seconds = time.perf_counter() - begun
        as_of = datetime.fromisoformat(json.loads((folder / "sample" / "manifest.json").read_text())["as_of"])
        landing = folder / "sample" / "landing"
        warehouse = BenchWarehouse("demo", landing, url, server.url("dagster"), folder / "warehouse")
        first, again = warehouse.run(as_of), warehouse.run(as_of)
        answers = answers_ms(url)
        costs = row_security.measure(url)
    shutil.rmtree(folder)
    runs = [
        ["its files and the first run", f"{sample_seconds + first['whole']:.0f}", str(WHOLE_BAR)],
        ["a run with nothing new", f"{again['whole']:.0f}", str(AGAIN_BAR)],
    ]
    lines = [
        [name, "all" if name not in _ASKED else "one entity", f"{rows:,}", f"{milliseconds:.0f}"]
        for name, (rows, milliseconds) in answers.items()
    ]
    said = f"{CUSTOMERS:,} customers, {MONTHS} months."
    body = (
        f"{said}\n\n{report.table(['what', 'seconds', 'bar'], runs)}\n\n"
        + report.table(["dashboard", "asked for", "rows", f"best of {ANSWERS}, ms (bar {ANSWER_BAR_MS})"], lines)
    )  # fmt: skip
    report.write_part("demo", "The demo and its dashboards", body)
    row_security.write(costs, said)
