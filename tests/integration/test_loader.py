"""Every row of every file ends in exactly one place: raw, quarantine, or counted as a duplicate."""

import itertools
import re
import shutil
from datetime import UTC, date, datetime

import psycopg
import pytest

from ingestion.landing import new_bytes
from tests.integration.landing import customer, identifier, land, usage
from tests.integration.warehouse import Warehouse


@pytest.fixture
def warehouse(make_database):
    """An empty database of its own, and a way to ask it."""
    return Warehouse(make_database())


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_good_bad_and_repeated_rows_of_each_format(warehouse, tmp_path, suffix):
    good = [usage(i, f"2026-01-{i + 1:02d}T10:00:00Z") for i in range(10)]
    bad = [usage("b1", usage_id="no uuid"), usage("b2", data_usage_bytes=-1)]
    land(tmp_path, "usage_records", f"a.{suffix}", [*good, *bad, good[3]])
    report = warehouse.load("usage_records", tmp_path)
    assert warehouse.balance() == {f"a.{suffix}": (13, 10, 2, 1)}
    assert report.touched_days == {date(2026, 1, day) for day in range(1, 11)}
    reasons = warehouse.ask("select reasons from raw.quarantine order by line_number")
    assert reasons == [
        (["usage_id: expected a UUID, found 'no uuid'"],),
        (["data_usage_bytes: expected at least 0, found '-1'"],),
    ]
    assert warehouse.ask("select count(distinct usage_id) from raw.usage_records") == [(10,)]


def test_values_arrive_as_they_were(warehouse, tmp_path):
    row = usage(
        "x", "2026-03-08T02:30:00.123456-06:00", signal_strength_dbm="-85.50", is_roaming="true", session_seconds=7,
        counterparty_country="US", device_id=identifier("d"), colour="blue",
    )  # fmt: skip
    land(tmp_path, "usage_records", "a.csv", [row])
    report = warehouse.load("usage_records", tmp_path)
    assert report.files[0].unknown_columns == ("colour",)
    assert warehouse.ask(
        "select usage_timestamp, signal_strength_dbm::text, is_roaming, session_seconds, counterparty_country,"
        " device_id::text, element_id, _line_number, _extra, tableoid::regclass::text from raw.usage_records"
    ) == [
        (datetime(2026, 3, 8, 8, 30, 0, 123456, UTC), "-85.50", True, 7, "US", identifier("d"), None, 2,
         {"colour": "blue"}, "raw.usage_records_2026_03")
    ]  # fmt: skip


def test_the_same_bytes_load_once_under_any_name(warehouse, tmp_path):
    path = land(tmp_path, "usage_records", "a.csv", [usage(1)])
    warehouse.load("usage_records", tmp_path)
    shutil.copy(path, path.with_name("b.csv"))
    (tmp_path / "usage_records" / "deep").mkdir()
    shutil.move(path, tmp_path / "usage_records" / "deep" / "c.csv")
    assert warehouse.load("usage_records", tmp_path).files == ()
    assert warehouse.balance() == {"a.csv": (1, 1, 0, 0)}


def test_the_bytes_of_new_files_are_known_before_they_are_read(warehouse, tmp_path):
    def measured() -> int:
        with psycopg.connect(warehouse.url) as connection:
            return new_bytes(connection, tmp_path, "usage_records")

    first = land(tmp_path, "usage_records", "a.csv", [usage(1), usage(2)], modified_at=1_770_000_000)
    assert measured() == first.stat().st_size
    warehouse.load("usage_records", tmp_path)
    assert measured() == 0
    second = land(tmp_path, "usage_records", "b.csv", [usage(3)])
    assert measured() == second.stat().st_size
    changed = land(tmp_path, "usage_records", "a.csv", [usage(4)], modified_at=1_770_000_001)
    assert measured() == second.stat().st_size + changed.stat().st_size


def test_later_delivery_wins_and_the_ledgers_move(warehouse, tmp_path):
    land(tmp_path, "usage_records", "1.csv", [usage(1), usage(2), usage(3)], modified_at=1_770_000_000)
    warehouse.load("usage_records", tmp_path)
    land(tmp_path, "usage_records", "2.csv", [usage(2), usage(3, data_usage_bytes=5)], modified_at=1_770_000_100)
    warehouse.load("usage_records", tmp_path)
    assert warehouse.balance() == {"1.csv": (3, 1, 0, 2), "2.csv": (2, 2, 0, 0)}
    assert warehouse.ask("select file_name, rows_clashing from raw.load_ledger order by 1") == [
        ("1.csv", 0),
        ("2.csv", 1),
    ]
    assert warehouse.ask("select data_usage_bytes from raw.usage_records where usage_id = %s", identifier(3)) == [(5,)]


def test_the_order_of_loading_does_not_matter(make_database, tmp_path):
    """Three deliveries that overlap, given their sequence, loaded in every order."""
    files = {
        "1.csv": [usage(1), usage(2, data_usage_bytes=1), usage(2, data_usage_bytes=2)],
        "2.csv": [usage(2, data_usage_bytes=3), usage(4)],
        "3.csv": [usage(1, data_usage_bytes=9), usage(4), usage(5)],
    }
    outcomes = set()
    for order in itertools.permutations(files):
        warehouse = Warehouse(make_database())
        landing = tmp_path / "_".join(order)
        for i, (name, rows) in enumerate(files.items()):
            land(landing, "usage_records", name, rows, modified_at=1_770_000_000 + i)
        from ingestion.contract import contract
        from ingestion.landing import discover
        from ingestion.raw_tables import create_raw_tables

        with psycopg.connect(warehouse.url, autocommit=True) as connection:
            create_raw_tables(connection)
            discover(connection, contract("usage_records"), landing)
        aside = tmp_path / f"aside_{'_'.join(order)}"
        shutil.move(landing / "usage_records", aside)
        (landing / "usage_records").mkdir()
        for name in order:
            shutil.copy2(aside / name, landing / "usage_records" / name)
            warehouse.load("usage_records", landing)
        rows = warehouse.ask(
            "select usage_id::text, data_usage_bytes, _load_id::text from raw.usage_records order by 1"
        )
        outcomes.add((tuple(rows), tuple(sorted(warehouse.balance().items()))))
    assert len(outcomes) == 1
    ((rows, balance),) = outcomes
    assert dict(balance) == {"1.csv": (3, 0, 0, 3), "2.csv": (2, 1, 0, 1), "3.csv": (3, 3, 0, 0)}
    assert {row[0]: row[1] for row in rows}[identifier(2)] == 3


def test_every_version_of_an_entity_is_kept_once(warehouse, tmp_path):
    first, second = customer("ann"), customer("ann", "2026-02-01T00:00:00Z", account_status="suspended")
    land(tmp_path, "customers", "1.csv", [first, second])
    land(tmp_path, "customers", "2.csv", [second, customer("bob")], modified_at=1_770_000_100)
    warehouse.load("customers", tmp_path)
    assert warehouse.balance() == {"1.csv": (2, 1, 0, 1), "2.csv": (2, 2, 0, 0)}
    assert warehouse.ask("select account_status from raw.customers where customer_id = %s order by updated_at",
                         identifier("ann")) == [("active",), ("suspended",)]  # fmt: skip


def test_a_day_moved_by_a_version_or_an_issue_touches_the_old_days_too(warehouse, tmp_path):
    bill = {
        "bill_id": identifier("b"), "provider_id": identifier("p"), "customer_id": identifier("c"),
        "billing_period_start": "2026-01-01", "billing_period_end": "2026-02-01", "issued_on": "2026-02-03",
        "due_date": "2026-02-20", "currency": "USD", "subtotal_amount": "10.00", "discount_amount": "0.00",
        "tax_amount": "0.80", "total_amount": "10.80", "bill_status": "issued", "updated_at": "2026-02-03T00:00:00Z",
    }  # fmt: skip
    land(tmp_path, "bills", "1.csv", [bill])
    warehouse.load("bills", tmp_path)
    moved = {**bill, "billing_period_start": "2026-01-05", "updated_at": "2026-02-04T00:00:00Z"}
    land(tmp_path, "bills", "2.jsonl", [moved], modified_at=1_770_000_100)
    assert warehouse.load("bills", tmp_path).touched_days == {date(2026, 1, 1), date(2026, 1, 5)}
    assert warehouse.ask("select distinct bill_version from raw.bills") == [(1,)]
    reissued = {**moved, "bill_version": 2, "billing_period_start": "2025-09-05", "updated_at": "2026-02-05T00:00:00Z"}
    land(tmp_path, "bills", "3.jsonl", [reissued], modified_at=1_770_000_200)
    days = {date(2026, 1, 1), date(2026, 1, 5), date(2025, 9, 5)}
    assert warehouse.load("bills", tmp_path).touched_days == days


def test_a_charge_that_moves_touches_its_old_day_and_both_bills(warehouse, tmp_path):
    def charge(name, bill, start):
        return {"charge_id": identifier(name), "bill_id": identifier(bill), "bill_version": 1, "charge_type": "fee",
                "charge_period_start": start, "amount": "1.00"}  # fmt: skip

    land(tmp_path, "bill_charges", "1.csv", [charge("a", "x", "2026-01-01"), charge("b", "y", "2026-01-02")])
    warehouse.load("bill_charges", tmp_path)
    land(tmp_path, "bill_charges", "2.csv", [charge("a", "z", "2026-01-09")], modified_at=1_770_000_100)
    report = warehouse.load("bill_charges", tmp_path)
    assert report.touched_days == {date(2026, 1, 1), date(2026, 1, 9)}
    assert report.files[0].rows_clashing == 1
    dirty = "select entity, entity_id::text from raw.dirty_windows where load_id = %s and valid_from = '-infinity'"
    assert set(warehouse.ask(dirty, report.files[0].load_id)) == {("bill", identifier(bill)) for bill in "xz"}
    # A snapshot that lacks one charge says so of its bill.
    kept = [charge("a", "z", "2026-01-09"), *(charge(i, "w", "2026-01-03") for i in range(30))]
    land(tmp_path, "bill_charges", "full/3.csv", kept, modified_at=1_770_000_200)
    report = warehouse.load("bill_charges", tmp_path)
    assert report.files[0].rows_closed == 1
    assert report.touched_days == {date(2026, 1, day) for day in (2, 3, 9)}
    assert set(warehouse.ask(dirty, report.files[0].load_id)) == {("bill", identifier(bill)) for bill in "wyz"}


def test_personal_values_have_hashes_and_quarantine_names_its_subjects(warehouse, tmp_path):
    bad = customer("cat", account_status="?", phone="555-0100")
    land(tmp_path, "customers", "a.csv", [*(customer(i, phone="555-0100") for i in range(9)), bad])
    warehouse.load("customers", tmp_path)
    (phone_hmac,) = warehouse.ask("select distinct phone_hmac from raw.customers")[0]
    (subjects,) = warehouse.ask("select subject_hmacs from raw.quarantine")[0]
    assert len(phone_hmac) == 64
    assert phone_hmac in subjects
    assert "555-0100" not in str(
        warehouse.ask("select reasons, file_name from raw.quarantine join raw.load_ledger using (load_id)")
    )


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([usage(1)], ["usage_id", "usage_timestamp"], r"a\.csv: line 1 lacks the columns service_id, usage_type"),
        ([usage(1), usage(2, usage_type="?"), usage(3)], None, r"1 of 3 rows \(33\.3%\) break the contract.*line 3"),
    ],
)
def test_a_refused_file_leaves_nothing_but_its_reason(warehouse, tmp_path, rows, columns, message):
    path = land(tmp_path, "usage_records", "a.csv", rows)
    if columns:
        path.write_text(",".join(columns) + "\n" + f"{identifier(1)},2026-01-01T00:00:00Z\n")
    report = warehouse.load("usage_records", tmp_path)
    assert report.files[0].status == "refused"
    assert re.search(message, report.files[0].refusal_reason)
    assert warehouse.ask("select count(*) from raw.usage_records") == [(0,)]
    assert warehouse.ask("select status, rows_loaded from raw.load_ledger") == [("refused", 0)]
    assert warehouse.load("usage_records", tmp_path).files == ()


def test_a_higher_share_lets_the_file_in_once_it_changes(warehouse, tmp_path):
    rows = [usage(1), usage(2, usage_type="?")]
    land(tmp_path, "usage_records", "a.csv", rows)
    assert warehouse.load("usage_records", tmp_path).files[0].status == "refused"
    land(tmp_path, "usage_records", "a.csv", [*rows, usage(3)])
    assert warehouse.load("usage_records", tmp_path, max_bad_row_share=0.5).files[0].rows_loaded == 2


def test_header_only_and_unknown_formats(warehouse, tmp_path):
    land(tmp_path, "usage_records", "empty.csv", [])
    (tmp_path / "usage_records" / "notes.txt").write_text("not a feed file")
    (tmp_path / "usage_records" / ".hidden.csv").write_text("being written")
    warehouse.load("usage_records", tmp_path)
    assert warehouse.balance() == {"empty.csv": (0, 0, 0, 0)}


def test_a_file_that_changes_while_it_is_loaded_is_left_for_the_next_run(warehouse, tmp_path, monkeypatch):
    path = land(tmp_path, "usage_records", "a.csv", [usage(1)])
    from ingestion import loader

    original = loader.remove_duplicates

    def append_and_go_on(*arguments):
        path.write_text(path.read_text() + "\n")
        return original(*arguments)

    monkeypatch.setattr(loader, "remove_duplicates", append_and_go_on)
    land(tmp_path, "usage_records", "b.csv", [usage(2)])
    report = warehouse.load("usage_records", tmp_path)
    monkeypatch.undo()
    assert [(found.file_name, found.is_error) for found in report.left] == [("a.csv", False)]
    assert "changed while it was loaded; nothing of it was kept; the next run loads it" in report.left[0].reason
    assert warehouse.balance() == {"b.csv": (1, 1, 0, 0)}
    assert warehouse.load("usage_records", tmp_path).files[0].rows_loaded == 1
    assert warehouse.ask("select count(*) from raw.landing_findings") == [(0,)]


def test_deletions_and_full_snapshots(warehouse, tmp_path):
    people = [customer(i) for i in range(30)]
    land(tmp_path, "customers", "1.csv", people)
    gone = {"customer_id": identifier(0), "updated_at": "2026-02-01T00:00:00Z", "is_deleted": "true"}
    land(tmp_path, "customers", "2.jsonl", [gone], modified_at=1_770_000_100)
    land(tmp_path, "customers", "full/3.csv", people[2:], modified_at=1_775_000_000)
    reports = warehouse.load("customers", tmp_path).files
    assert [file.rows_closed for file in reports] == [0, 0, 1]
    assert warehouse.balance()["full/3.csv"] == (28, 28, 0, 0)
    ended = warehouse.ask(
        "select customer_id::text, updated_at from (select distinct on (customer_id) customer_id, is_deleted,"
        " updated_at from raw.customers order by customer_id, updated_at desc) newest where is_deleted"
    )
    assert dict(ended)[identifier(1)] == datetime.fromtimestamp(1_775_000_000, UTC)
    assert set(dict(ended)) == {identifier(0), identifier(1)}
    land(tmp_path, "customers", "full/4.csv", people[:10], modified_at=1_775_000_100)
    refused = warehouse.load("customers", tmp_path).files[0]
    assert refused.status == "refused"
    assert "lacks 20 of 28 entities" in refused.refusal_reason
