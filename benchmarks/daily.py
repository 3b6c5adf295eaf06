"""The daily run at 20 000 customers on twelve months of history beside the same run on one, and 20 queries at once.

Not here: the files (daily_files).
"""

from __future__ import annotations

import json
import shutil
import threading
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.daily_files import land, with_history_since, write_day
from benchmarks.pipeline_run import BenchWarehouse
from benchmarks.warehouse import BENCH_FOLDER, bench_server, database
from ingestion.sample import write_sample

CUSTOMERS, MONTHS, DAYS = 20_000, 12, 3
UNTIL = date(2026, 10, 31)
BAR = 1.3
READERS = 20
# Over every partition of every large fact, and joined as analysts join them.
_QUERIES = (
    "select provider_id, usage_date, sum(data_usage_bytes) from core.fct_usage_daily group by 1, 2",
    "select element_id, max(max_latency_ms) from core.fct_network_performance_hourly group by 1",
    "select plan.plan_name, sum(usage.data_usage_bytes) from core.fct_usage_daily as usage"
    " join core.dim_service as service using (service_key) join core.dim_service_plan_current as plan using (plan_id)"
    " group by 1",
    "select usage_hour_at, sum(voice_seconds) from core.fct_usage_hourly group by 1",
    "select charge_type, sum(amount) from core.fct_bill_charge join core.fct_bill using (bill_id) group by 1",
    "select count(distinct service_id) from raw.usage_records",
)


def prepare(folder: Path, customers: int, months: int) -> tuple[Path, Path, datetime]:
    """Landing folders with all the months and with the last one, and the sample's last instant."""
    shutil.rmtree(folder, ignore_errors=True)
    write_sample(folder / "sample", customers=customers, months=months, until=UNTIL)
    manifest = json.loads((folder / "sample" / "manifest.json").read_text(encoding="utf-8"))
    long = folder / "sample" / "landing"
    short = with_history_since(long, f"{UNTIL:%Y-%m}", folder / "short")
    return long, short, datetime.fromisoformat(manifest["as_of"])


def measure(long: BenchWarehouse, short: BenchWarehouse, as_of: datetime, days: int) -> None:
    """Builds both histories, then runs the following days in turn."""
    for warehouse in (short, long):
        warehouse.run(as_of)
    for number in range(days):
        files = BENCH_FOLDER / "daily" / f"day_{number}"
        write_day(long.url, as_of + timedelta(days=number), files)
        for warehouse in (short, long):
            land(files, warehouse.landing)
            warehouse.run(as_of + timedelta(days=number + 1), "daily")


def read_at_once(url: str, readers: int = READERS) -> list[str]:
    """Every reader runs every query over the whole history, all at the same time; what went wrong."""
    errors: list[str] = []
    together = threading.Barrier(readers)

    def read(number: int) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                together.wait()
                for step in range(len(_QUERIES)):
                    connection.execute(_QUERIES[(number + step) % len(_QUERIES)].encode())
        except (psycopg.Error, threading.BrokenBarrierError) as error:
            errors.append(str(error))

    threads = [threading.Thread(target=read, args=[number]) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def _rows(short: BenchWarehouse, long: BenchWarehouse) -> list[list[str]]:
    firsts = [f"{warehouse.runs[0]['whole']:.0f}" for warehouse in (short, long)]
    rows = [["all of it built for the first time", *firsts, ""]]
    one, other = (min(warehouse.runs[1:], key=lambda run: run["whole"]) for warehouse in (short, long))
    for step in other:
        name = f"**daily run** (bar {BAR})" if step == "whole" else step
        ratio = f"{other[step] / one[step]:.2f}" if one.get(step) else ""
        rows.append([name, f"{one.get(step, 0.0):.1f}", f"{other[step]:.1f}", ratio])
    return rows


def _all_runs(warehouse: BenchWarehouse) -> str:
    return f"{warehouse.name} " + " ".join(f"{seconds['whole']:.0f}" for seconds in warehouse.runs[1:])


def run() -> None:
    folder = BENCH_FOLDER / "daily"
    long_landing, short_landing, as_of = prepare(folder, CUSTOMERS, MONTHS)
    with bench_server() as server, database(server, "daily_long") as long_url, database(server, "daily_short") as url:
        storage = server.url("dagster")
        long = BenchWarehouse("long", long_landing, long_url, storage, folder / "warehouse_long")
        short = BenchWarehouse("short", short_landing, url, storage, folder / "warehouse_short")
        measure(long, short, as_of, DAYS)
        errors = read_at_once(long.url)
    shutil.rmtree(folder)
    if errors:
        raise RuntimeError(f"{len(errors)} of {READERS} readers failed: {errors[0]}")
    head = ["seconds", "1 month of history", f"{MONTHS} months", "ratio"]
    said = (
        f"{CUSTOMERS:,} customers; a day's usage, performance, tickets and assessments and 200 changed customers land,"
        f" and the whole pipeline runs, best of {DAYS} days (all: {_all_runs(short)}; {_all_runs(long)} s)."
        f" {READERS} connections then ran {len(_QUERIES)} queries over the whole history at once on stock settings: no"
        " error."
    )
    report.write_part("daily", "The daily run and its history", f"{said}\n\n{report.table(head, _rows(short, long))}")
