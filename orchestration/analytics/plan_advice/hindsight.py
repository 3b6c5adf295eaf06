"""How advice turns out in months that it has not seen: the older half of the tested ones advises, the newer judges.

Not here: the advice itself, which stands on all of them (choice), the table of evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from orchestration.analytics.plan_advice.choice import Costs, choose
from orchestration.analytics.rating import MILLIONTHS

MODEL_NAME = "plan_advice"


@dataclass(frozen=True)
class Hindsight:
    """Sums over changes that the older months advise: how many, months after them and those in which they won.

    `confidence` is the sum of the shares of older months won, `expected` and `realised` the sums of yearly savings by
    the older and by the newer months, in millionths.
    """

    changes: int = 0
    months: int = 0
    months_won: int = 0
    confidence: float = 0.0
    expected: float = 0.0
    realised: float = 0.0

    def __add__(self, other: Hindsight) -> Hindsight:
        return Hindsight(
            self.changes + other.changes, self.months + other.months, self.months_won + other.months_won,
            self.confidence + other.confidence, self.expected + other.expected, self.realised + other.realised,
        )  # fmt: skip

    def evaluations(self) -> list[list[object]]:
        """(metric, value, baseline's name and value, cases, events): null where there was no change to look at."""
        seen = self.changes > 0

        def mean(total: float, count: int) -> float | None:
            return total / count if seen else None

        return [
            ["later_win_share", mean(self.months_won, self.months), "confidence_score",
             mean(self.confidence, self.changes), self.months, self.months_won],
            ["later_saving_per_year", mean(self.realised / MILLIONTHS, self.changes), "expected_savings",
             mean(self.expected / MILLIONTHS, self.changes), self.changes, None],
        ]  # fmt: skip


def look_back(costs: Costs, minimum_yearly_saving: int, minimum_tested: int) -> Hindsight:
    """The changes that the older half of the periods advises, judged by those of the newer half that count.

    Args:
        costs: of a market, periods from the oldest to the newest.
        minimum_yearly_saving: in millionths, as in choose.
        minimum_tested: fewest older periods that advise anything.
    """
    half = costs.is_tested.shape[1] // 2
    older = replace(
        costs, usage=costs.usage[:, :half], is_served=costs.is_served[:, :half], is_tested=costs.is_tested[:, :half]
    )
    found = choose(older, minimum_yearly_saving, 1, 0, minimum_tested)
    later = costs.is_tested[:, half:]
    rows = np.flatnonzero((found.plan != costs.present) & later.any(axis=1))
    if not len(rows):
        return Hindsight()
    counted, plan = later[rows], found.plan[rows]
    saved = (costs.yearly_savings()[rows, half:, :] - costs.fee[rows][:, None, None])[np.arange(len(rows)), :, plan]
    realised = np.where(counted, saved, 0).sum(axis=1) / counted.sum(axis=1)
    expected = found.totals[rows, plan] / found.tested[rows]
    return Hindsight(
        len(rows), int(counted.sum()), int(((saved > 0) & counted).sum()), float(found.confidence[rows].sum()),
        float(expected.sum()), float(realised.sum()),
    )  # fmt: skip
