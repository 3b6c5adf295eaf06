"""Any table as matrices that several classes can be told apart by: numbers, one-hot levels, rates and counts of levels.

Not here: what a column is (orchestration.analytics.churn.columns), the models (class_members).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.columns import CATEGORY, Column, Values, judge_columns, read_columns
from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.labels import Floats, Ints
from orchestration.analytics.maintenance.errors import MaintenanceDataError

# Levels with fewer rows are one level together.
RARE_ROWS = 3
# A category of at most so many levels is one-hot for trees; of the linear part those with the most rows are.
TREE_LEVELS, LINEAR_LEVELS = 12, 1500
# Whole numbers of at least so many different values, each repeated so often in the mean, may be codes of something;
# counts are not, of which one or a few values have most of the rows.
CODE_VALUES, CODE_REPEATS, CODE_SHARE = 20, 3.0, 0.1
# How many rows of the whole the rate of a level is drawn to it by.
RATE_PRIOR_ROWS = 3.0
MOST_TOKENS, TOKEN_SHARE = 300, 0.2
# With more numbers, as counts of words, each is told to the linear part in one form instead of two.
MANY_NUMBERS = 100
_SEPARATOR = re.compile(r"\s*[,;|]\s*")
_SUFFIX = re.compile(r"(\d+(?:\.\d+)?)\s*$")
_MISSING = "(missing)"


@dataclass(frozen=True)
class Table:
    """The columns read: numbers by name (NaN where none), codes of levels by name, and how many levels each has.

    Nothing in it has seen a label: knots, levels and counts are of all rows.
    """

    numbers: Mapping[str, Floats]
    codes: Mapping[str, Ints]
    levels: Mapping[str, int]
    rows: int

    def plain(self) -> Floats:
        """What trees see besides rates: numbers, one-hot levels of small categories, rows per level of the others."""
        blocks = [values[:, None] for values in self.numbers.values()]
        for name, codes in self.codes.items():
            if self.levels[name] <= TREE_LEVELS:
                blocks.append(np.eye(self.levels[name])[codes])
            else:
                blocks.append(np.log(np.bincount(codes, minlength=self.levels[name])[codes])[:, None])
        return np.column_stack(blocks)

    def rated(self) -> list[Ints]:
        """The codes of the categories that trees are told by rates."""
        return [codes for name, codes in self.codes.items() if self.levels[name] > TREE_LEVELS]

    def linear(self) -> npt.NDArray[np.float64]:
        """What the linear part sees: numbers on even scales with their blanks marked, one-hot levels."""
        blocks = []
        for values in self.numbers.values():
            is_blank = np.isnan(values)
            even = np.sign(values) * np.log1p(np.abs(values - np.nanmedian(values)) * (values != 0))
            for form in (even,) if len(self.numbers) > MANY_NUMBERS else (values, even):
                centred = np.where(is_blank, 0.0, form - np.nanmean(form))
                blocks.append((centred / (np.std(centred) or 1.0)).clip(-5, 5)[:, None])
            if is_blank.any():
                blocks.append(is_blank.astype(np.float64)[:, None])
        most = LINEAR_LEVELS // max(len(self.codes), 1)
        for name, codes in self.codes.items():
            common = np.argsort(-np.bincount(codes, minlength=self.levels[name]), kind="stable")[:most]
            blocks.append((codes[:, None] == common[None, :]).astype(np.float64))
        return np.column_stack(blocks)


def read_table(features: pd.DataFrame, groups: npt.NDArray[np.object_] | None) -> tuple[Table, dict[str, str]]:
    """The table's matrices, and why each column that is not used is not.

    Args:
        features: one row per case, columns of any kind. Texts that list several words (by comma, semicolon or bar, or
            lists) are read as sets of words; a number at the end of a category's levels is a number, too.
        groups: what rows belong together, as the entity of each.

    Raises:
        MaintenanceDataError: nothing to learn from.
    """
    plain, bags = _bags(features)
    try:
        used, dropped = judge_columns(plain, groups)
        read = read_columns(used, plain)
    except ChurnDataError as error:
        if not bags:
            raise MaintenanceDataError(str(error)) from error
        used, dropped, read = [], dict.fromkeys(map(str, plain.columns), "nothing to learn from"), {}
    numbers, codes = dict(bags), dict[str, Ints]()
    for column in used:
        own, levels = _of_column(column, read[column.name])
        numbers |= own
        codes |= levels
    for name in [name for name, values in numbers.items() if _is_rare(values)]:
        dropped[name] = f"under {RARE_ROWS} rows differ"
        del numbers[name]
    return Table(numbers, codes, {name: int(own.max()) + 1 for name, own in codes.items()}, len(features)), dropped


def _of_column(column: Column, values: Values) -> tuple[dict[str, Floats], dict[str, Ints]]:
    if column.kind == CATEGORY:
        texts = np.array([_MISSING if value is None else str(value) for value in values], dtype=object)
        suffix = _suffixes(texts)
        return ({} if suffix is None else {f"{column.name} (number)": suffix}), {column.name: _level_codes(texts)}
    numbers = values.astype(np.float64)
    known = numbers[~np.isnan(numbers)]
    distinct, counts = np.unique(known, return_counts=True)
    is_repeated = len(distinct) >= CODE_VALUES and len(known) / len(distinct) >= CODE_REPEATS
    if not is_repeated or counts.max() > CODE_SHARE * len(known) or bool(np.any(known % 1 != 0)):
        return {column.name: numbers}, {}
    return {column.name: numbers}, {f"{column.name} (code)": _level_codes(numbers.astype(str).astype(object))}


def _is_rare(values: Floats) -> bool:
    """Whether nearly all rows have one value, as of a word that hardly any text has."""
    _, counts = np.unique(values, return_counts=True)
    return len(values) - int(counts.max()) < min(RARE_ROWS + len(values) // 1000, len(values) // 4)


def _level_codes(texts: npt.NDArray[np.object_]) -> Ints:
    """0 for the rare ones together, then each level in the order of its name."""
    levels, codes, counts = np.unique(texts.astype(str), return_inverse=True, return_counts=True)
    kept = counts >= RARE_ROWS
    place = np.where(kept, np.cumsum(kept) if not kept.all() else np.arange(len(levels)), 0)
    found: Ints = place.astype(np.int64)[codes]
    return found


def _suffixes(texts: npt.NDArray[np.object_]) -> Floats | None:
    """The numbers at the ends of names as "location 118"; None where they have none."""
    known = [text for text in texts if text != _MISSING]
    found = [_SUFFIX.search(text) for text in texts]
    if not known or sum(one is not None for one in found) < 0.95 * len(known):
        return None
    return np.array([float(one.group(1)) if one else np.nan for one in found])


def _bags(features: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """The columns that are no lists of words; of the others whether a row has each of the commonest words."""
    found: dict[str, Floats] = {}
    lists = []
    for place, name in enumerate(features.columns):
        values = features.iloc[:, place]
        if values.dtype != object and not isinstance(values.dtype, pd.StringDtype):
            continue
        words = [_words(value) for value in values]
        counts = Counter(word for own in words for word in set(own))
        has_several = float(np.mean([len(own) > 1 for own in words])) if words else 0.0
        if has_several < 0.05 or len(counts) > max(TOKEN_SHARE * len(features), 10):
            continue
        lists.append(place)
        common = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_TOKENS]
        found |= {f"{name}: {word}": np.array([float(own.count(word)) for own in words]) for word in common}
        found[f"{name}: words"] = np.array([float(len(own)) for own in words])
    return features.iloc[:, [place for place in range(features.shape[1]) if place not in lists]], found


def _words(value: object) -> list[str]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return sorted(str(word) for word in value)
    return [word for word in _SEPARATOR.split(value.strip()) if word] if isinstance(value, str) else []


def level_rates(codes: Ints, label: Ints, classes: int, levels: int) -> Floats:
    """Log share of each class per level (levels x classes), drawn to the whole's by RATE_PRIOR_ROWS."""
    base = (np.bincount(label, minlength=classes) + 0.5) / (len(label) + 0.5 * classes)
    counts = np.zeros((levels, classes))
    np.add.at(counts, (codes, label), 1.0)
    rates: Floats = np.log((counts + RATE_PRIOR_ROWS * base) / (counts.sum(axis=1, keepdims=True) + RATE_PRIOR_ROWS))
    return rates


def rate_columns(
    table: Table, label: Ints, classes: int, train: Ints, test: Ints, folds: Ints
) -> tuple[Floats, Floats]:
    """Rates of levels for the rows trained on, each from the other inner folds, and for the rows tested, from all.

    Args:
        table: all rows.
        label: class of each row.
        classes: their number.
        train: places of the rows whose label may be seen.
        test: places of the others.
        folds: inner fold of each trained row; rows of a group share one.
    """
    seen, unseen = [], []
    for codes in table.rated():
        levels = int(codes.max()) + 1
        own = np.empty((len(train), classes))
        for fold in np.unique(folds):
            others = train[folds != fold]
            own[folds == fold] = level_rates(codes[others], label[others], classes, levels)[codes[train[folds == fold]]]
        seen.append(own)
        unseen.append(level_rates(codes[train], label[train], classes, levels)[codes[test]])
    empty = (np.empty((len(train), 0)), np.empty((len(test), 0)))
    return (np.column_stack(seen), np.column_stack(unseen)) if seen else empty


def names_of(columns: Sequence[str], most: int = 5) -> str:
    """Some of the names, for a message."""
    return ", ".join(columns[:most])
