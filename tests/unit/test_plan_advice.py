"""Plan advice: which plans may be taken, the choice against brute force, bundles, faults and saturation, words.

Not here: prices (test_rating), whole warehouses (tests/pipeline).
"""

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
from orchestration.analytics.plan_advice.candidates import candidates
from orchestration.analytics.plan_advice.choice import Costs, bootstrap_interval, choose
from orchestration.analytics.plan_advice.everybody import Subjects, advise_all
from orchestration.analytics.plan_advice.hindsight import look_back
from orchestration.analytics.plan_advice.pricing import Records
from orchestration.analytics.plan_advice.pricing import tested_periods as periods_of
from orchestration.analytics.plan_advice.quality import Line, SpeedTest, find_fault, find_saturation
from orchestration.analytics.plan_advice.subjects import Address, Parameters, Plan, Service
from orchestration.analytics.rating import DayUse, Discount, Part, Use, period_of, rate, tariff_from
from orchestration.analytics.rating.tariff import GB_BYTES, KINDS

MILLION = 10**6
DAY = date(2026, 10, 1)
VALUES = {
    "tested_periods": 6, "minimum_tested_periods": 3, "minimum_yearly_saving": 12, "minimum_speed_percentage": 100,
    "bootstrap_draws": 200, "bootstrap_seed": 1, "quality_window_days": 180, "quality_minimum_tests": 2,
    "quality_fault_percentage": 70, "saturation_window_days": 30, "saturation_minimum_days": 15,
    "saturation_percentage": 70, "saturation_days_percentage": 10, "history_days": 400,
}  # fmt: skip
PARAMETERS = Parameters.of({name: Decimal(value) for name, value in VALUES.items()})


def plan(plan_id, price=30, includes=KINDS, rules=None, components=None, **columns):
    prices = {name: columns.pop(name) for name in list(columns) if "allowance" in name or "overage" in name}
    parts = [{"plan_id": one, "quantity": 1, "price_share": Decimal("0.5")} for one in components or ()]
    tariff = tariff_from(
        {"plan_id": plan_id, "plan_name": plan_id.title(), "includes": list(includes), "base_price": price,
         "currency": columns.pop("currency", "USD"), "rating_rules": rules, "bundle_components": parts, **prices}
    )  # fmt: skip
    given_columns = {
        "provider_id": "one", "plan_type": "mobile", "technology_code": None, "speed_mbps_down": Decimal(100),
        "speed_mbps_up": Decimal(10), "voice_service": None, "is_business": False, "early_termination_fee": None,
        "contract_months": 0, "available_from": date(2020, 1, 1), "available_to": None,
    }  # fmt: skip
    return Plan(tariff, **{**given_columns, **columns})


def service(plan_id="own", service_id="s", **columns):
    given_columns = {
        "customer_id": "c", "provider_id": "one", "zone_id": "z", "is_business": False, "as_of_day": DAY,
        "bill_day": 1, "activated_day": date(2020, 1, 1), "has_marketing_consent": True,
    }  # fmt: skip
    return Service(service_id=service_id, plan_id=plan_id, **{**given_columns, **columns})


def by_id(*plans):
    return {one.plan_id: one for one in plans}


def names(subject, *plans):
    return [one.plan_id for one in candidates(subject, by_id(*plans), PARAMETERS)]


# Which plans may be taken.

OWN = plan("own")


@pytest.mark.parametrize(
    ("columns", "may"),
    [
        ({}, True),
        ({"provider_id": "two"}, False),
        ({"plan_type": "voice"}, False),
        ({"currency": "EUR"}, False),
        ({"is_business": True}, False),
        ({"available_from": date(2026, 10, 2)}, False),
        ({"available_to": date(2026, 9, 30)}, False),
        ({"available_to": DAY}, True),
        ({"includes": ("data", "voice")}, False),
        ({"speed_mbps_down": Decimal(99)}, False),
        ({"speed_mbps_up": Decimal(9)}, False),
        ({"speed_mbps_down": None}, False),
        ({"speed_mbps_down": Decimal(300)}, True),
    ],
)
def test_same_provider_type_customers_currency_on_sale_and_no_less(columns, may):
    assert (names(service(), OWN, plan("other", **columns)) == ["other"]) is may


def test_a_business_takes_business_plans_only():
    assert names(service(is_business=True), OWN, plan("b", is_business=True), plan("c")) == ["b"]


FIXED = {"plan_type": "broadband", "includes": ("data",)}


@pytest.mark.parametrize(
    ("offers", "found"),
    [
        ({10: (Decimal(100), Decimal(10)), 50: (Decimal(1000), Decimal(1000))}, ["fiber", "dsl"]),
        ({10: (Decimal(100), Decimal(10)), 50: (Decimal(400), Decimal(1000))}, ["dsl"]),
        ({50: (Decimal(1000), Decimal(1000))}, ["fiber"]),
        ({}, []),
        (None, ["dsl"]),
    ],
)
def test_a_fixed_plan_needs_its_technology_at_the_address(offers, found):
    own = plan("own", technology_code=12, **FIXED)
    fiber = plan("fiber", technology_code=50, **{**FIXED, "speed_mbps_down": Decimal(500)})
    dsl = plan("dsl", technology_code=10, **FIXED)
    assert names(service(address=Address("a", offers)), own, fiber, dsl) == found


def test_calls_over_the_top_need_broadband():
    own = plan("own", plan_type="voice", includes=("voice",), technology_code=10, voice_service="switched")
    top = plan("top", plan_type="voice", includes=("voice",), voice_service="voip_over_the_top")
    assert names(service(), own, top) == []
    assert names(service(has_broadband=True), own, top) == ["top"]


# The choice.

amounts = st.integers(0, 60 * MILLION)


@st.composite
def costs(draw):
    services, periods, plans = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 4))

    def array(elements, *shape):
        return np.array(draw(st.lists(elements, min_size=(n := int(np.prod(shape))), max_size=n))).reshape(shape)

    present = array(st.integers(0, plans - 1), services)
    may = array(st.booleans(), services, plans)
    may[np.arange(services), present] = False
    return Costs(
        array(amounts, services, periods, plans), array(st.booleans(), services, periods, plans),
        array(amounts, services, plans), array(st.booleans(), services, periods), may, present,
        array(st.sampled_from([0, 5 * MILLION, 90 * MILLION]), services),
    )  # fmt: skip


@given(costs(), st.integers(0, 100 * MILLION))
@settings(max_examples=80)
def test_the_choice_is_that_of_brute_force(given_costs, minimum):
    found = choose(given_costs, minimum, 50, 1)
    for s, present in enumerate(given_costs.present.tolist()):
        periods = np.flatnonzero(given_costs.is_tested[s]).tolist()

        def saved(p, m, s=s, present=present):
            use, year = given_costs.usage[s, m], given_costs.recurring[s]
            return int(12 * use[present] + year[present] - 12 * use[p] - year[p] - given_costs.fee[s])

        serving = [
            p for p in np.flatnonzero(given_costs.is_candidate[s]).tolist()
            if periods and all(given_costs.is_served[s, m, p] for m in periods)
        ]  # fmt: skip
        best = max(serving, key=lambda p: sum(saved(p, m) for m in periods), default=-1)
        changes = best >= 0 and sum(saved(best, m) for m in periods) > minimum * len(periods)
        assert found.best[s] == best
        assert found.plan[s] == (best if changes else present)
        if not periods:
            assert np.isnan(found.confidence[s])
            continue
        if changes:
            right = [saved(best, m) > 0 for m in periods]
        else:
            right = [all(saved(p, m) <= minimum for p in serving) for m in periods]
        assert found.confidence[s] == pytest.approx(sum(right) / len(periods))


@given(st.lists(st.lists(st.integers(-(10**9), 10**9), min_size=4, max_size=4), min_size=1, max_size=5), st.data())
@settings(max_examples=40)
def test_an_interval_lies_around_the_mean_and_is_a_rows_own(rows, data):
    values = np.array(rows, dtype=np.int64)
    counted = np.array(data.draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4),
                                          min_size=len(rows), max_size=len(rows))))  # fmt: skip
    lower, upper = bootstrap_interval(values, counted, 300, 7)
    for i, row in enumerate(values):
        own = row[counted[i]] / MILLION
        if not len(own):
            assert np.isnan(lower[i])
            continue
        assert own.min() - 1e-6 <= lower[i] <= upper[i] <= own.max() + 1e-6
        alone = bootstrap_interval(values[i : i + 1], counted[i : i + 1], 300, 7)
        assert (lower[i], upper[i]) == (alone[0][0], alone[1][0])


def test_the_interval_covers_the_mean_of_what_the_months_come_from():
    rng = np.random.default_rng(3)
    values = rng.normal(100, 30, (400, 6)) * MILLION
    lower, upper = bootstrap_interval(values.astype(np.int64), np.ones((400, 6), dtype=bool), 1000, 1)
    # Six months are few: the percentile bootstrap covers less than its 95 %.
    assert 0.80 < ((lower <= 100) & (upper >= 100)).mean() < 0.95


def test_hindsight_judges_by_months_that_the_advice_has_not_seen():
    usage = np.array([[[10, 0]] * 3 + [[10, 0], [0, 30], [10, 0]], [[10, 0]] * 6]) * MILLION
    tested = np.ones((2, 6), dtype=bool)
    tested[1, :2] = False
    known = Costs(usage, np.ones((2, 6, 2), dtype=bool), np.zeros((2, 2), dtype=np.int64), tested,
                  np.array([[False, True]] * 2), np.array([0, 0]), np.array([0, 0]))  # fmt: skip
    found = look_back(known, 12 * MILLION, 3)
    assert (found.changes, found.months, found.months_won, found.confidence) == (1, 3, 2, 1.0)
    win, saving = found.evaluations()
    assert win == ["later_win_share", pytest.approx(2 / 3), "confidence_score", 1.0, 3, 2]
    assert saving == ["later_saving_per_year", pytest.approx(-40), "expected_savings", 120.0, 1, None]
    assert look_back(known, 120 * MILLION, 3).evaluations()[0] == [
        "later_win_share",
        None,
        "confidence_score",
        None,
        0,
        0,
    ]


# Lines.


def measured(*speeds):
    return Line([SpeedTest(Decimal(one), Decimal(100)) for one in speeds])


def test_under_seventy_percent_is_a_fault_whatever_plan_would_be_faster():
    fault = find_fault(measured(60, 40, 90), PARAMETERS)
    assert (fault.tests, round(fault.percentage, 1)) == (3, Decimal("63.3"))
    assert round(fault.share_below, 4) == Decimal("0.6667")
    assert find_fault(measured(60, 80), PARAMETERS) is None
    assert find_fault(measured(10), PARAMETERS) is None
    assert find_fault(Line(), PARAMETERS) is None


def test_a_line_that_fills_its_plan_is_saturated():
    def line(*days):
        return Line([], [*days, *[0.0] * (30 - len(days))])

    speed = Decimal(100)
    found = find_saturation(line(70.0, 105.0, 99.0), speed, PARAMETERS)
    assert (found.days, found.observed_days, found.peak_mbps) == (3, 30, 105.0)
    assert find_saturation(line(70.0, 99.0), speed, PARAMETERS) is None
    assert find_saturation(line(69.9, 69.9, 69.9), speed, PARAMETERS) is None
    # What no line of that speed can carry in an hour tells nothing.
    assert find_saturation(line(*[500.0] * 3), speed, PARAMETERS) is None
    assert find_saturation(line(*[500.0] * 20, 80.0, 80.0), speed, PARAMETERS) is None
    assert find_saturation(line(70.0), None, PARAMETERS) is None


# Everything together, against the exact engine on every plan.

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


def records_of(*people):
    rows = [
        (index, period, KINDS.index(kind), 0, quantity, 0, 1)
        for index, (_, use) in enumerate(people)
        for period, _, kind, quantity in use
    ]
    return Records(*np.array(sorted(rows), dtype=np.int64).reshape(len(rows), 7).T)


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


# Parameters.


def test_parameters_are_known_and_whole():
    values = {name: Decimal(value) for name, value in VALUES.items()}
    with pytest.raises(ValueError, match=r"missing .'history_days'., unknown .'hystory_days'."):
        Parameters.of({**{k: v for k, v in values.items() if k != "history_days"}, "hystory_days": Decimal(1)})
    with pytest.raises(ValueError, match=r"whole numbers for .'tested_periods'."):
        Parameters.of({**values, "tested_periods": Decimal("2.5")})
