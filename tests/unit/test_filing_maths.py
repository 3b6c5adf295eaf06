"""Layouts, splits by state, reconciliation, differences and ways round a link: held against plain recounts."""

from datetime import date
from decimal import Decimal

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.analytics.redundancy import link_redundancy
from orchestration.analytics.topology import Element, Link
from orchestration.regulatory.differences import difference, file_changes
from orchestration.regulatory.layouts import FilingError, bytes_to_rows, layout_of, layouts, rows_to_bytes, to_text
from orchestration.regulatory.reconciling import Account, reconciliation_rows
from orchestration.regulatory.tracts import SHIPPED, read_tracts
from orchestration.regulatory.voice_states import ITEMS, LAST_MILES, Lines, splits_that_fail, state_figures

DAY = date(2026, 6, 30)
TEXT = st.text(st.characters(blacklist_characters="\r\n\x00", blacklist_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(*[TEXT] * 4), max_size=8), st.booleans())
def test_a_written_file_reads_back_as_its_rows(rows, with_header):
    layout = layout_of("fvs", DAY)
    rows = [row for row in rows if list(row) != layout.header]
    content = rows_to_bytes(layout, rows, with_header=with_header)
    assert bytes_to_rows(layout, content) == [list(row) for row in rows]
    assert content.count(b"\r\n") == len(rows) + with_header
    assert content.replace(b"\r\n", b"").count(b"\n") == 0


def test_values_as_text():
    values = [None, True, False, Decimal("25.000"), Decimal("0.768"), Decimal("1E+2"), "01001", 7]
    assert [to_text(value) for value in values] == ["", "1", "0", "25", "0.768", "100", "01001", "7"]


def test_layouts_hold_from_a_day_on():
    assert set(layouts(date(2020, 6, 30))) == {"fbd", "emergency", "outages"}
    assert {"fbs", "fvs", "fvs_state", "mbs", "mvs", "bdc"} <= set(layouts(DAY))
    with pytest.raises(FilingError, match=r"layout 'fcs': none of that name on 2026-06-30; known are fbs, fvs"):
        layout_of("fcs", DAY)


LINES = st.builds(
    Lines,
    state=st.sampled_from(["01", "13"]),
    voice_service=st.sampled_from(["switched", "voip_facilities", "voip_over_the_top"]),
    lines=st.integers(1, 50),
    is_wholesale=st.booleans(),
    is_consumer=st.booleans(),
    has_internet=st.booleans(),
    includes_long_distance=st.none() | st.booleans(),
    local_loop=st.sampled_from([None, "owned", "une_l", "resold"]),
    last_mile=st.sampled_from([None, "mobile", *LAST_MILES]),
)


@given(st.lists(LINES, max_size=12))
def test_every_split_by_state_adds_up(lines):
    figures = state_figures(lines)
    assert splits_that_fail(figures) == []
    for state in {one.state for one in lines}:
        own = [one for one in lines if one.state == state]
        retail = [one for one in own if not one.is_wholesale]
        switched = [one for one in retail if one.voice_service == "switched"]
        assert figures[state, "switched", "end_user_lines"] == sum(one.lines for one in switched)
        assert figures[state, "switched", "lines_by_copper"] == sum(
            one.lines for one in switched if one.last_mile == "copper"
        )
        wholesale = [one for one in own if one.is_wholesale and one.voice_service == "switched"]
        assert sum(figures[state, "switched", item] for item in ("wholesale_lines", "une_l_loops")) == sum(
            one.lines for one in wholesale
        )
        assert figures[state, "voip", "over_the_top_subscriptions"] == sum(
            one.lines for one in retail if one.voice_service == "voip_over_the_top"
        )
        assert {item for s, v, item in figures if (s, v) == (state, "voip")} == set(ITEMS["voip"])


def test_a_split_that_does_not_add_up_is_named():
    figures = state_figures([Lines("01", "switched", 5, last_mile="copper")])
    figures["01", "switched", "lines_by_copper"] = 4
    assert splits_that_fail(figures) == [("01", "switched", "end_user_lines", 4, 5)]


def test_the_residual_is_what_is_nowhere():
    account = Account("fbs.csv", "fixed broadband", 10, 7, {"suspended": 2}, [("bdc_2022", 7), ("bdc_2026", 6)])
    assert account.residual == 1
    assert account.as_json()["with_suspended"] == 9
    assert reconciliation_rows([account]) == [
        ("fbs.csv", "fixed broadband", *line)
        for line in [
            ("in service", 10), ("in the file", 7), ("left out: suspended", 2), ("residual", 1),
            ("in the file and suspended", 9), ("by the rules bdc_2022", 7), ("by the rules bdc_2026", 6),
        ]
    ]  # fmt: skip


ROWS = st.dictionaries(st.integers(1, 9), st.integers(1, 5), max_size=6)


@given(ROWS, ROWS)
def test_differences_are_those_of_the_rows(before, after):
    layout = layout_of("mvs", DAY)
    sides = [
        rows_to_bytes(layout, [(f"{state:02d}", total, 0) for state, total in rows.items()]) for rows in (before, after)
    ]
    changes = file_changes(layout, *sides)
    assert {(kind, int(key)) for _, kind, key, _, _ in changes} == (
        {("added", key) for key in after.keys() - before.keys()}
        | {("gone", key) for key in before.keys() - after.keys()}
        | {("changed", key) for key in before.keys() & after.keys() if before[key] != after[key]}
    )
    (file,) = difference(3, {"mvs.csv": changes})["files"]
    assert (file["added"], file["gone"]) == (len(after.keys() - before.keys()), len(before.keys() - after.keys()))


@st.composite
def networks(draw):
    count = draw(st.integers(1, 7))
    ids = [f"e{n}" for n in range(count)]
    elements = [
        Element(one, is_core=draw(st.booleans()), part_of=draw(st.none() | st.sampled_from(ids[:place] or [None])))
        for place, one in enumerate(ids)
    ]
    ends = draw(st.lists(st.tuples(st.sampled_from([*ids, "gone"]), st.sampled_from(ids)), max_size=10))
    return elements, [Link(f"l{place}", *pair) for place, pair in enumerate(ends)]


def reached(elements, links) -> set[str]:
    """Elements with a path to a core, by walking."""
    known = {one.element_id for one in elements}
    graph = nx.Graph()
    graph.add_nodes_from(known)
    graph.add_edges_from((one.source, one.target) for one in links if {one.source, one.target} <= known)
    found = set()
    for core in (one.element_id for one in elements if one.is_core):
        found |= nx.node_connected_component(graph, core)
    return found


@given(networks())
def test_ways_round_a_link_are_those_that_remain_when_each_is_taken(network):
    """The second way takes each link out and walks; what is built in without a link is a link that never fails."""
    elements, links = network
    pairs = {frozenset((one.source, one.target)) for one in links}
    built_in = [
        Link(f"b{one.element_id}", one.element_id, one.part_of)
        for one in elements
        if one.part_of and not one.is_core and frozenset((one.element_id, one.part_of)) not in pairs
    ]
    whole = reached(elements, [*links, *built_in])
    always = set(whole)
    for place in range(len(links)):
        always &= reached(elements, [*links[:place], *links[place + 1 :], *built_in])
    assert link_redundancy(elements, links) == {
        one.element_id: (one.element_id in whole, one.element_id in always) for one in elements
    }


def test_tracts_of_a_file(tmp_path):
    assert {state: len(rows) for state, rows in read_tracts(SHIPPED).items()} == {"01": 190}
    for text, problem in (
        ("tract\n1\n", "expected a header with tract_geoid"),
        ("tract_geoid\n1\n", "line 2: tract_geoid is '1', expected 11 digits"),
        ("tract_geoid\n01001020100\n01001020100\n", "line 3: tract 01001020100 is there twice"),
    ):
        path = tmp_path / "tracts.csv"
        path.write_text(text)
        with pytest.raises(FilingError, match=problem):
            read_tracts(path)
    with pytest.raises(FilingError, match="cannot be read"):
        read_tracts(tmp_path / "none.csv")
