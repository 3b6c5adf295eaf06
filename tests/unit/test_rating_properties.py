"""What holds of every price: more use, split calls, the order of records, sums of parts."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.analytics.rating import (
    DayUse,
    Part,
    Use,
    component_amounts,
    rate,
    split_amount,
)
from orchestration.analytics.rating.tariff import KINDS
from tests.unit.tariffs import MARCH, plan, price, quantities, rules, starts, uses_of


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
