"""Rules, levels, the work queue, interventions and words: by hand, and against rules written out in plain Python."""

import csv
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.churn_scores.features import model_features, segments_of
from orchestration.analytics.churn_scores.levels import interventions, queue_ranks, risk_levels
from orchestration.analytics.churn_scores.rules import rule_scores
from orchestration.analytics.churn_scores.scoring import add_value
from orchestration.analytics.churn_scores.words import describe, raising_factors, risk_factors

SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
NUMBERS = ("threshold", "points", "points_per_unit", "cost", "expected_churn_reduction", "multiplier", "decimals")


def seed(name: str) -> list[dict]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {k: (float(v) if v else None) for k, v in row.items() if k in NUMBERS}
        row |= {k: v == "true" for k, v in row.items() if k.startswith("is_")}
    return rows


RULES = pd.DataFrame(seed("churn_rules"))
PARAMETERS = {row["parameter"]: float(row["value"]) for row in seed("churn_parameters")}
WORDS = {row["feature"]: row for row in seed("churn_factors")}
CATALOGUE = seed("churn_interventions")


def features(**columns) -> pd.DataFrame:
    blank = {"zero_usage_share_90d": None, "overdue_bills_12m": None, "tickets_6m": None, "tenure_days": None}
    return pd.DataFrame([{**blank, **columns}])


def by_source(row: dict) -> float:
    """The source's IFs, with calendar days for its records and integers for its dates."""
    score = 0
    if row["zero_usage_share_90d"] is not None and row["zero_usage_share_90d"] > 0.2:
        score += 25
    if row["overdue_bills_12m"] is not None and row["overdue_bills_12m"] > 0:
        score += min(row["overdue_bills_12m"] * 10, 30)
    if row["tickets_6m"] is not None and row["tickets_6m"] > 3:
        score += min(row["tickets_6m"] * 5, 20)
    if row["tenure_days"] is not None and row["tenure_days"] < 90:
        score += 15
    return score


maybe = st.none()
CUSTOMERS = st.fixed_dictionaries(
    {
        "zero_usage_share_90d": st.one_of(maybe, st.sampled_from([0.0, 0.2, 0.2000001, 1.0])),
        "overdue_bills_12m": st.one_of(maybe, st.integers(0, 6)),
        "tickets_6m": st.one_of(maybe, st.integers(0, 9)),
        "tenure_days": st.one_of(maybe, st.sampled_from([0, 89, 90, 4000])),
    }
)


@settings(max_examples=30, deadline=None)
@given(st.lists(CUSTOMERS, min_size=1, max_size=20))
def test_the_rules_are_the_sources(customers):
    found = rule_scores(pd.DataFrame(customers), RULES, PARAMETERS)
    for (_, row), customer in zip(found.iterrows(), customers, strict=True):
        expected = by_source(customer)
        assert row["rule_score"] == expected
        assert row["rule_level"] == ("high" if expected >= 70 else "medium" if expected >= 40 else "low")
        assert row["rule_probability"] == min(expected / 100, 0.95)
        assert sum(factor["weight"] for factor in row["rule_factors"]) == expected


def test_a_rule_says_its_figures():
    (factors,) = rule_scores(features(zero_usage_share_90d=0.256, tickets_6m=4), RULES, PARAMETERS)["rule_factors"]
    assert [(f["factor"], f["weight"], f["description"]) for f in factors] == [
        ("low_usage", 25, "25.6% of days with zero usage"),
        ("support_issues", 20, "4 support tickets in last 6 months"),
    ]


def test_a_rule_about_no_feature_is_an_error():
    with pytest.raises(KeyError, match="looks at nothing_known, which is no feature"):
        rule_scores(features(), RULES.assign(feature="nothing_known"), PARAMETERS)


def test_levels_are_the_teams_capacity():
    loss = pd.Series([float(i) for i in range(100)], index=[f"c{i:02}" for i in range(100)])
    loss["c99"] = None
    levels = risk_levels(loss, loss.fillna(0) / 100, PARAMETERS)
    assert levels.value_counts().to_dict() == {"low": 80, "medium": 15, "high": 5}
    # Dearest first; whose loss is not known comes last.
    assert set(levels.index[levels == "high"]) == {"c94", "c95", "c96", "c97", "c98"}
    assert levels["c99"] == "low"


@pytest.mark.parametrize("count", [0, 1, 19, 20])
def test_levels_of_few(count):
    loss = pd.Series([1.0] * count, index=[str(i) for i in range(count)], dtype=float)
    levels = risk_levels(loss, loss, PARAMETERS)
    assert (levels == "high").sum() == count // 20
    assert len(levels) == count


def test_the_queue_leaves_out_who_was_contacted():
    level = pd.Series(["medium", "high", "high", "low"], index=list("abcd"))
    loss = pd.Series([900.0, 10.0, 20.0, 5.0], index=list("abcd"))
    ranks = queue_ranks(level, loss, pd.Series([False, False, True, False], index=list("abcd")))
    assert [None if math.isnan(rank) else rank for rank in ranks] == [2, 1, None, None]


def test_interventions_answer_the_factors_and_pay():
    found = interventions(CATALOGUE, "high", ["price"], 1000.0)
    assert [one["intervention"] for one in found] == ["retention_discount", "account_manager", "retention_pricing"]
    assert found[0]["expected_gain"] == 1000 * 0.30 - 40
    assert {one["factor"] for one in found} <= {"price", "any"}
    # Of a small loss only what costs less than it saves; else the least bad one.
    assert all(one["expected_gain"] > 0 for one in interventions(CATALOGUE, "medium", ["usage"], 100.0))
    (only,) = interventions(CATALOGUE[:1], "high", ["price"], 1.0)
    assert only["expected_gain"] == pytest.approx(0.3 - 40)
    assert all(one["expected_gain"] is None for one in interventions(CATALOGUE, "low", [], None))


def test_every_level_has_an_intervention_whatever_the_factors():
    for level in ("low", "medium", "high"):
        assert interventions(CATALOGUE, level, [], 0.0)


def test_factors_are_told_strongest_first_in_words():
    contributions = pd.DataFrame([{"tickets_90d": 0.8, "auto_pay": -0.9, "usage_gb_30d": 0.0, "novel": 0.1}])
    values = pd.DataFrame([{"tickets_90d": 7.0, "auto_pay": 1.0, "usage_gb_30d": 3.0, "novel": None}])
    (told,) = risk_factors(contributions, values, WORDS, 5)
    assert [(one["feature"], one["effect"]) for one in told] == [
        ("auto_pay", "lowers"), ("tickets_90d", "raises"), ("novel", "raises"),
    ]  # fmt: skip
    assert told[1]["description"] == "7 support tickets in the last 90 days"
    assert told[1]["contribution"] == 0.8
    assert told[2]["description"] == "not known: novel"
    assert raising_factors(told) == ["support", "novel"]
    assert describe("zero_usage_share_30d", 0.4567, WORDS) == "46% of the last 30 days without usage"


def test_every_rules_feature_has_words():
    assert set(RULES["feature"]) <= set(WORDS)


def test_a_loss_stands_on_bills_else_on_the_stored_value():
    scores = pd.DataFrame({"churn_probability": [0.5, 0.5, 0.5]})
    value = pd.DataFrame({"monthly_margin": [10.0, None, None], "expected_remaining_months": [12.0, 12.0, 12.0],
                          "stored_lifetime_value": [7.0, 100.0, None]})  # fmt: skip
    found = add_value(scores, value)
    assert found["expected_lifetime_value_impact"].tolist()[:2] == [60, 50]
    assert math.isnan(found["expected_lifetime_value_impact"][2])
    assert found["value_basis"].tolist() == ["bills", "stored_lifetime_value", None]


def test_a_model_sees_no_keys_and_no_dates():
    rows = pd.DataFrame([{"customer_id": "a", "as_of_date": "2026-01-01", "is_latest": True, "tickets_90d": 3,
                          "auto_pay": None, "customer_type": "individual", "usage_gb_30d": "1.50"}])  # fmt: skip
    found = model_features(rows)
    assert found.columns.tolist() == ["tickets_90d", "auto_pay", "customer_type", "usage_gb_30d"]
    assert found["usage_gb_30d"].tolist() == [1.5]


def test_segments():
    lines = {row["line_of_business"]: row["segment"] for row in seed("churn_segments")}
    classes = {row["customer_type"]: row["customer_class"] for row in seed("customer_classes")}
    line = pd.Series(["mobile_prepaid", "fixed_voice", "mobile_postpaid", "unknown"])
    kind = pd.Series(["individual", "individual", "government", None])
    assert segments_of(line, kind, lines, classes).tolist() == ["prepaid", "fixed", "business", "postpaid"]
    with pytest.raises(KeyError, match="no segment for satellite_phone"):
        segments_of(pd.Series(["satellite_phone"]), pd.Series(["individual"]), lines, classes)
