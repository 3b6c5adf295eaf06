"""Figures about churn, each against a second road: scikit-learn, an integral, published examples, or sums by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from orchestration.analytics.churn import (
    ChurnDataError,
    ProfitParameters,
    area_under_curve,
    auc_difference,
    base_rate_brier,
    brier_score,
    calibration_table,
    drift,
    expected_calibration_error,
    expected_loss,
    expected_maximum_profit,
    first_promotion,
    gain_table,
    log_loss,
    newcombe_interval,
    plot_calibration,
    plot_gain,
    population_stability,
    promotion,
    remaining_months,
    retention_result,
    top_decile_lift,
)
from orchestration.analytics.churn.evaluation import wilson_interval

SCORES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60)


def some(rows=1000, seed=0):
    random = np.random.default_rng(seed)
    chance = random.beta(1, 6, rows)
    return (random.random(rows) < chance).astype(int), chance


@given(SCORES)
@settings(deadline=None)
def test_area_under_the_curve_with_ties(rows):
    score, label = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=int)
    found = area_under_curve(label, score)
    if label.min() == label.max():
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(label, score))


def test_scores_by_hand():
    label, told = [1, 0, 0, 1], [0.9, 0.2, 0.4, 0.5]
    assert brier_score(label, told) == pytest.approx((0.01 + 0.04 + 0.16 + 0.25) / 4)
    assert base_rate_brier(label) == 0.25
    assert log_loss(label, told) == pytest.approx(sklearn_log_loss(label, told))
    assert np.isfinite(log_loss([1, 0], [0.0, 1.0]))
    assert expected_calibration_error(label, told, bins=2) == pytest.approx((abs(0.6 - 0) + abs(1.4 - 2)) / 4)


def test_lift_counts_ties_at_the_border_by_their_share():
    label = [1] * 5 + [0] * 95
    assert top_decile_lift(label, np.arange(100)[::-1]) == pytest.approx(5 / 10 / 0.05)
    assert top_decile_lift(label, np.full(100, 0.3)) == pytest.approx(1)
    assert np.isnan(top_decile_lift([0] * 20, range(20)))


@pytest.mark.parametrize("parameters", [ProfitParameters(), ProfitParameters(500, 60, 4, 2, 5)])
def test_expected_maximum_profit_is_the_integral_over_those_who_accept(parameters):
    label, told = some(300)
    order = np.argsort(-told)
    left, stayed = np.append(0, np.cumsum(label[order])), np.append(0, np.cumsum(1 - label[order]))
    accept = (np.arange(20_000) + 0.5) / 20_000
    gain = accept[:, None] * (parameters.lifetime_value - parameters.offer_cost) - parameters.contact_cost
    profit = gain * left - (parameters.offer_cost + parameters.contact_cost) * stayed
    weight = beta(parameters.alpha, parameters.beta).pdf(accept) / 20_000
    found = expected_maximum_profit(label, told, parameters)
    assert found.profit_per_customer == pytest.approx((profit.max(axis=1) * weight).sum() / 300, rel=1e-5)
    assert found.share_targeted == pytest.approx((profit.argmax(axis=1) * weight).sum() / 300, rel=1e-2)


def test_expected_maximum_profit_refuses_what_has_no_answer():
    with pytest.raises(ChurnDataError, match="of one class"):
        expected_maximum_profit([0, 0], [0.1, 0.2])
    with pytest.raises(ChurnDataError, match="lifetime_value > offer_cost"):
        ProfitParameters(lifetime_value=5, offer_cost=10)


def test_the_interval_of_a_difference_holds_it_and_is_wider_by_groups():
    label, told = some(600)
    worse = np.random.default_rng(1).random(600)
    found = auc_difference(label, told, worse, draws=200)
    assert found.value == pytest.approx(area_under_curve(label, told) - area_under_curve(label, worse))
    assert 0 < found.lower < found.value < found.upper
    again = auc_difference(label, told, worse, draws=200)
    assert again == found
    # Every row four times over: drawn one by one the interval would be half as wide.
    fourfold = [np.tile(values, 4) for values in (label, told, worse)]
    grouped = auc_difference(*fourfold, groups=np.tile(np.arange(600), 4), draws=200)
    assert grouped.upper - grouped.lower == pytest.approx(found.upper - found.lower, rel=1e-6)
    loose = auc_difference(*fourfold, draws=200)
    assert loose.upper - loose.lower < 0.7 * (grouped.upper - grouped.lower)


def test_tables_and_charts():
    label, told = some()
    gain = gain_table(label, told, steps=10)
    top = np.argsort(-told)[:300]
    assert gain["share_of_leavers"][3] == pytest.approx(label[top].sum() / label.sum())
    assert (gain["share_of_leavers"].iloc[0], gain["share_of_leavers"].iloc[-1]) == (0, 1)
    table = calibration_table(label, told)
    assert table["cases_count"].tolist() == [100] * 10
    weighted = (table["predicted"] - table["observed"]).abs().mean()
    assert weighted == pytest.approx(expected_calibration_error(label, told))
    for chart in (plot_gain(gain, "gain"), plot_calibration(table, "calibration")):
        assert len(chart.to_dict()["layer"]) >= 2


def test_published_intervals():
    # Newcombe 1998 (Statistics in Medicine 17, 873), table II, method 10: 56 of 70 less 48 of 80.
    assert newcombe_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    # Its companion, table I, method 3: 81 of 263.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 0) == (0, 1)


def test_retention_with_a_control_group():
    treated = pd.Series([True] * 30 + [False] * 470 + [None] * 20)
    control = pd.Series([True] * 50 + [False] * 450)
    found = retention_result(treated, control, cost_per_contact=4.0)
    assert (found.treated_count, found.treated_churned, found.control_count, found.control_churned) == (
        500,
        30,
        500,
        50,
    )
    assert found.churn_reduction == pytest.approx(0.04)
    assert (found.lower, found.upper) == pytest.approx(newcombe_interval(50, 500, 30, 500))
    assert found.saved_customers == pytest.approx(20)
    assert found.cost_per_save == pytest.approx(520 * 4 / 20)
    assert found.reason == "churn is lower among the treated"
    assert retention_result(control, control, cost_per_contact=1).cost_per_save is None
    assert "no effect is shown" in retention_result(control, control, cost_per_contact=1).reason


def test_retention_without_a_control_group_estimates_nothing():
    found = retention_result([True, False], [None, None], cost_per_contact=4.0)
    assert found.reason.startswith("no control group")
    assert (found.churn_reduction, found.lower, found.upper, found.cost_per_save, found.saved_customers) == (None,) * 5
    assert (found.treated_churn, found.control_churn) == (0.5, None)


def test_population_stability_by_hand():
    then, now = pd.Series(["a"] * 50 + ["b"] * 50), pd.Series(["a"] * 30 + ["b"] * 70)
    by_hand = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert population_stability(then, now) == pytest.approx(by_hand)
    assert population_stability(then, then) == 0
    numbers = pd.Series(np.arange(1000.0))
    assert population_stability(numbers, numbers + 1) < 0.001
    assert population_stability(numbers, numbers.where(numbers > 300)) > 0.25
    assert np.isnan(population_stability(numbers, numbers.iloc[:0]))


def test_drift_names_what_moved_and_not_what_is_noise():
    random = np.random.default_rng(2)
    then = pd.DataFrame({"same": random.normal(size=4000), "moved": random.normal(size=4000), "constant": 1})
    now = pd.DataFrame({"same": random.normal(size=4000), "moved": random.normal(1, 1, 4000), "constant": 1})
    found = drift(then, now).set_index("feature")["level"].to_dict()
    assert found == {"same": "stable", "moved": "drifted", "constant": "stable"}
    few = drift(then, now.iloc[:20][["same"]])
    assert few["level"].tolist() == ["stable"]


def test_a_worse_model_is_not_promoted():
    label, told = some()
    worse = np.clip(told * 3, 0, 0.99)
    better = promotion(label, told, worse)
    assert better.is_promoted
    refused = promotion(label, worse, told, name="postpaid of May")
    assert not refused.is_promoted
    assert refused.reason.startswith("not promoted: on the same 1000 rows")
    assert f"postpaid of May's {log_loss(label, told):.5f}" in refused.reason
    assert first_promotion(label, told).is_promoted
    assert not first_promotion(label, np.full(1000, 0.9)).is_promoted


def test_remaining_months_of_a_constant_hazard():
    random = np.random.default_rng(3)
    lived = random.exponential(20, 20_000)
    watched = np.minimum(lived, 80)
    lifetimes = pd.DataFrame({"tenure_months": watched, "is_ended": lived <= 80, "segment": "postpaid"})
    asked = pd.DataFrame({"tenure_months": [0.0, 10.0, 30.0, 200.0], "segment": "postpaid"}, index=list("abcd"))
    found = remaining_months(lifetimes, asked, horizon_months=12)
    expected = 20 * (1 - np.exp(-12 / 20))
    np.testing.assert_allclose(found["expected_remaining_months"], expected, rtol=0.04)
    assert found.index.equals(asked.index)
    discounted = remaining_months(lifetimes, asked, horizon_months=12, annual_discount_percentage=10)
    rate = 1 / 20 + np.log(1.1) / 12
    np.testing.assert_allclose(discounted["expected_remaining_months"], (1 - np.exp(-12 * rate)) / rate, rtol=0.04)


def test_remaining_months_of_those_watched_late_and_of_small_segments():
    random = np.random.default_rng(4)
    lived, entry = random.exponential(20, 30_000), random.uniform(0, 40, 30_000)
    seen = lived > entry
    lifetimes = pd.DataFrame(
        {"tenure_months": lived[seen], "entry_months": entry[seen], "is_ended": True, "segment": "prepaid"}
    )
    lifetimes.loc[:9, "segment"] = "rare"
    asked = pd.DataFrame({"tenure_months": [5.0, 5.0], "segment": ["prepaid", "rare"]})
    found = remaining_months(lifetimes, asked, horizon_months=24)
    np.testing.assert_allclose(found["expected_remaining_months"], 20 * (1 - np.exp(-24 / 20)), rtol=0.05)
    assert found["basis"].tolist() == ["prepaid", "all"]
    with pytest.raises(ChurnDataError, match="lack the columns is_ended"):
        remaining_months(lifetimes.drop(columns="is_ended"), asked)
    with pytest.raises(ChurnDataError, match="no lifetimes at all"):
        remaining_months(lifetimes.iloc[:0], asked)


def test_remaining_months_where_the_only_one_watched_early_ended():
    """One was watched from the first month and left in the fourth, before anybody else was watched."""
    lifetimes = pd.DataFrame({
        "tenure_months": [4.0, *[40.0] * 30], "entry_months": [0.0, *[20.0] * 30],
        "is_ended": [True, *[False] * 30], "segment": "postpaid",
    })  # fmt: skip
    asked = pd.DataFrame({"tenure_months": [1.0, 10.0, 30.0], "segment": "postpaid"})
    found = remaining_months(lifetimes, asked, horizon_months=12)["expected_remaining_months"].tolist()
    # Nobody left after the fourth month; before it, one of one did (Nelson and Aalen: exp(-1) stay).
    assert found[1:] == pytest.approx([12, 12], abs=0.01)
    assert found[0] == pytest.approx(3 + 9 * np.exp(-1), abs=0.1)


def test_expected_loss():
    found = expected_loss(pd.Series([0.1, 0.5]), pd.Series([30.0, 10.0]), pd.Series([20.0, 4.0]))
    assert found.tolist() == pytest.approx([60, 20])
