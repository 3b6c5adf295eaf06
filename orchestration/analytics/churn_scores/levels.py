"""What is done about a score: the level by expected loss, the work queue, interventions that pay.

Not here: scores, the catalogue (seed churn_interventions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestration.analytics.churn_scores.rules import HIGH, LOW, MEDIUM

RANK = {LOW: 0, MEDIUM: 1, HIGH: 2}
ANY = "any"
SHOWN = 3


def risk_levels(expected_loss: pd.Series, probability: pd.Series, parameters: Mapping[str, float]) -> pd.Series:
    """Levels by the retention team's capacity: its first share of customers high, its next share medium.

    Args:
        expected_loss: per customer; who has none known comes after all others, by probability.
        probability: of leaving; it and the index decide between equals.
        parameters: high_level_share and medium_level_share, of all the customers given.

    Returns:
        high, medium or low on the index. A level holds the share's number of customers, rounded down to whole ones.
    """
    order = pd.DataFrame({"loss": expected_loss.fillna(-1.0), "probability": probability})
    order["tie"] = order.index.astype(str)
    order = order.sort_values(["loss", "probability", "tie"], ascending=[False, False, True])
    place = np.arange(len(order))
    high = int(parameters["high_level_share"] * len(order))
    worked_on = high + int(parameters["medium_level_share"] * len(order))
    levels = np.select([place < high, place < worked_on], [HIGH, MEDIUM], LOW)
    return pd.Series(levels, index=order.index).reindex(expected_loss.index)


def queue_ranks(level: pd.Series, expected_loss: pd.Series, contacted_recently: pd.Series) -> pd.Series:
    """The place in the work queue, from 1, dearest first; null at low level and where contacted lately."""
    waiting = (level != LOW) & ~contacted_recently
    order = pd.DataFrame({"level": level.map(RANK), "loss": expected_loss.fillna(-1.0), "tie": level.index.astype(str)})
    order = order[waiting].sort_values(["level", "loss", "tie"], ascending=[False, False, True])
    ranks = pd.Series(np.arange(1, len(order) + 1), index=order.index, dtype="float64")
    return ranks.reindex(level.index)


def interventions(
    catalogue: Sequence[Mapping[str, Any]], level: str, factors: Sequence[str], expected_loss: float | None
) -> list[dict[str, Any]]:
    """What to do for one customer, the most gainful first.

    Args:
        catalogue: intervention, description, lowest_level, factor, cost, expected_churn_reduction.
        level: the customer's.
        factors: what raises the customer's score; an intervention answers one of them, or any.
        expected_loss: probability of leaving x remaining margin, in the reporting currency; None: not known.

    Returns:
        At most three of intervention, description, factor, cost and expected_gain (prevented share of the expected
        loss, less the cost). Those that cost more than they save are left out, but the best one is always named; where
        the loss is not known none is left out, and the costliest come first.
    """
    fitting: list[dict[str, Any]] = []
    for entry in catalogue:
        if RANK[str(entry["lowest_level"])] > RANK[level] or entry["factor"] not in (ANY, *factors):
            continue
        cost, reduction = float(entry["cost"]), float(entry["expected_churn_reduction"])
        gain = None if expected_loss is None else round(reduction * expected_loss - cost, 2)
        found = {name: entry[name] for name in ("intervention", "description", "factor")}
        fitting.append(found | {"cost": cost, "expected_gain": gain})
    fitting.sort(key=_order)
    paying = [one for one in fitting if one["expected_gain"] is None or one["expected_gain"] > 0]
    return (paying or fitting[:1])[:SHOWN]


def _order(one: Mapping[str, Any]) -> tuple[float, str]:
    worth = one["cost"] if one["expected_gain"] is None else one["expected_gain"]
    return -float(worth), str(one["intervention"])
