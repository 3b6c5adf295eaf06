"""Models by later months: what lies within the gap is not trained on, segments with few leavers get the rules."""

import numpy as np
import pandas as pd
import pytest

from orchestration.analytics.churn import (
    ChurnDataError,
    area_under_curve,
    evaluate_by_period,
    evaluate_over_time,
    fitting,
    ready_rows,
    train_segments,
)

MONTHS = [day.date() for day in pd.date_range("2025-01-01", periods=9, freq="MS")]


@pytest.fixture(autouse=True)
def few_folds(monkeypatch):
    """What is tested here is which rows are used, not how well."""
    monkeypatch.setattr(fitting, "INNER_FOLDS", 3)


def months(customers=100, seed=0):
    """As many rows a month; who leaves follows x, and no row knows more."""
    random = np.random.default_rng(seed)
    rows = len(MONTHS) * customers
    frame = pd.DataFrame(
        {
            "as_of_date": np.repeat(np.array(MONTHS, dtype=object), customers),
            "customer": np.tile(np.arange(customers), len(MONTHS)),
            "x": random.normal(size=rows),
            "noise": random.normal(size=rows),
        }
    )
    frame["label"] = (frame["x"] + 0.3 * random.normal(size=rows) > 0.5).astype(float)
    return frame


def run(frame, **more):
    return evaluate_over_time(
        frame[["x", "noise"]], frame["label"], frame["as_of_date"], horizon_days=62, groups=frame["customer"],
        test_dates_count=2, minimum_events=80, **more,
    )  # fmt: skip


def test_rows_are_ready_when_their_horizon_is_over():
    dates = pd.Series(pd.to_datetime(["2025-01-01", "2025-01-30", "2025-01-31", "2025-02-01"]))
    found = ready_rows(dates, horizon_days=30, origin=pd.Timestamp("2025-03-01"))
    assert found.tolist() == [True, True, False, False]


def test_a_planted_future_is_not_learned():
    """Within the gap before the test the answers stand on their head: whoever trains on them is wrong in the test."""
    frame = months()
    first_test = pd.Timestamp(MONTHS[-2])
    dates = pd.to_datetime(frame["as_of_date"])
    in_gap = (dates < first_test) & (dates + pd.Timedelta(days=62) > first_test)
    assert in_gap.sum() == 200
    planted = frame.assign(label=frame["label"].where(~in_gap, (frame["x"] < 0).astype(float)))
    found, clean = run(planted), run(frame)
    pd.testing.assert_frame_equal(found.tested, clean.tested)
    assert found.segments["all"].last_train_date == MONTHS[4]
    assert found.first_test_date == first_test
    # The plant works: a gap of no days would have trained on it.
    leaky = evaluate_over_time(
        planted[["x", "noise"]], planted["label"], planted["as_of_date"], horizon_days=1, test_dates_count=2,
        minimum_events=80,
    )  # fmt: skip
    told, truth = leaky.tested["probability"], leaky.tested["label"]
    assert area_under_curve(truth, told) < area_under_curve(clean.tested["label"], clean.tested["probability"]) - 0.05


def test_censored_rows_are_neither_trained_on_nor_tested():
    frame = months()
    censored = frame["noise"] > 1
    poisoned = frame.assign(label=frame["label"].mask(censored))
    found = run(poisoned)
    assert not found.tested.index.isin(frame.index[censored]).any()
    known = found.segments["all"]
    ready = ready_rows(frame["as_of_date"], horizon_days=62, origin=found.first_test_date)
    assert known.train_rows == int((ready & ~censored).sum())


def test_segments_with_few_leavers_get_the_rules_and_say_so():
    frame = months()
    segments = pd.Series(np.where(frame["customer"] < 20, "business", "postpaid"))
    found = run(frame, segments=segments, rule_score=frame["noise"])
    assert found.segments["business"].model is None
    assert found.segments["business"].reason.endswith("80 needed: rules")
    is_rule = found.tested["segment"] == "business"
    assert found.tested["is_rule_fallback"].equals(is_rule)
    assert found.tested["probability"].isna().equals(is_rule)
    figures = found.evaluations
    assert set(figures["segment"]) == {"all", "postpaid"}
    assert set(figures["period"]) == {"all", "2025-08", "2025-09"}
    assert not figures.duplicated(["segment", "period", "metric"]).any()
    # Each figure against the rows it is about.
    month = found.tested[(found.tested["as_of_date"] == "2025-08-01") & ~is_rule]
    row = figures.set_index(["segment", "period", "metric"]).loc[("postpaid", "2025-08", "auc")]
    assert row["metric_value"] == pytest.approx(area_under_curve(month["label"], month["probability"]))
    assert row["baseline_value"] == pytest.approx(area_under_curve(month["label"], month["rule_score"]))
    assert (row["cases_count"], row["events_count"]) == (len(month), month["label"].sum())
    gap = figures.set_index(["segment", "period", "metric"]).loc[("all", "all", "auc_difference_to_rule_score")]
    assert gap["lower_95"] < gap["metric_value"] < gap["upper_95"]


def test_a_month_of_one_class_has_no_auc():
    frame = months().assign(segment="all", probability=0.2, rule_score=np.nan, group=0)
    frame.loc[pd.to_datetime(frame["as_of_date"]) == "2025-03-01", "label"] = 0.0
    figures = evaluate_by_period(frame).set_index(["segment", "period", "metric"])["metric_value"]
    assert np.isnan(figures["all", "2025-03", "auc"])
    assert ("all", "2025-03", "expected_maximum_profit_per_customer") not in figures
    assert figures["all", "2025-03", "brier"] == pytest.approx(0.04)


def test_too_little_history_is_said():
    frame = months()
    with pytest.raises(ChurnDataError, match="known at 2 as-of dates, more than the 3"):
        evaluate_over_time(
            frame[["x"]], frame["label"].where(frame["as_of_date"] < MONTHS[2]), frame["as_of_date"], horizon_days=30
        )
    with pytest.raises(ChurnDataError, match="2 groups for 900 rows"):
        train_segments(
            frame[["x"]], frame["label"], frame["as_of_date"], as_of_date=MONTHS[8], horizon_days=30,
            groups=pd.Series([1, 2]),
        )  # fmt: skip
    nothing = train_segments(frame[["x"]], frame["label"], frame["as_of_date"], as_of_date=MONTHS[0], horizon_days=30)
    assert nothing["all"].reason == "0 left of 0 cases known by 2025-01-01, 200 needed: rules"
