"""Endurance: loads of every feed that are killed at random moments, and what the raw tables hold in the end.

Not here: the small version of this, which is a test.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from datetime import date
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.deliveries import differences, give_sequences, load_all, start_load, state, write_overlaps
from benchmarks.warehouse import BENCH_FOLDER, bench_server, database
from ingestion.contract import contracts
from ingestion.sample import write_sample
from orchestration.warehouse.server import EmbeddedServer

KILLS = 50
KILLS_A_ROUND = 6
BACKENDS, SERVERS = 10, 4
_COPYING = "select pid from pg_stat_progress_copy where datname = current_database()"
_WORKING = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


def kill_first(processes: list[subprocess.Popen[bytes]], url: str, rng: random.Random, seconds: float) -> bool:
    """Kills the first by SIGKILL, at a random moment of the `seconds` after one has come to the database.

    Waits for the others; False if the first had ended by itself.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        while processes[0].poll() is None and connection.execute(_WORKING).fetchone() == (0,):
            time.sleep(0.001)
    time.sleep(seconds * rng.random())
    was_running = processes[0].poll() is None
    processes[0].kill()
    for process in processes:
        process.wait(timeout=300)
    return was_running


def kill_worker(landing: Path, url: str, rng: random.Random, seconds: float, workers: int) -> bool:
    """Kills one of the workers of a load of every feed; False if it had ended."""
    feeds = list(contracts())
    processes = [start_load(landing, url, rng.sample(feeds, len(feeds))) for _ in range(workers)]
    return kill_first(processes, url, rng, seconds)


def kill_workers(landing: Path, url: str, rng: random.Random, seconds: float, workers: int, kills: int) -> int:
    """Kills until `kills` came before a load's end, and says how many did; a shorter load is given less time."""
    killed = 0
    for _ in range(4 * kills):
        if killed < kills:
            was_running = kill_worker(landing, url, rng, seconds, workers)
            killed += was_running
            seconds *= 1.0 if was_running else 0.6
    return killed


def terminate_backend(landing: Path, url: str, rng: random.Random) -> bool:
    """Ends the load's backend in the middle of a COPY; False if the load was over before one was seen."""
    feeds = list(contracts())
    process = start_load(landing, url, rng.sample(feeds, len(feeds)))
    ended = False
    with psycopg.connect(url, autocommit=True) as connection:
        while not ended and process.poll() is None:
            time.sleep(0.001)
            for (pid,) in connection.execute(_COPYING).fetchall():
                ended |= connection.execute("select pg_terminate_backend(%s)", [pid]).fetchone() == (True,)
    process.wait(timeout=300)
    return ended


def stop_server(server: EmbeddedServer, landing: Path, url: str, rng: random.Random, seconds: float) -> bool:
    """Stops the server at once (as `-m immediate` does) in mid-load, and starts it again: it recovers."""
    process = start_load(landing, url, list(contracts()))
    time.sleep(seconds * rng.uniform(0.2, 0.8))
    os.kill(int((server.data / "postmaster.pid").read_text().split("\n")[0]), signal.SIGQUIT)
    failed = process.wait(timeout=300) != 0
    server.start()
    return failed


def prepare(folder: Path, customers: int, months: int) -> Path:
    """The deliveries of a small sample operator, and later ones that overlap them."""
    shutil.rmtree(folder, ignore_errors=True)
    write_sample(folder, customers=customers, months=months, seed=4, until=date(2026, 6, 30))
    landing = folder / "landing"
    write_overlaps(landing, seed=4)
    return landing


class Endurance:
    """Rounds of disturbed loads against one undisturbed state; `done` counts what was really disturbed."""

    def __init__(self, server: EmbeddedServer, landing: Path, seed: int) -> None:
        self._server = server
        self._landing = landing
        self._rng = random.Random(seed)  # noqa: S311
        self.done: Counter[str] = Counter()
        self.different: list[str] = []
        with database(server, "undisturbed") as url:
            give_sequences(url, landing)
            begun = time.perf_counter()
            load_all(landing, url, [list(contracts())])
            self._seconds = time.perf_counter() - begun
            self.expected = state(url)

    def round(self, disturbances: list[str]) -> None:
        """Disturbs a load again and again, lets it finish, and compares."""
        with database(self._server, "disturbed") as url:
            give_sequences(url, self._landing)
            for kind in disturbances:
                if not self._disturb(kind, url):
                    break
                self.done[kind] += 1
                state(url)
            load_all(self._landing, url, [list(contracts())])
            self.done["rounds"] += 1
            self.different += differences(self.expected, state(url))

    def _disturb(self, kind: str, url: str) -> bool:
        if kind == "backend terminated in mid-COPY":
            return terminate_backend(self._landing, url, self._rng)
        if kind == "server stopped at once":
            return stop_server(self._server, self._landing, url, self._rng, self._seconds)
        workers = 2 if kind == "SIGKILL, two workers" else 1
        return kill_worker(self._landing, url, self._rng, self._seconds, workers)


def endure(endurance: Endurance, kills: int, backends: int, servers: int) -> None:
    """Rounds until so many loads were disturbed in each way, half of the kills with two workers."""
    wanted = {
        "SIGKILL, one worker": kills // 2, "SIGKILL, two workers": kills - kills // 2,
        "backend terminated in mid-COPY": backends, "server stopped at once": servers,
    }  # fmt: skip
    for kind, count in wanted.items():
        for _ in range(count * 3):
            if endurance.done[kind] < count:
                endurance.round([kind] * min(KILLS_A_ROUND, count - endurance.done[kind]))
        if endurance.done[kind] < count:
            raise RuntimeError(f"{kind}: only {endurance.done[kind]} of {count} came before the load's end")


def run() -> None:
    landing = prepare(BENCH_FOLDER / "endurance", customers=60, months=4)
    with bench_server() as server:
        endurance = Endurance(server, landing, seed=9)
        endure(endurance, KILLS, BACKENDS, SERVERS)
    rows = [[kind, str(count)] for kind, count in endurance.done.items()]
    loaded = sum(int(str(count)) for count, _ in endurance.expected.values())
    verdict = "none" if not endurance.different else "; ".join(endurance.different)
    report.write_part(
        "kill",
        "Loads that are killed",
        f"Every feed of a small sample operator with overlapping deliveries ({loaded:,} rows in the raw tables,"
        " quarantine and ledger), loaded while workers, backends and the server are killed at random moments; then"
        f" loaded to the end and compared with an undisturbed load by the checksums of all raw tables."
        f" Differences: {verdict}.\n\n" + report.table(["what", "times"], rows),
    )
    if endurance.different:
        raise SystemExit(f"raw tables differ: {verdict}")
