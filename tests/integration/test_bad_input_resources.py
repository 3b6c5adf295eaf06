"""What would exhaust memory or disk: a file that does so is refused or set aside, and the next run goes on."""

import gzip
import hashlib
import json
import os
import random
import subprocess
import sys

import psycopg
import pytest

from ingestion.errors import IngestionError
from ingestion.raw_tables import create_raw_tables
from orchestration.warehouse.server import EmbeddedServer
from tests.integration.landing import customer, identifier, land, usage
from tests.integration.warehouse import KEY, Warehouse

FEED = "usage_records"
MEMORY_LIMIT_MIB = 600

LOAD = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from ingestion.loader import load_feed
load_feed(sys.argv[1], landing=Path(sys.argv[2]), warehouse_url=sys.argv[3], pii_key=sys.argv[4].encode(),
          now=datetime(2026, 6, 1, tzinfo=UTC), max_bad_row_share=1.0)
# Linux's ru_maxrss counts the memory of the process that started this one.
status = Path("/proc/self/status")
if status.exists():
    peak_kib = int(status.read_text().partition("VmHWM:")[2].split()[0])
else:
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(peak_kib // 1024)
"""


@pytest.fixture
def warehouse(make_database):
    return Warehouse(make_database())


def load_apart(warehouse, landing) -> int:
    """Loads in a process of its own; returns its peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, FEED, str(landing), warehouse.url, KEY.decode()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(f"peak memory: {done.stdout.strip()} MiB")
    return int(done.stdout)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "csv.gz"])
def test_a_line_of_100_mb_is_one_quarantined_row_in_bounded_memory(warehouse, tmp_path, suffix):
    path = land(tmp_path, FEED, f"good.{suffix.removesuffix('.gz')}", [usage(i) for i in range(6)])
    lines = path.read_bytes().split(b"\n")
    path.unlink()
    begin, megabyte = (b'a,b,"c' if "csv" in suffix else b'{"a": "') * 3, b"x" * (1 << 20)
    digest, size = hashlib.sha256(begin + 100 * megabyte).hexdigest(), len(begin) + 100 * len(megabyte)
    target = tmp_path / FEED / f"long.{suffix}"
    with gzip.open(target, "wb", compresslevel=1) if suffix.endswith("gz") else target.open("wb") as stream:
        stream.write(b"\n".join(lines[:4]) + b"\n" + begin)
        for _ in range(100):
            stream.write(megabyte)
        stream.write(b"\n" + b"\n".join(lines[4:]))
    os.utime(target, (1_770_000_000,) * 2)
    assert load_apart(warehouse, tmp_path) < MEMORY_LIMIT_MIB
    assert warehouse.balance() == {f"long.{suffix}": (7, 6, 1, 0)}
    ((number, text, reasons),) = warehouse.ask("select line_number, original_text, reasons from raw.quarantine")
    assert number == 5
    assert text.startswith(f"[a line of {size} bytes with the SHA-256 {digest};")
    assert "expected a line of at most 4194304 bytes; the whole line is in the landed file" in reasons[0]


def test_a_gzip_that_unpacks_to_a_thousand_times_its_size_is_streamed(warehouse, tmp_path):
    """One line of zeros among good ones, then empty lines: 384 MiB from less than 0.4."""
    header, *good = land(tmp_path, FEED, "good.csv", [usage(i) for i in range(4)]).read_bytes().splitlines(True)
    (tmp_path / FEED / "good.csv").unlink()
    path = tmp_path / FEED / "bomb.csv.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(header + good[0] + good[1])
        for filler, count in ((b"0" * (1 << 20), 320), (b"\n" * (1 << 20), 64)):
            for _ in range(count):
                stream.write(filler)
        stream.write(b"".join(good[2:]))
    os.utime(path, (1_770_000_000,) * 2)
    assert (384 << 20) / path.stat().st_size > 900
    assert load_apart(warehouse, tmp_path) < MEMORY_LIMIT_MIB
    assert warehouse.balance() == {"bomb.csv.gz": (5, 4, 1, 0)}


def test_a_header_that_never_ends_is_refused(warehouse, tmp_path):
    path = tmp_path / FEED / "header.csv.gz"
    path.parent.mkdir()
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(b"a" * (1 << 20))
    os.utime(path, (1_770_000_000,) * 2)
    assert load_apart(warehouse, tmp_path) < MEMORY_LIMIT_MIB
    assert warehouse.ask("select status, refusal_reason from raw.load_ledger")[0][0] == "refused"
    ((reason,),) = warehouse.ask("select refusal_reason from raw.load_ledger")
    assert reason.startswith("header.csv.gz: line 1: expected a line of at most 4194304 bytes")


def test_rows_of_json_as_large_as_a_line_may_be(warehouse, tmp_path):
    big = {**usage("big"), "notes": ["y" * 1000] * 3000}
    rows = [json.dumps(row) for row in (big, usage(1))]
    path = tmp_path / FEED / "big.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(rows))
    os.utime(path, (1_770_000_000,) * 2)
    assert load_apart(warehouse, tmp_path) < MEMORY_LIMIT_MIB
    assert warehouse.balance() == {"big.jsonl": (2, 2, 0, 0)}
    ((size,),) = warehouse.ask(
        "select length(_extra ->> 'notes') from raw.usage_records where usage_id = %s", identifier("big")
    )
    assert size > 3_000_000


def test_a_full_disk_of_the_database_keeps_nothing_and_the_next_run_loads_all(tmp_path, disk_with):
    """A server of its own whose files may not grow beyond 20 MB."""
    server = EmbeddedServer(tmp_path / "server", durable=False)
    noise = random.Random(1)
    people = [customer(i, city="".join(noise.choices("abcdefghijklmnop", k=1900))) for i in range(14_000)]
    landing = tmp_path / "landing"
    land(landing, "customers", "1.csv", people[:100], modified_at=1_770_000_000)
    land(landing, "customers", "2.csv", people[100:], modified_at=1_770_000_001)
    try:
        with disk_with(20 << 20):
            server.start()
        warehouse = Warehouse(server.url())
        with psycopg.connect(server.url(), autocommit=True) as connection:
            create_raw_tables(connection)
        with pytest.raises(IngestionError) as caught:
            warehouse.load("customers", landing)
        assert str(caught.value).startswith("2.csv: the database's disk is full (could not extend file")
        assert str(caught.value).endswith("nothing of the file was kept; make room there, then run again")
        assert warehouse.balance() == {"1.csv": (100, 100, 0, 0)}
        server.stop()
        server.start()
        assert [file.rows_loaded for file in warehouse.load("customers", landing).files] == [13_900]
        assert warehouse.ask("select count(*) from raw.customers") == [(14_000,)]
    finally:
        server.remove()
