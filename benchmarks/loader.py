"""The loader, with every guarantee on, beside a plain COPY of the same rows without any.

Not here: other loaders (peers), the endurance runs (kill).
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.measured_load import LoadMeasure, measure_load
from benchmarks.usage_files import UsageFiles, write_usage_files
from benchmarks.warehouse import BENCH_FOLDER, bench_server, database
from ingestion.contract import contract
from orchestration.warehouse.server import EmbeddedServer

COPY_BYTES = 256 << 10
FIRST_BAR, SECOND_BAR, PEAK_BAR_MIB = 0.85, 0.75, 600


@dataclass
class LoaderResult:
    """Seconds of each run, and the peak of every load."""

    rows: int
    copy_seconds: list[float] = field(default_factory=list)
    first: list[LoadMeasure] = field(default_factory=list)
    second: list[LoadMeasure] = field(default_factory=list)
    large: LoadMeasure | None = None

    @property
    def first_ratio(self) -> float:
        return min(self.copy_seconds) / min(load.seconds for load in self.first)

    @property
    def second_ratio(self) -> float:
        return min(self.copy_seconds) / min(load.seconds for load in self.second)


def plain_copy_seconds(url: str, file: Path) -> float:
    """COPY … FROM STDIN of the clean file into an unindexed table with the feed's columns and types."""
    columns = ", ".join(f"{column.name} {column.sql_type}" for column in contract("usage_records").columns)
    with psycopg.connect(url, autocommit=True) as connection, file.open("rb") as stream:
        connection.execute(f"create table plain ({columns})")
        begun = time.perf_counter()
        with connection.cursor().copy("copy plain from stdin (format csv, header)") as copy:
            while data := stream.read(COPY_BYTES):
                copy.write(data)
        return time.perf_counter() - begun


def landing_of(file: Path, folder: Path) -> Path:
    """A landing folder with this one delivery."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "usage_records").mkdir(parents=True)
    os.link(file, folder / "usage_records" / file.name)
    return folder


def run_once(server: EmbeddedServer, files: UsageFiles, result: LoaderResult) -> None:
    """One plain COPY, one first and one second delivery, one after another."""
    with database(server, "plain_copy") as url:
        result.copy_seconds.append(plain_copy_seconds(url, files.clean))
    with database(server, "loader") as url:
        landing = BENCH_FOLDER / "landing"
        result.first.append(measure_load(landing_of(files.first, landing), url))
        with psycopg.connect(url, autocommit=True) as connection:
            # As the models do between two deliveries.
            connection.execute("select count(*) from raw.usage_records")
            connection.execute("checkpoint")
        result.second.append(measure_load(landing_of(files.second, landing), url))


def measure(rows: int, runs: int, *, large: bool) -> LoaderResult:
    """All runs, the kinds in turn so that a slow minute hits each; at last a delivery of four times the size."""
    files = write_usage_files(BENCH_FOLDER, rows)
    result = LoaderResult(rows)
    with bench_server() as server:
        for _ in range(runs):
            run_once(server, files, result)
        if large:
            quadruple = write_usage_files(BENCH_FOLDER, rows * 4)
            with database(server, "large") as url:
                result.large = measure_load(landing_of(quadruple.first, BENCH_FOLDER / "landing"), url)
    return result


def _line(name: str, rows: int, seconds: list[float], ratio: float, peak: str, bar: str) -> list[str]:
    listed = " ".join(f"{value:.1f}" for value in sorted(seconds))
    return [name, f"{min(seconds):.2f}", f"{rows / min(seconds):,.0f}", f"{ratio:.2f}", bar, peak, listed]


def as_table(result: LoaderResult) -> str:
    """The result as the page shows it."""
    rows, best_copy = result.rows, min(result.copy_seconds)
    lines = [_line("plain COPY of the clean file", rows, result.copy_seconds, 1.0, "", "")]
    for name, loads, ratio, bar in (
        ("first delivery", result.first, result.first_ratio, FIRST_BAR),
        ("second delivery, same months, 1 % overlap", result.second, result.second_ratio, SECOND_BAR),
    ):
        peak = f"{max(load.peak_mib for load in loads):.0f}"
        lines.append(_line(name, rows, [load.seconds for load in loads], ratio, peak, f"{bar}"))
    if result.large:
        big, seconds = result.large, [result.large.seconds]
        ratio = best_copy / big.seconds * 4
        lines.append(_line("a delivery of four times the size", rows * 4, seconds, ratio, f"{big.peak_mib:.0f}", ""))
    peak_head = f"peak MiB (bar {PEAK_BAR_MIB})"
    head = ["what", "best seconds", "rows/s", "x plain COPY", "bar", peak_head, "all runs, seconds"]
    return report.table(head, lines)


def what_became(result: LoaderResult) -> str:
    first, second = result.first[0], result.second[0]
    return (
        f"{result.rows:,} usage rows a file, 17 columns; 1 % bad, 0.5 % repeated. First delivery:"
        f" {first.rows_loaded:,} loaded, {first.rows_quarantined:,} quarantined, {first.rows_duplicate:,} duplicates;"
        f" second: {second.rows_loaded:,}, {second.rows_quarantined:,}, {second.rows_duplicate:,}"
        f" ({second.rows_clashing:,} clashes). Contract checks, quarantine, ledger, duplicate removal and personal-data"
        " rules are on; between the two the table is read once, as the models do; a load runs in a process of its own,"
        " and its time includes discovery and the content's hash."
        " The embedded server has its production settings (fsync, synchronous_commit and full_page_writes on) for"
        " both. Ratios are of the best of all runs."
    )


def run() -> None:
    from benchmarks.peers import peers_table

    result = measure(2_000_000, 5, large=True)
    peers = peers_table(write_usage_files(BENCH_FOLDER, result.rows).clean)
    report.write_part("loader", "Loading usage records", f"{what_became(result)}\n\n{as_table(result)}\n\n{peers}")
