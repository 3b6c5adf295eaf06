"""Boosted trees as plain arrays: fitted by scikit-learn, told and explained by this module alone.

Not here: which settings are chosen (fitting).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from orchestration.analytics.churn.labels import Floats, Ints
from orchestration.analytics.churn.tree_kernel import add_leaf, sum_of_trees

MAX_DEPTH = 7
# Beyond this no value of a column lies: a split between known and missing values has it for infinity.
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Shape:
    """How trees grow; `rounds` is the most that are grown, the inner validation chooses how many are kept."""

    leaves: int
    rate: float
    rounds: int
    rows_per_leaf: int
    penalty: float
    columns_share: float


@dataclass(frozen=True)
class Forest:
    """Trees one after another in arrays of nodes; `column` is -1 in a leaf, `left`, `right` count from the tree's root.

    `share` is the node's part of its tree's training rows; `missing_left` where a missing value goes.
    """

    ARRAYS: ClassVar[dict[str, type]] = {
        "starts": np.int64, "column": np.int64, "threshold": np.float64, "left": np.int64, "right": np.int64,
        "missing_left": np.bool_, "value": np.float64, "share": np.float64,
    }  # fmt: skip
    base: float
    starts: Ints
    column: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: npt.NDArray[np.bool_]
    value: Floats
    share: Floats

    def first(self, trees: int) -> Forest:
        """The same with its first trees only, all where there are fewer."""
        trees = min(trees, self.trees_count)
        end = int(self.starts[trees])
        nodes = {name: getattr(self, name)[:end] for name in self.ARRAYS if name != "starts"}
        return Forest(self.base, self.starts[: trees + 1], **nodes)

    @property
    def trees_count(self) -> int:
        return len(self.starts) - 1

    def log_odds(self, columns: Floats) -> Floats:
        """The sum of the trees' values, and the base."""
        return sum_of_trees(
            np.ascontiguousarray(columns, dtype=np.float64), self.base, self.starts[:-1], self.column, self.threshold,
            self.left, self.right, self.missing_left, self.value,
        )  # fmt: skip

    @property
    def expected(self) -> float:
        """The mean over the training rows, by the shares of the leaves."""
        is_leaf = self.column < 0
        return self.base + float(np.sum(self.value[is_leaf] * self.share[is_leaf]))

    def contributions(self, columns: Floats, owner: Ints, features: int) -> Floats:
        """Shapley values of the features: one row per case; with `expected` they sum to log_odds.

        The value of a set of features is the tree's mean where only these are known: at a split on another one both
        ways are gone, weighted by their training rows (Lundberg et al., From local explanations to global understanding
        with explainable AI for trees, 2020, path-dependent). A leaf's path gives one product game, whose values depend
        on which of its features the case satisfies: computed once for each pattern.

        Args:
            columns: as for log_odds.
            owner: the feature of each column.
            features: their number.
        """
        total = np.zeros((len(columns), features))
        missing = np.isnan(columns)
        for tree in range(self.trees_count):
            start, end = int(self.starts[tree]), int(self.starts[tree + 1])
            goes_left = {}
            for node in range(start, end):
                split = int(self.column[node])
                if split >= 0:
                    is_left = columns[:, split] <= self.threshold[node]
                    goes_left[node] = np.where(missing[:, split], self.missing_left[node], is_left)
            self._descend(start, start, {}, goes_left, owner, total)
        return total

    def _descend(
        self,
        root: int,
        node: int,
        path: dict[int, tuple[npt.NDArray[np.bool_], float]],
        goes_left: dict[int, npt.NDArray[np.bool_]],
        owner: Ints,
        total: Floats,
    ) -> None:
        """Follows every path; `path` holds per feature whether a case satisfies its splits, and the share that does."""
        if self.column[node] < 0:
            if path and self.value[node] != 0:
                table = float(self.value[node]) * product_game(tuple(share for _, share in path.values()))
                add_leaf(np.array([met for met, _ in path.values()]), table, np.array(list(path)), total)
            return
        feature = int(owner[self.column[node]])
        for child, is_left in ((root + int(self.left[node]), True), (root + int(self.right[node]), False)):
            goes = goes_left[node] if is_left else ~goes_left[node]
            share = float(self.share[child] / self.share[node])
            before = path.get(feature)
            met = (goes, share) if before is None else (before[0] & goes, before[1] * share)
            self._descend(root, child, {**path, feature: met}, goes_left, owner, total)


def product_game(shares: tuple[float, ...]) -> Floats:
    """Shapley values of the game whose value of a set is the product of 1 or 0 of its players and the shares of others.

    Returns:
        One row per pattern (bit i: player i satisfies its splits), one column per player.
    """
    players = len(shares)
    patterns = (np.arange(2**players)[:, None] >> np.arange(players)) & 1
    met = patterns.astype(np.float64)
    zero = np.asarray(shares)
    values = np.empty((2**players, players))
    weight = np.array([1.0 / (players * comb(players - 1, size)) for size in range(players)])
    for player in range(players):
        others = [other for other in range(players) if other != player]
        # Coefficients of t^k: the sum over sets of k others of their product.
        sums = np.zeros((2**players, players))
        sums[:, 0] = 1.0
        for other in others:
            sums[:, 1:] = sums[:, 1:] * zero[other] + sums[:, :-1] * met[:, [other]]
            sums[:, 0] *= zero[other]
        values[:, player] = (sums @ weight) * (met[:, player] - zero[player])
    return values


def without_blanks(columns: Floats) -> Floats:
    """The columns, with 0 in those that have no value at all: scikit-learn 1.9 fails on such a one.

    No tree splits on a constant.
    """
    blank = np.isnan(columns).all(axis=0)
    return np.where(blank, 0.0, columns) if blank.any() else columns


def grow(
    columns: Floats, label: Floats, shape: Shape, seed: int, held_out: tuple[Floats, Floats] | None = None
) -> tuple[Forest, Floats]:
    """Trees of the shape, and the log loss of the held-out rows after 0, 1, 2 … trees (empty without them).

    With rows held out, growing stops where 25 more trees made them no better.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = without_blanks(columns)
    model = HistGradientBoostingClassifier(
        learning_rate=shape.rate,
        max_iter=shape.rounds,
        max_leaf_nodes=shape.leaves,
        max_depth=MAX_DEPTH,
        min_samples_leaf=shape.rows_per_leaf,
        l2_regularization=shape.penalty,
        max_features=shape.columns_share,
        early_stopping=held_out is not None,
        scoring="loss",
        n_iter_no_change=25,
        random_state=seed,
    )
    if held_out is None:
        model.fit(columns, label)
        losses = np.empty(0)
    else:
        model.fit(columns, label, X_val=held_out[0], y_val=held_out[1])
        losses = -np.asarray(model.validation_score_)
    return _plain(model), losses


def _plain(model: object) -> Forest:
    """The arrays of scikit-learn's trees, which it keeps in attributes of its own."""
    trees = [predictors[0].nodes for predictors in model._predictors]  # type: ignore[attr-defined]
    nodes = np.concatenate(trees)
    is_leaf = nodes["is_leaf"].astype(bool)
    sizes = [len(tree) for tree in trees]
    counts = np.repeat([float(tree["count"][0]) for tree in trees], sizes)
    return Forest(
        base=float(np.ravel(model._baseline_prediction)[0]),  # type: ignore[attr-defined]
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        column=np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(is_leaf, 0.0, np.minimum(nodes["num_threshold"], _LARGEST)),
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=np.where(is_leaf, nodes["value"], 0.0),
        share=nodes["count"] / counts,
    )
