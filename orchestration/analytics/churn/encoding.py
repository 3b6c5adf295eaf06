"""Columns as the two matrices that the model's parts see: splines and levels, and values for trees.

Not here: what a column is (columns), fitting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.columns import CATEGORY, Column, Values
from orchestration.analytics.churn.labels import Floats, Ints

DEGREE = 3
# So many knots; fewer where many numbers would make the linear part wide, of which trees tell the bends.
KNOTS = {30: 5, 60: 4}
# Numbers of up to so many values get a level each in the linear part.
FEW_VALUES = 6
# Categories of more levels than these are told by the rate of leavers among them.
LINEAR_LEVELS, TREE_LEVELS = 40, 12
RARE_ROWS = 10
RATE_PRIOR_ROWS = 20.0
_MISSING = "\0missing"
_RARE = "\0rare"


@dataclass(frozen=True)
class NumberCode:
    """A number: `knots` of its cubic spline, or `levels` where it has few values; `has_missing` where any was.

    A straight line (from `centre`, in units of `spread`) stands beside both, so that a strong penalty leaves the line;
    beyond the `ends` of training it goes level.
    """

    centre: float
    spread: float
    ends: tuple[float, float]
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    has_missing: bool = False

    def for_trees(self, values: Values) -> Floats:
        return values.astype(np.float64)[:, None]

    def for_linear(self, given: Values) -> Floats:
        values = given.astype(np.float64)
        is_missing = np.isnan(values)
        inside = np.clip(np.where(is_missing, self.centre, values), *self.ends)
        parts = [(inside - self.centre) / self.spread]
        if self.knots:
            parts.append(spline_basis(inside, self.knots) * ~is_missing[:, None])
        elif self.levels:
            parts.append((values[:, None] == np.array(self.levels)[None, :]).astype(np.float64))
        return np.column_stack([*parts, is_missing] if self.has_missing else parts)


@dataclass(frozen=True)
class CategoryCode:
    """A category: `levels` that are often enough, all others one; `rates` the smoothed log-odds of each level."""

    levels: tuple[str, ...]
    rates: tuple[float, ...]
    rate_of_rest: float
    is_one_hot_linear: bool
    is_one_hot_tree: bool

    @property
    def is_rated(self) -> bool:
        return not (self.is_one_hot_linear and self.is_one_hot_tree)

    def levels_of(self, values: Values) -> Ints:
        """The position of each value's level; the number of levels for all others."""
        positions = {level: position for position, level in enumerate(self.levels)}
        positions[None] = positions.get(_MISSING, len(self.levels))  # type: ignore[index]
        found = pd.Series(values, dtype=object).map(positions)
        return np.asarray(found.fillna(len(self.levels)), dtype=np.int64)

    def rated(self, codes: Ints) -> Floats:
        return np.array([*self.rates, self.rate_of_rest])[codes][:, None]

    def one_hot(self, codes: Ints) -> Floats:
        hot: Floats = np.eye(len(self.levels) + 1)[codes]
        return hot

    def for_trees(self, values: Values) -> Floats:
        codes = self.levels_of(values)
        return self.one_hot(codes)[:, : max(1, len(self.levels) - 1)] if self.is_one_hot_tree else self.rated(codes)

    def for_linear(self, values: Values) -> Floats:
        codes = self.levels_of(values)
        return self.one_hot(codes) if self.is_one_hot_linear else self.rated(codes)


@dataclass(frozen=True)
class Matrices:
    """One row per case; `linear_owner` and `tree_owner` name the position of the feature that a column comes from."""

    linear: Floats
    trees: Floats
    linear_owner: Ints
    tree_owner: Ints

    def rows(self, which: npt.NDArray[np.bool_]) -> Matrices:
        return Matrices(self.linear[which], self.trees[which], self.linear_owner, self.tree_owner)

    def with_rates(self, rates: Mapping[int, Floats], encoder: Encoder) -> Matrices:
        """The same with other rates in the columns of the categories at these positions."""
        if not rates:
            return self
        linear, trees = self.linear.copy(), self.trees.copy()
        for position, values in rates.items():
            code = encoder.codes[position]
            assert isinstance(code, CategoryCode)
            if not code.is_one_hot_linear:
                linear[:, self.linear_owner == position] = values[:, None]
            if not code.is_one_hot_tree:
                trees[:, self.tree_owner == position] = values[:, None]
        return Matrices(linear, trees, self.linear_owner, self.tree_owner)


@dataclass(frozen=True)
class Encoder:
    """The code of every used column, in order."""

    columns: tuple[Column, ...]
    codes: tuple[NumberCode | CategoryCode, ...] = field(default=())

    def encode(self, read: Mapping[str, Values]) -> Matrices:
        """The matrices of the rows read."""
        blocks = [(code.for_linear(values), code.for_trees(values)) for code, values in self._pairs(read)]
        return Matrices(
            linear=np.column_stack([linear for linear, _ in blocks]),
            trees=np.column_stack([trees for _, trees in blocks]),
            linear_owner=np.repeat(np.arange(len(blocks)), [linear.shape[1] for linear, _ in blocks]),
            tree_owner=np.repeat(np.arange(len(blocks)), [trees.shape[1] for _, trees in blocks]),
        )

    def _pairs(self, read: Mapping[str, Values]) -> list[tuple[NumberCode | CategoryCode, Values]]:
        return [(code, read[column.name]) for column, code in zip(self.columns, self.codes, strict=True)]

    def levels(self, read: Mapping[str, Values]) -> dict[int, Ints]:
        """The level of each row, per position of a category that is told by rates."""
        return {
            position: code.levels_of(values)
            for position, (code, values) in enumerate(self._pairs(read))
            if isinstance(code, CategoryCode) and code.is_rated
        }

    def with_rates(self, levels: Mapping[int, Ints], label: Floats) -> Encoder:
        """The same codes, with the rates of these rows."""
        codes = list(self.codes)
        for position, own in levels.items():
            code = codes[position]
            assert isinstance(code, CategoryCode)
            logits, base = _level_rates(own, label, len(code.levels) + 1)
            codes[position] = replace(code, rates=tuple(logits[:-1].tolist()), rate_of_rest=base)
        return Encoder(self.columns, tuple(codes))

    def rates(self, levels: Mapping[int, Ints]) -> dict[int, Floats]:
        """What each row's level is told by."""
        found = {}
        for position, own in levels.items():
            code = self.codes[position]
            assert isinstance(code, CategoryCode)
            found[position] = code.rated(own)[:, 0]
        return found


def rates_unseen(encoder: Encoder, levels: Mapping[int, Ints], label: Floats, folds: Ints) -> dict[int, Floats]:
    """Per position of a category told by rates, the rate of each row's level among the rows of the other folds."""
    found = {position: np.empty(len(label)) for position in levels}
    for fold in np.unique(folds):
        inside = folds == fold
        others = encoder.with_rates({at: own[~inside] for at, own in levels.items()}, label[~inside])
        for position, rates in others.rates({at: own[inside] for at, own in levels.items()}).items():
            found[position][inside] = rates
    return found


def spline_basis(values: Floats, knots: Sequence[float]) -> Floats:
    """The cubic B-splines over the knots at each value, constant beyond the ends (recursion of Cox and de Boor).

    Returns:
        One row per value, len(knots) + 2 columns, whose sum is 1.
    """
    inner = np.asarray(knots, dtype=np.float64)
    padded = np.concatenate([[inner[0]] * DEGREE, inner, [inner[-1]] * DEGREE])
    x = np.clip(values, inner[0], inner[-1])
    # The last value belongs to the last span.
    span = np.clip(np.searchsorted(padded, x, side="right") - 1, DEGREE, len(padded) - DEGREE - 2)
    basis = np.zeros((len(x), len(padded) - 1))
    basis[np.arange(len(x)), span] = 1.0
    for degree in range(1, DEGREE + 1):
        size = len(padded) - 1 - degree
        left = padded[degree : degree + size] - padded[:size]
        right = padded[degree + 1 : degree + 1 + size] - padded[1 : 1 + size]
        rising = (x[:, None] - padded[:size]) * np.divide(1.0, left, out=np.zeros(size), where=left > 0)
        falling = (padded[degree + 1 : degree + 1 + size] - x[:, None]) * np.divide(
            1.0, right, out=np.zeros(size), where=right > 0
        )
        basis = rising * basis[:, :size] + falling * basis[:, 1 : 1 + size]
    return basis


def fit_encoder(columns: Sequence[Column], read: Mapping[str, Values], label: Floats) -> Encoder:
    """Codes learned from the training rows."""
    numbers = sum(column.kind != CATEGORY for column in columns)
    knots = next((knots for most, knots in KNOTS.items() if numbers <= most), 0)
    codes = [
        _category_code(read[column.name], label) if column.kind == CATEGORY else _number_code(read[column.name], knots)
        for column in columns
    ]
    return Encoder(tuple(columns), tuple(codes))


def _number_code(values: Values, knots_count: int) -> NumberCode:
    numbers = values.astype(np.float64)
    known = numbers[~np.isnan(numbers)]
    has_missing = bool(len(known) < len(numbers))
    distinct = np.unique(known)
    centre, spread = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
    if len(distinct) > FEW_VALUES:
        if knots_count == 0:
            return NumberCode(centre, spread, ends=(float(distinct[0]), float(distinct[-1])), has_missing=has_missing)
        knots = np.unique(np.quantile(known, np.linspace(0, 1, knots_count)))
        if len(knots) < 3:  # most have one value, as 0
            knots = np.unique(np.concatenate([knots, np.quantile(distinct, [0.25, 0.5, 0.75])]))
        ends = (float(knots[0]), float(knots[-1]))
        return NumberCode(centre, spread, ends, knots=tuple(knots.tolist()), has_missing=has_missing)
    ends = (float(distinct[0]), float(distinct[-1])) if len(distinct) else (0.0, 0.0)
    return NumberCode(centre, spread, ends, levels=tuple(distinct.tolist()), has_missing=has_missing)


def _category_code(values: Values, label: Floats) -> CategoryCode:
    named = np.array([_MISSING if value is None else value for value in values], dtype=object)
    levels, counts = np.unique(named.astype(str), return_counts=True)
    kept = tuple(levels[counts >= RARE_ROWS].tolist()) or (str(levels[np.argmax(counts)]),)
    bare = CategoryCode(kept, (), 0.0, len(kept) <= LINEAR_LEVELS, len(kept) <= TREE_LEVELS)
    logits, base = _level_rates(bare.levels_of(values), label, len(kept) + 1)
    return CategoryCode(kept, tuple(logits[:-1].tolist()), base, bare.is_one_hot_linear, bare.is_one_hot_tree)


def _level_rates(codes: Ints, label: Floats, number: int) -> tuple[Floats, float]:
    """The log-odds of leaving per level, drawn to the whole's as if that had RATE_PRIOR_ROWS rows more; the whole's."""
    base = float(np.clip(label.mean(), 1e-4, 1 - 1e-4))
    left = np.bincount(codes, weights=label, minlength=number) + RATE_PRIOR_ROWS * base
    rows = np.bincount(codes, minlength=number) + RATE_PRIOR_ROWS
    rate: Floats = left / rows
    return np.log(rate / (1 - rate)), float(np.log(base / (1 - base)))
