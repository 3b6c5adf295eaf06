"""The benchmarks of a warehouse in small: the shorter history, the next day, readers, dashboards, a day replaced."""

from datetime import timedelta

import psycopg

from benchmarks import replacing
from benchmarks.daily import read_at_once
from benchmarks.daily_files import land, with_history_since, write_day
from benchmarks.demo import answers_ms
from ingestion.loader import load_feed
from tests.pipeline.windowed import copy_of


def test_a_shorter_history_knows_the_whole_operator(built_warehouse, tmp_path):
    short = with_history_since(built_warehouse.landing, "2026-09", tmp_path / "short")
    kept = {path.relative_to(short) for path in short.glob("*/*")}
    left_out = {path.relative_to(built_warehouse.landing) for path in built_warehouse.landing.glob("*/*")} - kept
    assert {path.parent.name for path in left_out} >= {"usage_records", "bills", "support_tickets"}
    assert all("_2026-07" in path.name or "_2026-08" in path.name for path in left_out)
    assert any(path.name.startswith("customers_2026-07") for path in kept)


def test_the_next_day_is_the_day_of_a_week_ago_and_loads_whole(built_warehouse, make_database, tmp_path):
    warehouse = copy_of(built_warehouse, make_database, tmp_path / "copy")
    day = warehouse.settings.as_of
    written = write_day(warehouse.url, day, tmp_path / "day")
    land(tmp_path / "day", warehouse.landing)
    loaded = 0
    for feed in ("usage_records", "network_performance", "support_tickets", "service_quality", "customers"):
        report = load_feed(
            feed, landing=warehouse.landing, warehouse_url=warehouse.url,
            pii_key=warehouse.settings.pii_key_file.read_bytes(), quiet_seconds=0,
        )  # fmt: skip
        assert sum(file.rows_quarantined for file in report.files) == 0
        loaded += sum(file.rows_loaded for file in report.files)
    assert loaded == written > 100
    query = "select count(*) from raw.usage_records where usage_timestamp >= %s and usage_timestamp < %s"
    counts = [warehouse.ask(query, day + timedelta(days=n), day + timedelta(days=n + 1)) for n in (-7, 0)]
    assert counts[0] == counts[1] != [(0,)]


def test_readers_find_no_error_and_every_dashboard_answers(built_warehouse):
    assert read_at_once(built_warehouse.url, readers=4) == []
    answers = answers_ms(built_warehouse.url)
    with psycopg.connect(built_warehouse.url) as connection:
        (expected,) = connection.execute(
            "select count(*) from information_schema.tables where table_schema = 'dashboards'"
        ).fetchone()
    assert len(answers) == expected
    assert answers["operations_daily"][0] > 90


def test_a_day_is_replaced_in_both_ways(make_database, tmp_path, monkeypatch):
    monkeypatch.setattr(replacing, "BENCH_FOLDER", tmp_path)
    seconds = replacing.measure(make_database(), 1_000, 1)
    assert {model: len(found) for model, found in seconds.items()} == {"fact_merged": 1, "fact_replaced": 1}
    assert min(min(found) for found in seconds.values()) > 0
