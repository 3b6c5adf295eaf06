"""What the outage desk gets wrong: outages of elements that were up, and customers counted many times too high.

Not here: failures, and the outages that are right; which failures nobody recorded (faults).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.sample.clock import DAY, NEVER, Clock, Floats, Ints
from ingestion.sample.faults import HOUR, Fault, Faults, below
from ingestion.sample.inventory import Network

# Per failure of the history.
PHANTOM_SHARE, MISCOUNTED_SHARE = 0.05, 0.05


@dataclass(frozen=True)
class OutageMistakes:
    """`phantoms` never happened (`hit` as of failures); `factor` per failure what its customers are multiplied by."""

    phantoms: list[Fault]
    hit: list[Ints]
    factor: Floats


def plant_outage_mistakes(clock: Clock, network: Network, faults: Faults) -> OutageMistakes:
    """From random numbers of their own, so that everything else stays as it was."""
    rng = clock.random("outage mistakes")
    count = len(faults.faults)
    factor = np.where(rng.random(count) < MISCOUNTED_SHARE, rng.uniform(3, 9, count), 1.0)
    begin, end = int(clock.month_bounds()[0]) * DAY, clock.as_of_seconds - 3 * DAY
    phantoms, hit = [], []
    for _ in range(int(rng.poisson(PHANTOM_SHARE * count))):
        element = int(rng.integers(len(network.kinds)))
        start = begin + int(rng.integers(DAY, max(end - begin, 2 * DAY)))
        lasts = int(np.clip(rng.lognormal(1.2, 0.6), 1, 24) * HOUR)
        down = (own for own, fault in zip(faults.hit, faults.faults, strict=True)
                if fault.start < start + lasts + 2 * DAY and fault.end > start - 2 * DAY)  # fmt: skip
        is_there = faults.live_from[element] * DAY < start and start + lasts < faults.live_to[element] * DAY
        if is_there and not any(element in own for own in down):
            phantoms.append(Fault(element, start, start + lasts, "equipment_failure", NEVER))
            hit.append(below(network, element))
    return OutageMistakes(phantoms, hit, factor)
