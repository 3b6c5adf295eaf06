"""Several classes learned from any table, and told honestly: every row by models that have not seen it.

Not here: what the models see (class_tables), the models themselves (class_members).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.labels import Floats, Ints
from orchestration.analytics.maintenance.class_members import MEMBERS, member_probabilities
from orchestration.analytics.maintenance.class_tables import names_of, read_table
from orchestration.analytics.maintenance.errors import MaintenanceDataError

FOLDS = 5
MOST_CLASSES = 100
# How firmly weights are drawn to equal parts and the classes' shifts to nought, in units of the squared weight.
POOL_PENALTY = 2.0


@dataclass(frozen=True)
class ClassEvaluation:
    """How well the classes of a table can be told, of rows that no model of theirs was trained on.

    Attributes:
        log_loss: mean negative log probability of the class that was, in nats per row.
        brier: mean squared distance over all classes (Brier 1950), 0 to 2.
        accuracy: share of rows whose likeliest class was right.
        class_shares_log_loss: the log loss of telling every row the shares of the classes.
        predictions: a column per class, on the index of the features, rows sum to 1; null where the label is.
        classes: in the order of the columns.
        rows_count: rows with a label.
        weights: of each member in the mean over folds; 0 for all where the shares were best.
        dropped: columns that were not used, and why.
        scheme: how rows were kept apart, in words.
    """

    log_loss: float
    brier: float
    accuracy: float
    class_shares_log_loss: float
    predictions: pd.DataFrame
    classes: tuple[object, ...]
    rows_count: int
    weights: Mapping[str, float]
    dropped: Mapping[str, str]
    scheme: str


@dataclass(frozen=True)
class Pool:
    """`log p = weights @ log p of the members + shift`, normalised: weights, temperature and calibration in one."""

    weights: Floats
    shift: Floats

    def probabilities(self, logs: Floats) -> Floats:
        """Of members x rows x classes in logarithms: rows x classes."""
        odds = np.tensordot(self.weights, logs, axes=1) + self.shift
        odds -= odds.max(axis=1, keepdims=True)
        told = np.exp(odds)
        found: Floats = told / told.sum(axis=1, keepdims=True)
        return found


def train_and_evaluate_classes(
    features: pd.DataFrame,
    label: pd.Series | npt.ArrayLike,
    *,
    groups: pd.Series | npt.ArrayLike | None = None,
    seed: int = 0,
) -> ClassEvaluation:
    """Trains on a table with several classes and tells how well it does on rows not trained on.

    Five folds: four members (class_members) are trained on four of them and tell the fifth; their pool is fitted on
    the members' words about the other folds. A pool that says less than the classes' shares gives way to these.

    Args:
        features: one row per case; numbers, texts, blanks, dates, lists of words; columns that name the row, constant
            and empty ones are left out by themselves.
        label: the class of each row, any two or more values; null is neither trained on nor told.
        groups: rows of one value are never on both sides of a fold.
        seed: of folds and models; same table and seed, same result.

    Raises:
        MaintenanceDataError: one class only, as many classes as rows, one group only, nothing to learn from, series of
            another length than the features.
    """
    if not isinstance(features, pd.DataFrame):
        raise MaintenanceDataError(f"features are a {type(features).__name__}: give a pandas DataFrame")
    known, answer, classes = _read_classes(label, len(features))
    owners = None if groups is None else _per_row(groups, len(features), "groups")[known]
    folds = _deal(answer, owners, FOLDS, seed)
    table, dropped = read_table(features.iloc[known].reset_index(drop=True), owners)
    logs = np.empty((len(MEMBERS), len(answer), len(classes)))
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        inner = _deal(answer[train], None if owners is None else owners[train], FOLDS, seed + 1)
        logs[:, test] = np.log(member_probabilities(table, answer, len(classes), train, test, inner, seed))
    told, weights = _pooled(logs, answer, folds, len(classes))
    shares = _shares(answer, folds, len(classes))
    truth = np.eye(len(classes))[answer]
    predictions = pd.DataFrame(np.nan, index=features.index, columns=list(classes))
    predictions.iloc[known] = told
    return ClassEvaluation(
        log_loss=_loss(told, answer),
        brier=float(np.mean(np.sum((told - truth) ** 2, axis=1))),
        accuracy=float(np.mean(told.argmax(axis=1) == answer)),
        class_shares_log_loss=_loss(shares, answer),
        predictions=predictions,
        classes=classes,
        rows_count=len(answer),
        weights=dict(zip(MEMBERS, weights.tolist(), strict=True)),
        dropped=dropped,
        scheme=f"{len(np.unique(folds))} folds" + ("" if owners is None else " by groups"),
    )


def _read_classes(label: pd.Series | npt.ArrayLike, rows: int) -> tuple[Ints, Ints, tuple[object, ...]]:
    """Places of the rows with a label, the number of each one's class, and the classes in order."""
    given = pd.Series(_per_row(label, rows, "labels"))
    if pd.api.types.infer_dtype(given, skipna=True) in ("floating", "mixed-integer-float", "decimal"):
        numbers = pd.to_numeric(given)
        whole = bool((numbers.dropna() % 1 == 0).all())
        given = numbers.map(int if whole else float, na_action="ignore").astype(object)
    known = np.flatnonzero(given.notna().to_numpy())
    values = given.iloc[known]
    distinct = list(pd.unique(values))
    try:
        distinct.sort()
    except TypeError:
        distinct.sort(key=str)
    if len(distinct) < 2:
        only = f", {distinct[0]!r}" if distinct else ""
        raise MaintenanceDataError(
            f"{len(distinct)} class in {len(known)} rows with a label{only}: two are needed at least"
        )
    if len(distinct) > min(MOST_CLASSES, len(known) / 2):
        raise MaintenanceDataError(
            f"the label has {len(distinct)} values in {len(known)} rows, as {names_of([str(v) for v in distinct])}:"
            f" give classes, at most {MOST_CLASSES}, of two rows each in the mean"
        )
    place = {value: at for at, value in enumerate(distinct)}
    return known, values.map(place).to_numpy(dtype=np.int64), tuple(distinct)


def _per_row(values: pd.Series | npt.ArrayLike, rows: int, name: str) -> npt.NDArray[np.object_]:
    found = np.asarray(values, dtype=object)
    if len(found) != rows:
        raise MaintenanceDataError(f"{len(found)} {name} for {rows} rows of features: give one each, in the same order")
    return found


def _deal(label: Ints, owners: npt.NDArray[np.object_] | None, most: int, seed: int) -> Ints:
    """The fold of each row: classes in like shares, rows of an owner together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    commonest = int(np.bincount(label).max())
    codes = None if owners is None else pd.factorize(owners, use_na_sentinel=False)[0]
    units = len(label) if codes is None else int(codes.max()) + 1
    count = min(most, commonest, units)
    if count < 2:
        raise MaintenanceDataError(f"{len(label)} rows in {units} groups cannot be parted: give two groups at least")
    maker = StratifiedKFold if codes is None else StratifiedGroupKFold
    folds = np.empty(len(label), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may have fewer rows than there are folds
        parts = maker(count, shuffle=True, random_state=seed).split(np.zeros(len(label)), label, codes)
        for fold, (_, test) in enumerate(parts):
            folds[test] = fold
    return folds


def _shares(label: Ints, folds: Ints, classes: int) -> Floats:
    """For each row the shares of the classes in the other folds."""
    found = np.empty((len(label), classes))
    for fold in np.unique(folds):
        counts = np.bincount(label[folds != fold], minlength=classes) + 0.5
        found[folds == fold] = counts / counts.sum()
    return found


def _pooled(logs: Floats, label: Ints, folds: Ints, classes: int) -> tuple[Floats, Floats]:
    """Each fold told by the pool fitted on the others; the mean weights of the members."""
    shares = _shares(label, folds, classes)
    told, weights = shares.copy(), np.zeros(len(logs))
    numbers = np.unique(folds)
    for fold in numbers:
        others, own = folds != fold, folds == fold
        pool = _fit_pool(logs[:, others], label[others], classes)
        if _loss(pool.probabilities(logs[:, others]), label[others]) < _loss(shares[others], label[others]):
            told[own] = pool.probabilities(logs[:, own])
            weights += pool.weights / len(numbers)
    # Judged by the rows themselves, but between two: the pool that does not beat the shares is not handed out.
    if _loss(told, label) > _loss(shares, label):
        return shares, np.zeros(len(logs))
    return told, weights


def _fit_pool(logs: Floats, label: Ints, classes: int) -> Pool:
    """Weights, none negative, and shifts of the least penalised log loss."""
    from scipy.optimize import minimize

    members, rows = len(logs), len(label)
    truth = np.eye(classes)[label]

    def loss(beta: Floats) -> tuple[float, Floats]:
        pool = Pool(beta[:members], beta[members:])
        told = pool.probabilities(logs)
        drawn = beta - begun
        wrong = told - truth
        value = -float(np.sum(np.log(np.maximum(told[np.arange(rows), label], 1e-300))))
        slope = np.concatenate([np.tensordot(logs, wrong, axes=([1, 2], [0, 1])), wrong.sum(axis=0)])
        return value + 0.5 * POOL_PENALTY * float(drawn @ drawn), slope + POOL_PENALTY * drawn

    begun = np.concatenate([np.full(members, 1.0 / members), np.zeros(classes)])
    bounds = [(0.0, None)] * members + [(None, None)] * classes
    found = minimize(loss, begun, jac=True, method="L-BFGS-B", bounds=bounds)
    return Pool(np.asarray(found.x[:members]), np.asarray(found.x[members:]))


def _loss(told: Floats, label: Ints) -> float:
    return -float(np.mean(np.log(np.maximum(told[np.arange(len(label)), label], 1e-12))))
