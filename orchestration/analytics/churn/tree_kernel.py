"""What boosted trees say of many rows and why, compiled: in numpy each tree goes over all rows for every level.

Not here: the trees (trees), how compiled code is kept (ingestion.kernel_base).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingestion.kernel_base import compiled
from orchestration.analytics.churn.labels import Floats, Ints


@compiled
def sum_of_trees(
    columns: Floats, base: float, starts: Ints, column: Ints, threshold: Floats, left: Ints, right: Ints,
    missing_left: npt.NDArray[np.bool_], value: Floats,
) -> Floats:  # fmt: skip
    """For each row of `columns` (NaN: missing) the base and its leaf's value in every tree, added in the trees' order.

    `starts` are the trees' roots among the nodes; the other arrays are of the nodes, as Forest has them.
    """
    total = np.full(len(columns), base)
    for row in range(len(columns)):
        for start in starts:
            node = start
            while column[node] >= 0:
                known = columns[row, column[node]]
                is_left = missing_left[node] if np.isnan(known) else known <= threshold[node]
                node = start + (left[node] if is_left else right[node])
            total[row] += value[node]
    return total


@compiled
def add_leaf(met: npt.NDArray[np.bool_], table: Floats, players: Ints, total: Floats) -> None:
    """Adds a leaf's Shapley values to `total` (row, feature).

    Args:
        met: per player of the leaf's game and row, whether the row satisfies the player's splits.
        table: of product_game, times the leaf's value: one row per pattern (bit i: player i satisfies its splits).
        players: the feature of each player.
        total: what is added to.
    """
    for row in range(met.shape[1]):
        pattern = 0
        for player in range(met.shape[0]):
            if met[player, row]:
                pattern |= 1 << player
        for player in range(met.shape[0]):
            total[row, players[player]] += table[pattern, player]
