"""Attacks on the network and cells that fall silent: where, when, how hard; planted where samples are hourly.

Not here: what elements measure meanwhile (network), settings that invite attacks (configurations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.sample.clock import DAY, Clock, Floats, Ints
from ingestion.sample.inventory import Network

# The limit is 40; so many keep a sample of the default span under half a million rows.
HOURLY_ELEMENTS = 20
# From so many customers on more elements have hourly samples and more is planted, one for so many customers each.
MANY_CUSTOMERS, CUSTOMERS_PER_HOURLY, CUSTOMERS_PER_ATTACK = 5000, 500, 400
MOST_MORE = 60
HOUR = 3600
WATCHED = ("sector", "olt", "cmts", "service_group", "cell_site")
KINDS = ("flood", "scan", "silent_cell")


@dataclass(frozen=True)
class Anomaly:
    """A planted oddity of traffic at an element between two UTC seconds; those of neighbours at once share `attack`."""

    attack: int
    element: int
    kind: str
    start: int
    end: int
    load_factor: float
    connections_factor: float


def hourly_elements(network: Network, load: Floats) -> Ints:
    """Elements with hourly samples: some head ends, and the busiest cells and ports."""
    choices = [i for i, kind in enumerate(network.kinds) if kind in WATCHED and network.parent[i] >= 0]
    heads = [i for i in choices if network.kinds[i] in ("olt", "cmts")]
    cells = [i for i in choices if network.kinds[i] not in ("olt", "cmts")]
    busiest = sorted(cells, key=lambda i: -load[i, -1])
    few = heads[: HOURLY_ELEMENTS // 3]
    return np.array(sorted(few + busiest[: HOURLY_ELEMENTS - len(few)]), dtype=np.int64)


def more_hourly_elements(clock: Clock, network: Network, hourly: Ints, customers: int) -> Ints:
    """Those that a large operator has besides: the parts of whole sites and head ends."""
    wanted = min(customers // CUSTOMERS_PER_HOURLY, MOST_MORE) if customers >= MANY_CUSTOMERS else 0
    rng = clock.random("more hourly elements")
    heads = np.unique(network.parent[[i for i, kind in enumerate(network.kinds) if kind in ("sector", "service_group",
                                                                                            "pon_port")]])  # fmt: skip
    found: list[int] = []
    for head in rng.permutation(heads):
        if len(found) >= wanted:
            break
        found += [int(i) for i in np.flatnonzero(network.parent == head) if i not in hourly]
    return np.array(sorted(found), dtype=np.int64)


def plant(clock: Clock, hourly: Ints, rng: np.random.Generator) -> list[Anomaly]:
    """One a month of the usage detail, and one that is going on as the sample ends."""
    bounds = clock.month_bounds()
    begin = int(bounds[clock.detail_month]) * DAY + 15 * DAY
    found = []
    for index in range(max(len(bounds) - 1 - clock.detail_month, 2)):
        kind = KINDS[index % 3]
        start = begin + int(rng.integers(0, max(clock.as_of_seconds - begin - 3 * DAY, DAY))) // HOUR * HOUR
        lasts = {"flood": 3, "scan": 5, "silent_cell": 14}[kind]
        found.append(_usual(index, int(rng.choice(hourly)), kind, start, start + lasts * HOUR))
    now = clock.as_of_seconds - 5 * HOUR
    return [*found, _usual(len(found), int(hourly[0]), "flood", now, now + 4 * HOUR)]


def _usual(attack: int, element: int, kind: str, start: int, end: int) -> Anomaly:
    load, connections = {"flood": (3.5, 6), "scan": (1, 12), "silent_cell": (1, 1)}[kind]
    return Anomaly(attack, element, kind, start, end, load, connections)


def plant_more(
    clock: Clock, network: Network, hourly: Ints, customers: int, planted: list[Anomaly]
) -> list[Anomaly]:  # fmt: skip
    """Attacks on a large operator, of any strength, some of them at all parts of a site at once."""
    if customers < MANY_CUSTOMERS:
        return []
    rng = clock.random("more attacks")
    begin = int(clock.month_bounds()[clock.detail_month]) * DAY + 5 * 7 * DAY
    span = max(clock.as_of_seconds - begin - 3 * DAY, DAY)
    busy = {anomaly.element: [anomaly.start] for anomaly in planted}
    found: list[Anomaly] = []
    for attack in range(min(customers // CUSTOMERS_PER_ATTACK, 2 * MOST_MORE)):
        kind = KINDS[attack % 3]
        low, high = {"flood": (2, 9), "scan": (2, 25), "silent_cell": (4, 31)}[kind]
        hours = int(rng.integers(low, high))
        # Half of them are no more than the daily rhythm itself.
        strength = float(np.exp(rng.uniform(np.log(1.5), np.log(8))))
        load = {"flood": min(strength, 4.0), "scan": 1.0, "silent_cell": 1.0}[kind]
        connections = {"flood": strength, "scan": strength, "silent_cell": 1.0}[kind]
        start = begin + int(rng.integers(0, span)) // HOUR * HOUR
        element = int(rng.choice(hourly))
        hit = [element]
        if attack % 5 == 4:
            hit = [int(i) for i in hourly if network.parent[i] == network.parent[element]]
        # Two days apart at one element, so that each can be found by itself.
        if any(abs(start - other) < 3 * DAY for one in hit for other in busy.get(one, [])):
            continue
        for one in hit:
            busy.setdefault(one, []).append(start)
            found.append(Anomaly(len(planted) + attack, one, kind, start, start + hours * HOUR, load, connections))
    return found
