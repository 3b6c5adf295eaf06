"""A sample operator's deliveries of every feed, loaded by one or two workers, and what all raw tables then hold.

Not here: who disturbs the loads; the kill benchmark and its small version in the tests do.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from ingestion.contract import contracts
from ingestion.landing import discover
from ingestion.raw_tables import create_raw_tables

KEY = b"a key of the benchmark, 32 bytes"
_LOAD = """
import sys
from pathlib import Path
from ingestion.loader import load_feed
landing, url, key = Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3])
for feed in sys.argv[4:]:
    load_feed(feed, landing=landing, warehouse_url=url, pii_key=key, quiet_seconds=0)
"""
# When, by whom and under which name a row was loaded are left out of the comparison.
_STATE = {
    "raw.quarantine": "feed, line_number, original_text, reasons, subject_hmacs, status, load_id",
    "raw.touched_days": "feed, day, load_id",
    "raw.load_ledger": "feed, load_id, delivery_sequence, status, rows_in_file, rows_loaded, rows_quarantined,"
    " rows_duplicate, rows_clashing, rows_closed, columns, unknown_columns, refusal_reason",
}  # fmt: skip


def write_overlaps(landing: Path, seed: int) -> None:
    """Adds to each feed a later delivery that repeats, corrects and spoils some rows of an earlier CSV."""
    rng = random.Random(seed)  # noqa: S311
    for feed in contracts():
        files = sorted((landing / feed).rglob("*.csv"))
        if not files:
            continue
        header, *lines = files[0].read_text(encoding="utf-8").splitlines()
        if any('"' in line for line in lines):
            continue
        taken = rng.sample(lines, min(len(lines), 40))
        spoiled = [f"no id{line[line.index(',') :]}" for line in taken[:2]]
        text = "\n".join([header, *taken, *taken[:3], *spoiled]) + "\n"
        (landing / feed / "again.csv").write_text(text, encoding="utf-8")


def give_sequences(url: str, landing: Path) -> None:
    """Makes the raw tables and has every delivery of every feed discovered, in one fixed order."""
    with psycopg.connect(url, autocommit=True) as connection:
        create_raw_tables(connection)
        for contract in contracts().values():
            discover(connection, contract, landing)


def start_load(landing: Path, url: str, feeds: list[str], errors: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """A process that loads the feeds one after another; what it says when it fails goes to `errors`."""
    command = [sys.executable, "-c", _LOAD, str(landing), url, KEY.hex(), *feeds]
    return subprocess.Popen(command, stderr=errors or subprocess.DEVNULL)


def load_all(landing: Path, url: str, orders: list[list[str]]) -> None:
    """Loads everything by one worker per order, all at once; a worker that fails is an error."""
    with tempfile.TemporaryFile() as errors:
        workers = [start_load(landing, url, feeds, errors) for feeds in orders]
        if codes := [code for worker in workers if (code := worker.wait(timeout=300))]:
            errors.seek(0)
            raise RuntimeError(f"workers ended with {codes}: {errors.read().decode()}")


def load_file_by_file(landing: Path, url: str, aside: Path, rng: random.Random, workers: int) -> None:
    """Loads the deliveries in a random order: they are taken out of `landing` and put back a few at a time."""
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(landing, aside)
    files = [path.relative_to(landing) for path in sorted(landing.rglob("*")) if path.is_file()]
    rng.shuffle(files)
    for name in files:
        (aside / name).unlink()
    while files:
        for name in files[:_FILES_AT_ONCE]:
            shutil.copy2(landing / name, aside / name)
        feeds = list(dict.fromkeys(name.parts[0] for name in files[:_FILES_AT_ONCE]))
        del files[:_FILES_AT_ONCE]
        load_all(aside, url, [rng.sample(feeds, len(feeds)) for _ in range(workers)])


_FILES_AT_ONCE = 12


def state(url: str) -> dict[str, tuple[object, ...]]:
    """Rows and checksum of every raw table; raises where a row has no ledger entry or a ledger does not balance."""
    with psycopg.connect(url) as connection:
        columns = {f"raw.{feed}": "to_jsonb(t)" for feed in contracts()} | {
            table: f"row({names})" for table, names in _STATE.items()
        }
        found = {}
        for table, expression in columns.items():
            query = "select count(*), coalesce(sum(hashtextextended(({})::text, 0)::numeric), 0) from {} as t"
            found[table] = (
                connection.execute(
                    sql.SQL(query).format(sql.SQL(expression), sql.Identifier(*table.split(".")))
                ).fetchone()
                or ()
            )
        for feed in contracts():
            _check_balance(connection, feed)
    return found


def _check_balance(connection: psycopg.Connection[tuple[object, ...]], feed: str) -> None:
    table = sql.Identifier("raw", feed)
    wrong = connection.execute(
        sql.SQL(
            "select coalesce(t._load_id, l.load_id), t.rows, l.rows_loaded from (select _load_id, count(*) as rows"
            " from {} where _line_number > 0 group by 1) t"
            " full join (select * from raw.load_ledger where feed = %s and status = 'loaded') l"
            " on l.load_id = t._load_id where coalesce(t.rows, 0) is distinct from l.rows_loaded"
        ).format(table),
        [feed],
    ).fetchall()
    if wrong:
        raise AssertionError(f"{feed}: rows in the table and in the ledger differ: {wrong}")


def differences(one: dict[str, tuple[object, ...]], other: dict[str, tuple[object, ...]]) -> list[str]:
    """Tables whose rows or checksum differ."""
    return [f"{table}: {one[table]} and {other[table]}" for table in one if one[table] != other[table]]
