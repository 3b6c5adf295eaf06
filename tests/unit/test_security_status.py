"""The score of a network, its status in words, and what of it is watched: each against what a person would say."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.findings import LIFE_COLUMNS
from orchestration.analytics.security_monitoring import findings as made
from orchestration.analytics.security_monitoring import status
from orchestration.analytics.security_monitoring.configurations import judge_configurations
from orchestration.analytics.security_monitoring.parameters import Level, Parameters, Scoring, raised
from tests.unit.security_hours import GOOD, HOUR, RULEBOOK, element

DAY = date(2026, 9, 30)
AS_OF = datetime(2026, 10, 1, 5, tzinfo=UTC)
SCORING = Scoring(
    {"low": 5, "medium": 10, "high": 20, "critical": 40},
    (Level("low", 0), Level("medium", 20), Level("high", 40), Level("critical", 70)),
)


def table_rows(*rows):
    """(class, severity, status, hours before AS_OF) as rows of the table."""
    columns = [*made.FINDING_COLUMNS, *LIFE_COLUMNS]
    found = pd.DataFrame(index=range(len(rows)), columns=columns)
    for number, (class_, severity, state, ago) in enumerate(rows):
        at = pd.Timestamp(AS_OF) - pd.Timedelta(hours=ago)
        found.loc[number, ["finding_id", "finding_class", "severity", "finding_status", "recommended_action"]] = [
            f"f{number}", class_, severity, state, f"do {severity}"
        ]  # fmt: skip
        found.loc[number, ["first_seen_at", "last_seen_at", "affected_elements_count"]] = [at, at, 1]
    return found.astype({"first_seen_at": "datetime64[us, UTC]", "last_seen_at": "datetime64[us, UTC]"})


def test_the_source_s_own_cases_score_as_there():
    """Ten per incident, twenty per violation, at most a hundred; over 70, 40 and 20."""
    for incidents_count in range(5):
        for violations_count in range(6):
            rows = [("incident", "medium", "open", 2)] * incidents_count
            rows += [("violation", "high", "open", 0)] * violations_count
            found = status.assess(table_rows(*rows), AS_OF, 24, SCORING)
            points = 10 * incidents_count + 20 * violations_count
            assert (found.risk_points, found.risk_score) == (points, min(points, 100))
            assert found.security_status == (
                "critical" if points > 70 else "high" if points > 40 else "medium" if points > 20 else "low"
            )
            assert (len(found.incidents), len(found.violations)) == (incidents_count, violations_count)


def test_nothing_found_is_zero_and_low_not_nothing():
    found = status.assess(table_rows(), AS_OF, 24, SCORING)
    assert vars(found) == {"security_status": "low", "risk_score": 0, "risk_points": 0, "incidents": [],
                           "violations": [], "recommended_actions": []}  # fmt: skip


def test_what_counts():
    rows = [("incident", "high", "resolved", 3), ("incident", "low", "muted", 3), ("incident", "critical", "open", 25),
            ("change", "low", "open", 23), ("violation", "medium", "muted", 0), ("violation", "low", "resolved", 0),
            ("violation", "critical", "open", 900)]  # fmt: skip
    found = status.assess(table_rows(*rows), AS_OF, 24, SCORING)
    assert found.risk_points == 20 + 5 + 40
    assert [one["finding_id"] for one in found.incidents] == ["f0", "f3"]
    assert [one["finding_id"] for one in found.violations] == ["f6"]
    assert found.recommended_actions == ["do critical", "do high", "do low"]
    assert status.assess(table_rows(*rows), AS_OF, 48, SCORING).risk_score == 100


@settings(deadline=None)
@given(st.floats(0, 100), st.lists(st.floats(0, 100), min_size=1, max_size=5, unique=True))
def test_the_status_is_always_the_score_s(score, borders):
    levels = tuple(Level(f"over {border}", border) for border in borders)
    told = status.status_of(score, Scoring({}, levels))
    over = [border for border in borders if score > border]
    assert told == f"over {max(over) if over else min(borders)}"


def test_states_of_elements_and_their_words():
    elements = pd.DataFrame([element(element_id=name) for name in "abcd"])
    last = pd.Timestamp(AS_OF) - HOUR
    reporting = pd.DataFrame(
        {"element_id": ["a", "b", "c"], "hours_count": [8 * 168, 3 * 168, 6 * 168],
         "last_sample_at": [last, last, last - pd.Timedelta(days=3)]}
    )  # fmt: skip
    judged = judge_configurations(elements.assign(configuration=[GOOD, GOOD, GOOD, {}]), RULEBOOK.rules, DAY)
    states = status.element_states(elements, reporting, judged, RULEBOOK.parameters, AS_OF)
    assert list(states["monitoring_state"]) == ["monitored", "insufficient_history", "not_reporting", "not_sampled"]
    assert list(states["history_weeks"]) == [8.0, 3.0, 6.0, 0.0]
    unknown = judged["element_id"].eq("d") & judged["verdict"].eq("unknown")
    assert list(states["rules_unknown_count"]) == [0, 0, 0, unknown.sum()]
    assert unknown.sum() > 10
    assert status.monitoring_words(states, RULEBOOK.parameters) == (
        "1 of 4 elements are watched for abnormal traffic; 1 have 3 weeks of hourly samples, and 4 are needed;"
        " of 1 no sample came lately; 1 send no hourly samples"
    )
    assert [status.provider_state(states.iloc[start:]) for start in range(5)] == [
        "monitored", "insufficient_history", "not_reporting", "not_sampled", "not_sampled"
    ]  # fmt: skip


def test_parameters_that_are_too_few_or_too_many_are_named():
    known = vars(RULEBOOK.parameters)
    with pytest.raises(ValueError, match=r"lacks \['gap_hours'\] and has unknown \['gap'\]"):
        Parameters.of({**{name: value for name, value in known.items() if name != "gap_hours"}, "gap": 3})
    assert [raised("low", 0), raised("low", 2), raised("high", 5)] == ["low", "high", "critical"]
