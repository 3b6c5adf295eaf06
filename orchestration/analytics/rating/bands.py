"""Many calls cut at the borders of time bands at once: seconds by price, as a sum that runs through the week.

Not here: one call (usage_price.pieces, which a property test holds this against).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from orchestration.analytics.rating.tariff import DAY_SECONDS, WEEKDAYS, Rule, TimeBand
from orchestration.analytics.rating.usage_table import Calls, Ints, rounded_up

WEEK_SECONDS = 7 * DAY_SECONDS
# 1970-01-01 was a Thursday: three days after a Monday.
_EPOCH_OFFSET_SECONDS = 3 * DAY_SECONDS


@dataclass(frozen=True)
class Week:
    """Stretches of a week from Monday: where each begins, and what a second in it counts."""

    begins: Ints
    counts: Ints

    def at(self, instant: Ints) -> Ints:
        """What a second at an instant counts."""
        place = (instant + _EPOCH_OFFSET_SECONDS) % WEEK_SECONDS
        found: Ints = self.counts[np.searchsorted(self.begins, place, side="right") - 1]
        return found

    def between(self, start: Ints, end: Ints, scale: int) -> Ints:
        """What the seconds from start to end count; both in parts of a second, `scale` of them in one."""
        whole = WEEK_SECONDS * scale
        begins = self.begins * scale
        lengths = np.diff(np.append(begins, whole))
        before = np.concatenate([[0], np.cumsum(lengths * self.counts)])
        # Counted from the week in which the call starts, so that no large number is multiplied.
        first_week = (start + _EPOCH_OFFSET_SECONDS * scale) // whole

        def until(at: Ints) -> Ints:
            weeks, place = np.divmod(at + _EPOCH_OFFSET_SECONDS * scale, whole)
            stretch = np.searchsorted(begins, place, side="right") - 1
            inside = (place - begins[stretch]) * self.counts[stretch]
            found: Ints = before[stretch] + inside + (weeks - first_week) * before[-1]
            return found

        return until(end) - until(start)


def weeks_of(bands: Sequence[TimeBand], prices: Sequence[int]) -> tuple[Week, Week]:
    """(price per second inside bands, 1 outside all of them); the first band that fits holds."""
    borders = sorted({0} | {second for band in bands for second in (band.from_second, band.to_second)})
    begins, inside, outside = [], [], []
    for weekday in WEEKDAYS:
        for clock in (border for border in borders if border < DAY_SECONDS):
            fits = [
                price
                for band, price in zip(bands, prices, strict=True)
                if weekday in band.days and band.from_second <= clock < band.to_second
            ]
            begins.append((weekday - 1) * DAY_SECONDS + clock)
            inside.append(fits[0] if fits else 0)
            outside.append(0 if fits else 1)
    starts = np.array(begins, dtype=np.int64)
    return Week(starts, np.array(inside, dtype=np.int64)), Week(starts, np.array(outside, dtype=np.int64))


def banded_sums(
    calls: Calls, cells: int, allowance: Fraction, rule: Rule, prices: Sequence[int], scale: int
) -> tuple[Ints, Ints]:
    """Per cell what the calls beyond the allowance count inside bands, and their parts of a second outside.

    Args:
        calls: in the order of time within each cell; the allowance covers the first.
        cells: how many there are.
        allowance: in seconds; whole in parts of a second.
        rule: with time bands and whole increments.
        prices: of each band, per part of a second, whole.
        scale: parts of a second in one.
    """
    inside, outside = np.zeros(cells, dtype=np.int64), np.zeros(cells, dtype=np.int64)
    if not len(calls.cell):
        return inside, outside
    length = rounded_up(calls.quantity, int(rule.first_increment), int(rule.increment)) * scale
    running = np.cumsum(length) - length
    sizes = np.diff(np.append(calls.begins, len(length)))
    before = running - np.repeat(running[calls.begins], sizes)
    covered = np.clip(int(allowance * scale) - before, 0, length)
    start, end = calls.start * scale + covered, calls.start * scale + length
    owners = calls.cell[calls.begins]
    for sums, week in zip((inside, outside), weeks_of(rule.time_bands, prices), strict=True):
        counted = week.between(start, end, scale) if rule.splits_calls else week.at(calls.start) * (length - covered)
        sums[owners] = np.add.reduceat(counted, calls.begins)
    return inside, outside
