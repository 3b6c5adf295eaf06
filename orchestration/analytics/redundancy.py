"""Which elements keep a path to the core when any one link fails: the graph's bridges, not a count of links.

Not here: what else an element's failure cuts off (topology); which elements and links stand in a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import networkx as nx

from orchestration.analytics.topology import Element, Link

_CORE = ""


def link_redundancy(elements: Sequence[Element], links: Sequence[Link]) -> dict[str, tuple[bool, bool]]:
    """Element id to (has a path to a core element, keeps one when any one link fails).

    An element that is built into another one, with no link that says so, cannot lose it by a link; nor do cores need
    any link between them. A link that is the only way (a bridge) is what the second value turns on.

    Args:
        elements: those that work.
        links: those that work; one with an unknown end counts for nothing.
    """
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.add_node(_CORE)
    graph.add_nodes_from(element.element_id for element in elements)
    pairs = set()
    for link in links:
        if link.source in graph and link.target in graph and link.source != link.target:
            pairs.add(frozenset((link.source, link.target)))
            graph.add_edge(link.source, link.target)
    for element in elements:
        whole = _CORE if element.is_core else element.part_of
        if whole is not None and whole in graph and frozenset((element.element_id, whole)) not in pairs:
            # Two edges: none of them is ever a bridge.
            graph.add_edge(element.element_id, whole)
            graph.add_edge(element.element_id, whole)
    reached = nx.node_connected_component(graph, _CORE)
    for one_end, other_end in cast("list[tuple[str, str]]", list(nx.bridges(graph))):
        graph.remove_edge(one_end, other_end)
    safe = nx.node_connected_component(graph, _CORE)
    return {one.element_id: (one.element_id in reached, one.element_id in safe) for one in elements}
