"""Fixed voice by state, as the portal asks for it: the lines of each state split in every way, and that they add up.

Not here: the tract file; who is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

LAST_MILES = ("copper", "fiber", "coax", "fixed_wireless", "other")
SWITCHED, VOIP = "switched", "voip"


@dataclass(frozen=True)
class Lines:
    """Lines with the same properties in one state; `local_loop` and the rest None where nothing is known."""

    state: str
    voice_service: str
    lines: int
    is_wholesale: bool = False
    is_consumer: bool = False
    has_internet: bool = False
    includes_long_distance: bool | None = None
    local_loop: str | None = None
    last_mile: str | None = None


def _switched_items(one: Lines) -> Iterator[str]:
    if one.is_wholesale:
        yield "une_l_loops" if one.local_loop == "une_l" else "wholesale_lines"
        return
    who = "consumer" if one.is_consumer else "business"
    distance = "with" if one.includes_long_distance else "without"
    yield "end_user_lines"
    yield f"end_user_lines_{'with' if one.has_internet else 'without'}_internet"
    yield f"{who}_lines_{distance}_long_distance"
    yield f"lines_by_{one.local_loop or 'owned'}_loop"
    yield f"lines_by_{one.last_mile if one.last_mile in LAST_MILES else 'other'}"


def _voip_items(one: Lines) -> Iterator[str]:
    if one.is_wholesale:
        return
    kind = "over_the_top" if one.voice_service == "voip_over_the_top" else "other"
    yield f"{kind}_subscriptions"
    if one.is_consumer:
        yield f"{kind}_consumer_subscriptions"
    if kind == "other":
        yield f"other_subscriptions_{'with' if one.has_internet else 'without'}_internet"
        yield f"other_subscriptions_by_{one.last_mile if one.last_mile in LAST_MILES else 'other'}"


ITEMS = {
    SWITCHED: (
        "wholesale_lines", "une_l_loops", "end_user_lines", "end_user_lines_with_internet",
        "end_user_lines_without_internet", "consumer_lines_with_long_distance",
        "consumer_lines_without_long_distance", "business_lines_with_long_distance",
        "business_lines_without_long_distance", "lines_by_owned_loop", "lines_by_une_l_loop", "lines_by_resold_loop",
        *(f"lines_by_{medium}" for medium in LAST_MILES),
    ),
    VOIP: (
        "over_the_top_subscriptions", "over_the_top_consumer_subscriptions", "other_subscriptions",
        "other_consumer_subscriptions", "other_subscriptions_with_internet", "other_subscriptions_without_internet",
        *(f"other_subscriptions_by_{medium}" for medium in LAST_MILES),
    ),
}  # fmt: skip
# A total, and each way in which it is split.
SPLITS = {
    SWITCHED: (
        ("end_user_lines", "end_user_lines_"), ("end_user_lines", ("consumer_lines_", "business_lines_")),
        ("end_user_lines", ("lines_by_owned", "lines_by_une_l", "lines_by_resold")),
        ("end_user_lines", tuple(f"lines_by_{medium}" for medium in LAST_MILES)),
    ),
    VOIP: (
        ("other_subscriptions", "other_subscriptions_with"), ("other_subscriptions", "other_subscriptions_by_"),
    ),
}  # fmt: skip
Figures = dict[tuple[str, str, str], int]


def state_figures(lines: Iterable[Lines]) -> Figures:
    """(state, switched | voip, item) to lines: every item of every state that has any, 0 where there are none."""
    found: Figures = defaultdict(int)
    states = set()
    for one in lines:
        service = SWITCHED if one.voice_service == "switched" else VOIP
        states.add(one.state)
        for item in _switched_items(one) if service == SWITCHED else _voip_items(one):
            found[one.state, service, item] += one.lines
    return {
        (state, service, item): found.get((state, service, item), 0)
        for state in sorted(states)
        for service, items in ITEMS.items()
        for item in items
    }


def splits_that_fail(figures: Mapping[tuple[str, str, str], int]) -> list[tuple[str, str, str, int, int]]:
    """(state, service, total's item, sum of its parts, total) of each split that does not add up."""
    wrong = []
    for state in sorted({state for state, _, _ in figures}):
        for service, splits in SPLITS.items():
            for total, parts in splits:
                expected = figures.get((state, service, total), 0)
                prefixes = parts if isinstance(parts, tuple) else (parts,)
                found = sum(n for (s, v, item), n in figures.items()
                            if (s, v) == (state, service) and item != total and item.startswith(prefixes))  # fmt: skip
                if found != expected:
                    wrong.append((state, service, total, found, expected))
    return wrong
