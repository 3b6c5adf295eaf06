"""A load that is killed leaves the whole file or nothing, and the next load finishes the work."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing

import psycopg
import pytest

from benchmarks.deliveries import differences, give_sequences, load_all, load_file_by_file
from benchmarks.deliveries import state as deliveries_state
from benchmarks.kill import kill_first, kill_workers, prepare
from ingestion.contract import contracts
from ingestion.loader import load_feed
from ingestion.raw_tables import create_raw_tables
from orchestration.warehouse.server import EmbeddedServer
from tests.integration.landing import land, usage

KEY = b"a key for tests only, 32 bytes.."
FILES, ROWS = 4, 4000
LOAD = """
import sys
from pathlib import Path
from ingestion.loader import load_feed
load_feed("usage_records", landing=Path(sys.argv[1]), warehouse_url=sys.argv[2], pii_key=sys.argv[3].encode())
"""


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landing")
    for number in range(FILES):
        rows = [usage(f"{number} {i}", f"2026-0{i % 3 + 1}-15T10:00:00Z") for i in range(ROWS)]
        bad, again = usage(f"{number} bad", usage_type="?"), rows[: ROWS // 50]
        land(folder, "usage_records", f"{number}.csv", [*rows, bad, *again], modified_at=1_770_000_000 + number)
    return folder


def state(url):
    """A checksum of the rows and of what the ledger says of them."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select count(*), md5(string_agg((to_jsonb(t) - '_load_id')::text, '' order by usage_id))"
            " from raw.usage_records t"
        ).fetchone()
        ledger = connection.execute(
            "select file_name, rows_in_file, rows_loaded, rows_quarantined, rows_duplicate"
            " from raw.load_ledger order by 1"
        ).fetchall()
        torn = connection.execute(
            "select count(*) from raw.usage_records where _load_id not in (select load_id from raw.load_ledger)"
        ).fetchone()
        balance = connection.execute(
            "select count(*) from raw.load_ledger l where rows_loaded <>"
            " (select count(*) from raw.usage_records u where u._load_id = l.load_id)"
        ).fetchone()
    assert torn == (0,)
    assert balance == (0,)
    return rows, ledger


def start_load(landing, url):
    return subprocess.Popen([sys.executable, "-c", LOAD, str(landing), url, KEY.decode()], stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def undisturbed(landing, make_database):
    url = make_database()
    load_feed("usage_records", landing=landing, warehouse_url=url, pii_key=KEY)
    return state(url)


def test_sigkill_at_random_moments(landing, make_database, undisturbed):
    url, rng = make_database(), random.Random(4)
    begun = time.monotonic()
    process = start_load(landing, make_database())
    assert process.wait(timeout=60) == 0
    seconds, killed = time.monotonic() - begun, 0
    with psycopg.connect(url, autocommit=True) as connection:
        create_raw_tables(connection)
    for _ in range(24):
        if killed < 4:
            was_running = kill_first([start_load(landing, url)], url, rng, seconds)
            seconds *= 1.0 if was_running else 0.6
            killed += was_running
            state(url)
    assert killed >= 4
    load_feed("usage_records", landing=landing, warehouse_url=url, pii_key=KEY)
    assert state(url) == undisturbed


def test_two_workers_at_once_and_one_is_killed(landing, make_database, undisturbed):
    url = make_database()
    first, second = start_load(landing, url), start_load(landing, url)
    time.sleep(1.0)
    first.kill()
    first.wait()
    second.wait(timeout=60)
    load_feed("usage_records", landing=landing, warehouse_url=url, pii_key=KEY)
    assert state(url) == undisturbed


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate stop", "kill -9"])
def test_the_server_dies_in_mid_load_and_recovers(landing, tmp_path, undisturbed, how):
    server = EmbeddedServer(tmp_path / "server")
    server.start()
    try:
        url = server.url("warehouse")
        # Closed at the end only: if it let go before the backends know that their server is gone, the load would go on.
        with closing(psycopg.connect(url)) as holder:
            create_raw_tables(holder)
            holder.commit()
            # Holds the load fast where a file's rows are written and nothing is committed yet.
            holder.execute("lock table raw.touched_days in share row exclusive mode")
            process = start_load(landing, url)
            waiting, deadline = "select count(*) from pg_locks where not granted", time.monotonic() + 120
            while holder.execute(waiting).fetchone() == (0,) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert process.poll() is None
            os.kill(int((server.data / "postmaster.pid").read_text().split("\n")[0]), how)
            assert process.wait(timeout=60) != 0
        report = server.start()
        assert report.recovered
        assert not report.was_running
        load_feed("usage_records", landing=landing, warehouse_url=server.url("warehouse"), pii_key=KEY)
        assert state(server.url("warehouse")) == undisturbed
    finally:
        server.stop()


@pytest.fixture(scope="module")
def all_feeds(tmp_path_factory):
    """The deliveries of a tiny sample operator, every feed, with later ones that overlap them."""
    return prepare(tmp_path_factory.mktemp("operator"), customers=15, months=2)


@pytest.fixture(scope="module")
def every_feed_undisturbed(all_feeds, make_database):
    url = make_database()
    give_sequences(url, all_feeds)
    load_all(all_feeds, url, [list(contracts())])
    return deliveries_state(url)


@pytest.mark.parametrize("seed", range(10))
def test_ten_random_orders_by_one_and_two_workers(all_feeds, make_database, every_feed_undisturbed, tmp_path, seed):
    url = make_database()
    give_sequences(url, all_feeds)
    load_file_by_file(all_feeds, url, tmp_path / "aside", random.Random(seed), workers=1 + seed % 2)
    assert differences(every_feed_undisturbed, deliveries_state(url)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_load_of_all_feeds(all_feeds, make_database, every_feed_undisturbed, workers):
    url, rng = make_database(), random.Random(workers)
    give_sequences(url, all_feeds)
    assert kill_workers(all_feeds, url, rng, seconds=2.0, workers=workers, kills=3) == 3
    load_all(all_feeds, url, [list(contracts())])
    assert differences(every_feed_undisturbed, deliveries_state(url)) == []


def test_a_backend_that_is_terminated_in_mid_copy(landing, make_database, undisturbed):
    url = make_database()
    process, ended = start_load(landing, url), False
    with psycopg.connect(url, autocommit=True) as connection:
        while not ended and process.poll() is None:
            for (pid,) in connection.execute(
                "select pid from pg_stat_progress_copy where datname = current_database()"
            ):
                ended = connection.execute("select pg_terminate_backend(%s)", [pid]).fetchone() == (True,)
                break
    assert process.wait(timeout=60) != 0
    assert ended
    load_feed("usage_records", landing=landing, warehouse_url=url, pii_key=KEY)
    assert state(url) == undisturbed
