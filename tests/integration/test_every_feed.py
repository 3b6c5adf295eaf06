"""Every feed of the contracts, with rows made from its contract: loads, deletions, full snapshots, all formats."""

import os
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from ingestion.contract import contract, contracts
from ingestion.examples import example_row
from ingestion.landing import discover
from tests.integration.landing import land
from tests.integration.warehouse import Warehouse

FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")


@pytest.fixture(scope="module")
def warehouse(make_database):
    """One database for all feeds: each test uses its own feed's table, or empties it first."""
    return Warehouse(make_database())


def living(warehouse, feed):
    """The keys that staging shows: the newest version of each, without those that were taken back."""
    key = ", ".join(contract(feed).key)
    newest = "updated_at desc, _line_number desc" if contract(feed).is_versioned else "_line_number desc"
    rows = warehouse.ask(
        f"select {key} from (select distinct on ({key}) * from raw.{feed} order by {key}, {newest}) newest"
        f" where is_deleted is not true order by {key}"
    )
    return {tuple(map(str, row)) for row in rows}


def key_of(feed, row):
    """A row's key as the database would show it."""
    shown = []
    for name in contract(feed).key:
        value = str(row[name])
        is_time = contract(feed).column(name).type == "timestamptz"
        shown.append(str(datetime.fromisoformat(value).astimezone(UTC)) if is_time else value)
    return tuple(shown)


def identity_of(feed, row, **values):
    """A row with its identity only, and what is given."""
    return {name: row[name] for name in contract(feed).identity} | values


def typed_column(feed):
    """A column that is neither text nor part of the key."""
    found = contract(feed)
    return next(c.name for c in found.columns if c.type != "text" and c.name not in found.key)


def later(text):
    return (datetime.fromisoformat(text) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize("feed", contracts())
def test_deletions_and_full_snapshots(warehouse, tmp_path, feed):
    rows = [example_row(contract(feed), number) for number in range(40)]
    keys = [key_of(feed, row) for row in rows]
    land(tmp_path, feed, "1.csv", rows, modified_at=1_775_000_000)
    taken_back = identity_of(feed, rows[0], is_deleted="true")
    if contract(feed).is_versioned:
        taken_back["updated_at"] = later(rows[0]["updated_at"])
    land(tmp_path, feed, "2.jsonl", [taken_back], modified_at=1_775_000_001)
    reports = warehouse.load(feed, tmp_path).files
    assert [file.rows_quarantined for file in reports] == [0, 0]
    assert living(warehouse, feed) == set(keys[1:])
    # A snapshot that lacks 1 of the 39 that live, and in which a line of another is bad.
    bad = rows[2] | {typed_column(feed): "no value of its type"}
    snapshot = [*rows[3:], bad]
    land(tmp_path, feed, "full/3.parquet", snapshot, modified_at=1_775_000_002)
    report = warehouse.load(feed, tmp_path)
    assert [(f.rows_closed, f.rows_quarantined) for f in report.files] == [(1, 1)]
    assert living(warehouse, feed) == set(keys[2:])
    if contract(feed).touched_by and not contract(feed).is_versioned:
        assert report.touched_days == {touched_day(feed, rows[1])}
    # One that lacks more than a twentieth is refused, and changes nothing.
    land(tmp_path, feed, "full/4.csv", rows[20:], modified_at=1_775_000_003)
    refused = warehouse.load(feed, tmp_path).files[0]
    assert refused.refusal_reason == (
        "full/4.csv: this full snapshot lacks 18 of 38 entities; expected at most 5% to vanish at once; check that the"
        " file is complete, or raise MAX_VANISHING_SHARE for one run"
    )
    assert living(warehouse, feed) == set(keys[2:])
    warehouse.balance()


def touched_day(feed, row):
    value = row[contract(feed).touched_by]
    if contract(feed).column(contract(feed).touched_by).type == "date":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value).astimezone(UTC).date()


@pytest.mark.parametrize("feed", contracts())
def test_the_same_rows_in_every_format(make_database, tmp_path, feed):
    """Each format's file repeats the one before, in its own bytes: all but the last are duplicates, none a clash."""
    warehouse = Warehouse(make_database())
    rows = [example_row(contract(feed), number) for number in range(3)]
    for i, suffix in enumerate(FORMATS):
        land(tmp_path, feed, f"{i}.{suffix}", rows, modified_at=1_775_000_000 + i)
    reports = warehouse.load(feed, tmp_path).files
    assert [(file.rows_in_file, file.rows_quarantined) for file in reports] == [(3, 0)] * len(FORMATS)
    *earlier, last = (f"{i}.{suffix}" for i, suffix in enumerate(FORMATS))
    assert warehouse.balance() == {**dict.fromkeys(earlier, (3, 0, 0, 3)), last: (3, 3, 0, 0)}
    assert warehouse.ask("select sum(rows_clashing)::int from raw.load_ledger") == [(0,)]
    assert living(warehouse, feed) == {key_of(feed, row) for row in rows}
    columns = contract(feed).columns
    filled = ", ".join(f"count({column.name})" for column in columns)
    assert warehouse.ask(f"select {filled} from raw.{feed}") == [(3,) * len(columns)]


@pytest.mark.parametrize("feed", ["customers", "usage_records"])
def test_a_snapshot_speaks_of_what_was_delivered_before_it(make_database, tmp_path, feed):
    """Loaded after a later delivery, it ends what it lacks, but nothing that came after it."""
    rows = [example_row(contract(feed), number) for number in range(60)]
    if contract(feed).is_versioned:
        again = [rows[1] | {"updated_at": "2026-05-20T00:00:00Z"}, rows[59]]
    else:
        again = [rows[1] | {"voice_seconds": "13"}, rows[59]]
    files = [("1.csv", rows[:59]), ("full/2.csv", rows[2:59]), ("3.csv", again)]
    states = []
    for order in ((0, 1, 2), (0, 2, 1)):
        warehouse, landing = Warehouse(make_database()), tmp_path / str(order)
        placed = [
            land(landing, feed, name, content, modified_at=1_775_000_000 + i) for i, (name, content) in enumerate(files)
        ]
        with psycopg.connect(warehouse.url, autocommit=True) as connection:
            discover(connection, contract(feed), landing)
        contents = [path.read_bytes() for path in placed]
        for path in placed:
            path.unlink()
        for i in order:
            placed[i].write_bytes(contents[i])
            os.utime(placed[i], (1_775_000_000 + i,) * 2)
            assert [file.status for file in warehouse.load(feed, landing).files] == ["loaded"]
            placed[i].unlink()
        newest = sorted(living(warehouse, feed))
        states.append((newest, warehouse.ask("select file_name, rows_closed from raw.load_ledger order by 1")))
    assert states[0][0] == states[1][0] == sorted({key_of(feed, row) for row in rows[1:]})
    assert dict(states[0][1])["full/2.csv"] == 2
    if contract(feed).is_versioned:
        assert states[0][1] == states[1][1]
