"""The rating engine by known engines' examples, and the parts that histories make."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.analytics.rating import (
    DayUse,
    Discount,
    Part,
    Period,
    ServiceVersion,
    TariffError,
    TariffVersion,
    Use,
    full_periods,
    parts_of,
    period_of,
    rate,
    share_of,
)
from orchestration.analytics.rating.tariff import GB_BYTES
from orchestration.analytics.rating.usage_price import kind_prices, rule_price
from tests.unit.tariffs import MARCH, plan, price, seconds

# Examples of known engines.


def test_blocks_of_a_hundred_then_of_a_thousand():
    tiers = [{"up_to": 1000, "block_size": 100, "unit_price": "0.01"}, {"block_size": 1000, "unit_price": "0.001"}]
    assert price([5325], tiers=tiers) == (Decimal("15.00"), 0)
    assert price([1], tiers=tiers) == (Decimal("1.00"), 0)
    assert price([1001], tiers=tiers) == (Decimal("11.00"), 0)


def test_a_volume_tier_is_chosen_by_the_total():
    tiers = [{"up_to": 10, "unit_price": "1.5"}, {"up_to": 100, "unit_price": 1}, {"unit_price": "0.5"}]
    assert price([111], mode="volume", tiers=tiers)[0] == Decimal("55.50")
    assert price([100], mode="volume", tiers=tiers)[0] == Decimal("100.00")
    assert price([10], mode="volume", tiers=tiers)[0] == Decimal("15.00")
    assert price([111], mode="graduated", tiers=tiers)[0] == Decimal("110.50")


def test_half_a_period_from_bill_day_to_the_fourteenth_day():
    assert share_of(date(2011, 2, 10), date(2011, 2, 24), 10) == Fraction(1, 2)
    assert period_of(date(2011, 2, 24), 10) == Period(date(2011, 2, 10), date(2011, 3, 10))
    assert share_of(date(2011, 2, 10), date(2011, 4, 10), 10) == 2


def test_a_connect_fee_and_a_price_per_minute_by_the_second_rounded_up():
    rule = {"connect_fee": "0.15", "price_per": 60, "tiers": [{"unit_price": "0.05"}], "rounding": "up"}
    assert sum(price([24], **rule)) == Decimal("0.17")
    assert price([25], **rule) == (Decimal("0.03"), Decimal("0.15"))


def test_a_call_into_the_cheaper_evening():
    bands = [{"days": "1-7", "from": "18:00", "to": "24:00", "unit_price": "0.5"}]
    call = Use(seconds("2026-03-02T17:30:00"), 3600)
    assert sum(price([call], connect_fee=1, tiers=[{"unit_price": 1}], time_bands=bands)) == 2701


# Prices.


@pytest.mark.parametrize(
    ("rounding", "decimals", "expected"),
    [("half_even", 2, "0.12"), ("up", 2, "0.13"), ("half_even", 1, "0.1"), ("up", 0, "1"), ("up", 3, "0.125")],
)
def test_rounding(rounding, decimals, expected):
    found = price([1], tiers=[{"unit_price": "0.125"}], rounding=rounding, decimals=decimals)
    assert str(found[0]) == expected


def test_increments_round_each_record():
    rule = {"first_increment": 30, "increment": 6, "price_per": 60, "tiers": [{"unit_price": 60}]}
    assert price([1], **rule)[0] == 30
    assert price([31, 36, 0], **rule)[0] == 72
    assert price([61], **{**rule, "first_increment": 60, "increment": 60})[0] == 120


def test_bands_by_weekday_first_that_fits_and_over_midnight():
    bands = [
        {"days": "1-5", "from": "08:00", "to": "20:00", "unit_price": 3},
        {"days": "1,6-7", "from": "00:00", "to": "24:00", "unit_price": 2},
    ]
    rule = {"tiers": [{"unit_price": 1}], "time_bands": bands}
    assert price([Use(seconds("2026-03-02T07:59:00"), 120)], **rule)[0] == 60 * 2 + 60 * 3  # a Monday
    assert price([Use(seconds("2026-03-03T07:59:00"), 120)], **rule)[0] == 60 * 1 + 60 * 3
    assert price([Use(seconds("2026-03-06T23:59:00"), 120)], **rule)[0] == 60 * 1 + 60 * 2  # into Saturday


def test_data_has_the_price_of_its_start():
    bands = [{"days": "1-7", "from": "18:00", "to": "24:00", "unit_price": "0.5"}]
    rule = {"tiers": [{"unit_price": 1}], "time_bands": bands}
    parsed = plan(rating_rules={"data": rule}).kinds["data"].rule
    uses = [Use(seconds("2026-03-02T17:59:59"), 100), Use(seconds("2026-03-02T18:00:00"), 100)]
    assert rule_price(uses, Fraction(60), parsed, 2).amount == 40 + 50


def test_an_allowance_covers_the_first_calls_and_splits_one():
    bands = [{"days": "1-7", "from": "18:00", "to": "24:00", "unit_price": "0.5"}]
    calls = [Use(seconds("2026-03-02T17:59:00"), 120), Use(seconds("2026-03-01T10:00:00"), 30)]
    assert price(calls, 60, tiers=[{"unit_price": 1}], time_bands=bands)[0] == 30 + 30
    assert price(calls, Fraction("60.5"), tiers=[{"unit_price": 1}], time_bands=bands)[0] == Decimal("59.50")


def test_roaming_and_incoming_have_rules_of_their_own_or_the_kinds():
    own = plan(data_allowance_gb=1, overage_price_per_gb=10)
    roaming = plan(
        data_allowance_gb=1,
        overage_price_per_gb=10,
        rating_rules={"roaming": {"data": {"price_per": GB_BYTES, "tiers": [{"unit_price": 50}]}}},
    )
    uses = [Use(0, GB_BYTES), Use(1, GB_BYTES, is_roaming=True), Use(2, GB_BYTES, is_incoming=True)]

    def total(one):
        return {way: found.amount for way, found in kind_prices(uses, one.kinds["data"], Fraction(1), 2).items()}

    assert total(own) == {"own": 20}
    assert total(roaming) == {"own": 10, "roaming": 50}


# Service and period.


def day_uses(kind, *quantities, day=date(2026, 3, 2)):
    return [DayUse(day, kind, Use(i, quantity)) for i, quantity in enumerate(quantities)]


def amounts(parts, uses=()):
    return [(line.charge_type, line.kind, line.amount) for line in rate(parts, uses, MARCH)]


def test_lines_of_a_whole_month():
    tariff = plan(
        data_allowance_gb=5, overage_price_per_gb=10, voice_allowance_minutes=0, overage_price_per_minute="0.1"
    )
    part = Part(tariff, *(MARCH.first_day, MARCH.end_day), Discount(percentage=Fraction(10)))
    uses = [*day_uses("data", 4 * GB_BYTES, 2 * GB_BYTES), *day_uses("voice", 90)]
    assert amounts([part], uses) == [
        ("recurring", None, Decimal("30.00")),
        ("discount", None, Decimal("-3.00")),
        ("overage", "data", Decimal("10.00")),
        ("usage", "voice", Decimal("0.15")),
    ]


def test_a_change_of_plan_gives_each_part_its_days_and_its_share_of_the_allowance():
    tariff = plan(data_allowance_gb=31, overage_price_per_gb=1)
    parts = [
        Part(tariff, MARCH.first_day, date(2026, 3, 11)),
        Part(replace(tariff, plan_id="q", base_price=Fraction(60)), date(2026, 3, 11), MARCH.end_day),
    ]
    uses = [*day_uses("data", 12 * GB_BYTES), *day_uses("data", 21 * GB_BYTES, day=date(2026, 3, 11))]
    lines = rate(parts, uses, MARCH)
    assert [(line.plan_id, line.charge_type, line.amount) for line in lines] == [
        ("p", "recurring", Decimal("9.68")),
        ("p", "overage", Decimal("2.00")),
        ("q", "recurring", Decimal("40.65")),
    ]


def test_a_discount_ends_with_its_last_day_and_takes_no_more_than_the_charge():
    part = Part(plan(base_price=31), MARCH.first_day, MARCH.end_day, Discount(Fraction(50), last_day=date(2026, 3, 10)))
    assert amounts([part])[1] == ("discount", None, Decimal("-5.00"))
    dear = replace(part, discount=Discount(amount=Fraction(100)))
    assert amounts([dear])[1] == ("discount", None, Decimal("-31.00"))
    over = replace(part, discount=Discount(amount=Fraction(5), last_day=date(2026, 2, 1)))
    assert [line[0] for line in amounts([over])] == ["recurring"]


def test_use_outside_the_days_in_force_and_of_what_is_not_sold_costs_nothing():
    part = Part(plan(includes=["data"], data_allowance_gb=0, overage_price_per_gb=1), date(2026, 3, 5), MARCH.end_day)
    uses = [*day_uses("data", GB_BYTES), *day_uses("voice", 60, day=date(2026, 3, 6))]
    assert [line[0] for line in amounts([part], uses)] == ["recurring"]


def test_parts_must_fit():
    part = Part(plan(), date(2026, 3, 5), MARCH.end_day)
    with pytest.raises(ValueError, match="does not fit"):
        rate([part, replace(part, first_day=date(2026, 3, 30))], [], MARCH)
    with pytest.raises(ValueError, match="does not fit"):
        rate([replace(part, end_day=date(2026, 4, 2))], [], MARCH)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"base_price": 1.5}, "base_price: expected an exact number, found 1.5"),
        ({"overage_price_per_gb": "ten"}, "expected a number, found 'ten'"),
        ({"rating_rules": "{"}, "rating_rules: expected JSON"),
        ({"rating_rules": {"voice": {"tiers": [{"up_to": 5, "unit_price": 1}]}}}, "the last one ends at 5"),
        ({"rating_rules": {"voice": {"rounding": "down", "tiers": [{"unit_price": 1}]}}}, "one of half_even, up"),
        (
            {"rating_rules": {"voice": {"time_bands": [{"days": "8", "from": "1:00", "to": "2:00", "unit_price": 1}]}}},
            "days from 1 to 7",
        ),
        (
            {"rating_rules": {"voice": {"time_bands": [{"days": "1", "from": "9:00", "to": "8:00", "unit_price": 1}]}}},
            "from before to",
        ),
    ],
)
def test_a_plan_that_cannot_be_rated_says_where(columns, said):
    with pytest.raises(TariffError, match=said) as raised:
        plan(**columns)
    assert "plan Plan (p)" in str(raised.value)


def test_periods_follow_the_bill_day():
    assert full_periods(date(2026, 10, 1), 2) == [
        Period(date(2026, 8, 1), date(2026, 9, 1)),
        Period(date(2026, 9, 1), date(2026, 10, 1)),
    ]
    assert full_periods(date(2026, 3, 30), 2, 31) == [
        Period(date(2025, 12, 31), date(2026, 1, 31)),
        Period(date(2026, 1, 31), date(2026, 2, 28)),
    ]
    with pytest.raises(ValueError, match="from 1 to 31, found 0"):
        period_of(date(2026, 1, 1), 0)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 31), st.integers(1, 14))
def test_periods_are_gapless(day, bill_day, count):
    periods = full_periods(day, count, bill_day)
    assert len(periods) == count
    assert all(one.end_day == two.first_day for one, two in pairwise(periods))
    assert periods[-1].end_day <= day < period_of(periods[-1].end_day, bill_day).end_day
    assert share_of(periods[0].first_day, periods[-1].end_day, bill_day) == count


def test_parts_follow_the_versions_of_service_and_prices():
    old, new = plan(), replace(plan(), base_price=Fraction(31))
    other = replace(plan(), plan_id="q")
    prices = {
        "p": [TariffVersion(date.min, old), TariffVersion(date(2026, 3, 10), new)],
        "q": [TariffVersion(date.min, other)],
    }
    cut = Discount(Fraction(10))
    versions = [
        ServiceVersion(date.min, "p"),
        ServiceVersion(date(2026, 3, 4), "p", cut),  # a new discount splits no charge
        ServiceVersion(date(2026, 3, 6), "q"),
        ServiceVersion(date(2026, 3, 20), "p"),
    ]
    found = parts_of(versions, prices, Period(date(2026, 3, 2), date(2026, 3, 25)), MARCH)
    assert found == [
        Part(old, date(2026, 3, 2), date(2026, 3, 6), cut),
        Part(other, date(2026, 3, 6), date(2026, 3, 20)),
        Part(new, date(2026, 3, 20), date(2026, 3, 25)),
    ]
    assert parts_of(versions, prices, Period(date(2026, 4, 1), date.max), MARCH) == []
    with pytest.raises(KeyError, match="q"):
        parts_of(versions, {"p": prices["p"]}, MARCH, MARCH)


@given(st.lists(st.tuples(st.dates(date(2026, 2, 1), date(2026, 4, 30)), st.sampled_from("pq")), max_size=5))
def test_parts_cover_every_day_in_force_once(changes):
    prices = {name: [TariffVersion(date.min, replace(plan(), plan_id=name))] for name in "pq"}
    versions = [ServiceVersion(date.min, "p"), *(ServiceVersion(day, name) for day, name in sorted(changes))]
    found = parts_of(versions, prices, MARCH, MARCH)
    assert found[0].first_day == MARCH.first_day
    assert found[-1].end_day == MARCH.end_day
    assert all(one.end_day == two.first_day for one, two in pairwise(found))
    assert all(one.tariff.plan_id != two.tariff.plan_id for one, two in pairwise(found))
