"""Baselines and incidents of security monitoring: quiet series, attacks, gaps, clocks, neighbours."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.security_monitoring.baseline import score_hours
from orchestration.analytics.security_monitoring.grid import median
from orchestration.analytics.security_monitoring.incidents import find_incidents, neighbours_of
from tests.unit.security_hours import BEGIN, HOUR, RULEBOOK, change, constant_hours, make_hours

WEEK = pd.Timedelta(weeks=1)
LAST = BEGIN + 11 * WEEK
CALM = {name: frozenset[str]() for name in "abcdefghij"}


def scored(hours, judged_from=None):
    return score_hours(hours, RULEBOOK.parameters, RULEBOOK.measures, judged_from)


def incidents(hours, neighbours=CALM):
    return find_incidents(scored(hours), RULEBOOK.parameters, RULEBOOK.measures, neighbours)


def expected(hours, measure="throughput_mbps"):
    own = scored(hours)
    return own[own["measure"].eq(measure)].set_index(["element_id", "hour_at"])["expected"]


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan"))), min_size=4, max_size=4), min_size=1))
def test_the_median_leaves_out_what_is_missing(rows):
    values = np.array(rows)
    told = median(values, 0)
    for column, own in enumerate(values.T):
        known = own[~np.isnan(own)]
        assert np.isnan(told[column]) if not len(known) else told[column] == pytest.approx(np.median(known))


def test_a_quiet_network_has_scores_of_a_normal_spread_and_no_incident():
    hours = make_hours("abcdefghij", 16)
    scores = scored(hours)
    assert len(scores) > 10 * 11 * 168 * 4
    assert 0.9 < scores["score"].std() < 1.15
    assert abs(scores["score"].median()) < 0.05
    assert incidents(hours).empty


def test_no_rows_no_scores():
    assert incidents(make_hours().iloc[:0]).empty


def test_a_constant_series_alarms_on_a_jump_but_not_on_a_step_of_rounding():
    still = constant_hours()
    at = BEGIN + 9 * WEEK
    assert scored(still)["score"].abs().max() < 1e-6
    assert incidents(change(still, "a", at, 30, throughput_mbps=1.01, connections_count=1.02)).empty
    (found,) = incidents(change(still, "a", at, 1, throughput_mbps=3, connections_count=3)).to_dict("records")
    assert (found["finding_kind"], found["first_seen_at"], found["last_seen_at"]) == ("traffic_flood", at, at + HOUR)
    assert found["peak_ratio"] == pytest.approx(3, rel=0.05)
    nothing = constant_hours(level=0.0)
    assert incidents(nothing).empty
    few = nothing.assign(connections_count=nothing["hour_at"].eq(at) * 5.0)
    assert incidents(few).empty
    many = nothing.assign(connections_count=nothing["hour_at"].eq(at) * 500.0)
    assert list(incidents(many)["finding_kind"]) == ["connection_scan"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(0, 167), st.integers(1, 60), st.floats(0, 1000))
def test_an_attack_in_the_history_does_not_move_the_baseline(week, hour, length, factor):
    """In any single week, of any strength: what is expected of the week after all is as if it had not been."""
    still = constant_hours(weeks=11)
    attacked = change(still, "a", BEGIN + week * WEEK + min(hour, 168 - length) * HOUR, length, throughput_mbps=factor)
    last = BEGIN + 10 * WEEK
    before, after = (expected(one)[lambda own: own.index.get_level_values(1) >= last] for one in (still, attacked))
    pd.testing.assert_series_equal(before, after)


@settings(max_examples=10, deadline=None)
@given(st.integers(6 * 168, 10 * 168), st.integers(0, 5))
def test_a_score_never_changes_by_what_comes_later(end, seed):
    hours = make_hours("ab", 10.5, seed=seed)
    early = scored(hours[hours["hour_at"] < BEGIN + end * HOUR])
    later = scored(change(hours, "b", BEGIN + end * HOUR, 5, throughput_mbps=50))
    same = later[later["hour_at"] < BEGIN + end * HOUR].reset_index(drop=True)
    pd.testing.assert_frame_equal(early, same)


def test_history_before_the_judged_hours_needs_ten_weeks():
    """What a run reads (judged hours, ten weeks before) gives the scores of the whole history."""
    hours = make_hours("abc", 20)
    judged_from = BEGIN + 16.4 * WEEK
    read = hours[hours["hour_at"] >= judged_from - 10 * WEEK]
    whole = scored(hours, judged_from)
    pd.testing.assert_frame_equal(scored(read, judged_from), whole)
    assert whole["hour_at"].min() >= judged_from


def test_fewer_than_four_weeks_are_not_judged():
    assert scored(make_hours(weeks=4)).empty
    fifth = scored(make_hours(weeks=4.5))
    assert fifth["hour_at"].min() == BEGIN + 4 * WEEK
    assert set(fifth["weeks_count"]) == {4}


def test_missing_samples_are_no_alarm_and_hide_none():
    hours = make_hours("ab", 12)
    rng = np.random.default_rng(1)
    holes = hours[rng.random(len(hours)) > 0.15]
    holes = holes[~(holes["element_id"].eq("a") & holes["hour_at"].between(LAST, LAST + 40 * HOUR))]
    assert incidents(holes).empty
    at = LAST + 60 * HOUR
    attacked = change(hours, "a", at, 4, throughput_mbps=3, connections_count=5).drop(index=holes.index[::9])
    assert set(incidents(attacked)["element_id"]) == {"a"}


@pytest.mark.parametrize("begin", ["2026-01-05", "2025-09-01"])
def test_a_clock_that_changes_moves_no_rhythm(begin):
    """Over both changes of New York's clock; by a clock that does not change the same hours are far off."""
    hours = make_hours("ab", 12, time_zone="America/New_York", begin=pd.Timestamp(begin, tz="UTC"), noise=0.03)
    assert incidents(hours).empty
    assert len(incidents(hours.assign(time_zone="UTC"))) >= 2


def test_an_element_without_a_time_zone_is_an_error():
    with pytest.raises(ValueError, match="element a has no time zone"):
        scored(make_hours(weeks=5).assign(time_zone=None))


def test_growth_and_a_new_level_are_no_attack():
    hours = make_hours("ab", 14)
    weeks = ((hours["hour_at"] - BEGIN) / WEEK).to_numpy()
    grown = hours.assign(throughput_mbps=hours["throughput_mbps"] * 1.01**weeks)
    assert incidents(grown).empty
    stepped = hours.assign(throughput_mbps=hours["throughput_mbps"] * np.where(weeks > 11, 1.15, 1))
    assert incidents(stepped).empty


def test_a_holiday_of_all_is_no_incident_but_an_attack_on_it_is():
    hours = make_hours("abcdefghij", 12)
    is_holiday = hours["hour_at"].between(LAST, LAST + 23 * HOUR)
    columns = ["throughput_mbps", "uplink_throughput_mbps", "connections_count"]
    hours.loc[is_holiday, columns] *= 1.45
    assert incidents(hours).empty
    attacked = change(hours, "c", LAST + 6 * HOUR, 3, throughput_mbps=3, connections_count=4)
    assert list(incidents(attacked)["element_id"]) == ["c"]


def test_silence_is_one_of_an_element_that_is_up():
    down = {"throughput_mbps": 0.002, "uplink_throughput_mbps": 0.002, "connections_count": 0.002}
    silent = change(make_hours("ab", 12), "a", LAST, 9, **down)
    (found,) = incidents(silent).to_dict("records")
    assert (found["finding_kind"], found["hours_count"]) == ("silent_cell", 9)
    assert incidents(change(silent, "a", LAST, 9, availability_percentage=0.1)).empty
    unsaid = silent.assign(availability_percentage=np.nan)
    assert list(incidents(unsaid)["finding_kind"]) == ["silent_cell"]
    # An hour by itself is a hole in the counting.
    assert incidents(change(make_hours("ab", 12), "a", LAST, 1, **down)).empty


@pytest.mark.parametrize(
    ("factors", "kind", "length"),
    [
        ({"throughput_mbps": 2.0, "connections_count": 2.0}, "traffic_flood", 3),
        ({"uplink_throughput_mbps": 4.0}, "traffic_flood", 3),
        ({"connections_count": 5.0}, "connection_scan", 2),
        ({"connections_count": 1.6}, "connection_scan", 20),
    ],
)
def test_kinds_by_what_moved(factors, kind, length):
    at = LAST + 12 * HOUR
    (found,) = incidents(change(make_hours("ab", 12), "b", at, length, **factors)).to_dict("records")
    assert (found["finding_kind"], found["element_ids"]) == (kind, ["b"])
    assert found["first_seen_at"] - at <= 2 * HOUR
    assert found["confidence_score"] > 0.99


PAIRS = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: pair[0] < pair[1]), max_size=5)
ABNORMAL = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 40)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(ABNORMAL, PAIRS, st.randoms(use_true_random=False))
def test_grouping_is_what_the_plain_rule_says(abnormal, pairs, order):
    """Hours of an element up to four apart are one; runs of neighbours that overlap are one; nothing else is."""
    hours = sorted(abnormal)
    order.shuffle(hours)
    scores = pd.DataFrame(
        [[f"e{e}", "p", BEGIN + h * HOUR, "throughput_mbps", 500.0, 100.0, 90.0, 110.0, 20.0, 8] for e, h in hours],
        columns=["element_id", "provider_id", "hour_at", "measure", "observed", "expected", "lower", "upper", "score",
                 "weeks_count"],
    ).sort_values(["element_id", "hour_at"], ignore_index=True)  # fmt: skip
    neighbours = {f"e{e}": frozenset(f"e{a + b - e}" for a, b in pairs if e in (a, b)) for e in range(5)}
    found = find_incidents(scores, RULEBOOK.parameters, RULEBOOK.measures, neighbours)
    runs: list[tuple[int, int, int]] = []
    for e in range(5):
        for h in sorted(h for element, h in abnormal if element == e):
            if runs and runs[-1][0] == e and h - runs[-1][2] <= 4:
                runs[-1] = (e, runs[-1][1], h)
            else:
                runs.append((e, h, h))
    group = list(range(len(runs)))
    for _ in runs:
        for i, (e, first, last) in enumerate(runs):
            for j, (other, begin, end) in enumerate(runs):
                if tuple(sorted((e, other))) in pairs and first <= end and begin <= last:
                    group[i] = group[j] = min(group[i], group[j])
    plain = {}
    for number, run in zip(group, runs, strict=True):
        plain.setdefault(number, []).append(run)
    wanted = sorted(
        (min(r[1] for r in own), max(r[2] for r in own) + 1, sorted({f"e{r[0]}" for r in own}))
        for own in plain.values()
    )
    told = sorted(
        (int((one["first_seen_at"] - BEGIN) / HOUR), int((one["last_seen_at"] - BEGIN) / HOUR), one["element_ids"])
        for one in found.to_dict("records")
    )
    assert told == wanted
    assert found["hours_count"].sum() == len(abnormal)


def test_a_flood_over_a_site_is_one_incident():
    hours = make_hours("abc", 12)
    for element in "abc":
        hours = change(hours, element, LAST + 4 * HOUR, 3, throughput_mbps=3, connections_count=4)
    elements = pd.DataFrame({"element_id": ["a", "b", "c", "s"], "parent_element_id": ["s", "s", None, None]})
    links = pd.DataFrame({"source_element_id": ["c", "c"], "target_element_id": ["s", "nobody"]})
    neighbours = neighbours_of(elements, links)
    assert neighbours == {"a": {"b", "s"}, "b": {"a", "s"}, "c": {"s"}, "s": {"a", "b", "c"}}
    # The site itself has no samples, so that c is not known to be hit together with its sectors.
    assert [one["element_ids"] for one in incidents(hours, neighbours).to_dict("records")] == [["a", "b"], ["c"]]
    assert len(incidents(hours)) == 3
