"""The watching of network and revenue together at 100 000 customers: seconds and memory, in one process as in a run.

Not here: how well each finds what is true (maintenance, security_monitoring, revenue_assurance).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg

from benchmarks import maintenance, report, revenue_assurance, security_monitoring
from benchmarks.landed_network import read_network
from benchmarks.measured_load import peak_mib
from benchmarks.revenue_frames import months_before, read_inputs, seed_parameters
from benchmarks.warehouse import BENCH_FOLDER, ROOT, bench_server, database
from ingestion.sample import write_sample
from orchestration.analytics.maintenance.training import evaluate_failures, train_failures
from orchestration.analytics.outage_checks import check_outages
from orchestration.analytics.security_monitoring.baseline import score_hours
from orchestration.analytics.security_monitoring.changes import find_changes
from orchestration.analytics.security_monitoring.configurations import judge_configurations
from orchestration.analytics.security_monitoring.incidents import find_incidents, neighbours_of
from orchestration.defs.maintenance_reading import MaintenanceReader, read_maintenance_seeds
from orchestration.defs.outage_reading import read_outage_inputs
from orchestration.warehouse.settings import read_settings

CUSTOMERS, MONTHS, SEED, UNTIL = 100_000, 15, 1, revenue_assurance.UNTIL
SECONDS_BAR, MEMORY_BAR_MIB = 600, 4096
FOLDER = BENCH_FOLDER / "watching"
Seconds = dict[str, float]


@contextmanager
def _timed(seconds: Seconds, name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begun


def watch_revenue(folder: Path, seconds: Seconds) -> str:
    """The last months' bills and use, as a daily run judges them."""
    months = int(seed_parameters()["judged_months"])
    with _timed(seconds, "revenue: reading the files"):
        inputs = read_inputs(folder, months_before(UNTIL + timedelta(days=1), months))
    found, steps = revenue_assurance.measure(inputs)
    seconds |= {f"revenue: {name}": spent for name, spent in steps.items()}
    return f"{len(inputs.usage):,} usage records and {len(inputs.charges):,} charges, {len(found.found):,} findings"


def watch_security(folder: Path, seconds: Seconds) -> str:
    """Every hour with a baseline, not the last day only."""
    rulebook = security_monitoring.read_rulebook()
    with _timed(seconds, "security: reading the files"):
        network = read_network(folder / "landing")
    newest = network.versions.drop_duplicates("element_id", keep="last")
    with _timed(seconds, "security: traffic and connections"):
        scores = score_hours(network.samples, rulebook.parameters, rulebook.measures)
        incidents = find_incidents(scores, rulebook.parameters, rulebook.measures, neighbours_of(newest, network.links))
    with _timed(seconds, "security: configurations"):
        versions = network.versions.assign(valid_from=pd.to_datetime(network.versions["updated_at"], utc=True))
        judge_configurations(newest, rulebook.rules, UNTIL)
        find_changes(versions, rulebook.rules, rulebook.watched, UNTIL)
    return f"{len(network.samples):,} hourly samples of {len(newest)} elements, {len(incidents)} incidents"


def watch_elements(url: str, as_of: datetime, seconds: Seconds) -> str:
    """A month's first run: outages against the network, models tried, trained, and the elements scored."""
    time_zone = read_settings({"WAREHOUSE_URL": url}).reporting_time_zone
    with psycopg.connect(url) as connection:
        seeds = read_maintenance_seeds(connection)
        reader = MaintenanceReader(connection, as_of, as_of.astimezone(ZoneInfo(time_zone)).date(), time_zone, seeds)
        with _timed(seconds, "outages: reading and comparing"):
            found = check_outages(
                read_outage_inputs(connection, as_of, time_zone, seeds.outage_parameters, reader.trained_from)
            )
        with _timed(seconds, "maintenance: reading"):
            labelled = reader.labelled()
    with _timed(seconds, "maintenance: trying, training and scoring"):
        tested, _ = evaluate_failures(labelled, seeds.parameters)
        trained = train_failures(labelled, seeds.parameters, reader.day, tested, None)
        if trained.bundle is None:
            raise RuntimeError(f"no model of failures: {trained.reason}")
        trained.bundle.chief.predict_probability(labelled.features)
    elements = labelled.rows["element_id"].nunique()
    return f"{len(labelled.rows):,} Mondays of {elements} elements, {len(found)} outage findings"


def judge(folder: Path, url: str, as_of: str) -> dict[str, Any]:
    """Everything in this process; seconds by step, the process's peak, and what was looked at."""
    seconds: Seconds = {}
    steps: list[Callable[[], str]] = [
        lambda: watch_elements(url, datetime.fromisoformat(as_of), seconds),
        lambda: watch_security(folder / "whole", seconds),
        lambda: watch_revenue(folder / "whole", seconds),
    ]
    said = [step() for step in steps]
    return {"seconds": seconds, "peak_mib": peak_mib(), "said": said}


def run() -> None:
    """Makes the operator, judges it in a process of its own, writes the page; fails where a bar is missed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "network").mkdir(parents=True)
    write_sample(FOLDER / "whole", customers=CUSTOMERS, months=MONTHS, seed=SEED, until=UNTIL)
    with bench_server() as server, database(server, "watching") as url:
        as_of = maintenance.build(url, FOLDER / "network", SEED, CUSTOMERS)
        command = [sys.executable, "-m", "benchmarks.watching", str(FOLDER), url, as_of.isoformat()]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    shutil.rmtree(FOLDER)
    found = json.loads(done.stdout)
    write(found)
    total = sum(found["seconds"].values())
    if total > SECONDS_BAR or found["peak_mib"] > MEMORY_BAR_MIB:
        raise SystemExit(f"bars missed: {total:.0f} s, {found['peak_mib']:.0f} MiB")


def write(found: dict[str, Any]) -> None:
    """The page's section."""
    lines = [[name, f"{spent:.1f}", ""] for name, spent in found["seconds"].items()]
    lines += [
        ["all together", f"{sum(found['seconds'].values()):.0f}", str(SECONDS_BAR)],
        ["peak memory of the process, MiB", f"{found['peak_mib']:,.0f}", f"{MEMORY_BAR_MIB:,}"],
    ]
    said = (
        f"{CUSTOMERS:,} customers, {MONTHS} months: {'; '.join(found['said'])}. One process, reading included; the"
        f" elements' history is {maintenance.HISTORY_MONTHS} months in a warehouse, and the run is the one of a month"
        " that trains."
    )
    body = f"{said}\n\n{report.table(['step', 'seconds', 'bar'], lines)}"
    report.write_part("watching", "The watching of network and revenue together", body)


if __name__ == "__main__":
    print(json.dumps(judge(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
