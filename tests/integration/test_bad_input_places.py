"""Files that are not there as they should be: everything else is loaded, and the run says what was left and why."""

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ingestion import landing as landing_module
from ingestion import loader
from ingestion.errors import IngestionError
from ingestion.landing import record_findings, strays
from ingestion.replay import export_quarantine, land_repaired_file
from tests.integration.landing import identifier, land, usage
from tests.integration.warehouse import Warehouse

FEED = "usage_records"
NOBODY = 65534


@pytest.fixture
def warehouse(make_database):
    return Warehouse(make_database())


@pytest.fixture
def landing():
    """A landing folder that any user may enter (pytest's own are closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="landing-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_a_user():
    """Runs a call without root's right to read everything."""

    def call(function, *arguments, **named):
        if os.geteuid() != 0:
            return function(*arguments, **named)
        os.seteuid(NOBODY)
        try:
            return function(*arguments, **named)
        finally:
            os.seteuid(0)

    return call


def ids(warehouse):
    return {row[0] for row in warehouse.ask("select usage_id::text from raw.usage_records")}


def test_a_file_that_is_being_written_is_left_for_the_next_run(warehouse, landing):
    land(landing, FEED, "done.csv", [usage(1)])
    path = land(landing, FEED, "growing.csv", [usage(2)])
    os.utime(path)
    stop = threading.Event()

    def write():
        with path.open("a") as stream:
            while not stop.is_set():
                stream.write("\n")
                stream.flush()
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = warehouse.load(FEED, landing, quiet_seconds=0.5)
    finally:
        stop.set()
        writer.join()
    assert [file.file_name for file in report.files] == ["done.csv"]
    assert [(f.file_name, f.reason) for f in report.left] == [
        ("growing.csv", "the file is still being written; the next run loads it")
    ]
    assert warehouse.ask("select feed, file_name, is_error from raw.landing_findings") == [(FEED, "growing.csv", False)]
    report = warehouse.load(FEED, landing, quiet_seconds=0.5)
    assert [file.file_name for file in report.files] == ["growing.csv"]
    assert (report.left, ids(warehouse)) == ((), {identifier(1), identifier(2)})
    assert warehouse.ask("select count(*) from raw.landing_findings") == [(0,)]


def test_a_file_that_came_just_now_is_waited_for_once(warehouse, landing):
    for i in range(3):
        os.utime(land(landing, FEED, f"{i}.csv", [usage(i)]))
    begun = time.monotonic()
    assert len(warehouse.load(FEED, landing, quiet_seconds=1).files) == 3
    assert 0.3 < time.monotonic() - begun < 10
    os.utime(land(landing, FEED, "future.csv", [usage(9)]), (time.time() + 9999,) * 2)
    assert len(warehouse.load(FEED, landing, quiet_seconds=0.1).files) == 1


@pytest.mark.parametrize("suffix", ["csv", "jsonl.gz", "parquet"])
def test_a_file_that_vanishes_between_discovery_and_load(warehouse, landing, monkeypatch, suffix):
    land(landing, FEED, f"1.{suffix}", [usage(1)], modified_at=1_770_000_000)
    gone = land(landing, FEED, f"2.{suffix}", [usage(2)], modified_at=1_770_000_001)
    land(landing, FEED, f"3.{suffix}", [usage(3)], modified_at=1_770_000_002)
    original = loader.discover

    def discover_and_remove(*arguments):
        found = original(*arguments)
        gone.unlink()
        return found

    monkeypatch.setattr(loader, "discover", discover_and_remove)
    report = warehouse.load(FEED, landing)
    assert [file.file_name for file in report.files] == [f"1.{suffix}", f"3.{suffix}"]
    assert [(f.file_name, f.reason) for f in report.left] == [
        (f"2.{suffix}", f"2.{suffix}: the file vanished before it was loaded; nothing of it was kept; land it again")
    ]
    assert ids(warehouse) == {identifier(1), identifier(3)}
    assert warehouse.balance() == {f"1.{suffix}": (1, 1, 0, 0), f"3.{suffix}": (1, 1, 0, 0)}
    monkeypatch.undo()
    land(landing, FEED, f"2.{suffix}", [usage(2)], modified_at=1_770_000_001)
    assert len(warehouse.load(FEED, landing).files) == 1


def test_a_file_that_vanishes_before_it_is_read_at_all(warehouse, landing, monkeypatch):
    gone = land(landing, FEED, "1.csv", [usage(1)])
    land(landing, FEED, "2.csv", [usage(2)])
    original = landing_module.settled

    def settle_and_remove(*arguments):
        found = original(*arguments)
        gone.unlink()
        return found

    monkeypatch.setattr(landing_module, "settled", settle_and_remove)
    report = warehouse.load(FEED, landing)
    assert [file.file_name for file in report.files] == ["2.csv"]
    assert "1.csv: the file vanished before it was loaded" in report.left[0].reason


def test_a_folder_and_a_file_without_rights(warehouse, landing, as_a_user):
    land(landing, FEED, "open.csv", [usage(1)])
    closed = land(landing, FEED, "closed/2.csv", [usage(2)]).parent
    secret = land(landing, FEED, "secret.csv", [usage(3)])
    closed.chmod(0)
    secret.chmod(0)
    try:
        report = as_a_user(warehouse.load, FEED, landing)
    finally:
        closed.chmod(0o755)
        secret.chmod(0o644)
    assert [file.file_name for file in report.files] == ["open.csv"]
    assert [(f.file_name, f.is_error) for f in report.left] == [("closed", True), ("secret.csv", True)]
    assert report.left[0].reason == (
        "the folder cannot be read (Permission denied); its files are not loaded; let the user who runs the pipeline"
        " read and enter it"
    )
    assert "secret.csv: the file could not be read (Permission denied)" in report.left[1].reason
    assert {file.file_name for file in warehouse.load(FEED, landing).files} == {"closed/2.csv", "secret.csv"}


def test_links_are_followed_within_the_landing_folder_only(warehouse, landing, tmp_path):
    outside = land(tmp_path, FEED, "outside.csv", [usage("outside")])
    inside = land(landing, FEED, "inside.csv", [usage("inside")])
    folder = inside.parent
    (folder / "out.csv").symlink_to(outside)
    (folder / "out").symlink_to(outside.parent)
    (folder / "in.csv").symlink_to(inside)
    (folder / "broken.csv").symlink_to(folder / "nowhere.csv")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.csv")
    report = warehouse.load(FEED, landing)
    assert ids(warehouse) == {identifier("inside")}
    reasons = {found.file_name: found.reason for found in report.left}
    assert set(reasons) == {"out.csv", "out", "broken.csv", "loop", "pipe.csv"}
    assert reasons["out"] == reasons["out.csv"]
    assert reasons["out"] == "a link out of the landing folder, which is not followed; land the file itself"
    assert reasons["loop"] == "a link to no file, which is not followed; land the file itself"
    assert "found neither" in reasons["pipe.csv"]


def test_a_feed_folder_that_is_a_link_out(warehouse, landing, tmp_path):
    land(tmp_path, FEED, "outside.csv", [usage("outside")])
    (landing / FEED).symlink_to(tmp_path / FEED)
    report = warehouse.load(FEED, landing)
    assert report.files == ()
    assert "link out of the landing folder" in report.left[0].reason


def test_a_folder_that_no_contract_knows_is_said_and_kept(warehouse, landing):
    path = land(landing, FEED, "a.csv", [usage(1)])
    shutil.copytree(path.parent, landing / "usage_record")
    (landing / "loose.csv").write_text("x\n")
    (landing / ".hidden").mkdir()
    found = strays(landing)
    assert [finding.file_name for finding in found] == ["loose.csv", "usage_record"]
    assert found[0].reason == "a file outside the feeds' folders; not loaded; move it into its feed's folder"
    assert found[1].reason.startswith(
        "a folder that no feed's contract knows; its files are not loaded; expected one of bill_charges, bills,"
    )
    import psycopg

    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        record_findings(connection, None, found)
        record_findings(connection, None, found)
    assert warehouse.ask("select file_name, first_seen_at < last_seen_at from raw.landing_findings order by 1") == [
        ("loose.csv", True), ("usage_record", True)]  # fmt: skip
    assert (landing / "usage_record" / "a.csv").exists()


HOSTILE_NAMES = [
    b"new\nline.csv", b'quo"te\'s.csv', b"bell\x07\x1b[31m.csv", b"not utf8 \xff\xfe.csv", b"back\\slash.csv",
    b"back\\xffslash.csv", b"%s {x} | `tick` <b>.csv", "\u202eltr.csv".encode(), b"-rf.csv", b"n" * 240 + b".csv",
    b"UPPER.CSV", b" .csv",
]  # fmt: skip


def write_under(folder, name, content, modified_at):
    """Whether the file system takes the name; macOS's takes only UTF-8 and shorter paths."""
    path = os.path.join(os.fsencode(folder), name)  # noqa: PTH118
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "w") as stream:  # noqa: PTH123
            stream.write(content)
    except OSError:
        return False
    os.utime(path, (modified_at,) * 2)
    return True


def test_hostile_file_names(warehouse, landing):
    source = land(landing, FEED, "source.csv", [usage("source")])
    template = source.read_text()
    source.unlink()
    names = []
    for i, name in enumerate([*HOSTILE_NAMES, b"/".join([b"d" * 200] * 12) + b"/deep.csv"]):
        good = template.replace(identifier("source"), identifier(i))
        content = (good if i % 3 else "usage_id\nx\n") + "\n" * i
        if write_under(landing / FEED, name, content, 1_770_000_000 + i):
            names.append((name, bool(i % 3)))
    assert len(names) >= len(HOSTILE_NAMES) - 1
    report = warehouse.load(FEED, landing)
    assert len(report.files) == len(names)
    assert sum(file.rows_loaded for file in report.files) == sum(is_good for _, is_good in names)
    shown = {name for (name,) in warehouse.ask("select file_name from raw.load_ledger")}
    assert len(shown) == len(names)
    assert all(name.isprintable() and len(name) <= 1000 for name in shown)
    assert {"new\\nline.csv", "back\\\\slash.csv", "back\\\\xffslash.csv"} <= shown
    assert ("not utf8 \\xff\\xfe.csv" in shown) == (b"not utf8 \xff\xfe.csv" in dict(names))
    refusals = [file.refusal_reason for file in report.files if file.refusal_reason]
    assert len(refusals) == sum(not is_good for _, is_good in names)
    assert all(text.isprintable() for text in refusals)
    assert warehouse.load(FEED, landing).files == ()


def test_a_repaired_file_is_landed_whole_or_not_at_all(landing, tmp_path, disk_with):
    source = land(tmp_path, FEED, "fix.csv", [usage(i) for i in range(5000)])
    with disk_with(100_000), pytest.raises(IngestionError, match=r"could not be written .*nothing of it is left"):
        land_repaired_file(source, FEED, landing)
    assert [path for path in landing.rglob("*") if path.is_file()] == []
    target = land_repaired_file(source, FEED, landing)
    assert target.read_bytes() == source.read_bytes()
    assert [path for path in landing.rglob("*") if path.is_file()] == [target]


def test_the_quarantine_is_written_out_whole_or_not_at_all(warehouse, landing, tmp_path, disk_with):
    import psycopg

    bad = [usage(f"bad {i}", usage_type="?" * 500) for i in range(500)]
    land(landing, FEED, "a.csv", [*bad, usage(1)])
    warehouse.load(FEED, landing, max_bad_row_share=1)
    out = tmp_path / "fix.csv"
    with psycopg.connect(warehouse.url) as connection:
        with disk_with(100_000), pytest.raises(IngestionError, match=r"fix\.csv: could not be written"):
            export_quarantine(connection, FEED, out)
        assert list(tmp_path.iterdir()) == []
        assert export_quarantine(connection, FEED, out) == 500
    assert out.stat().st_mode & 0o777 == 0o600
