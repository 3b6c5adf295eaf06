"""Records of many services by cell (service x period) and kind, and their sums as rules ask for them.

Not here: prices (fast). Everything is int64; sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from orchestration.analytics.rating.tariff import KINDS, Kind

Ints: TypeAlias = npt.NDArray[np.int64]
INCOMING, ROAMING = 1, 2


def ways_of(kind: Kind) -> dict[str, tuple[int, ...]]:
    """Which records (0 to 3, INCOMING and ROAMING added) fall under each of a kind's rules."""
    found: dict[str, tuple[int, ...]] = {}
    for flags in range(4):
        way = kind.way_of(bool(flags & INCOMING), bool(flags & ROAMING))
        found[way] = (*found.get(way, ()), flags)
    return found


@dataclass(frozen=True)
class Calls:
    """Records by cell in the order of time: cell, start, quantity, and where each cell begins among them."""

    cell: Ints
    start: Ints
    quantity: Ints
    begins: Ints


@dataclass
class UsageTable:
    """Records by cell and kind.

    Args (each of one length, one entry per record, or per sum of records where no rule looks at single ones):
        cell: service index x periods + period index, from 0 to cells - 1.
        kind: index in KINDS.
        flags: INCOMING + ROAMING.
        quantity: bytes, seconds or messages.
        start: wall-clock seconds since 1970 in the provider's time; asked for by time bands only.
        records: how many records an entry stands for.
        cells: how many cells there are.
    """

    cell: Ints
    kind: npt.NDArray[np.integer]
    flags: npt.NDArray[np.integer]
    quantity: Ints
    start: Ints
    records: Ints | None
    cells: int
    _kept: dict[object, Ints] = field(default_factory=dict)
    _places: dict[object, Ints] = field(default_factory=dict)
    _calls: dict[object, Calls] = field(default_factory=dict)

    def _of(self, kind: str, flags: tuple[int, ...]) -> Ints:
        """Places of the kind's records with these flags, by cell."""
        key = (kind, flags)
        if key not in self._places:
            chosen = self.kind == KINDS.index(kind)
            if len(flags) < 4:
                chosen &= np.isin(self.flags, flags)
            places = np.flatnonzero(chosen)
            cells = self.cell[places]
            if np.any(cells[1:] < cells[:-1]):
                places = places[np.argsort(cells, kind="stable")]
            self._places[key] = places
        return self._places[key]

    def _summed(self, places: Ints, values: Ints) -> Ints:
        total = np.zeros(self.cells, dtype=np.int64)
        if len(places):
            cells = self.cell[places]
            begins = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
            total[cells[begins]] = np.add.reduceat(values, begins)
        return total

    def units(self, kind: str, flags: tuple[int, ...], first: int = 1, step: int = 1) -> Ints:
        """Sum per cell of the records rounded up to a first and further increments."""
        key = ("units", kind, flags, first, step)
        if key not in self._kept:
            places = self._of(kind, flags)
            self._kept[key] = self._summed(places, rounded_up(self.quantity[places], first, step))
        return self._kept[key]

    def counts(self, kind: str, flags: tuple[int, ...]) -> Ints:
        """Records per cell."""
        key = ("counts", kind, flags)
        if key not in self._kept:
            places = self._of(kind, flags)
            ones = np.ones(len(places), dtype=np.int64) if self.records is None else self.records[places]
            self._kept[key] = self._summed(places, ones)
        return self._kept[key]

    def calls(self, kind: str, flags: tuple[int, ...]) -> Calls:
        """The records in the order of time within their cells."""
        key = (kind, flags)
        if key not in self._calls:
            places = self._of(kind, flags)
            cell, start, quantity = self.cell[places], self.start[places], self.quantity[places]
            order = np.lexsort((quantity, start, cell))
            cell = cell[order]
            begins = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]]) if len(cell) else np.zeros(0, dtype=np.int64)
            self._calls[key] = Calls(cell, start[order], quantity[order], begins)
        return self._calls[key]


def rounded_up(quantity: Ints, first: int, step: int) -> Ints:
    """Each record up to the first increment, then up to whole further ones; nothing stays nothing."""
    if first == step == 1:
        return quantity
    beyond = np.maximum(quantity - first, 0)
    result: Ints = np.where(quantity > 0, first + -(-beyond // step) * step, 0)
    return result


def scale_of(values: Iterable[Fraction | None]) -> int:
    """The smallest number that makes all these whole when they are multiplied by it."""
    return int(np.lcm.reduce([1, *(value.denominator for value in values if value is not None)], dtype=object))
