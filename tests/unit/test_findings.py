"""Findings over several runs: identity, life and muting, against the plain rules."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.findings import LIFE_COLUMNS, adopt_overlapping, finding_id, merge_findings

DAY_0 = datetime(2026, 9, 1, tzinfo=UTC)
FOUND_COLUMNS = ["finding_id", "description", "first_seen_at", "last_seen_at"]
COLUMNS = [*FOUND_COLUMNS, *LIFE_COLUMNS]
TIMES = dict.fromkeys(("first_seen_at", "last_seen_at", "judged_at", "muted_until"), "datetime64[us, UTC]")
EMPTY = pd.DataFrame(columns=COLUMNS).astype(TIMES)


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


def found_on(number: int, names: str) -> pd.DataFrame:
    rows = [[finding_id("kind", name), f"{name} on {number}", day(number - 1), day(number)] for name in names]
    frame = pd.DataFrame(rows, columns=FOUND_COLUMNS)
    return frame.astype({"first_seen_at": "datetime64[us, UTC]", "last_seen_at": "datetime64[us, UTC]"})


def state(table: pd.DataFrame, name: str) -> pd.Series:
    return table.set_index("finding_id").loc[finding_id("kind", name)]


@given(st.lists(st.sets(st.sampled_from("abcde")), min_size=1, max_size=8))
@settings(deadline=None)
def test_a_finding_lives_as_the_runs_saw_it(runs):
    """The table after any series of runs against what each finding's own series of sightings says."""
    table = EMPTY
    for number, names in enumerate(runs):
        table = merge_findings(table, found_on(number, "".join(sorted(names))), day(number))
    assert list(table["finding_id"]) == sorted(finding_id("kind", name) for name in set().union(*runs))
    for name in set().union(*runs):
        seen = [number for number, names in enumerate(runs) if name in names]
        row = state(table, name)
        assert (row["first_seen_at"], row["last_seen_at"]) == (day(seen[0] - 1), day(seen[-1]))
        assert row["description"] == f"{name} on {seen[-1]}"
        assert row["finding_status"] == ("open" if seen[-1] == len(runs) - 1 else "resolved")
        assert row["reopened_count"] == sum(after - before > 1 for before, after in pairwise(seen))
        assert (
            pd.isna(row["resolved_at"]) if row["finding_status"] == "open" else row["resolved_at"] == day(seen[-1] + 1)
        )


@given(st.sets(st.sampled_from("abcde")), st.sets(st.sampled_from("abcde")))
@settings(deadline=None)
def test_the_same_run_twice_changes_nothing(first, second):
    before = merge_findings(EMPTY, found_on(0, "".join(sorted(first))), day(0))
    once = merge_findings(before, found_on(1, "".join(sorted(second))), day(1))
    twice = merge_findings(once, found_on(1, "".join(sorted(second))), day(1))
    pd.testing.assert_frame_equal(once, twice, check_dtype=False)


def test_what_was_not_looked_for_stays():
    before = merge_findings(EMPTY, found_on(0, "ab"), day(0))
    after = merge_findings(before, found_on(1, ""), day(1), judged=before["finding_id"] == finding_id("kind", "a"))
    assert (state(after, "a")["finding_status"], state(after, "b")["finding_status"]) == ("resolved", "open")
    assert (state(after, "a")["judged_at"], state(after, "b")["judged_at"]) == (day(1), day(0))


def test_a_muted_one_stays_muted_until_its_time():
    table = merge_findings(EMPTY, found_on(0, "ab"), day(0))
    table["muted_by"], table["mute_reason"], table["muted_at"] = "ada", "known", pd.Timestamp(day(0.5))
    table.loc[table["finding_id"] == finding_id("kind", "b"), "muted_until"] = pd.Timestamp(day(2))
    table["finding_status"] = "muted"
    for number, (a, b) in enumerate([("muted", "muted"), ("muted", "open")], start=1):
        table = merge_findings(table, found_on(number, "ab"), day(number))
        assert (state(table, "a")["finding_status"], state(table, "b")["finding_status"]) == (a, b)
    # Resolved and back, it is still known to be harmless.
    table = merge_findings(merge_findings(table, found_on(3, ""), day(3)), found_on(4, "a"), day(4))
    row = state(table, "a")
    assert (row["finding_status"], row["muted_by"], row["mute_reason"]) == ("muted", "ada", "known")
    assert row["reopened_count"] == 1


def test_what_cannot_be_merged_is_said():
    before = merge_findings(EMPTY, found_on(2, "a"), day(2))
    with pytest.raises(ValueError, match="after"):
        merge_findings(before, found_on(1, "a"), day(1))
    with pytest.raises(ValueError, match="one each"):
        merge_findings(before, found_on(3, "aa"), day(3))


def incidents(*spans: tuple[str, float, float]) -> pd.DataFrame:
    rows = [[finding_id("flood", element, day(begin)), element, day(begin), day(end)] for element, begin, end in spans]
    return pd.DataFrame(rows, columns=["finding_id", "element_id", "first_seen_at", "last_seen_at"])


def test_an_incident_whose_beginning_moved_keeps_its_id():
    before = incidents(("x", 1, 2), ("x", 5, 6), ("y", 1, 2))
    found = incidents(("x", 0.5, 2.5), ("x", 9, 10), ("y", 2.02, 3), ("z", 1, 2))
    ids = list(adopt_overlapping(before, found, ["element_id"], pd.Timedelta(hours=1))["finding_id"])
    assert ids == [before["finding_id"][0], found["finding_id"][1], before["finding_id"][2], found["finding_id"][3]]


def test_two_incidents_of_one_earlier_stay_two():
    before, found = incidents(("x", 1, 6)), incidents(("x", 1, 2), ("x", 3, 6))
    adopted = adopt_overlapping(before, found, ["element_id"], pd.Timedelta(0))
    assert adopted["finding_id"][1] == before["finding_id"][0]
    # The other one began when the earlier did, and would have had its id.
    assert adopted["finding_id"].nunique() == 2
    again = adopt_overlapping(before, found, ["element_id"], pd.Timedelta(0))
    pd.testing.assert_frame_equal(adopted, again)
