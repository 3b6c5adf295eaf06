"""Plan advice, everything together: against the exact engine on every plan, in words, and bundles."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.plan_advice.bundles import find_groups
from orchestration.analytics.plan_advice.everybody import Subjects, advise_all
from orchestration.analytics.plan_advice.pricing import tested_periods as periods_of
from orchestration.analytics.plan_advice.subjects import Address
from orchestration.analytics.rating import DayUse, Discount, Part, Use, period_of, rate
from orchestration.analytics.rating.tariff import GB_BYTES, KINDS
from tests.unit.advised import DAY, FIXED, PARAMETERS, by_id, measured, plan, records_of, service

PLANS = by_id(
    plan("own", 30, data_allowance_gb=2, overage_price_per_gb=10, early_termination_fee=Decimal(40)),
    plan("large", 45, data_allowance_gb=20, overage_price_per_gb=10),
    plan("endless", 70),
    plan("blocked", 5, data_allowance_gb=1),
    plan("metered", 10, rules={"voice": {"connect_fee": "0.1", "increment": 60, "price_per": 60,
                                         "tiers": [{"unit_price": "0.1"}]}},
         voice_allowance_minutes=0, data_allowance_gb=1, overage_price_per_gb=3),
)  # fmt: skip
uses = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 27), st.sampled_from(KINDS), st.integers(0, 900)), max_size=30
)


@st.composite
def lives(draw):
    """A service, and its use as (period, day, kind, quantity)."""
    discount = st.none() | st.builds(
        Discount, st.sampled_from([Fraction(0), Fraction(20)]), st.just(Fraction(5)),
        st.none() | st.dates(date(2026, 9, 1), date(2027, 12, 1)))  # fmt: skip
    one = service(
        draw(st.sampled_from(["own", "large", "metered"])), bill_day=draw(st.sampled_from([1, 15, 31])),
        contract_end=draw(st.sampled_from([None, date(2026, 10, 1), date(2027, 1, 1)])), discount=draw(discount),
    )  # fmt: skip
    scaled = {"data": GB_BYTES // 100, "voice": 7, "sms": 1}
    return one, [(period, day, kind, count * scaled[kind]) for period, day, kind, count in draw(uses)]


def exhaustive(one, use):
    """(best plan, mean yearly saving less the fee) by rating every period on every plan with the exact engine."""
    periods = periods_of(one, 6)
    yearly = defaultdict(list)
    for name, offered in PLANS.items():
        coming = period_of(DAY, one.bill_day)
        recurring = Fraction(0)
        if coming.first_day < DAY:
            coming = period_of(coming.end_day, one.bill_day)
        for _ in range(12):
            part = Part(offered.tariff, coming.first_day, coming.end_day, one.discount)
            recurring += sum(Fraction(line.amount) for line in rate([part], [], coming))
            coming = period_of(coming.end_day, one.bill_day)
        for index, period in enumerate(periods):
            day_uses = [
                DayUse(period.first_day, kind, Use(0, quantity)) for at, _, kind, quantity in use if at == index
            ]
            lines = rate([Part(offered.tariff, period.first_day, period.end_day)], day_uses, period)
            used = sum(Fraction(line.amount) for line in lines if line.charge_type in ("usage", "overage"))
            served = name != "blocked" or sum(one.use.quantity for one in day_uses if one.kind == "data") <= GB_BYTES
            yearly[name].append((12 * used + recurring, served))
    fee = 40 if one.plan_id == "own" and one.contract_end and one.contract_end > DAY else 0
    savings = {
        name: sum(own - cost - fee for (own, _), (cost, _) in zip(yearly[one.plan_id], found, strict=True)) / 6
        for name, found in yearly.items()
        if name != one.plan_id and all(served for _, served in found)
    }
    best = max(sorted(savings), key=savings.__getitem__, default=None)
    return (best, savings[best]) if best and savings[best] > 12 else (one.plan_id, Fraction(0))


@given(st.lists(lives(), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_advice_is_that_of_exhaustive_re_rating(people):
    people = [(replace(one, service_id=str(index)), use) for index, (one, use) in enumerate(people)]
    subjects = Subjects([one for one, _ in people], PLANS, PARAMETERS)
    tested = np.ones((len(people), 6), dtype=np.bool_)
    found = {row.service_id: row for row in advise_all(subjects, records_of(*people), tested, {}).rows}
    for one, use in people:
        best, saving = exhaustive(one, use)
        row = found[one.service_id]
        assert (row.recommended_plan_id, row.expected_savings) == (best, Decimal(round(saving * 100)).scaleb(-2))
        assert row.recommended_action == ("stay" if best == one.plan_id else "change_plan")
        gross = row.expected_savings + row.early_termination_fee
        assert row.monthly_revenue_change == pytest.approx(-gross / 12, abs=Decimal("0.011"))


def advice_of(one, use=(), lines=None, plans=PLANS, tested=6):
    is_tested = np.arange(6)[None, :] >= 6 - tested
    return advise_all(Subjects([one], plans, PARAMETERS), records_of((one, list(use))), is_tested, lines or {}).rows


def test_too_few_months_are_no_reason_to_change():
    heavy = [(period, 0, "data", 100 * GB_BYTES) for period in range(6)]
    assert advice_of(service(), heavy, tested=3)[0].recommended_action == "change_plan"
    (row,) = advice_of(service(), heavy[4:], tested=2)
    assert (row.recommended_action, row.confidence_score, row.tested_periods_count) == ("stay", None, 2)
    assert row.recommendation_reason.startswith("2 full billing months")
    (row,) = advice_of(service(), tested=0)
    assert row.recommendation_reason.startswith("No full billing months")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, None),
        ({"has_marketing_consent": False}, "not agreed to marketing"),
        ({"contract_end": date(2027, 1, 1), "plan_id": "large"}, "no fee for leaving it is known"),
        ({"contract_end": date(2027, 1, 1)}, None),
        ({"contract_end": DAY, "plan_id": "large"}, None),
    ],
)
def test_what_is_in_the_way_is_said(columns, said):
    heavy = [(period, 0, "data", 100 * GB_BYTES) for period in range(6)]
    (row,) = advice_of(service(**columns), heavy)
    assert row.recommended_plan == "Endless"
    assert row.is_actionable is (said is None)
    assert said is None or said in row.not_actionable_reason


def test_an_address_that_no_list_confirms_is_in_the_way_of_a_faster_plan():
    own = plan("own", 90, technology_code=50, **FIXED)
    faster = plan("faster", 50, technology_code=50, **{**FIXED, "speed_mbps_down": Decimal(500)})
    (row,) = advice_of(service(), plans=by_id(own, faster))
    assert (row.recommended_plan, row.is_actionable) == ("Faster", False)
    assert "no list of serviceable locations" in row.not_actionable_reason
    listed = Address("a", {50: (Decimal(900), Decimal(900))})
    assert advice_of(service(address=listed), plans=by_id(own, faster))[0].is_actionable


def test_a_fault_is_repaired_and_a_full_line_gets_a_faster_plan():
    own, faster = plan("own"), plan("faster", 50, speed_mbps_down=Decimal(300))
    plans = by_id(own, faster)
    saving, quality = advice_of(
        service(), plans=plans, lines={"s": replace(measured(41, 39), busiest_mbps=[90.0] * 30)}
    )
    assert (saving.recommended_action, quality.recommended_action) == ("stay", "repair_line")
    assert (quality.recommended_plan, quality.expected_savings, quality.confidence_score) == ("Own", 0, 1)
    assert quality.expected_quality_improvement == "from 40 Mbps to 100 Mbps download once the fault is repaired"
    full = {"s": replace(measured(96, 97), busiest_mbps=[90.0] * 6 + [1.0] * 24)}
    _, quality = advice_of(service(), plans=plans, lines=full)
    assert (quality.recommended_action, quality.recommended_plan) == ("offer_faster_plan", "Faster")
    assert (quality.expected_savings, quality.monthly_revenue_change) == (-240, 20)
    assert quality.confidence_score == Decimal("0.2")
    assert quality.expected_quality_improvement == "from 100 to 300 Mbps download"
    _, quality = advice_of(service(), plans=by_id(own), lines=full)
    assert quality.recommended_action == "stay"
    assert quality.expected_quality_improvement.startswith("none to be expected")


# Bundles.

HOME = plan("home", 50, technology_code=40, plan_type="cable", includes=("data",))
PHONE = plan("phone", 20, technology_code=40, plan_type="voice", includes=("voice",), early_termination_fee=Decimal(9))
DOUBLE = plan("double", 61, plan_type="bundle", includes=("data", "voice"), components=("home", "phone"))
TOGETHER = by_id(HOME, PHONE, DOUBLE)


def bundle_rows(*members, plans=TOGETHER):
    subjects = Subjects(members, plans, PARAMETERS)
    is_tested = np.ones((len(members), 6), dtype=np.bool_)
    rows = advise_all(subjects, records_of(*((one, []) for one in members)), is_tested, {}).rows
    return [row for row in rows if row.advice_kind == "bundle"]


def at(plan_id, service_id, place="a", **columns):
    return service(plan_id, service_id, address=Address(place), **columns)


def test_a_bundle_saves_for_all_of_its_services_and_is_split_exactly():
    rows = bundle_rows(at("home", "1"), at("phone", "2"))
    assert [(row.service_id, row.recommended_plan, row.expected_savings) for row in rows] == [
        ("1", "Double", Decimal("77.14")), ("2", "Double", Decimal("30.86")),
    ]  # fmt: skip
    assert sum(row.expected_savings for row in rows) == 108
    assert sum(row.monthly_revenue_change for row in rows) == -9
    assert len({row.bundle_group_id for row in rows}) == 1
    assert {row.confidence_score for row in rows} == {1}


def test_leaving_a_contract_for_a_bundle_is_counted():
    rows = bundle_rows(at("home", "1"), at("phone", "2", contract_end=date(2027, 1, 1)))
    assert sum(row.expected_savings for row in rows) == 99
    assert [row.early_termination_fee for row in rows] == [0, 9]


def test_no_bundle_over_two_places_for_one_service_or_with_too_little_saving():
    assert bundle_rows(at("home", "1"), at("phone", "2", "b")) == []
    assert bundle_rows(at("home", "1"), at("phone", "2", customer_id="other")) == []
    assert bundle_rows(at("home", "1")) == []
    dear = {**TOGETHER, "double": replace(DOUBLE, tariff=replace(DOUBLE.tariff, base_price=Fraction(69)))}
    assert bundle_rows(at("home", "1"), at("phone", "2"), plans=dear) == []


def test_no_service_stands_in_two_bundles_and_the_best_wins():
    members = [at("home", "1"), at("home", "2"), at("phone", "3"), at("phone", "4"), at("phone", "5")]
    rows = bundle_rows(*members)
    assert len({row.service_id for row in rows}) == len(rows) == 4
    assert len(find_groups(members, TOGETHER, PARAMETERS)) == len(list(product(range(2), range(3))))


def test_a_bundle_must_beat_what_its_services_are_advised_alone():
    cheap = plan("cheap", 30, technology_code=40, plan_type="cable", includes=("data",))
    assert bundle_rows(at("home", "1"), at("phone", "2"), plans={**TOGETHER, "cheap": cheap}) == []
