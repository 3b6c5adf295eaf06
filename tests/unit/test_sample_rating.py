"""The sample's rating: increments, allowances, tiers, time bands, proration and rounding, by example and property."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sample.rating import (
    Band,
    Rules,
    Tier,
    calls_price,
    cents,
    rounded_up,
    rules_of,
    share_cents,
    split_by_bands,
    tier_price,
    usage_cents,
)
from ingestion.sample.tariffs import GB, MB, PLAN_INDEX, PLANS

DAYTIME = (Band(range(1, 6), 7 * 3600, 19 * 3600, Fraction("0.12")),)


def local(text: str) -> int:
    """Wall-clock seconds since 1970."""
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds())


@pytest.mark.parametrize(
    ("quantity", "first", "step", "expected"),
    [
        (0, 60, 60, 0),
        (1, 60, 60, 60),
        (60, 60, 60, 60),
        (61, 60, 60, 120),
        (31, 30, 6, 36),
        (36, 30, 6, 36),
        (7, 1, 1, 7),
    ],
)
def test_increments(quantity, first, step, expected):
    assert rounded_up(np.array([quantity]), first, step).tolist() == [expected]


@given(st.integers(1, 10**12), st.integers(1, 4096), st.integers(1, 4096))
def test_a_record_is_rounded_up_by_less_than_an_increment(quantity, first, step):
    (rounded,) = rounded_up(np.array([quantity]), first, step).tolist()
    assert rounded == first or (rounded - first) % step == 0
    assert quantity <= rounded < quantity + max(first, step)


GRADUATED = Rules(10, (Tier(100, None, Fraction(2)), Tier(300, None, Fraction(1)), Tier(None, None, Fraction("0.5"))))
VOLUME = Rules(10, GRADUATED.tiers, "volume")


@pytest.mark.parametrize(
    ("units", "graduated", "volume"),
    [(0, 0, 0), (-5, 0, 0), (50, 10, 10), (100, 20, 20), (101, "20.1", "10.1"), (300, 40, 30), (500, 50, 25)],
)
def test_tiers(units, graduated, volume):
    assert tier_price(Fraction(units), GRADUATED) == Fraction(graduated)
    assert tier_price(Fraction(units), VOLUME) == Fraction(volume)


def test_blocks_are_sold_whole():
    rules = rules_of(PLAN_INDEX["Cable 100"], "data")
    assert [tier_price(Fraction(gb) * GB, rules) for gb in ("0.001", 50, "50.5", 120)] == [10, 10, 20, 30]


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 9)), min_size=1, max_size=5), st.integers(0, 3000))
def test_graduated_tiers_price_every_unit_by_its_own_place(sizes, units):
    bounds = np.cumsum([size for size, _ in sizes]).tolist()
    tiers = [Tier(bound, None, Fraction(price)) for bound, (_, price) in zip(bounds, sizes, strict=True)]
    tiers[-1] = Tier(None, None, tiers[-1].price)
    each = [next(t.price for t in tiers if t.up_to is None or unit < t.up_to) for unit in range(units)]
    assert tier_price(Fraction(units), Rules(1, tuple(tiers))) == sum(each)


@pytest.mark.parametrize(
    ("start", "seconds", "inside", "outside"),
    [
        ("2026-03-02T06:59:00", 120, 60, 60),  # a Monday, into the daytime
        ("2026-03-02T18:58:00", 180, 120, 60),  # and out of it
        ("2026-03-06T23:00:00", 9 * 3600, 0, 9 * 3600),  # Friday night into Saturday
        ("2026-03-08T23:00:00", 9 * 3600, 3600, 8 * 3600),  # Sunday night into Monday's first hour of the daytime
        ("2026-03-02T08:00:00", 36 * 3600, 23 * 3600, 13 * 3600),  # two days and the night between them
    ],
)
def test_a_call_is_split_at_the_borders_of_bands(start, seconds, inside, outside):
    found = split_by_bands(local(start), seconds, DAYTIME)
    assert (found.get(0, 0), found.get(None, 0)) == (inside, outside)


@given(st.integers(0, 4 * 10**9), st.integers(0, 200_000))
def test_bands_lose_no_second(start, seconds):
    found = split_by_bands(start, seconds, DAYTIME)
    assert sum(found.values()) == seconds
    one_by_one = sum(
        (at // 86400 + 3) % 7 < 5 and 7 * 3600 <= at % 86400 < 19 * 3600
        for at in range(start, start + min(seconds, 500))
    )
    assert split_by_bands(start, min(seconds, 500), DAYTIME).get(0, 0) == one_by_one


def test_an_allowance_covers_the_first_calls():
    rules = Rules(60, (Tier(None, None, Fraction("0.05")),), bands=DAYTIME)
    calls = [(local("2026-03-02T10:00:00"), 120), (local("2026-03-02T20:00:00"), 120)]
    assert calls_price(calls, Fraction(0), rules) == Fraction("0.34")
    assert calls_price(calls, Fraction(60), rules) == Fraction("0.22")
    assert calls_price(calls, Fraction(180), rules) == Fraction("0.05")
    assert calls_price(calls, Fraction(600), rules) == 0


@pytest.mark.parametrize(
    ("amount", "decimals", "rounding", "expected"),
    [("0.005", 2, "half_even", 0), ("0.015", 2, "half_even", 2), ("0.0051", 2, "half_even", 1), ("0.001", 2, "up", 1),
     ("1.25", 1, "half_even", 120), ("1.21", 1, "up", 130), ("7", 2, "up", 700)],
)  # fmt: skip
def test_rounding(amount, decimals, rounding, expected):
    assert cents(Fraction(amount), decimals, rounding) == expected


@given(st.integers(0, 10**7), st.integers(0, 31), st.integers(28, 31))
def test_a_part_of_a_period_is_rounded_half_to_even(price, days, whole):
    exact = Fraction(price * days, whole)
    assert share_cents(np.array([price]), np.array([days]), np.array([whole])).tolist() == [round(exact)]
    as_decimal = (Decimal(price) * days / whole).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert abs(as_decimal - round(exact)) <= 1


@pytest.mark.parametrize(
    ("plan", "kind", "units", "records", "days", "expected"),
    [
        ("Smart 5", "data", 6 * GB, 9, 30, (1000, 0)),  # one GB beyond five
        ("Smart 5", "data", 6 * GB, 9, 15, (3500, 0)),  # half a month, half the allowance
        ("Smart 5", "data", 5 * GB + 1, 9, 30, (0, 0)),  # a byte rounds to nothing
        ("Smart 5", "voice", 10**6, 9, 30, (0, 0)),  # unlimited
        ("Unlimited", "data", 900 * GB, 9, 30, (0, 0)),
        ("Prepaid 3", "data", 4 * GB, 9, 30, (0, 0)),  # nothing is sold beyond
        ("Talk & Text", "voice", 301 * 60, 9, 30, (10, 0)),
        ("Talk & Text", "sms", 303, 303, 30, (15, 0)),
        ("Business Mobile 50", "data", 65 * GB, 9, 30, (11000, 0)),  # ten at 8, five at 6
        ("Business Mobile 50", "voice", 1501 * 60, 9, 30, (5, 0)),  # the plain columns beside rules for data
        ("IoT Meter", "data", int(0.05 * GB) + 30 * MB, 9, 30, (45, 0)),  # volume, rounded up
        ("Office Lines", "voice", 600 * 60 + 60_000, 100, 30, (3500, 300)),  # 1 000 minutes at the second tier's price
        ("Digital Voice", "data", 5 * GB, 9, 30, (0, 0)),  # not sold at all
    ],
)
def test_charges_of_the_price_list(plan, kind, units, records, days, expected):
    assert usage_cents(PLAN_INDEX[plan], kind, units, records, days, 30) == expected


@given(
    st.sampled_from(range(len(PLANS))),
    st.sampled_from(["data", "voice", "sms"]),
    st.integers(0, 10**12),
    st.integers(1, 31),
)
def test_more_usage_never_costs_less_where_tiers_are_graduated(plan, kind, units, days):
    rules = rules_of(plan, kind)
    if rules is None or rules.mode == "volume":
        assert rules is None or usage_cents(plan, kind, 0, 0, days, 31) == (0, 0)
        return
    less, more = (usage_cents(plan, kind, n, 0, days, 31)[0] for n in (units // 2, units))
    assert 0 <= less <= more


def test_every_plan_that_a_bundle_names_is_on_sale_and_shares_sum_to_one():
    for plan in PLANS:
        if plan.kind == "bundle":
            assert {name for name, _, _ in plan.components} <= PLAN_INDEX.keys()
            assert sum(Fraction(str(share)) for _, _, share in plan.components) == 1
