"""Full snapshots loaded in any order: what ends follows from the sequence of delivery alone."""

import os
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.contract import contract
from ingestion.examples import example_row
from ingestion.landing import discover
from ingestion.raw_tables import feed_columns
from tests.integration.landing import customer, land
from tests.integration.warehouse import Warehouse

ENTITIES, FIRST_DELIVERY = range(4), 1_775_000_000
IN_ONE_DATABASE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def at(seconds):
    return datetime.fromtimestamp(FIRST_DELIVERY + seconds, UTC).isoformat()


def row_of(feed, entity, version, is_deleted):
    """One row of an entity; versions lie around the times of the snapshots, and on them."""
    taken_back = {"is_deleted": "true"} if is_deleted else {}
    if feed == "customers":
        return customer(entity, updated_at=at(version), first_name=f"{version}", **taken_back)
    changing = {"quantity" if feed == "bill_charges" else "voice_seconds": str(version + 2)}
    return example_row(contract(feed), entity) | changing | taken_back


@st.composite
def deliveries(draw):
    """Up to five deliveries of a few entities, whole snapshots among them, and an order in which they are loaded."""
    entity_rows = st.dictionaries(
        st.sampled_from(ENTITIES),
        st.tuples(st.integers(-2, 6), st.sampled_from((False, False, False, True))),
        min_size=1,
    )
    files = draw(st.lists(st.tuples(st.booleans(), entity_rows), min_size=2, max_size=5))
    return files, draw(st.permutations(range(len(files))))


def loaded(warehouse, feed, folder, files, order):
    """The raw rows and the ledger after the deliveries came in their sequence and were loaded in the given order."""
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        connection.execute(f"truncate raw.deliveries cascade; truncate raw.{feed}")
    placed = [
        land(
            folder, feed, f"{'full/' if is_full else ''}{i}.csv",
            [row_of(feed, entity, *state) | {f"delivery_{i}": ""} for entity, state in rows.items()],
            modified_at=FIRST_DELIVERY + i,
        )
        for i, (is_full, rows) in enumerate(files)
    ]  # fmt: skip
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        discover(connection, contract(feed), folder)
    contents = [path.read_bytes() for path in placed]
    for path in placed:
        path.unlink()
    for i in order:
        placed[i].write_bytes(contents[i])
        os.utime(placed[i], (FIRST_DELIVERY + i,) * 2)
        reports = warehouse.load(feed, folder, max_vanishing_share=1.0, quiet_seconds=0).files
        assert [report.status for report in reports] == ["loaded"]
        placed[i].unlink()
    warehouse.balance()
    columns = ", ".join(name for name, _, _ in feed_columns(contract(feed)))
    # A clash is counted when two rows meet, and a mark when it is made: both depend on who came first.
    ledger = "file_name, rows_in_file, rows_loaded, rows_duplicate"
    ledger += ", rows_closed" if contract(feed).is_versioned else ""
    return (
        warehouse.ask(f"select {columns} from raw.{feed} order by {columns}"),
        warehouse.ask(f"select {ledger} from raw.load_ledger order by 1"),
    )


@pytest.fixture(scope="module")
def warehouse(make_database):
    return Warehouse(make_database())


@pytest.mark.parametrize("feed", ["customers", "bill_charges", "usage_records"])
def test_any_order_ends_in_the_same_rows(warehouse, tmp_path, feed):
    @settings(max_examples=10, deadline=None, suppress_health_check=IN_ONE_DATABASE)
    @given(deliveries())
    def check(drawn):
        files, order = drawn
        in_sequence = loaded(warehouse, feed, tmp_path, files, range(len(files)))
        assert loaded(warehouse, feed, tmp_path, files, order) == in_sequence

    check()
