"""Plan advice by its parts: which plans may be taken, the choice against brute force, faults and saturation.

Not here: prices (test_rating), everything together (test_plan_advice_everybody), whole warehouses (tests/pipeline).
"""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.plan_advice.choice import Costs, bootstrap_interval, choose
from orchestration.analytics.plan_advice.hindsight import look_back
from orchestration.analytics.plan_advice.quality import Line, find_fault, find_saturation
from orchestration.analytics.plan_advice.subjects import Address, Parameters
from tests.unit.advised import DAY, FIXED, MILLION, PARAMETERS, VALUES, measured, names, plan, service

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


# Parameters.


def test_parameters_are_known_and_whole():
    values = {name: Decimal(value) for name, value in VALUES.items()}
    with pytest.raises(ValueError, match=r"missing .'history_days'., unknown .'hystory_days'."):
        Parameters.of({**{k: v for k, v in values.items() if k != "history_days"}, "hystory_days": Decimal(1)})
    with pytest.raises(ValueError, match=r"whole numbers for .'tested_periods'."):
        Parameters.of({**values, "tested_periods": Decimal("2.5")})
