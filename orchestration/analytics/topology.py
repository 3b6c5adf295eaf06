"""What loses its path to the core when an element or a link fails, and how many ways there are besides.

Not here: which elements and links stand in a network, and who depends on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import networkx as nx
from networkx.algorithms.connectivity import build_auxiliary_node_connectivity, local_node_connectivity
from networkx.algorithms.flow import build_residual_network

MODEL_VERSION = "1"
# ("element", id) or ("link", id): a link is a node between its ends, so that it fails as an element does.
Node: TypeAlias = tuple[str, str]
CORE: Node = ("core", "")


@dataclass(frozen=True)
class Element:
    """An element that works: `is_core` where paths end, `part_of` the element that it is built into."""

    element_id: str
    is_core: bool = False
    serves_911: bool = False
    part_of: str | None = None


@dataclass(frozen=True)
class Link:
    link_id: str
    source: str
    target: str


@dataclass(frozen=True)
class Risk:
    """What the failure of one element or link does; cores and what has no path have no `redundant_path_count`."""

    kind: str
    entity_id: str
    has_path_to_core: bool
    elements_cut_off: frozenset[str] = field(default_factory=frozenset)
    elements_911_cut_off: frozenset[str] = field(default_factory=frozenset)
    redundant_path_count: int | None = None


def build_graph(elements: Sequence[Element], links: Sequence[Link]) -> nx.Graph[Node]:
    """Elements, links between two of them, and what is built into what where no link says so."""
    graph: nx.Graph[Node] = nx.Graph()
    graph.add_node(CORE)
    known = {element.element_id for element in elements}
    graph.add_nodes_from(("element", element_id) for element_id in known)
    linked = set()
    for link in links:
        if link.source in known and link.target in known and link.source != link.target:
            linked.add(frozenset((link.source, link.target)))
            graph.add_edge(("element", link.source), ("link", link.link_id))
            graph.add_edge(("link", link.link_id), ("element", link.target))
    for element in elements:
        if element.is_core:
            graph.add_edge(CORE, ("element", element.element_id))
        parent = element.part_of
        if parent in known and parent != element.element_id and {element.element_id, parent} not in linked:
            graph.add_edge(("element", element.element_id), ("element", parent))
    return graph


def topology_risks(elements: Sequence[Element], links: Sequence[Link]) -> list[Risk]:
    """One risk per element and link.

    Everything that a node dominates, seen from the core, loses its path when that node fails: every path from the core
    leads through it (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm, 2001).
    """
    graph = build_graph(elements, links)
    dominator = nx.immediate_dominators(graph.to_directed(), CORE)
    behind = _dominated(dominator)
    serving_911 = {element.element_id for element in elements if element.serves_911}
    cores = {element.element_id for element in elements if element.is_core}
    ways = PathCounter(graph)
    nodes = [("element", e.element_id) for e in elements] + [("link", link.link_id) for link in links]
    ends = {link.link_id: (("element", link.source), ("element", link.target)) for link in links}
    risks = []
    for node in nodes:
        kind, entity_id = node
        if node == CORE or node not in dominator:
            risks.append(Risk(kind, entity_id, has_path_to_core=False))
            continue
        cut_off = {name for of, name in behind[node] if of == "element"}
        itself = {entity_id} if kind == "element" else set()
        start, end = ends[entity_id] if kind == "link" else (node, CORE)
        risks.append(
            Risk(
                kind,
                entity_id,
                has_path_to_core=True,
                elements_cut_off=frozenset(cut_off),
                elements_911_cut_off=frozenset((cut_off | itself) & serving_911),
                redundant_path_count=None if kind == "element" and entity_id in cores else ways.between(start, end) - 1,
            )
        )
    return risks


def _dominated(dominator: Mapping[Node, Node | None]) -> dict[Node, set[Node]]:
    """All that stands below each node in the tree of dominators."""
    behind: dict[Node, set[Node]] = {node: set() for node in dominator}
    for node in dominator:
        above = dominator[node]
        # The root stands over itself in older versions of networkx and has no entry in newer ones.
        while above is not None and above not in (CORE, node):
            behind[above].add(node)
            above = dominator[above]
    return behind


class PathCounter:
    """Counts paths between two nodes that share no other element and no link (Menger: a maximal flow)."""

    def __init__(self, graph: nx.Graph[Node]) -> None:
        self._graph = graph
        self._auxiliary = build_auxiliary_node_connectivity(graph)
        self._residual = build_residual_network(self._auxiliary, "capacity")

    def between(self, start: Node, end: Node) -> int:
        return int(local_node_connectivity(self._graph, start, end, auxiliary=self._auxiliary, residual=self._residual))


def served_by(elements: Iterable[str], served: Mapping[str, set[str]]) -> set[str]:
    """Everybody whom any of the elements serves."""
    return set().union(*(served.get(element_id, set()) for element_id in elements))
