"""The fast road of the rating engine, cell by cell against the exact one."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.rating import (
    UsageTable,
    Use,
    needs_records,
    period_of,
    usage_costs,
)
from orchestration.analytics.rating.fast import _Scaled
from orchestration.analytics.rating.tariff import KINDS
from orchestration.analytics.rating.usage_price import kind_prices
from tests.unit.tariffs import ALL, MARCH, SOME, numbers, plan, prices, quantities, rules, starts


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
