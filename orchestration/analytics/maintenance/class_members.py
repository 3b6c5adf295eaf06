"""The models of several classes that are pooled: boosted trees, extremely random trees, logistic regression.

Not here: what they see (class_tables), folds and pooling (classes).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from orchestration.analytics.churn.labels import Floats, Ints
from orchestration.analytics.churn.trees import without_blanks
from orchestration.analytics.maintenance.class_tables import Table, rate_columns
from orchestration.analytics.threads import threads_worth

MEMBERS = ("boosted trees", "extra trees", "logistic regression")
# Of wide tables one forest is grown instead of several, for time's sake.
BOOSTED_SEEDS, WIDE_COLUMNS = 2, 100
FOREST_TREES = 200
PENALTIES = (1.0, 0.1, 0.02)
# No member is surer than this: a forest that saw one class only in a leaf would be, and the pool adds logarithms.
FLOOR = 0.002


def member_probabilities(
    table: Table, label: Ints, classes: int, train: Ints, test: Ints, folds: Ints, seed: int
) -> Floats:
    """What each member, trained on the rows of `train`, says of those of `test`: members x rows x classes.

    Args:
        table: all rows.
        label: class of each row.
        classes: their number; one may be missing in `train`.
        train: places of the rows trained on.
        test: places of the rows told.
        folds: inner fold of each trained row; the first one chooses penalties and numbers of trees.
        seed: of everything random.
    """
    seen, unseen = rate_columns(table, label, classes, train, test, folds)
    plain = table.plain()
    trees = np.column_stack([plain[train], seen]), np.column_stack([plain[test], unseen])
    linear = table.linear()
    answer, held = label[train], folds == folds.min()
    return np.stack(
        [
            _boosted(trees[0], answer, trees[1], held, classes, seed),
            _forest(trees[0], answer, trees[1], classes, seed),
            _logistic(linear[train], answer, linear[test], held, classes),
        ]
    )


def _spread(told: Floats, known: Sequence[int], classes: int) -> Floats:
    """Columns for all classes, and no probability at nought."""
    whole = np.zeros((len(told), classes))
    whole[:, list(known)] = told
    whole = np.maximum(whole, FLOOR)
    spread: Floats = whole / whole.sum(axis=1, keepdims=True)
    return spread


def _boosted(columns: Floats, label: Ints, asked: Floats, held: np.ndarray, classes: int, seed: int) -> Floats:
    """Gradient boosting whose number of rounds is the best of the rows held out, grown anew on all."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    def grow(rounds: int, part: np.ndarray, number: int) -> HistGradientBoostingClassifier:
        model = HistGradientBoostingClassifier(
            learning_rate=0.08, max_iter=rounds, max_leaf_nodes=12, min_samples_leaf=10, l2_regularization=5.0,
            max_features=0.3, early_stopping=number < 0, scoring="loss", n_iter_no_change=15,
            random_state=seed + max(number, 0),
        )  # fmt: skip
        if number < 0:
            known = np.isin(label[held], label[part])
            return model.fit(
                without_blanks(columns[part]), label[part], X_val=columns[held][known], y_val=label[held][known]
            )
        return model.fit(without_blanks(columns[part]), label[part])

    rounds, found = 60, np.zeros((len(asked), classes))
    everything = np.ones(len(label), dtype=bool)
    with threads_worth(len(label)):
        if len(np.unique(label[~held])) > 1 and held.any() and np.isin(label[held], label[~held]).any():
            losses = -np.asarray(grow(400, ~held, -1).validation_score_)
            rounds = max(int(np.argmin(losses)), 1)
        seeds = 1 if columns.shape[1] > WIDE_COLUMNS else BOOSTED_SEEDS
        for number in range(seeds):
            model = grow(rounds, everything, number)
            found += _spread(model.predict_proba(asked), model.classes_, classes) / seeds
    return found


def _forest(columns: Floats, label: Ints, asked: Floats, classes: int, seed: int) -> Floats:
    from sklearn.ensemble import ExtraTreesClassifier

    # These trees take blanks; a value far below all others is as plain to them and half as slow.
    model = ExtraTreesClassifier(FOREST_TREES, min_samples_leaf=3, max_features=0.2, n_jobs=-1, random_state=seed)
    model.fit(np.nan_to_num(columns, nan=-1e6), label)
    return _spread(model.predict_proba(np.nan_to_num(asked, nan=-1e6)), model.classes_, classes)


def _logistic(columns: Floats, label: Ints, asked: Floats, held: np.ndarray, classes: int) -> Floats:
    from scipy.sparse import csr_matrix
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    def fit(penalty: float, part: np.ndarray) -> LogisticRegression:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return LogisticRegression(C=penalty, max_iter=120, tol=1e-3).fit(csr_matrix(columns[part]), label[part])

    losses = []
    for penalty in PENALTIES if len(np.unique(label[~held])) > 1 and held.any() else ():
        model = fit(penalty, ~held)
        told = _spread(model.predict_proba(csr_matrix(columns[held])), model.classes_, classes)
        losses.append(-float(np.mean(np.log(told[np.arange(len(told)), label[held]]))))
    chosen = PENALTIES[int(np.argmin(losses))] if losses else PENALTIES[-1]
    model = fit(chosen, np.ones(len(label), dtype=bool))
    return _spread(model.predict_proba(csr_matrix(asked)), model.classes_, classes)
