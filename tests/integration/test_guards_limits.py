"""What is judged against a limit or the days before: unknown parents, tolerated rules, volume, measures, freshness."""

import random
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from expectations.suites import MEASURES, NEWEST, PARENTS, VOLUME
from tests.integration.guarding import Border, row
from tests.integration.landing import customer, identifier, usage

FIRST = date(2026, 1, 5)  # a Monday


@pytest.fixture
def border(make_database, tmp_path):
    return Border(make_database(), tmp_path)


def usage_of(day: date, count: int, name: str = "", kind: str = "data", size: float = 10.0) -> list[dict[str, object]]:
    """Records spread over a UTC day; sizes scatter around e^size bytes."""
    chance = random.Random(f"{day} {name}")
    quantity = {"data": "data_usage_bytes", "voice": "voice_seconds"}[kind]
    return [
        usage(
            f"{day} {name} {i}", f"{day}T{i * 86399 // count // 3600:02}:{i % 60:02}:00Z", usage_type=kind,
            **{"data_usage_bytes": 0, quantity: int(2.718 ** chance.gauss(size, 1.0))},
        )
        for i in range(count)
    ]  # fmt: skip


def eight_weeks(**changes) -> list[dict[str, object]]:
    """Ten weeks of usage from FIRST: 120 records on weekdays, 60 at weekends, give or take a few."""
    rows = []
    for number in range(70):
        day = FIRST + timedelta(days=number)
        rows += usage_of(day, (120 if day.weekday() < 5 else 60) + number % 7)
    return rows


@pytest.fixture
def busy(border):
    """A border with ten usual weeks, all of them judged."""
    border.as_of = datetime(2026, 3, 16, tzinfo=UTC)
    border.load("usage_records", eight_weeks())
    border.load("usage_records", usage_of(date(2026, 3, 16), 3))
    assert border.failed("usage_records") == {}
    return border


@pytest.mark.parametrize(
    ("unknown", "expected"), [(0, {}), (2, {}), (3, {PARENTS: "warning"}), (51, {PARENTS: "critical"})]
)
def test_unknown_parents_are_judged_by_their_share(border, unknown, expected):
    service = {"plan_id": identifier("plan"), "service_status": "pending"}
    border.load("customer_services", [row("customer_services", "service", **service)])
    rows = [
        usage(i, service_id=identifier(f"stranger {i}" if i < unknown else "service"), device_id=identifier("device"))
        for i in range(100)
    ]
    border.load("usage_records", rows)
    failed = border.failed("usage_records")
    assert {name: grave for name, grave in failed.items() if name == PARENTS} == expected
    kept = border.keys("usage_records", PARENTS)
    assert len(kept) == (unknown if expected else 0)
    assert all(key["parent_column"] == "service_id" for key in kept)
    if expected:
        said = border.ask("select said from quality.check_results where check_name = %s and not success", PARENTS)
        assert said == [(f"service_id: {unknown / 100:.4g} share of rows, at most 0.02",)]


def test_the_share_of_what_is_touched_counts_not_of_all(border):
    border.load("customer_services", [row("customer_services", "service", service_status="pending")])
    border.load("usage_records", [usage(i, service_id=identifier("service")) for i in range(100)])
    border.judge("usage_records")
    border.load("usage_records", [usage("late", "2026-01-20T00:00:00Z", service_id=identifier("stranger"))])
    assert border.failed("usage_records")[PARENTS] == "critical"


@pytest.mark.parametrize(("wrong", "is_red"), [(0, False), (1, False), (2, True)])
def test_charges_that_do_not_add_up_are_tolerated_up_to_a_limit(border, wrong, is_red):
    """300 bills of two charges: one wrong is 0.33 %, two are 0.67 %; the limit is 0.5 %."""
    bills, charges = [], []
    for i in range(300):
        bills.append(
            row("bills", f"bill {i}", bill_version=1, billing_period_start="2026-01-01", subtotal_amount=11,
                billing_period_end="2026-02-01", discount_amount=1, tax_amount=0, total_amount=10, currency="USD")
        )  # fmt: skip
        for kind, amount in (("recurring", 11), ("discount", -1 if i >= wrong else -2)):
            charges.append(
                row("bill_charges", f"{i} {kind}", bill_id=identifier(f"bill {i}"), bill_version=1, charge_type=kind,
                    charge_period_start="2026-01-01", charge_period_end="2026-02-01", amount=amount)
            )  # fmt: skip
    border.load("bill_charges", charges)
    # A bill that has not come yet speaks against nothing.
    assert "charges_add_up_to_the_bill" not in border.failed("bill_charges")
    border.touched.clear()
    border.load("bills", bills)
    failed = border.failed("bill_charges")
    assert failed.get("charges_add_up_to_the_bill") == ("critical" if is_red else None)
    expected = [identifier(f"bill {i}") for i in range(wrong if is_red else 0)]
    assert sorted(key["bill_id"] for key in border.keys("bill_charges", "charges_add_up_to_the_bill")) == sorted(
        expected
    )


def test_a_newer_version_of_a_bill_replaces_its_charges(border):
    """Version 1 and its charges are wrong to each other no longer once version 2 came: each is judged by itself."""
    money = {"subtotal_amount": 10, "discount_amount": 0, "tax_amount": 0, "total_amount": 10, "currency": "USD",
             "billing_period_start": "2026-01-01", "billing_period_end": "2026-02-01"}  # fmt: skip
    later = {**money, "bill_version": 2, "subtotal_amount": 7, "total_amount": 7, "updated_at": "2026-02-01T00:00:00Z"}
    border.load("bills", [row("bills", "bill", bill_version=1, **money), row("bills", "bill", **later)])
    charge = {"bill_id": identifier("bill"), "charge_period_start": "2026-01-01", "charge_period_end": "2026-02-01"}
    border.load("bill_charges", [row("bill_charges", "a", bill_version=1, amount=10, **charge),
                                 row("bill_charges", "a", bill_version=2, amount=7, **charge)])  # fmt: skip
    assert "charges_add_up_to_the_bill" not in border.failed("bill_charges")


def test_a_thin_day_alarms_once_it_is_over_and_a_growing_one_does_not(busy):
    busy.load("usage_records", usage_of(date(2026, 3, 16), 20, "morning"))
    assert busy.failed("usage_records") == {}, "the newest day is still growing"
    busy.as_of = datetime(2026, 3, 17, 5, tzinfo=UTC)
    busy.load("usage_records", usage_of(date(2026, 3, 17), 3))
    result = busy.judge("usage_records")[VOLUME]
    assert (result.success, result.severity) == (False, "warning")
    assert result.said == "records on 2026-03-16: 23 (rows), expected 54.27 to 240"


def test_a_day_without_a_row_alarms(busy):
    busy.as_of = datetime(2026, 3, 18, 5, tzinfo=UTC)
    busy.load("usage_records", [*usage_of(date(2026, 3, 16), 118, "rest"), *usage_of(date(2026, 3, 18), 5)])
    result = busy.judge("usage_records")[VOLUME]
    assert result.said.startswith("records on 2026-03-17: 0 (rows), expected")
    busy.load("usage_records", usage_of(date(2026, 3, 17), 121))
    assert busy.failed("usage_records") == {}, "the day came late, whole"


def test_a_late_trickle_on_an_old_day_does_not_alarm(busy):
    busy.load("usage_records", usage_of(date(2026, 3, 2), 2, "late"))
    assert busy.failed("usage_records") == {}
    assert busy.ask("select rows from quality.daily_profiles where feed = 'usage_records' and measure = 'records'"
                    " and day = '2026-03-02'") == [(122,)]  # fmt: skip


def test_a_flood_alarms(busy):
    busy.as_of = datetime(2026, 3, 17, 5, tzinfo=UTC)
    busy.load("usage_records", [*usage_of(date(2026, 3, 16), 400, "flood"), *usage_of(date(2026, 3, 17), 3)])
    assert busy.failed("usage_records") == {VOLUME: "warning"}


def test_with_too_little_history_nothing_is_said(border):
    border.as_of = datetime(2026, 2, 2, 5, tzinfo=UTC)
    rows = [row for number in (0, 7, 14, 21) for row in usage_of(FIRST + timedelta(days=number), 100)]
    border.load("usage_records", [*rows, *usage_of(date(2026, 2, 2), 1)])
    assert border.failed("usage_records") == {}


@pytest.mark.parametrize(
    ("rows", "is_red"),
    [
        (usage_of(date(2026, 3, 16), 120, "usual"), False),
        ([*usage_of(date(2026, 3, 16), 60), *usage_of(date(2026, 3, 16), 60, "calls", kind="voice", size=5)], True),
        # Kilobytes taken for bytes: e^7 times as much.
        (usage_of(date(2026, 3, 16), 120, "units", size=17), True),
    ],
    ids=["usual", "another mix", "another unit"],
)
def test_measures_are_compared_with_the_days_before(busy, rows, is_red):
    busy.as_of = datetime(2026, 3, 17, 5, tzinfo=UTC)
    busy.load("usage_records", [*rows, *usage_of(date(2026, 3, 17), 3)])
    assert busy.failed("usage_records") == ({MEASURES: "warning"} if is_red else {})


def test_measures_that_were_defined_anew_are_computed_for_all_days_and_alarm_for_none(busy):
    with psycopg.connect(busy.url) as connection:
        connection.execute("update quality.profile_states set definition = 'older'")
        connection.execute("delete from quality.daily_profiles where measure = 'data_log_bytes_mean'")
    busy.load("usage_records", usage_of(date(2026, 3, 16), 2, "more"))
    assert busy.failed("usage_records") == {}
    days = (
        "select count(*) from quality.daily_profiles where feed = 'usage_records' and measure = 'data_log_bytes_mean'"
    )
    assert busy.ask(days) == [(71,)]


def test_old_news_is_a_warning(border):
    service = row("customer_services", "service", plan_id=identifier("plan"), service_status="pending")
    border.load("customer_services", [service])
    border.load("service_plans", [row("service_plans", "plan", currency="USD")])
    border.load("usage_records", [usage("a", "2026-05-29T00:00:00Z", service_id=identifier("service"))])
    border.as_of = datetime(2026, 5, 31, tzinfo=UTC)
    assert border.judge("usage_records")[NEWEST].success
    border.touched.clear()
    border.as_of = datetime(2026, 5, 31, 1, tzinfo=UTC)
    result = border.judge("usage_records")[NEWEST]
    assert (result.success, result.severity) == (False, "warning")
    assert result.said == f"{identifier('plan')}: 49 hours, at most 48"


def test_a_row_that_stands_twice_is_found_and_every_key_is_kept(border):
    border.load("usage_records", [usage(i) for i in range(700)])
    with psycopg.connect(border.url) as connection:
        connection.execute("insert into raw.usage_records select * from raw.usage_records")
    result = border.judge("usage_records")["identity_is_unique"]
    assert (result.severity, result.rows_failed) == ("critical", 700)
    kept = {key["usage_id"] for key in border.keys("usage_records", "identity_is_unique")}
    assert kept == {identifier(i) for i in range(700)}
    # Judged again on the same touches, as long as it is red: the keys stand once.
    border.touched.clear()
    border.judge("usage_records")
    assert len(border.keys("usage_records", "identity_is_unique")) == 700


def test_a_row_that_was_taken_back_breaks_no_rule(border):
    taken_back = {"bill_id": identifier("bill"), "bill_version": 1, "is_deleted": "true", "total_amount": 5,
                  "currency": "USD", "updated_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    border.load("bills", [row("bills", "bill", bill_version=1) | taken_back])
    assert set(border.failed("bills")) <= {NEWEST}


def test_rows_without_a_day_are_judged_with_their_load(border):
    """A charge without a period has no touched day, a census block none at all."""
    border.load("census_blocks", [
        row("census_blocks", "zone", block_geoid="170310101001000", households=5, housing_units=4)])  # fmt: skip
    assert border.failed("census_blocks") == {"households_fit_the_units": "warning"}


def test_no_personal_value_is_kept_or_shown(border, tmp_path):
    secrets = {"first_name": "Zebulon", "last_name": "Quackenbush", "email": "zq@example.org", "phone": "+13125550199",
               "street_address": "9 Xylophone Way", "postal_code": "60699"}  # fmt: skip
    broken = customer("secret", created_at="2026-03-01T00:00:00Z", updated_at="2026-01-01T00:00:00Z", **secrets)
    border.load("customers", [broken, {**broken, "customer_id": identifier("other")}])
    with psycopg.connect(border.url) as connection:
        connection.execute("insert into raw.customers select * from raw.customers")
    docs = tmp_path / "docs"
    results = border.judge("customers", docs_folder=docs)
    failed = {name for name, result in results.items() if not result.success}
    assert {"identity_is_unique", "created_before_the_version"} <= failed
    kept = repr(results) + "".join(path.read_text() for path in docs.rglob("*") if path.is_file())
    assert "created_before_the_version" in kept
    for (table,) in border.ask("select tablename from pg_tables where schemaname = 'quality'"):
        kept += repr(border.ask(f"select to_jsonb(t)::text from quality.{table} t"))
    assert identifier("secret") in kept
    assert [value for value in secrets.values() if value in kept] == []
    assert "http" not in kept
