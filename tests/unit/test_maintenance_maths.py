"""Failures and their labels, rules, crew lists, windows, levels, and models of failing hardware, on made frames."""

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.churn_scores.bundles import Bundle, Last
from orchestration.analytics.maintenance.crew import crew_figures, crew_ranks
from orchestration.analytics.maintenance.failures import element_failures, failure_labels
from orchestration.analytics.maintenance.rules import rule_scores, type_rates
from orchestration.analytics.maintenance.scoring import NOT_MEASURED, risk_levels, score_elements
from orchestration.analytics.maintenance.training import (
    LabelledElements,
    evaluate_failures,
    known_failures,
    model_features,
    train_failures,
)
from orchestration.analytics.maintenance.windows import next_window, quiet_hours
from tests.unit.test_outage_checks import network

AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
PARAMETERS = {"test_weeks": 12.0, "minimum_failures": 20.0, "most_others_per_failure": 8.0, "crew_visits_per_week": 1.0}
RULES = pd.DataFrame(
    [
        {"factor": "errors", "feature": "error_burst_days_28d", "comparison": "over", "threshold": 2,
         "rate_multiplier": 6, "words": "{value} days with bursts"},
        {"factor": "age", "feature": "days_to_end_of_support", "comparison": "under", "threshold": 0,
         "rate_multiplier": 1.5, "words": "{value} days left"},
    ]
)  # fmt: skip


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def test_what_a_failure_is():
    """Records that measurements do not contradict, and own downtime without a record, from the middle of its day."""
    inputs = network(
        {("A1", 5): 120, ("B1", 9): 45},
        [("A1", "2026-03-05 12:00", 120, 150), ("B2", "2026-03-11 12:00", 120, 150)],
    )
    found = element_failures(inputs)
    assert found.values.tolist() == [
        ["A1", at("2026-03-05 12:00"), "outage"],
        ["B1", at("2026-03-09 17:00"), "measurement"],
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=6), st.integers(0, 100), st.sampled_from([7, 30]))
def test_labels_say_whether_the_next_failure_is_near(failed, day, horizon):
    begin = pd.Timestamp(AS_OF) - pd.Timedelta(days=100)
    rows = pd.DataFrame({"element_id": ["a", "b"], "as_of_at": [begin + pd.Timedelta(days=day)] * 2})
    moments = pd.to_datetime([begin + pd.Timedelta(days=one) for one in failed], utc=True)
    labels = failure_labels(rows, pd.DataFrame({"element_id": "a", "failed_at": moments}), AS_OF)[f"fails_{horizon}d"]
    if day + horizon > 100:
        assert labels.isna().all()
    else:
        assert labels.tolist() == [float(any(day <= one < day + horizon for one in failed)), 0.0]


def test_rules_are_rates_with_reasons():
    latest = pd.DataFrame({"element_type": ["olt"] * 10 + ["core"], "failures_365d": [1, 1] + [0] * 8 + [None]})
    rates = type_rates(latest, {"core": 0.005, "other": 0.01}, prior_months=60, watched_months=12)
    assert rates["olt"]["rate"] == pytest.approx((0.01 * 60 + 2) / (60 + 120))
    assert rates["core"] == {"rate": 0.005, "failures": 0.0, "months": 0.0}
    rows = pd.DataFrame(
        {"element_type": ["olt", "core", "core"], "error_burst_days_28d": [3, None, 0],
         "days_to_end_of_support": [-10, 5, None]}
    )  # fmt: skip
    found = rule_scores(rows, rates, RULES, (7, 30))
    assert found["rule_multiplier"].tolist() == [9, 1, 1]
    expected = 1 - math.exp(-rates["olt"]["rate"] * 9 * 30 / 30.4375)
    assert found["failure_probability_30d"][0] == pytest.approx(expected)
    assert (found["failure_probability_7d"] < found["failure_probability_30d"]).all()
    told = found["risk_reasons"][0]
    assert math.prod(one["weight"] for one in told) == 9
    assert [one["description"] for one in told[1:]] == ["-10 days left", "3 days with bursts"]
    assert told[0]["description"].startswith("elements of kind olt fail 0.0144 times a month (2 failures in 120")


def test_a_crew_s_list_and_what_it_was_worth():
    dates = [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)]
    rows = pd.DataFrame(
        [(day, pd.Timestamp(day, tz="UTC"), "p", element, chance, None)
         for day, chances in zip(dates, ([0.1, 0.2, 0.1], [0.1, 0.4, 0.1], [0.5, 0.4, 0.1]), strict=True)
         for element, chance in zip("abc", chances, strict=True)],
        columns=["as_of_date", "as_of_at", "provider_id", "element_id", "failure_probability_30d",
                 "customers_at_stake_count"],
    )  # fmt: skip
    ranks = crew_ranks(rows)
    assert ranks.tolist() == [2, 1, 3, 2, 1, 3, 1, 2, 3]
    failures = pd.DataFrame({"element_id": ["b", "c"], "failed_at": [at("2026-01-20 12:00"), at("2026-01-21")]})
    listed = rows.assign(
        as_of_date=pd.to_datetime(rows["as_of_date"]),
        label=(rows["element_id"] == "b").astype(float),
        is_listed=ranks == 1,
    )
    found = crew_figures(listed, failures).query("period == 'all'").set_index("metric")
    assert found.loc["precision_at_capacity", "metric_value"] == pytest.approx(2 / 3)
    assert found.loc["precision_at_capacity", "baseline_value"] == pytest.approx(1 / 3)
    assert found.loc["share_of_failures_listed", "metric_value"] == 0.5
    assert found.loc["lead_time_days", "metric_value"] == 15.5


def test_of_equals_the_one_with_more_customers_is_first():
    rows = pd.DataFrame(
        {"as_of_date": 1, "provider_id": ["p", "p", "q"], "element_id": ["a", "b", "c"], "failure_probability_30d": 0.1,
         "customers_at_stake_count": [None, 5, None]}
    )  # fmt: skip
    assert crew_ranks(rows).tolist() == [2, 1, 1]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=24, max_size=24), st.integers(1, 23))
def test_quiet_hours_have_the_least_traffic(profile, hours):
    found = quiet_hours(profile, hours)
    least = min(sum(profile[(start + step) % 24] for step in range(hours)) for start in range(24))
    assert sum(profile[(found.start_hour + step) % 24] for step in range(hours)) == pytest.approx(least)
    assert quiet_hours([None, *profile[1:]], hours) is None


@settings(deadline=None)
@given(
    st.integers(0, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
    st.sampled_from(["America/Chicago", "Europe/Berlin", "UTC"]),
)
def test_the_next_window_is_the_first_after_the_notice(hour, as_of, zone):
    as_of = as_of.replace(tzinfo=UTC)
    begin, end = next_window(hour, 4, zone, as_of, notice_hours=12)
    local = begin.astimezone(ZoneInfo(zone))
    assert timedelta(hours=12) <= begin - as_of < timedelta(hours=12 + 25 + 1)
    assert end - begin == timedelta(hours=4)
    # Where clocks were put forward over it, it is an hour later.
    assert local.hour == hour or (
        local.hour == hour + 1 and local.utcoffset() != (local - timedelta(days=1)).utcoffset()
    )


def test_windows_on_the_days_that_clocks_change():
    # 02:00 is left out in Chicago on March 8, and comes twice in Berlin on October 25.
    assert next_window(2, 4, "America/Chicago", at("2026-03-07 12:00").to_pydatetime(), 12)[0] == at("2026-03-08 08:00")
    assert next_window(2, 4, "Europe/Berlin", at("2026-10-24 10:00").to_pydatetime(), 12)[0] == at("2026-10-25 00:00")


def test_the_first_level_whose_conditions_hold():
    levels = [
        {"rank": 3, "risk_level": "low", "least_probability_30d": None, "least_customers": None, "needs_911": False,
         "recommended_action": "none"},
        {"rank": 1, "risk_level": "critical", "least_probability_30d": 0.3, "least_customers": None, "needs_911": True,
         "recommended_action": "now"},
        {"rank": 2, "risk_level": "high", "least_probability_30d": 0.3, "least_customers": 10, "needs_911": False,
         "recommended_action": "soon"},
    ]  # fmt: skip
    rows = pd.DataFrame(
        {"failure_probability_30d": [0.4, 0.4, 0.4, 0.1], "customers_at_stake_count": [None, 10, 9, 99],
         "elements_911_at_stake_count": [1, 0, None, 3]}
    )  # fmt: skip
    assert risk_levels(rows, levels)["risk_level"].tolist() == ["critical", "high", "low", "low"]


def hardware(elements: int = 30, weeks: int = 50, seed: int = 4) -> LabelledElements:
    """Elements measured every Monday; most failures show in errors from two weeks before."""
    rng = np.random.default_rng(seed)
    mondays = [pd.Timestamp("2025-06-23", tz="UTC") + pd.Timedelta(weeks=week) for week in range(weeks)]
    names = [f"e{number:02d}" for number in range(elements)]
    failed, errors = [], rng.gamma(2, 0.02, (elements, weeks))
    for number, name in enumerate(names):
        for _ in range(rng.poisson(1.7)):
            moment = mondays[0] + pd.Timedelta(days=float(rng.uniform(20, 7 * weeks)))
            failed.append((name, moment))
            if rng.random() < 0.85:
                near = [0 < (moment - monday).days < 15 for monday in mondays]
                errors[number, near] += rng.gamma(6, 0.3, sum(near))
    rows = pd.DataFrame(
        [(monday.date(), monday, name, "p", "olt" if number % 2 else "router", errors[number, week], 7 * (number > 0))
         for week, monday in enumerate(mondays) for number, name in enumerate(names)],
        columns=["as_of_date", "as_of_at", "element_id", "provider_id", "element_type", "avg_error_rate_percentage_7d",
                 "measured_days_7d"],
    )  # fmt: skip
    failures = pd.DataFrame(failed, columns=["element_id", "failed_at"])
    rates = type_rates(rows[["element_type"]].assign(failures_365d=0), {"other": 0.1}, 60, 0)
    rules = rule_scores(rows, rates, RULES.iloc[:0], (7, 30))
    return LabelledElements(rows, model_features(rows), failure_labels(rows, failures, AS_OF), rules, failures)


@pytest.fixture(scope="module")
def trained():
    labelled = hardware()
    tested, figures = evaluate_failures(labelled, PARAMETERS)
    return labelled, tested, figures, train_failures(labelled, PARAMETERS, AS_OF.date(), tested, None)


def test_models_tell_failing_hardware_on_weeks_not_trained_on(trained):
    labelled, tested, figures, _ = trained
    whole = figures[figures["period"] == "all"].set_index(["horizon_days", "metric"])
    assert whole.loc[(7, "auc"), "metric_value"] > 0.65
    assert whole.loc[(30, "brier"), "metric_value"] < whole.loc[(30, "brier"), "baseline_value"]
    assert (
        whole.loc[(30, "precision_at_capacity"), "metric_value"]
        > 2 * whole.loc[(30, "precision_at_capacity"), "baseline_value"]
    )
    last_trained = tested.segments["all"].last_train_date
    assert pd.Timestamp(last_trained) + pd.Timedelta(days=30) <= tested.first_test_date
    assert known_failures(labelled) > 30


def test_scores_explain_themselves_and_survive_being_kept(trained):
    labelled, _, _, found = trained
    assert found.is_promoted
    assert "promoted: no model before it" in found.reason
    bundle = Bundle.from_bytes(found.bundle.to_bytes())
    rows = labelled.rows.tail(30)
    words = {
        "avg_error_rate_percentage_7d": {"factor": "errors", "multiplier": 1, "decimals": 2, "words": "{value}% errors"}
    }
    held = Last("v1", found.trained_to_date, bundle)
    told = score_elements(rows, labelled.rule_scores.loc[rows.index], held, "none", words, 5)
    assert (told["failure_probability_7d"] <= told["failure_probability_30d"]).all()
    assert told["score_method"].tolist() == ["rules"] + ["model"] * 29
    assert told["fallback_reason"].iloc[0] == NOT_MEASURED
    assert told["fallback_reason"].iloc[1:].isna().all()
    place = rows["avg_error_rate_percentage_7d"].iloc[1:].idxmax()
    chance = float(bundle.chief.predict_probability(labelled.features.loc[[place]]).iloc[0])
    moved = sum(one["contribution"] for one in told.loc[place, "risk_reasons"])
    assert bundle.chief.intercept + moved == pytest.approx(math.log(chance / (1 - chance)), abs=1e-3)
    assert any(one["description"].endswith("% errors") for one in told.loc[place, "risk_reasons"])


def test_a_worse_model_does_not_take_over(trained):
    labelled, tested, _, found = trained
    last = Last("v0", date(2026, 1, 1), found.bundle)
    noise = tested.tested.assign(probability=np.random.default_rng(0).uniform(0.2, 0.9, len(tested.tested)))
    worse = type(tested)(noise, tested.evaluations, tested.segments, tested.first_test_date)
    verdict = train_failures(labelled, PARAMETERS, AS_OF.date(), worse, last)
    assert not verdict.is_promoted
    assert "v0's" in verdict.reason


def test_without_models_the_rules_say_why():
    labelled = hardware(4, 8)
    told = score_elements(labelled.rows, labelled.rule_scores, None, "3 failures are known", {}, 5)
    assert set(told["score_method"]) == {"rules"}
    assert set(told["fallback_reason"]) == {"3 failures are known"}
    assert told["confidence_score"].isna().all()
