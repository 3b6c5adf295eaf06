"""Who left, as 1, 0 or not known, from whatever form a label comes in; and rows dealt out to folds.

Not here: what makes a leaver (core), features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

_LEFT = frozenset(
    {"yes", "y", "true", "t", "1", "churn", "churned", "churner", "left", "leave", "leaver", "exited", "attrited"}
    | {"cancelled", "canceled", "closed", "lost", "attrited customer"}
)
_STAYED = frozenset(
    {"no", "n", "false", "f", "0", "-1", "stay", "stayed", "active", "retained", "existing", "loyal", "kept", "open"}
    | {"existing customer", "no churn", "not churned", "non-churn"}
)


@dataclass(frozen=True)
class Label:
    """`values` 1 (left), 0 (stayed) or NaN (not known), one per row; `event` the given value that counts as left."""

    values: Floats
    event: str

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        known: npt.NDArray[np.bool_] = ~np.isnan(self.values)
        return known


def read_label(label: pd.Series | npt.ArrayLike, rows: int) -> Label:
    """The label of `rows` rows, from 0 and 1, booleans, or any two values such as Yes and No; nulls are not known.

    Where no word says which of two values means left, the rarer one does.

    Raises:
        ChurnDataError: another number of rows, more than two values, one value only.
    """
    given = pd.Series(np.asarray(label, dtype=object)).reset_index(drop=True)
    if len(given) != rows:
        raise ChurnDataError(f"{len(given)} labels for {rows} rows of features: give one for each, in the same order")
    words = given.map(_word, na_action="ignore")
    counts = words.value_counts()
    if len(counts) > 2:
        some = ", ".join(sorted(counts.index)[:5])
        raise ChurnDataError(
            f"a label of two values is expected, found are {len(counts)}: {some}; say who left as 0 or 1"
        )
    if len(counts) == 2:
        event = _event(counts)
    elif len(counts) == 1 and counts.index[0] in _LEFT | _STAYED:
        event = counts.index[0] if counts.index[0] in _LEFT else "left"
    else:
        event = "left"
    values = np.where(words.isna(), np.nan, (words == event).astype(float))
    return Label(values.astype(np.float64), str(event))


def _word(value: object) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return f"{float(value):g}"
    return str(value).strip().rstrip(".").lower() or None


def _event(counts: pd.Series) -> str:
    first, second = (str(value) for value in counts.index)
    for one, other in ((first, second), (second, first)):
        if one == "1" and other not in _STAYED:
            continue
        if (one in _LEFT and other not in _LEFT) or (other in _STAYED and one not in _STAYED):
            return one
    return second if counts.iloc[1] <= counts.iloc[0] else first


def both_classes(values: Floats, purpose: str) -> tuple[int, int]:
    """How many left and how many stayed.

    Raises:
        ChurnDataError: of one there is none, or there are fewer than two of either.
    """
    left, stayed = int(np.sum(values == 1)), int(np.sum(values == 0))
    if min(left, stayed) < 2:
        raise ChurnDataError(
            f"{purpose} needs at least two who left and two who stayed; of {left + stayed} rows with a known label"
            f" {left} left and {stayed} stayed: give a longer period or more customers"
        )
    return left, stayed


def deal(values: Floats, groups: npt.NDArray[np.object_] | None, count: int, seed: int) -> Ints:
    """The fold, 0 to count - 1, of each row: classes in equal shares, all rows of a group in one fold.

    Groups are dealt out like cards, at random among those with as many leavers and rows, there and back.
    """
    codes = np.arange(len(values)) if groups is None else pd.factorize(groups)[0]
    number = int(codes.max()) + 1
    left = np.bincount(codes, weights=values, minlength=number)
    size = np.bincount(codes, minlength=number)
    shuffled = np.random.default_rng(seed).permutation(number)
    order = shuffled[np.lexsort((size[shuffled], left[shuffled]))[::-1]]
    turn = np.concatenate([np.arange(count), np.arange(count)[::-1]])
    fold_of_group = np.empty(number, dtype=np.int64)
    fold_of_group[order] = np.resize(turn, number)
    return fold_of_group[codes]
