"""The suites and thresholds as data: every feed has one, every number a unit and a reason, no personal value shows."""

import re
from datetime import date

import pytest

from expectations import suites as suites_module
from expectations.batch import Batch, batch_query
from expectations.newest import PROVIDERS
from expectations.suites import (
    IDENTITY,
    SUITES_FOLDER,
    SuiteError,
    expectations,
    suites,
    threshold,
    thresholds,
)
from ingestion.contract import contract, contracts

LISTED = [(feed, expectation) for feed, suite in suites().items() for expectation in expectations(suite)]


def test_every_feed_has_a_suite_and_every_suite_a_feed():
    assert set(suites()) == set(contracts()) == {path.stem for path in SUITES_FOLDER.glob("*.yml")}
    for feed, suite in suites().items():
        names = [expectation.name for expectation in expectations(suite)]
        assert names[0] == IDENTITY
        assert len(set(names)) == len(names) > 1, feed


def test_a_parent_is_a_feed_and_has_the_columns_type():
    for suite in suites().values():
        for column, parent in suite.parents.items():
            assert suite.contract.column(column).type == contract(parent).columns[0].type
            assert contract(parent).key[0] == contract(parent).columns[0].name


def test_every_feed_leads_to_its_provider():
    for feed, suite in suites().items():
        assert suite.provider_by, feed
        assert set(suite.provider_by) <= {"provider_id", *PROVIDERS}, feed


def test_a_failing_row_is_named_by_no_personal_column():
    for feed, expectation in LISTED:
        personal = {column.name for column in contract(feed).personal_columns}
        assert not personal & set(expectation.key)
        selected = re.sub(r" where .*", "", expectation.broken, flags=re.DOTALL)
        assert not any(re.search(rf"\b{name}\b", selected) for name in personal), expectation.name


def test_no_measure_reads_a_personal_column():
    for feed, suite in suites().items():
        for name, measure in suite.measures.items():
            read = set(re.findall(r"\w+", f"{measure.of} {measure.where}"))
            assert not read & {column.name for column in contract(feed).personal_columns}, name


def test_every_threshold_has_a_unit_and_a_reason_and_is_used():
    code = "".join(path.read_text() for path in suites_module.FOLDER.rglob("*") if path.suffix in (".py", ".yml"))
    for name, limit in thresholds().items():
        assert limit.unit, name
        assert limit.why.endswith("."), name
        # Two names are put together from their beginning and a level.
        assert len(re.findall(rf"\b{name.removesuffix('_warning').removesuffix('_critical')}", code)) > 1, name


def test_an_exception_speaks_of_something_that_exists():
    known = set()
    for feed, suite in suites().items():
        known |= {feed, *(f"{feed}.{name}" for name in (*suite.parents, *suite.measures, *suite.rules))}
    for name, limit in thresholds().items():
        assert set(limit.exceptions) <= known, name


def test_the_first_exception_wins_over_the_threshold():
    assert threshold("unknown_parent_share_warning", "usage_records.device_id", "usage_records") == 0.2
    assert threshold("unknown_parent_share_warning", "usage_records.service_id", "usage_records") == 0.02
    with pytest.raises(SuiteError, match="no threshold 'unheard_of'; known: unknown_parent_share_warning"):
        threshold("unheard_of")


def test_a_suite_that_is_wrong_says_where(tmp_path, monkeypatch):
    monkeypatch.setattr(suites_module, "SUITES_FOLDER", tmp_path)
    suites.cache_clear()
    with pytest.raises(SuiteError, match=r"bill_charges.yml: feed bill_charges has a contract but no suite"):
        suites()
    (tmp_path / "bill_charges.yml").write_text(
        "feed: bill_charges\nnewest: {date: a, event: b}\nprovider_by: [bill_id]"
    )
    with pytest.raises(SuiteError, match="newest is one of event, date, delivery"):
        suites()
    monkeypatch.undo()
    suites.cache_clear()


def test_the_batch_is_made_of_spans_that_partitions_can_serve():
    days = (date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 5))
    assert batch_query(Batch("usage_records", days)) == (
        "select * from raw.usage_records where"
        " usage_timestamp >= '2026-01-01 00:00:00+00' and usage_timestamp < '2026-01-03 00:00:00+00' or"
        " usage_timestamp >= '2026-01-05 00:00:00+00' and usage_timestamp < '2026-01-06 00:00:00+00'"
    )
    assert batch_query(Batch("usage_records", ())).endswith("where false")
    scattered = tuple(date(2026, 1, day) for day in range(1, 31, 2))
    assert batch_query(Batch("usage_records", scattered)).startswith(
        "select * from raw.usage_records where"
        " usage_timestamp >= '2026-01-01 00:00:00+00' and usage_timestamp < '2026-01-30 00:00:00+00'"
        " and (usage_timestamp at time zone 'UTC')::date = any('{2026-01-01,2026-01-03,"
    )
