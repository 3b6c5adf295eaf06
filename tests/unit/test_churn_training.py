"""From labelled rows to bundles and scores: too few leavers, promotion, what is kept, what is said."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from orchestration.analytics.churn_scores.bundles import Bundle, Last, sha256
from orchestration.analytics.churn_scores.scoring import score_rows
from orchestration.analytics.churn_scores.training import Labelled, evaluate, train
from tests.unit.test_churn_work import PARAMETERS, RULES, WORDS, rule_scores

FEW = PARAMETERS | {"minimum_leavers": 60.0, "minimum_non_payments": 1e9}
DAY = date(2026, 9, 30)


def labelled(rows_a_month: int = 170, months: int = 8) -> Labelled:
    """Two segments; in the larger one tickets and silence drive customers away."""
    rng = np.random.default_rng(3)
    size = rows_a_month * months
    tickets, silence = rng.poisson(1.0, size), rng.uniform(0, 1, size)
    chance = 1 / (1 + np.exp(3.2 - 1.1 * tickets - 1.5 * silence))
    features = pd.DataFrame({"tickets_6m": tickets.astype(float), "zero_usage_share_90d": silence,
                             "noise": rng.normal(size=size)})  # fmt: skip
    left = (rng.random(size) < chance).astype(float)
    segment = pd.Series(np.where(np.arange(size) % 11 == 0, "business", "postpaid"))
    left[segment == "business"] = 0
    left[5] = np.nan
    dates = pd.to_datetime(np.repeat(pd.date_range("2026-01-01", periods=months, freq="MS"), rows_a_month))
    labels = pd.DataFrame({"left_30d": left, "non_payment_30d": 0.0})
    customer = pd.Series([f"c{i % rows_a_month}-{i % 7}" for i in range(size)])
    return Labelled(features, labels, pd.Series(dates), segment, customer, pd.Series(25.0 * (tickets > 3)))


@pytest.fixture(scope="module")
def rows() -> Labelled:
    return labelled()


@pytest.fixture(scope="module")
def tested(rows):
    return evaluate(rows, FEW, 30)


@pytest.fixture(scope="module")
def trained(rows, tested):
    return {one.segment: one for one in train(rows, FEW, DAY, tested, {})}


def test_a_segment_with_few_leavers_goes_by_rules(rows, trained):
    assert trained["business"].bundle is None
    assert "60 needed" in trained["business"].reason
    assert trained["postpaid"].is_promoted


def test_later_months_say_how_good_it_is(tested):
    figures = tested.evaluations.set_index(["segment", "period", "metric"])["metric_value"]
    assert figures["postpaid", "all", "auc"] > 0.65
    assert {"2026-06", "2026-07", "2026-08"} <= set(tested.evaluations["period"])
    assert tested.tested.loc[tested.tested["segment"] == "business", "is_rule_fallback"].all()


def test_a_bundle_is_kept_to_the_bit(trained, rows):
    bundle = trained["postpaid"].bundle
    content = bundle.to_bytes()
    again = Bundle.from_bytes(content)
    assert sha256(again.to_bytes()) == sha256(content)
    some = rows.features.head(50)
    pd.testing.assert_frame_equal(again.probabilities(some), bundle.probabilities(some))
    assert len(bundle.reference) <= 1000


def test_the_threshold_is_fixed_at_training(trained, rows):
    assert trained["postpaid"].bundle.high_risk_threshold == pytest.approx(3 * rows.labels["left_30d"].mean())


def test_scores_explain_themselves_and_rules_fill_in(trained, rows):
    held = {"postpaid": Last("v1", DAY, trained["postpaid"].bundle)}
    some = rows.features.head(60)
    rules = rule_scores(some.assign(overdue_bills_12m=None, tenure_days=None), RULES, FEW)
    scores = score_rows(some, rows.segment.head(60), rules, held, {"business": "few"}, WORDS, [30], 3)
    model = scores[~scores["is_rule_fallback"]]
    fallback = scores[scores["is_rule_fallback"]]
    assert set(fallback["fallback_reason"]) == {"few"}
    assert (fallback["churn_probability"] == rules.loc[fallback.index, "rule_probability"]).all()
    assert fallback["confidence_score"].isna().all()
    assert (model["churn_probability"] == model["churn_probability_30d"]).all()
    assert model["confidence_score"].between(0, 1).all()
    # A factor raises the score of whoever has more of it than most.
    worst = model["churn_probability"].astype(float).idxmax()
    assert scores["risk_factors"][worst][0]["effect"] == "raises"
    bundle = trained["postpaid"].bundle
    told = bundle.chief.contributions(some).loc[model.index]
    exact = bundle.chief.intercept + told.sum(axis=1)
    np.testing.assert_allclose(exact, bundle.chief.log_odds(some.loc[model.index]), atol=1e-9)
    flagged = model["churn_probability"].astype(float) > bundle.high_risk_threshold
    assert (model["is_high_risk"].astype(bool) == flagged).all()


class _Oracle:
    """A last model that knew the answers."""

    def __init__(self, label: pd.Series) -> None:
        self.label = label

    def predict_probability(self, features: pd.DataFrame) -> pd.Series:
        return self.label.loc[features.index].fillna(0) * 0.98 + 0.01


def test_a_model_that_is_worse_than_the_last_does_not_take_over(rows, tested, trained, monkeypatch):
    bundle = trained["postpaid"].bundle
    monkeypatch.setattr(
        "orchestration.analytics.churn_scores.training._fit", lambda *_: {"postpaid": tested.segments["postpaid"]}
    )
    better = Bundle({30: _Oracle(rows.labels["left_30d"])}, 30, None, 0.1, bundle.reference)
    (refused,) = train(rows, FEW, DAY, tested, {"postpaid": Last("v1", date(2026, 5, 1), better)})
    assert not refused.is_promoted
    assert "v1" in refused.reason
    # The same model on the same months is no worse; without months after both there is nothing to compare.
    (same,) = train(rows, FEW, DAY, tested, {"postpaid": Last("v1", date(2026, 5, 1), Bundle(
        {30: tested.segments["postpaid"].model}, 30, None, 0.1, bundle.reference))})  # fmt: skip
    assert same.is_promoted
    (unknown,) = train(rows, FEW, DAY, tested, {"postpaid": Last("v1", date(2026, 8, 1), better)})
    assert unknown.is_promoted
    assert "no month after the training of v1" in unknown.reason
