"""Topology: small networks by hand, and any network against taking each thing out and looking who still arrives."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.topology import Element, Link, served_by, topology_risks


def risks_of(elements, links):
    return {(risk.kind, risk.entity_id): risk for risk in topology_risks(elements, links)}


def test_a_chain_and_a_ring():
    #      c1 - r - s - t     with a second way c1 - q - s
    #      |    |
    #      c2 --+
    elements = [
        Element("c1", is_core=True), Element("c2", is_core=True), Element("r"), Element("q"),
        Element("s", serves_911=True), Element("t", serves_911=True),
    ]  # fmt: skip
    links = [
        Link("c1-r", "c1", "r"), Link("c2-r", "c2", "r"), Link("r-s", "r", "s"), Link("c1-q", "c1", "q"),
        Link("q-s", "q", "s"), Link("s-t", "s", "t"), Link("c1-c2", "c1", "c2"),
    ]  # fmt: skip
    risks = risks_of(elements, links)
    assert risks["element", "r"].elements_cut_off == frozenset()
    assert risks["element", "s"].elements_cut_off == {"t"}
    assert risks["element", "s"].elements_911_cut_off == {"s", "t"}
    assert risks["link", "s-t"].elements_cut_off == {"t"}
    assert risks["link", "s-t"].elements_911_cut_off == {"t"}
    # Without c1 its neighbour q still goes over s and r to c2.
    assert risks["element", "c1"].elements_cut_off == frozenset()
    assert risks["element", "c1"].redundant_path_count is None
    # s reaches a core by r and by q, t by s only; r has c1, c2 and, over s and q, c1 again, but not without c1.
    assert [risks["element", name].redundant_path_count for name in ("s", "t", "r")] == [1, 0, 1]
    # Beside the link from r to s there is the way over c1 and q.
    assert risks["link", "r-s"].redundant_path_count == 1
    assert risks["link", "s-t"].redundant_path_count == 0


def test_parallel_links_and_parts():
    elements = [Element("c", is_core=True), Element("site"), Element("sector", part_of="site")]
    links = [Link("one", "c", "site"), Link("two", "c", "site")]
    risks = risks_of(elements, links)
    assert risks["link", "one"].elements_cut_off == frozenset()
    assert risks["link", "one"].redundant_path_count == 1
    assert risks["element", "site"].elements_cut_off == {"sector"}
    # Two links, but one core at which both end.
    assert risks["element", "site"].redundant_path_count == 0
    assert risks["element", "sector"].redundant_path_count == 0


def test_islands_have_no_path():
    elements = [Element("c", is_core=True), Element("a"), Element("b", part_of="gone")]
    links = [Link("ab", "a", "b"), Link("loop", "a", "a"), Link("to nowhere", "c", "gone")]
    risks = risks_of(elements, links)
    for key in (("element", "a"), ("element", "b"), ("link", "ab"), ("link", "loop"), ("link", "to nowhere")):
        assert not risks[key].has_path_to_core
        assert risks[key].redundant_path_count is None
    assert risks["element", "c"].has_path_to_core
    assert risks_of([Element("a")], [])["element", "a"].has_path_to_core is False


def test_customers_are_counted_once():
    assert served_by(["a", "b", "x"], {"a": {"one", "two"}, "b": {"two"}}) == {"one", "two"}
    assert served_by([], {"a": {"one"}}) == set()


@st.composite
def networks(draw):
    names = [f"e{i}" for i in range(draw(st.integers(1, 7)))]
    elements = [
        Element(name, draw(st.integers(0, 3)) == 0, draw(st.booleans()), draw(st.none() | st.sampled_from(names)))
        for name in names
    ]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=10))
    return elements, [Link(f"l{i}", *pair) for i, pair in enumerate(pairs)]


def _arriving(elements, links, *, without=frozenset()):
    """Who has a path to a core, by spreading from the cores, when some elements and links are gone."""
    pairs = {frozenset((link.source, link.target)) for link in links}
    alive = {e.element_id for e in elements} - without
    edges = [(link.source, link.target) for link in links if link.link_id not in without]
    edges += [
        (e.element_id, e.part_of) for e in elements if e.part_of and frozenset((e.element_id, e.part_of)) not in pairs
    ]
    reached = {e.element_id for e in elements if e.is_core} & alive
    while True:
        more = {b for x, y in edges for a, b in ((x, y), (y, x)) if a in reached and b in alive} - reached
        if not more:
            return reached
        reached |= more


@settings(max_examples=150, deadline=None)
@given(networks())
def test_as_if_each_thing_were_taken_out(network):
    elements, links = network
    before = _arriving(elements, links)
    serving = {e.element_id for e in elements if e.serves_911}
    by_id = {e.element_id: e for e in elements}
    risks = risks_of(elements, links)
    assert len(risks) == len(elements) + len(links)
    for (kind, entity_id), risk in risks.items():
        after = _arriving(elements, links, without={entity_id})
        lost = before - after - {entity_id}
        assert risk.elements_cut_off == lost
        itself = {entity_id} & before
        assert risk.elements_911_cut_off == ((lost | itself) & serving if risk.has_path_to_core else set())
        if kind == "element":
            assert risk.has_path_to_core == (entity_id in before)
            if entity_id in before and not by_id[entity_id].is_core:
                # Menger: there are as many ways as things must be gone at least to cut the element off.
                assert risk.redundant_path_count == _fewest_to_cut(elements, links, entity_id) - 1


def _fewest_to_cut(elements, links, entity_id):
    """The fewest other elements and links without which the element has no path to a core."""
    things = [e.element_id for e in elements if e.element_id != entity_id] + [link.link_id for link in links]
    for size in range(len(things) + 1):
        for gone in combinations(things, size):
            if entity_id not in _arriving(elements, links, without=set(gone)):
                return size
    raise AssertionError("a core cannot be cut off")
