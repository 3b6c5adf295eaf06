"""A million connections to packages: the marts of an as-of date, then every provider's subscription package.

Not here: the sample (ingestion.sample); correctness, which the second road's tests hold.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing.queues import Queue
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.warehouse import BENCH_FOLDER, bench_server
from ingestion.raw_tables import create_raw_tables
from orchestration.access.applying import prepare_access
from orchestration.access.audit import begin_run
from orchestration.dbt_runner import invoke, parse_project
from orchestration.regulatory.generating import generate
from orchestration.regulatory.tracts import load_shipped
from orchestration.windows import WINDOWED_FACTS

CONNECTIONS = 1_000_000
DAY = date(2026, 6, 30)
AS_OF = datetime(2026, 7, 15, 5, tzinfo=UTC)
SECONDS_BAR, MEMORY_BAR_MIB = 120, 2048
TRACTS, BLOCKS_PER_TRACT = 1000, 20
_SEEDS = ("filing_forms", "filing_rule_sets", "filing_rules", "filing_calendar", "filing_due_overrides",
          "filing_parameters", "technology_codes", "state_codes", "in_service_states", "speed_tiers",
          "nors_thresholds", "outage_service_kinds", "dirs_events")  # fmt: skip
_FILL = Path(__file__).with_suffix(".sql")


@dataclass(frozen=True)
class Measured:
    """Seconds, memory, how the package came out, and per file: connections, rows, left-outs."""

    marts_seconds: float
    package_seconds: float
    peak_mib: float
    made: str
    rows: list[tuple[str, int, int | None, int]]


def _dbt(url: str, *arguments: str) -> float:
    """Seconds of a dbt command; an error of it is one."""
    begun = time.perf_counter()
    project = parse_project(BENCH_FOLDER / "dbt", url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": AS_OF.isoformat(), "windows": dict.fromkeys(WINDOWED_FACTS, "all"), "filing_dates": [DAY.isoformat()],
    }  # fmt: skip
    problems = [event["info"]["msg"] for event in invoke(project, url, list(arguments), variables)
                if event["info"]["name"] in ("RunResultError", "RunResultFailure")]  # fmt: skip
    if problems:
        raise RuntimeError(" ".join(problems))
    return time.perf_counter() - begun


def _package(url: str, exports: Path, found: Queue[tuple[float, float, str]]) -> None:
    """In a process of its own, so that its memory is its own."""
    begun = time.perf_counter()
    with psycopg.connect(url) as connection:
        begin_run(connection, "bench")
        made = generate(connection, exports, "fcc_form477", "00000000-0000-0000-0000-0000000000a1", DAY, AS_OF, "bench")
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found.put((seconds, peak, f"{made.status} with {made.errors} errors and {made.warnings} warnings"))


def measure() -> Measured:
    """Builds the tables, fills them with a million connections, and times marts and package."""
    with bench_server() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("drop database if exists filings with (force)")
            connection.execute("create database filings")
        url = server.url("filings")
        with psycopg.connect(url, autocommit=True) as connection:
            create_raw_tables(connection)
        prepare_access(url)
        _dbt(url, "seed", "--select", *_SEEDS)
        _dbt(url, "run", "--select", "+path:models/regulatory", "--exclude", "path:models/regulatory")
        with psycopg.connect(url) as connection:
            connection.execute("set role none")
            load_shipped(connection)
            connection.execute("truncate reference.census_tracts")
            fill = _FILL.read_text(encoding="utf-8").format(
                connections=CONNECTIONS, tracts=TRACTS, blocks_per_tract=BLOCKS_PER_TRACT
            )
            connection.execute(fill.encode())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("analyze")
        marts = _dbt(url, "run", "--select", "path:models/regulatory")
        exports = BENCH_FOLDER / "exports"
        context = multiprocessing.get_context("spawn")
        found = context.Queue()
        process = context.Process(target=_package, args=(url, exports, found))
        process.start()
        seconds, peak, made = found.get(timeout=1500)
        process.join()
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "select file, sum(connections)::bigint, max(row_number),"
                " count(*) filter (where left_out_reason is not null)"
                " from regulatory.filing_connection group by 1 order by 1"
            ).fetchall()
    return Measured(marts, seconds, peak, made, rows)


def run() -> None:
    """Measures and writes the part of docs/benchmarks.md."""
    found = measure()
    left_out = sum(row[3] for row in found.rows)
    said = (
        f"{CONNECTIONS:,} services of one provider (8 fixed broadband, 2 voice, 3 mobile plans; {TRACTS:,} tracts; one"
        " in 50 without a block, for which the nearest block's point is looked for). Marts: dbt's models of schema"
        " regulatory for one as-of date. Package: from the marts to the renamed folder, with `filing_connection`"
        f" ({left_out:,} of its rows left out with a reason). It came out {found.made}."
    )
    lines = [
        ["marts of the date, s", f"{found.marts_seconds:.0f}", ""],
        ["package, s", f"{found.package_seconds:.0f}", str(SECONDS_BAR)],
        ["memory of the package's process, MiB", f"{found.peak_mib:.0f}", str(MEMORY_BAR_MIB)],
        *([f"{file}: connections in {rows or 0:,} rows", f"{total:,}", ""] for file, total, rows, _ in found.rows),
    ]
    body = f"{said}\n\n{report.table(['what', 'measured', 'bar'], lines)}"
    report.write_part("filings", "A million connections packaged", body)
