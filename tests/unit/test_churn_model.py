"""The model's parts against other code that gets the same: scikit-learn, scipy, and sums over every set of features."""

import json
import zlib
from itertools import combinations, permutations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from orchestration.analytics.churn import ChurnDataError, ChurnModel, probabilities_by_horizon
from orchestration.analytics.churn.encoding import spline_basis
from orchestration.analytics.churn.horizons import in_order
from orchestration.analytics.churn.linear import fit_linear, sigmoid
from orchestration.analytics.churn.trees import MAX_DEPTH, Shape, grow, product_game


def customers(rows=700, seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "months": random.integers(0, 60, rows),
            "bill": random.gamma(2, 30, rows),
            "plan": random.choice(["small", "large", "family"], rows),
            "town": random.choice([f"town {number}" for number in range(60)], rows),
            "calls": random.integers(0, 5, rows),
        }
    )
    frame.loc[random.random(rows) < 0.1, "bill"] = np.nan
    frame.loc[random.random(rows) < 0.05, "plan"] = None
    odds = -0.05 * frame["months"] + 0.8 * (frame["calls"] >= 3) * (frame["plan"] == "small") * 2 - 0.3
    return frame, (random.random(rows) < sigmoid(odds.to_numpy())).astype(int)


@pytest.fixture(scope="module")
def fitted():
    frame, label = customers()
    return ChurnModel.fit(frame, label, seed=5), frame, label


def test_contributions_sum_to_the_log_odds_exactly(fitted):
    model, _, _ = fitted
    frame = customers(seed=9)[0]
    assert model.mix.weights[1:].sum() > 0, "no tree in the mix: the test would show nothing of them"
    parts = model.contributions(frame)
    assert list(parts.columns) == list(model.feature_names)
    np.testing.assert_allclose(parts.sum(axis=1) + model.intercept, model.log_odds(frame), atol=1e-9, rtol=0)
    np.testing.assert_allclose(sigmoid(model.log_odds(frame).to_numpy()), model.predict_probability(frame), atol=1e-15)


def test_contributions_of_trees_are_shapley_values_over_every_order():
    """Sums over all orders of the features, the value of a set by following each tree down both ways."""
    random = np.random.default_rng(3)
    columns = random.normal(size=(400, 5))
    columns[random.random((400, 5)) < 0.1] = np.nan
    label = (np.nan_to_num(columns[:, 0] * columns[:, 1]) + np.nan_to_num(columns[:, 2]) > 0).astype(float)
    owner = np.array([0, 1, 1, 2, 3])  # columns 1 and 2 are of one feature
    forest, _ = grow(columns, label, Shape(8, 0.3, 4, 5, 1.0, 1.0), 0)

    def value(row, known, start, node):
        at = start + node
        split = forest.column[at]
        if split < 0:
            return forest.value[at]
        ways = (int(forest.left[at]), int(forest.right[at]))
        if owner[split] in known:
            x = row[split]
            left = forest.missing_left[at] if np.isnan(x) else x <= forest.threshold[at]
            return value(row, known, start, ways[0] if left else ways[1])
        return sum(forest.share[start + way] / forest.share[at] * value(row, known, start, way) for way in ways)

    rows = columns[:6]
    found = forest.contributions(rows, owner, 4)
    for row, parts in zip(rows, found, strict=True):

        def of(known, row=row):
            return sum(value(row, known, int(start), 0) for start in forest.starts[:-1])

        expected = np.zeros(4)
        for order in permutations(range(4)):
            for at, feature in enumerate(order):
                expected[feature] += (of({*order[: at + 1]}) - of({*order[:at]})) / factorial(4)
        np.testing.assert_allclose(parts, expected, atol=1e-12)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_the_product_game_against_every_set(shares):
    table = product_game(tuple(shares))
    players = range(len(shares))
    for pattern in range(2 ** len(shares)):
        met = [pattern >> player & 1 for player in players]
        for player in players:
            others = [other for other in players if other != player]
            total = 0.0
            for size in range(len(others) + 1):
                for group in combinations(others, size):
                    rest = [other for other in others if other not in group]
                    product = np.prod([met[one] for one in group]) * np.prod([shares[one] for one in rest])
                    weight = factorial(size) * factorial(len(others) - size) / factorial(len(shares))
                    total += weight * product * (met[player] - shares[player])
            assert table[pattern, player] == pytest.approx(total, abs=1e-12)


def test_a_column_without_any_value_is_as_good_as_none():
    """Blank on the rows that trees grow on, in all of them or in an inner fold's only; it may have values elsewhere."""
    random = np.random.default_rng(8)
    columns = random.normal(size=(300, 3))
    columns[:, 2] = np.nan
    label = (random.random(300) < sigmoid(columns[:, 0])).astype(float)
    told = columns.copy()
    told[:, 2] = random.normal(size=300)
    shape = Shape(6, 0.1, 20, 10, 1.0, 1.0)
    forest, losses = grow(columns[:200], label[:200], shape, 3, (told[200:], label[200:]))
    assert not (forest.column == 2).any()
    without, losses_without = grow(columns[:200, :2], label[:200], shape, 3, (columns[200:, :2], label[200:]))
    np.testing.assert_allclose(losses, losses_without)
    np.testing.assert_allclose(forest.log_odds(told), without.log_odds(told[:, :2]))


def test_a_feature_that_one_case_alone_has_is_trained_on():
    frame, label = customers()
    frame["rare"] = np.where(frame.index == 7, 1.5, np.nan)
    odds = ChurnModel.fit(frame, label, seed=5).log_odds(frame)
    assert np.isfinite(odds).all()


def test_trees_are_told_as_scikit_learn_tells_them():
    random = np.random.default_rng(4)
    columns = random.normal(size=(500, 4))
    columns[random.random((500, 4)) < 0.1] = np.nan
    label = (np.nan_to_num(columns[:, 0]) + random.normal(size=500) > 0).astype(float)
    forest, losses = grow(columns[:400], label[:400], Shape(6, 0.1, 60, 10, 1.0, 0.5), 3, (columns[400:], label[400:]))
    model = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=forest.trees_count, max_leaf_nodes=6, max_depth=MAX_DEPTH, min_samples_leaf=10,
        l2_regularization=1.0, max_features=0.5, early_stopping=False, random_state=3,
    ).fit(columns[:400], label[:400])  # fmt: skip
    for at in (0, forest.trees_count // 2, forest.trees_count):
        told = forest.first(at).log_odds(columns[400:])
        assert losses[at] == pytest.approx(np.mean(np.logaddexp(0, told) - label[400:] * told))
    np.testing.assert_allclose(forest.log_odds(columns), model.decision_function(columns), atol=1e-10)


@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_the_linear_part_is_the_penalised_maximum(penalty):
    random = np.random.default_rng(5)
    columns = random.normal(size=(300, 6)) * [1, 2, 0.1, 1, 1, 1]
    label = (columns[:, 0] + random.normal(size=300) > 1).astype(float)
    found = fit_linear(columns, label, penalty)
    other = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(columns, label)
    np.testing.assert_allclose(found.weights, other.coef_[0], atol=1e-3)
    assert found.intercept == pytest.approx(other.intercept_[0], abs=1e-3)


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=6, unique=True), st.lists(st.floats(-60, 60), min_size=1))
@settings(max_examples=40, deadline=None)
def test_splines_against_scipy(knots, values):
    knots = sorted(knots)
    x = np.clip(np.array(values), knots[0], knots[-1])
    padded = [knots[0]] * 3 + knots + [knots[-1]] * 3
    expected = BSpline.design_matrix(x, np.array(padded, dtype=float), 3).toarray()
    np.testing.assert_allclose(spline_basis(np.array(values), tuple(knots)), expected, atol=1e-9)


def test_kept_and_read_again(fitted):
    model, frame, label = fitted
    content = model.to_bytes()
    again = ChurnModel.from_bytes(content)
    assert again.to_bytes() == content
    assert again.sha256 == model.sha256 == ChurnModel.fit(frame, label, seed=5).sha256
    assert model.sha256 != ChurnModel.fit(frame, label, seed=6).sha256
    pd.testing.assert_series_equal(again.predict_probability(frame), model.predict_probability(frame))
    pd.testing.assert_frame_equal(again.contributions(frame), model.contributions(frame))
    pd.testing.assert_frame_equal(again.interval(frame), model.interval(frame))
    assert json.loads(zlib.decompress(content))["settings"]["rows"] == 700
    with pytest.raises(ChurnDataError, match="are no churn model"):
        ChurnModel.from_bytes(b"something else")
    with pytest.raises(ChurnDataError, match="in the form 'older'"):
        ChurnModel.from_bytes(zlib.compress(b'{"form": "older"}'))


def test_prediction_on_what_training_never_saw(fitted):
    model, frame, _ = fitted
    new = frame.iloc[:3].assign(plan="new plan", town=None, bill=1e9, more="passed over")
    told = model.predict_probability(new)
    assert told.between(0, 1).all()
    assert told.index.equals(new.index)
    # A bill above all others counts as the highest that was seen.
    highest = new.assign(bill=frame["bill"].max())
    np.testing.assert_allclose(told, model.predict_probability(highest))
    with pytest.raises(ChurnDataError, match="lacks town, of the 5 columns"):
        model.predict_probability(frame.drop(columns="town"))
    assert model.predict_probability(frame.iloc[:0]).empty
    assert model.contributions(frame.iloc[:0]).empty
    shuffled = frame[list(reversed(frame.columns))]
    pd.testing.assert_series_equal(model.predict_probability(shuffled), model.predict_probability(frame))


def test_the_interval_holds_the_probability_and_widens_with_the_level(fitted):
    model, frame, _ = fitted
    told, narrow, wide = model.predict_probability(frame), model.interval(frame, 0.5), model.interval(frame)
    assert ((wide["lower"] <= told) & (told <= wide["upper"])).all()
    assert (wide["lower"] <= narrow["lower"]).all()
    assert (narrow["upper"] <= wide["upper"]).all()
    np.testing.assert_allclose(wide["confidence"], 1 - (wide["upper"] - wide["lower"]))


def test_a_sample_of_those_who_stay_tells_the_same_probabilities():
    random = np.random.default_rng(6)
    frame = pd.DataFrame({"x": random.normal(size=6000)})
    label = (random.random(6000) < sigmoid(-3.5 + frame["x"].to_numpy())).astype(int)
    every = ChurnModel.fit(frame, label)
    some = ChurnModel.fit(frame, label, most_stayers_per_leaver=4)
    assert some.settings["rows_trained_on"] == 5 * label.sum()
    assert some.base_rate == every.base_rate
    told = some.predict_probability(frame)
    assert told.mean() == pytest.approx(label.mean(), rel=0.1)
    assert np.corrcoef(told, every.predict_probability(frame))[0, 1] > 0.97
    np.testing.assert_allclose(some.contributions(frame).sum(axis=1) + some.intercept, some.log_odds(frame), atol=1e-9)
    turned = ChurnModel.fit(frame, 1 - label, most_stayers_per_leaver=4)
    assert turned.predict_probability(frame).mean() == pytest.approx(1 - label.mean(), abs=0.01)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1), st.integers(0, 2))
@settings(deadline=None)
def test_longer_horizons_are_never_below_shorter_ones(told, principal):
    told = np.array(told)
    ordered = in_order(told, principal)
    assert (np.diff(ordered, axis=1) >= 0).all()
    np.testing.assert_array_equal(ordered[:, principal], told[:, principal])
    already = np.sort(told, axis=1)
    np.testing.assert_array_equal(in_order(already, principal), already)


def test_horizons_need_their_principal_model(fitted):
    model, frame, _ = fitted
    told = probabilities_by_horizon({60: model, 30: model}, frame, principal=30)
    assert list(told.columns) == [30, 60]
    with pytest.raises(ChurnDataError, match=r"no model for 90 days, there are those for \[30, 60\]"):
        probabilities_by_horizon({60: model, 30: model}, frame, principal=90)
