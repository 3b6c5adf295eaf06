"""The rating engine: known engines' examples, its properties, and the fast road cell by cell against the exact one."""

import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.rating import (
    DayUse,
    Discount,
    Part,
    Period,
    ServiceVersion,
    TariffError,
    TariffVersion,
    UsageTable,
    Use,
    component_amounts,
    full_periods,
    needs_records,
    parts_of,
    period_of,
    rate,
    share_of,
    split_amount,
    tariff_from,
    usage_costs,
)
from orchestration.analytics.rating.fast import _Scaled
from orchestration.analytics.rating.tariff import GB_BYTES, KINDS
from orchestration.analytics.rating.usage_price import kind_prices, rule_price

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
# More of them: RATING_EXAMPLES=5000.
SOME = int(os.environ.get("RATING_EXAMPLES", "80"))
ALL = ["data", "voice", "sms"]


def plan(**columns):
    """A plan that sells everything without limit, but for the columns given."""
    row = {"plan_id": "p", "plan_name": "Plan", "includes": ALL, "base_price": "30", "currency": "USD"}
    return tariff_from({**row, **columns})


def seconds(text):
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds())


def price(uses, allowance=0, **rule):
    """(price, connect fees) of uses under a rule as it lands."""
    parsed = plan(rating_rules={"voice": rule}).kinds["voice"].rule
    found = rule_price([one if isinstance(one, Use) else Use(0, one) for one in uses], Fraction(allowance), parsed, 2)
    return found.amount, found.connect_fees


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


# Properties.

numbers = st.integers(0, 4000)
prices = st.decimals(0, 20, places=3)
quantities = st.integers(0, 5000)


@st.composite
def rules(draw, mode=None, bands=None, whole=True, increments=True, per=(1, 7, 60, 1024)):
    """A rule as it lands."""
    bounds = sorted(draw(st.sets(st.integers(1, 9000), max_size=3)))
    tiers = [
        {"up_to": bound, "block_size": draw(st.none() | st.integers(1, 900)), "unit_price": draw(prices)}
        for bound in (*bounds, None)
    ]
    band = st.fixed_dictionaries(
        {
            "days": st.sampled_from(["1-5", "6,7", "1-7", "3", "1,4-6"]),
            "from": st.sampled_from(["00:00", "07:00", "12:30"]),
            "to": st.sampled_from(["13:00", "18:00", "24:00"]),
            "unit_price": prices,
        }
    )
    found = {
        "tiers": tiers,
        "mode": mode or draw(st.sampled_from(["graduated", "volume"])),
        "price_per": draw(st.sampled_from(per)),
        "connect_fee": draw(prices),
        "decimals": draw(st.integers(0, 6)),
        "rounding": draw(st.sampled_from(["up", "half_even"])),
        "time_bands": draw(st.lists(band, max_size=3 if bands is None else bands)),
    }
    if increments:
        size = st.integers(1, 90) if whole else st.integers(1, 90) | st.just(Decimal("2.5"))
        found |= {"first_increment": draw(size), "increment": draw(size)}
    return found


starts = st.integers(seconds("2026-03-01T00:00:00"), seconds("2026-03-31T00:00:00"))
uses_of = st.lists(st.builds(Use, starts, quantities, st.booleans(), st.booleans()), max_size=8)


@given(rules(mode="graduated"), uses_of, st.builds(Use, starts, quantities), st.integers(0, 3000))
def test_more_use_never_costs_less(rule, uses, more, allowance):
    assert sum(price([*uses, more], allowance, **rule)) >= sum(price(uses, allowance, **rule))


@given(rules(mode="graduated"), uses_of.filter(bool), st.integers(1, 3000), st.integers(0, 3000))
def test_a_longer_record_never_costs_less(rule, uses, longer, allowance):
    more = [replace(uses[0], quantity=uses[0].quantity + longer), *uses[1:]]
    assert sum(price(more, allowance, **rule)) >= sum(price(uses, allowance, **rule))


@given(rules(increments=False), uses_of.filter(bool), st.integers(0, 5000), st.integers(0, 3000))
def test_a_call_split_in_two_costs_the_same(rule, uses, at, allowance):
    rule = {**rule, "connect_fee": 0}
    first = uses[0]
    at = min(at, first.quantity)
    parts = [replace(first, quantity=at), replace(first, start=first.start + at, quantity=first.quantity - at)]
    # Another call in between would be covered by the allowance first.
    assert price([first], allowance, **rule) == price(parts, allowance, **rule)


@given(rules(), uses_of, st.integers(0, 3000), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(rule, uses, allowance, random):
    mixed = random.sample(uses, len(uses))
    assert price(mixed, allowance, **rule) == price(uses, allowance, **rule)


@given(uses_of, st.dates(MARCH.first_day, date(2026, 3, 30)))
def test_an_unlimited_plan_has_no_overage(uses, first_day):
    part = Part(plan(overage_price_per_gb=10, overage_price_per_minute=1), first_day, MARCH.end_day)
    found = rate([part], [DayUse(first_day, kind, use) for kind in KINDS for use in uses], MARCH)
    assert {line.charge_type for line in found} <= {"recurring"}


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), min_size=1, max_size=9), st.booleans())
def test_a_split_sums_exactly_and_is_nearly_in_proportion(cents, weights, is_negative):
    amount = Decimal(cents).scaleb(-2) * (-1 if is_negative else 1)
    parts = split_amount(amount, [Fraction(weight) for weight in weights])
    assert sum(parts) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(weight, whole) if whole else Fraction(1, len(weights))
        assert abs(Fraction(part) - Fraction(amount) * share) < Fraction(1, 100)


def test_a_bundle_is_spread_by_price_shares():
    parts = [("a", 1, "0.7"), ("b", 2, "0.3")]
    columns = ("plan_id", "quantity", "price_share")
    tariff = plan(bundle_components=[dict(zip(columns, part, strict=True)) for part in parts])
    assert component_amounts(Decimal("9.99"), tariff.components) == [("a", Decimal("6.99")), ("b", Decimal("3.00"))]
    with pytest.raises(ValueError, match="weights of at least 0"):
        split_amount(Decimal(1), [])


# The fast road.


@st.composite
def tariffs(draw, whole=True, per=(1, 7, 60, 1024)):
    """Plans with and without rules, allowances, roaming and incoming prices."""
    columns = {"includes": draw(st.lists(st.sampled_from(ALL), unique=True))}
    allowance = st.none() | st.decimals(0, 90, places=2)
    columns |= {
        "data_allowance_gb": draw(st.none() | st.decimals(0, "0.00001", places=7)),
        "voice_allowance_minutes": draw(allowance),
        "sms_allowance": draw(st.none() | numbers),
        "overage_price_per_gb": draw(st.none() | st.just(Decimal("123456.7"))),
        "overage_price_per_minute": draw(st.none() | prices),
        "overage_price_per_sms": draw(st.none() | prices) if whole else None,
    }
    kinds = st.dictionaries(st.sampled_from(ALL), rules(whole=whole, per=per), max_size=2)
    given_rules = draw(kinds)
    for way in ("roaming", "incoming"):
        if draw(st.integers(0, 3)) == 0:
            given_rules[way] = draw(kinds)
    columns["rating_rules"] = given_rules or None
    return plan(**columns)


records = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 2), starts, quantities, st.booleans(), st.booleans()), max_size=25
)


def table_of(rows, cells=5):
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 6).T
    cell, kind, start, quantity, incoming, roaming = columns
    return UsageTable(cell, kind, incoming + 2 * roaming, quantity, start, None, cells)


def cost_by_cell(rows, tariff, cells=5):
    """The same by the exact engine."""
    for cell in range(cells):
        total, is_served = Decimal(0), True
        for index, name in enumerate(KINDS):
            uses = [Use(row[2], row[3], bool(row[4]), bool(row[5])) for row in rows if row[:2] == (cell, index)]
            if name not in tariff.kinds:
                is_served &= sum(use.quantity for use in uses) == 0
                continue
            found = kind_prices(uses, tariff.kinds[name], Fraction(1), 2).values()
            total += sum(one.amount + one.connect_fees for one in found)
            is_served &= all(one.unsold_units == 0 for one in found)
        yield int(total * 10**6), is_served


@given(tariffs(), records)
@settings(max_examples=SOME)
def test_the_fast_road_is_the_exact_one(tariff, rows):
    found = usage_costs(table_of(rows), tariff)
    assert list(zip(found.amount.tolist(), found.is_served.tolist(), strict=True)) == list(cost_by_cell(rows, tariff))


@given(tariffs(whole=False, per=(2**40, 3 * 10**12)), records, st.integers(10**13, 10**16))
@settings(max_examples=SOME // 4)
def test_what_int64_cannot_hold_is_computed_by_fractions(tariff, rows, more):
    rows = [(cell, kind, start, quantity + more, *flags) for cell, kind, start, quantity, *flags in rows[:4]]
    rows = [row for row in rows if row[1] != 1]
    found = usage_costs(table_of(rows), tariff)
    assert list(zip(found.amount.tolist(), found.is_served.tolist(), strict=True)) == list(cost_by_cell(rows, tariff))


@given(tariffs(), records)
def test_sums_do_where_no_rule_looks_at_single_records(tariff, rows):
    summed: dict[tuple, list[int]] = {}
    for cell, kind, start, quantity, incoming, roaming in rows:
        key = (cell, kind, 0 if not needs_records(tariff, KINDS[kind]) else start, incoming, roaming)
        is_single = needs_records(tariff, KINDS[kind])
        one = summed.setdefault((*key, len(summed)) if is_single else key, [0, 0])
        one[0] += quantity
        one[1] += 1
    columns = [(key[0], key[1], key[2], value[0], key[3], key[4]) for key, value in summed.items()]
    table = table_of(columns)
    table.records = np.array([value[1] for value in summed.values()], dtype=np.int64)
    assert usage_costs(table, tariff).amount.tolist() == usage_costs(table_of(rows), tariff).amount.tolist()


@pytest.mark.parametrize("units", [10**9, 10**16])
def test_sums_on_both_sides_of_what_int64_can_hold(units):
    tiers = [{"up_to": 10**6, "unit_price": 3}, {"unit_price": "0.777"}]
    tariff = plan(data_allowance_gb="0.0000001", rating_rules={"data": {"price_per": 2**20, "tiers": tiers}})
    rule = tariff.kinds["data"].rule
    assert _Scaled.of(rule, tariff.kinds["data"].allowance, 2).fits(units) is (units == 10**9)
    rows = [(cell, 0, 0, units + cell, 0, 0) for cell in range(5)]
    assert usage_costs(table_of(rows), tariff).amount.tolist() == [cost for cost, _ in cost_by_cell(rows, tariff)]


def test_an_amount_that_no_bill_has_is_an_error():
    dear = plan(data_allowance_gb=0, rating_rules={"data": {"tiers": [{"unit_price": 20}]}})
    with pytest.raises(OverflowError, match=r"plan Plan, data: .* USD for one service and period; expected under"):
        usage_costs(table_of([(0, 0, 0, 10**13, 0, 0)]), dear)


def test_a_day_after_a_period_is_the_next_ones():
    assert period_of(MARCH.end_day - timedelta(days=1), 1) == MARCH
    assert period_of(MARCH.end_day, 1).first_day == MARCH.end_day


# Histories.


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
