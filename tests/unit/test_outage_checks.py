"""Outage records against the network: at operators that nothing was tuned on, a quiet one, and single cases."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.sample import faults
from orchestration.analytics.outage_checks import COLUMNS, Inputs, check_outages, element_ancestors, outage_reach
from orchestration.analytics.outage_checks.spans import covered_seconds, merged
from tests.unit.outage_worlds import PARAMETERS, build_world

AS_OF = datetime(2026, 3, 20, 6, tzinfo=UTC)
# One hour of the night of March 8 is left out in the United States.
FIRST = date(2026, 3, 1)


@pytest.mark.parametrize("seed", [211, 222, 233])
def test_against_the_truth(seed):
    world = build_world(seed, customers=1000)
    found, truth = check_outages(world.inputs), world.truth
    missing = truth[(truth["kind"] == "missing") & (truth["minutes"] >= 30)]
    said = found[found["finding_kind"] == "missing_outage"]
    pairs = missing.assign(at=pd.to_datetime(missing["begins_at"], utc=True)).reset_index().merge(said, on="element_id")
    pairs = pairs[(pairs["first_seen_at"] <= pairs["at"]) & (pairs["at"] < pairs["last_seen_at"])]
    assert len(missing) >= 8
    assert pairs["index"].nunique() >= 0.9 * len(missing)
    assert pairs["finding_id"].nunique() >= 0.9 * len(said)
    for kind, finding, least in (("phantom", "unexplained_outage", 0.8), ("miscounted", "unlikely_customers", 0.5)):
        true = set(truth.loc[truth["kind"] == kind, "outage_id"])
        told = set(found.loc[found["finding_kind"] == finding, "outage_id"])
        assert len(true & told) >= least * len(true), kind
        # Of so few one may be wrong.
        assert len(told - true) <= 1, kind
    assert found["finding_id"].is_unique
    assert found["confidence_score"].between(0, 1).all()


def test_a_quiet_network_has_no_finding(monkeypatch):
    monkeypatch.setattr(faults, "FAILURES_PER_MONTH", 0)
    monkeypatch.setattr(faults, "STORMS_PER_ZONE_MONTH", 0)
    world = build_world(5, customers=50, history=6)
    assert world.inputs.days["seconds_down"].sum() == 0
    found = check_outages(world.inputs)
    assert found.empty
    assert list(found.columns) == list(COLUMNS)


def network(down: dict[tuple[str, int], float], outages=(), missing=(), days=18, **changes) -> Inputs:
    """Router R over heads A and B, each over two parts; `down` minutes by element and day of March."""
    parents = {"R": None, "A": "R", "B": "R", "A1": "A", "A2": "A", "B1": "B", "B2": "B"}
    zone = "America/Chicago"
    rows = []
    for element in parents:
        for step in range(days):
            day = FIRST + timedelta(days=step)
            begin, end = (
                pd.Timestamp(one).tz_localize(zone).tz_convert("UTC") for one in (day, day + timedelta(days=1))
            )
            seconds = (end - begin).total_seconds()
            is_known = (element, day.day) not in missing
            rows.append((element, day, begin, end, seconds, seconds * is_known,
                         60.0 * down.get((element, day.day), 0) * is_known))  # fmt: skip
    names = ["element_id", "availability_date", "day_start_at", "day_end_at", "seconds_in_service", "seconds_measured",
             "seconds_down"]  # fmt: skip
    elements = pd.DataFrame(
        {
            "element_id": list(parents), "provider_id": "p", "zone_id": "z", "element_name": list(parents),
            "element_type": "router", "serves_911": False, "parent_element_id": list(parents.values()),
        }
    ).astype({"parent_element_id": object})  # fmt: skip
    begins = [pd.Timestamp(begin, tz="UTC") for _, begin, _, _ in outages]
    records = pd.DataFrame(
        [
            (f"o{number}", element, begin, begin + pd.Timedelta(minutes=minutes), False, True, customers)
            for number, ((element, _, minutes, customers), begin) in enumerate(zip(outages, begins, strict=True))
        ],
        columns=["outage_id", "element_id", "outage_start", "ended_at", "is_planned", "is_over", "affected_customers"],
    )  # fmt: skip
    for name in ("outage_start", "ended_at"):
        records[name] = pd.to_datetime(records[name], utc=True)
    for name in ("is_planned", "is_over"):
        records[name] = records[name].astype(bool)
    reach = pd.DataFrame({"outage_id": records["outage_id"], "customers_cut_off": 100, "customers_behind": 200})
    return Inputs(pd.DataFrame(rows, columns=names), records, elements, reach, {"A": 300}, PARAMETERS | changes, AS_OF)


def kinds(inputs: Inputs) -> list[tuple[str, str]]:
    found = check_outages(inputs)
    return list(zip(found["finding_kind"], found["element_id"], strict=True))


BEHIND_A = {("A", 5): 90, ("A1", 5): 90, ("A2", 5): 90}


def test_downtime_is_told_once_and_at_its_origin():
    found = check_outages(network(BEHIND_A))
    assert list(found["element_id"]) == ["A"]
    row = found.iloc[0]
    assert row["evidence"]["down_minutes"] == 90
    assert row["severity"] == "high"
    assert "no outage record covers it; 300 customers" in row["description"]


def test_a_record_of_the_element_or_above_it_covers_downtime():
    assert kinds(network(BEHIND_A, [("A", "2026-03-05 12:00", 90, 150)])) == []
    assert kinds(network(BEHIND_A | {("R", 5): 90}, [("R", "2026-03-05 12:00", 90, 150)])) == []
    # The router's day was not measured: its record explains what was down below it.
    everything = {(name, 5): 90 for name in ("A", "B", "A1", "A2", "B1", "B2")}
    assert kinds(network(everything, [("R", "2026-03-05 12:00", 90, 150)], missing=[("R", 5)])) == []


def test_everything_behind_an_element_that_was_not_measured():
    everything = {(name, 5): 90 for name in ("A", "B", "A1", "A2", "B1", "B2")}
    found = check_outages(network(everything, missing=[("R", 5)]))
    assert list(found["element_id"]) == ["R"]
    assert found["confidence_score"].iloc[0] == 0.7
    assert "everything behind it was down" in found["description"].iloc[0]


def test_missing_samples_say_nothing():
    assert kinds(network({}, missing=[("A", day) for day in range(1, 19)])) == []
    # A record of a day without samples cannot be contradicted; with samples it is.
    record = [("A1", "2026-03-05 12:00", 120, 150)]
    assert kinds(network({}, record, missing=[("A1", 5)])) == []
    assert kinds(network({}, record)) == [("unexplained_outage", "A1")]


def test_clocks_that_are_apart_and_put_forward():
    """A record an hour off, over midnight, over the day of 23 hours; and that day itself."""
    assert kinds(network({("A1", 7): 60}, [("A1", "2026-03-08 06:00", 60, 150)])) == []
    assert kinds(network({("A1", 8): 23 * 60}, [("A1", "2026-03-08 06:00", 23 * 60, 150)])) == []
    assert kinds(network({("A1", 7): 60}, [("A1", "2026-03-08 09:00", 60, 150)])) == [
        ("missing_outage", "A1"),
        ("unexplained_outage", "A1"),
    ]


def test_what_is_short_or_fresh_is_not_told():
    assert kinds(network({("A1", 5): 30})) == []
    assert kinds(network({("A1", 5): 31})) == [("missing_outage", "A1")]
    assert kinds(network({("A1", 18): 300}, days=18)) == [("missing_outage", "A1")]
    assert kinds(network({("A1", 18): 300}, days=18, grace_days=2.0)) == []


def test_a_constant_series_of_downtime_is_one_finding():
    found = check_outages(network({("A1", day): 45 for day in range(3, 15)}))
    assert len(found) == 1
    assert found["evidence"].iloc[0]["down_minutes"] == 12 * 45


@pytest.mark.parametrize(
    ("customers", "is_found"),
    [(100, False), (200, False), (300, False), (301, True), (51, False), (49, True), (None, False)],
)
def test_customers_far_from_the_topology(customers, is_found):
    record = [("A1", "2026-03-05 12:00", 120, customers)]
    found = check_outages(network({("A1", 5): 120}, record))
    assert list(found["finding_kind"]) == ["unlikely_customers"] * is_found


def test_who_is_behind_an_element():
    day = [pd.Timestamp(f"2026-03-0{n}") for n in range(1, 6)]
    services = pd.DataFrame(
        {
            "element_id": ["A1", "A1", "A2", "B1"], "customer_id": ["c1", "c2", "c1", "c3"],
            "active_from": [day[0], day[2], day[0], day[0]], "active_to": [day[4], day[4], day[1], day[4]],
        }
    )  # fmt: skip
    outages = pd.DataFrame(
        {"outage_id": ["x", "y", "z"], "element_id": ["A", "A", "A1"],
         "outage_start": [one.tz_localize("UTC") for one in (day[0], day[2], day[1])]}
    )  # fmt: skip
    found = outage_reach(outages, services, {"A": None, "A1": "A", "A2": "A", "B1": None}, {"A": {"A2"}})
    assert found.to_dict("list") == {
        "outage_id": ["x", "y", "z"],
        "customers_cut_off": [1, 0, 1],
        "customers_behind": [1, 2, 1],
    }


def test_a_circle_of_parents_ends():
    assert element_ancestors({"a": "b", "b": "a", "c": "c", "d": "gone"}) == {
        "a": ("b",),
        "b": ("a",),
        "c": (),
        "d": (),
    }


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-5, 20)), max_size=8),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_covered_seconds_are_those_of_the_union(spans, begin, length):
    zero = pd.Timestamp("2026-01-01", tz="UTC")

    def at(minute):
        return zero + pd.Timedelta(minutes=minute)

    frame = pd.DataFrame({"outage_start": [at(a) for a, _ in spans], "ended_at": [at(a + n) for a, n in spans]})
    minutes = {m for a, n in spans for m in range(a, a + n)} & set(range(begin, begin + length))
    assert covered_seconds(merged(frame), at(begin), at(begin + length)) == 60 * len(minutes)
