"""Whatever a file holds: every row ends in exactly one place, and what is loaded is what was sent."""

from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.readers import open_reader
from ingestion.rules import Judge
from tests.integration.generated import FEEDS, ROW, files, same_value
from tests.integration.warehouse import NOW, Warehouse

IN_ONE_DATABASE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def warehouse(make_database):
    return Warehouse(make_database())


def written(file, folder):
    for old in folder.iterdir():
        old.unlink()
    path = folder / f"a.{file.suffix}"
    path.write_bytes(file.content())
    return path


def as_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else None if value is None else str(value)


@settings(max_examples=300, deadline=None, suppress_health_check=IN_ONE_DATABASE)
@given(file=files())
def test_reader_and_rules_lose_and_change_nothing(tmp_path, file):
    good, out, broken = {}, [], []
    for chunk in open_reader(written(file, tmp_path)).chunks():
        judged = Judge(file.contract, NOW).judge(chunk)
        assert all(rejection.reasons for rejection in judged.rejections)
        broken += chunk.broken
        out += [chunk.columns[ROW][rejection.row] for rejection in judged.rejections]
        for i, row in zip(judged.rows.tolist(), judged.typed.iter_rows(named=True), strict=True):
            good[chunk.columns[ROW][i]] = row
    assert len(good) + len(out) + len(broken) == len(file.rows)
    assert not good.keys() & set(out)
    for number, typed in good.items():
        sent = file.rows[int(number)]
        for column in file.contract.all_columns:
            assert same_value(column, sent[column.name], as_text(typed[column.name])), column.name


@settings(max_examples=60, deadline=None, suppress_health_check=IN_ONE_DATABASE)
@given(file=files())
def test_the_loader_loses_and_changes_nothing(warehouse, tmp_path, file):
    feed = file.feed
    folder = tmp_path / feed
    folder.mkdir(exist_ok=True)
    with psycopg.connect(warehouse.url) as connection:
        connection.execute(f"truncate raw.deliveries cascade; truncate {', '.join(f'raw.{name}' for name in FEEDS)}")
    written(file, folder)
    (report,) = warehouse.load(feed, tmp_path, max_bad_row_share=1.0, quiet_seconds=0).files
    assert report.status == "loaded"
    assert report.rows_in_file == len(file.rows)
    assert report.rows_loaded + report.rows_quarantined + report.rows_duplicate == len(file.rows)
    warehouse.balance()
    columns = file.contract.all_columns
    shown = ", ".join(
        f"to_char({c.name} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')" if c.type == "timestamptz"
        else f"{c.name}::text"
        for c in columns
    )  # fmt: skip
    found = warehouse.ask(f"select (_extra ->> '{ROW}')::int, {shown} from raw.{feed}")
    assert len({row[0] for row in found}) == len(found) == report.rows_loaded
    for number, *values in found:
        for column, value in zip(columns, values, strict=True):
            assert same_value(column, file.rows[number][column.name], value), column.name
    assert warehouse.ask("select count(*) from raw.quarantine where reasons = '{}'") == [(0,)]


def test_the_clock_of_these_tests_is_after_the_examples():
    assert datetime(2026, 2, 1, tzinfo=UTC) < NOW
