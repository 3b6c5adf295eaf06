"""Capacity planning by hand: what is in service when, gaps and what closes them, exhaustion, the prior, the source."""

from datetime import date
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.analytics.capacity.evaluation import figures
from orchestration.analytics.capacity.outlook import (
    Outlook,
    Outlooks,
    Prior,
    held_out,
    month_after,
    outlooks,
    whole_months,
)
from orchestration.analytics.capacity.plans import (
    Coming,
    Exhaustion,
    Priority,
    Rules,
    binding,
    exhaustion,
    plan_months,
)
from orchestration.analytics.capacity.rows import COLUMNS, Network, Zone, forecast_rows
from orchestration.analytics.capacity.supply import (
    ElementVersion,
    Supply,
    element_supply,
    ever_leaves,
    leaves_by_month,
    zone_supplies,
)

MONTHS = [date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
AS_OF = date(2026, 9, 30)
DOWN, UP = "busy_hour_mbps_down", "busy_hour_mbps_up"
TYPES = {"cell_site", "sector"}
PRIOR = Prior(6, 0.05, 0.05)
RULES = Rules(
    (Priority("critical", 0.5, 50_000, None), Priority("high", 0.2, 25_000, None), Priority("medium", 0, 10_000, 7.0)),
    {
        ("critical", None): ("build",), ("high", None): ("upgrade",), ("medium", None): ("watch",),
        ("high", "sector"): ("carrier",),
    },
)  # fmt: skip


def version(element_id, status="active", installed_on=date(2020, 1, 1), **more):
    given_ = {
        "provider_id": "p", "zone_id": "z", "name": f"name of {element_id}", "element_type": "sector",
        "parent_id": "site", "capacity_mbps_down": 100.0, "capacity_mbps_up": 20.0, "valid_from": date.min,
        "valid_to": date.max,
    }  # fmt: skip
    return ElementVersion(element_id, status=status, installed_on=installed_on, **{**given_, **more})


def outlook(middle, wide=10.0):
    return Outlook(middle, middle - wide, middle + wide, middle - 1.5 * wide, middle + 1.5 * wide)


def demand(*middles):
    return Outlooks(tuple(outlook(middle) for middle in middles), "theta", None, "conformal", 0.5)


def test_what_is_there_in_each_month():
    site = version("site", element_type="cell_site", parent_id="router", capacity_mbps_down=900.0)
    versions = [
        site, version("a"), version("gone", valid_to=date(2026, 11, 20)),
        version("gone", status="retired", valid_from=date(2026, 11, 20)),
        version("new", status="planned", installed_on=date(2026, 11, 1)),
        version("later", status="planned", installed_on=date(2026, 11, 2)),
        version("some_day", status="planned", installed_on=None), version("broken", status="failed"),
        version("router", element_type="router", parent_id=None),
    ]  # fmt: skip
    now, ahead, coming = leaves_by_month(versions, TYPES, AS_OF, MONTHS)
    assert {one.element_id for one in now} == {"a", "gone", "broken"}
    assert [{one.element_id for one in month} for month in ahead] == [
        {"a", "gone", "broken"},
        {"a", "gone", "broken", "new"},
        {"a", "broken", "new", "later"},
        {"a", "broken", "new", "later"},
    ]
    assert [one.element_id for one in coming] == ["new", "later"]
    assert ever_leaves(versions, TYPES) == {"a", "gone", "new", "later", "some_day", "broken"}
    supplies = zone_supplies(now, ahead, coming, {"capacity_subscribers": 60.0, "busy_hour_capacity_mbps": 5.0})
    assert supplies[DOWN].capacities == (300.0, 400.0, 400.0, 400.0)
    assert supplies[UP].capacities == (60.0, 80.0, 80.0, 80.0)
    assert supplies["subscribers"].capacities == (60.0, 80.0, 80.0, 80.0)
    assert [(one.element_id, one.added) for one in supplies["subscribers"].coming] == [("new", 20.0), ("later", 20.0)]
    assert (supplies[DOWN].source, supplies["subscribers"].source) == ("elements", "zone")


def test_where_the_inventory_says_less():
    bare = [version("a", capacity_mbps_down=None, capacity_mbps_up=None)]
    supplies = zone_supplies(bare, [bare], [], {"density_subscribers": 210.0, "busy_hour_capacity_mbps": 40.0})
    assert (supplies[DOWN].capacities, supplies[DOWN].source) == ((40.0,), "zone")
    assert (supplies[UP].capacities, supplies[UP].source) == ((None,), "unknown")
    assert (supplies["subscribers"].capacities, supplies["subscribers"].source) == ((210.0,), "density")
    nothing = zone_supplies([], [[]], [], {})
    assert {supply.capacities for supply in nothing.values()} == {(None,)}


def test_a_planned_sister_shares_the_load():
    now = [version("a"), version("b"), version("other", parent_id="elsewhere")]
    coming = [version("c", status="planned", installed_on=date(2026, 11, 1))]
    by_month = [{one.element_id: one for one in now}] + [{one.element_id: one for one in now + coming}] * 3
    assert element_supply(now[0], DOWN, now, coming, by_month).capacities == (100.0, 150.0, 150.0, 150.0)
    assert element_supply(now[2], DOWN, now, coming, by_month).capacities == (100.0,) * 4


def test_gaps_actions_and_costs():
    supply = Supply((100.0,) * 4, "zone")
    plans = plan_months(demand(90, 110, 130, 160), supply, MONTHS, RULES, None, 1.0)
    assert [plan.gap for plan in plans] == [-10, 10, 30, 60]
    assert [plan.priority for plan in plans] == ["none", "medium", "high", "critical"]
    assert [plan.cost for plan in plans] == [0, 100_000, 750_000, 3_000_000]
    assert [plan.actions for plan in plans] == [(), ("watch",), ("upgrade",), ("build",)]
    assert exhaustion(plans) == Exhaustion(MONTHS[1], MONTHS[1])
    traffic = plan_months(demand(90, 110, 130, 160), supply, MONTHS, RULES, "sector", 0.5, is_traffic=True)
    assert [plan.cost for plan in traffic] == [0, 70, 375_000, 1_500_000]
    assert traffic[2].actions == ("carrier",)
    unknown = plan_months(demand(1, 2, 130, 160), supply, MONTHS, RULES, "sector", None, is_traffic=True)
    assert [plan.cost for plan in unknown] == [0, 0, None, None]
    nothing = plan_months(demand(1, 2, 3, 4), Supply((None,) * 4, "unknown"), MONTHS, RULES)
    assert {(plan.gap, plan.exceedance, plan.priority, plan.cost) for plan in nothing} == {(None,) * 4}


def test_a_gap_that_a_planned_element_closes_names_it():
    coming = (Coming("e1", "Sector 9", date(2026, 11, 15), 30.0),)
    supply = Supply((100.0, 100.0, 130.0, 130.0), "elements", coming)
    plans = plan_months(demand(95, 120, 125, 150), supply, MONTHS, RULES, None, 1.0)
    assert [plan.gap for plan in plans] == [-5, 20, -5, 20]
    assert [plan.priority for plan in plans] == ["none", "planned", "planned", "medium"]
    assert [plan.cost for plan in plans] == [0, 0, 0, 200_000]
    assert plans[0].closing is None
    assert plans[1].closing == plans[2].closing == coming[0]
    assert plans[1].actions == ("Planned: Sector 9 in service from 2026-11-15 closes this gap",)
    # Of a gap that it closes in part the rest is paid for, and it alone decides how urgent it is.
    part = plan_months(demand(95, 160, 125, 150), supply, MONTHS, RULES, None, 1.0)[1]
    assert (part.priority, part.cost, part.closing) == ("high", 30 * 25_000, None)
    # What comes after the horizon helps nobody.
    late = Supply((100.0,) * 4, "elements", (Coming("e2", "Far", date(2028, 1, 1), 999.0),))
    assert plan_months(demand(95, 120, 125, 150), late, MONTHS, RULES, None, 1.0)[1].priority == "medium"


def test_of_several_planned_elements_the_one_that_makes_it_enough_is_named():
    coming = tuple(Coming(f"e{i}", f"S{i}", date(2026, 11, i), 10.0) for i in (3, 1, 2))
    plan = plan_months(demand(115, 0, 0, 0), Supply((100.0,) * 4, "elements", coming), MONTHS, RULES, None, 1.0)[0]
    assert plan.closing is not None
    assert plan.closing.element_id == "e2"


def source_rule(gap, capacity):
    """The source design's CASE, as it stands there."""
    if gap > capacity * 0.5:
        return "critical", gap * 50_000
    if gap > capacity * 0.2:
        return "high", gap * 25_000
    return "medium", gap * 10_000


@given(gap=st.integers(1, 10_000), capacity=st.integers(0, 10_000))
def test_the_defaults_are_the_source_s(gap, capacity):
    plan = plan_months(demand(capacity + gap), Supply((float(capacity),), "zone"), MONTHS[:1], RULES, None, 1.0)[0]
    assert (plan.priority, plan.cost) == source_rule(gap, capacity)


@given(
    middle=st.floats(0, 1e6), widths=st.lists(st.floats(0, 1e5), min_size=4, max_size=4),
    capacities=st.lists(st.floats(-1e6, 2e6), min_size=2, max_size=2),
)  # fmt: skip
def test_the_probability_falls_as_capacity_rises(middle, widths, capacities):
    found = Outlook(middle, middle - widths[0], middle + widths[1], middle - widths[0] - widths[2],
                    middle + widths[1] + widths[3])  # fmt: skip
    low, high = sorted(capacities)
    assert 0 <= found.exceedance(high) <= found.exceedance(low) + 1e-12 <= 1 + 1e-12


def test_the_probability_at_the_known_points():
    wide = NormalDist(100, 10)
    ends = [wide.inv_cdf(share) for share in (0.5, 0.1, 0.9, 0.025, 0.975)]
    found = Outlook(*ends)
    for capacity in (70, 85, 97, 100, 111, 119.6, 140):
        assert found.exceedance(capacity) == pytest.approx(1 - wide.cdf(capacity), abs=1e-9)
    fixed = Outlook(5, 5, 5, 5, 5)
    assert (fixed.exceedance(4.9), fixed.exceedance(5), fixed.exceedance(6)) == (1, 0, 0)
    # An end that was cut off at 0 leaves the rest as it is.
    assert Outlook(5, 0, 10, 0, 12).exceedance(10) == pytest.approx(0.1)


def test_the_earlier_exhaustion_binds():
    supply = Supply((100.0,) * 4, "zone")
    plans = {
        UP: plan_months(demand(1, 1, 120, 120), supply, MONTHS, RULES),
        DOWN: plan_months(demand(1, 1, 130, 130), supply, MONTHS, RULES),
        "subscribers": plan_months(demand(1, 1, 1, 500), supply, MONTHS, RULES),
    }
    ends = {measure: exhaustion(own) for measure, own in plans.items()}
    assert binding(ends, plans) == DOWN
    assert binding({UP: Exhaustion(None, None)}, plans) is None


def test_short_histories_have_the_prior():
    last = date(2026, 9, 1)
    long = {month_after(last, -back): 100.0 + back % 3 for back in range(6)}
    short = {month_after(last, -back): 50.0 for back in range(5)}
    found = outlooks({"long": long, "short": short, "never": {}, "old": {month_after(last, -3): 10.0}}, 12, PRIOR)
    assert [month.middle for month in found["short"].months] == pytest.approx([50 * 1.05**i for i in range(1, 13)])
    assert (found["short"].method, found["short"].fallback) == ("prior", "5 months of history, fewer than 6")
    assert found["old"].months[0].middle == pytest.approx(10 * 1.05**4)
    assert {month.middle for month in found["never"].months} == {0.0}
    assert found["long"].method != "prior"
    month = found["short"].months[3]
    assert month.lower_95 < month.lower_80 < month.middle < month.upper_80 < month.upper_95


def test_months():
    assert month_after(date(2026, 11, 30), 2) == date(2027, 1, 1)
    assert month_after(date(2026, 1, 1), -1) == date(2025, 12, 1)
    assert whole_months({MONTHS[1]: 3, MONTHS[0]: 0}, MONTHS[3]) == dict(zip(MONTHS[1:], (3, 0, 0), strict=True))
    assert whole_months({MONTHS[0]: 0}, MONTHS[3]) == {}


def test_the_last_year_held_out():
    last = date(2026, 9, 1)
    growing = {month_after(last, -back): 200.0 - back for back in range(40)}
    found = held_out({("zone", "a", "subscribers"): growing, "short": {last: 1.0}}, 12, PRIOR)
    assert [one[0] for one in found] == [("zone", "a", "subscribers")]
    _, came, naive, said, scale = found[0]
    assert came == [189.0 + i for i in range(12)]
    assert naive == [177.0 + i for i in range(12)]
    assert scale == 12.0
    by_metric = {figure.metric: figure for figure in figures(found)}
    assert by_metric["mase"].naive_value == pytest.approx(1.0)
    error = sum(abs(month.middle - value) for month, value in zip(said.months, came, strict=True)) / 12
    assert by_metric["mase"].value == pytest.approx(error / 12)
    assert by_metric["mase"].value < 0.3
    assert figures([]) == []


def test_rows_hold_every_month_of_every_measure():
    now = (version("a"), version("b"))
    network = Network((Zone("z", "p", "Zone", 100.0, 400.0, None),), now, (now,) * 4, ())
    said = {
        ("zone", "z", "subscribers"): demand(90, 95, 105, 110), ("zone", "z", DOWN): demand(90, 95, 105, 210),
        ("element", "a", DOWN): demand(10, 20, 30, 40), ("element", "a", UP): demand(10, 20, 30, 40),
    }  # fmt: skip
    history = {key: {date(2026, 9, 1): 7.0} for key in said}
    hashes = {"subscribers": "s", "traffic": "t"}
    found = [dict(zip(COLUMNS, row, strict=True))
             for row in forecast_rows(network, history, said, MONTHS, RULES, hashes, AS_OF, "1")]  # fmt: skip
    assert len(found) == 16
    zone = [row for row in found if row["entity_type"] == "zone" and row["measure"] == DOWN]
    assert [row["months_ahead"] for row in zone] == [1, 2, 3, 4]
    assert {(row["binding_measure"], row["is_binding"]) for row in zone} == {("subscribers", False)}
    # Half a subscriber for each of the zone's 200 Mbps.
    assert zone[3]["estimated_cost"] == 10 * 7.0
    up = [row for row in found if row["measure"] == UP]
    assert {(row["exhaustion_month_date"], row["binding_measure"]) for row in up} == {(MONTHS[2], UP)}
    assert [row["capacity_gap"] for row in up] == [-10, 0, 10, 20]
    assert {row["history_sha256"] for row in up} == {"t"}
