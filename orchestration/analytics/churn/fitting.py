"""The parts of a churn model, and how inner validation chooses their settings and mixes them.

Not here: the model that is handed out and kept (model).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from orchestration.analytics.churn.columns import Column, Values
from orchestration.analytics.churn.encoding import Encoder, Matrices, fit_encoder, rates_unseen
from orchestration.analytics.churn.labels import Floats, Ints, deal
from orchestration.analytics.churn.linear import Linear, fit_linear, loss_of, sigmoid
from orchestration.analytics.churn.trees import Forest, Shape, grow

INNER_FOLDS = 5
# From strong to weak, so that each fit begins at a simpler one.
PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
SHAPES = (
    Shape(leaves=5, rate=0.1, rounds=400, rows_per_leaf=20, penalty=1.0, columns_share=0.5),
    Shape(leaves=20, rate=0.1, rounds=400, rows_per_leaf=8, penalty=1.0, columns_share=0.5),
)
# Fewer cases of either class than these do not carry trees.
TREES_CASES = 60
# How firmly the mix is drawn to equal parts, in units of the penalised squared weight.
MIX_PENALTY = 4.0


@dataclass(frozen=True)
class Member:
    """One encoder and the parts fitted on the same rows."""

    encoder: Encoder
    linear: Linear
    forests: tuple[Forest, ...]

    def parts(self, matrices: Matrices) -> Floats:
        """The log-odds of each part, one column per part."""
        forests = [forest.log_odds(matrices.trees) for forest in self.forests]
        return np.column_stack([self.linear.log_odds(matrices.linear), *forests])


@dataclass(frozen=True)
class Mix:
    """`log_odds = intercept + parts @ weights`: the mix and its calibration in one."""

    intercept: float
    weights: Floats

    def log_odds(self, parts: Floats) -> Floats:
        odds: Floats = parts @ self.weights + self.intercept
        return odds

    def shifted(self, by: float) -> Mix:
        return Mix(self.intercept + by, self.weights)


@dataclass(frozen=True)
class Fitted:
    """The parts fitted on all rows, those on all but one inner fold each, the mix, and what was chosen."""

    whole: Member
    folds: tuple[Member, ...]
    mix: Mix
    chosen: dict[str, object]


@dataclass(frozen=True)
class _Attempt:
    """What one inner fold was tried on: fits per penalty, trees per shape, with their losses on the rows left out."""

    encoder: Encoder
    held_out: npt.NDArray[np.bool_]
    matrices: Matrices
    path: list[Linear]
    path_losses: Floats
    forests: list[Forest]
    forest_losses: list[Floats]


def fit_parts(
    columns: Sequence[Column],
    read: Mapping[str, Values],
    label: Floats,
    groups: npt.NDArray[np.object_] | None,
    seed: int,
) -> Fitted:
    """Chooses penalty and numbers of trees by the log loss of inner folds, mixes the parts, fits on all rows."""
    rarer = int(min(label.sum(), len(label) - label.sum()))
    count = min(INNER_FOLDS, rarer)
    shapes = SHAPES if rarer >= TREES_CASES else ()
    folds = deal(label, groups, count, seed)
    encoder = fit_encoder(columns, read, label)
    matrices, levels = encoder.encode(read), encoder.levels(read)
    attempts = [_attempt(encoder, matrices, levels, label, folds, fold, shapes, seed) for fold in range(count)]
    at = int(np.argmin(np.sum([attempt.path_losses for attempt in attempts], axis=0)))
    rounds = [_best_rounds([attempt.forest_losses[which] for attempt in attempts]) for which in range(len(shapes))]
    members = tuple(
        Member(one.encoder, one.path[at], tuple(map(Forest.first, one.forests, rounds))) for one in attempts
    )
    unseen = np.empty((len(label), 1 + len(shapes)))
    for attempt, member in zip(attempts, members, strict=True):
        unseen[attempt.held_out] = member.parts(attempt.matrices)
    mix = fit_mix(unseen, label)
    matrices = matrices.with_rates(rates_unseen(encoder, levels, label, folds), encoder)
    linear = fit_linear(matrices.linear, label, PENALTIES[at])
    forests = tuple(
        grow(matrices.trees, label, replace(shape, rounds=kept), seed)[0]
        for shape, kept in zip(shapes, rounds, strict=True)
    )
    chosen: dict[str, object] = {
        "linear_penalty": PENALTIES[at],
        "trees": rounds,
        "weights": mix.weights.tolist(),
        "inner_folds": count,
        "inner_log_loss": loss_of(label, mix.log_odds(unseen)),
        "parts_log_loss": [loss_of(label, unseen[:, part]) for part in range(unseen.shape[1])],
    }
    return Fitted(Member(encoder, linear, forests), members, mix, chosen)


def _attempt(
    encoder: Encoder,
    matrices: Matrices,
    levels: Mapping[int, Ints],
    label: Floats,
    folds: Ints,
    fold: int,
    shapes: Sequence[Shape],
    seed: int,
) -> _Attempt:
    """What sees a label is learned without the fold; knots and levels, which see none, are those of all rows."""
    out = folds == fold
    inside = {position: own[~out] for position, own in levels.items()}
    encoder = encoder.with_rates(inside, label[~out])
    own = matrices.rows(~out).with_rates(rates_unseen(encoder, inside, label[~out], folds[~out]), encoder)
    other = matrices.rows(out).with_rates(encoder.rates({at: all_[out] for at, all_ in levels.items()}), encoder)
    path, losses = _path(own.linear, label[~out], other.linear, label[out])
    grown = [grow(own.trees, label[~out], shape, seed + fold, (other.trees, label[out])) for shape in shapes]
    return _Attempt(encoder, out, other, path, losses, [trees for trees, _ in grown], [curve for _, curve in grown])


def _path(columns: Floats, label: Floats, held_out: Floats, answer: Floats) -> tuple[list[Linear], Floats]:
    """Fits from strong to weak, and their summed loss on the rows held out; it ends where that rose twice running."""
    path: list[Linear] = []
    losses = np.full(len(PENALTIES), np.inf)
    for at, penalty in enumerate(PENALTIES):
        path.append(fit_linear(columns, label, penalty, path[-1] if path else None))
        losses[at] = loss_of(answer, path[-1].log_odds(held_out)) * len(answer)
        if at >= 2 and losses[at] > losses[at - 1] > losses[at - 2]:
            break
    return path, losses


def _best_rounds(curves: Sequence[Floats]) -> int:
    """The number of trees with the least mean loss; a curve that ended early stays at its last loss."""
    length = max(len(curve) for curve in curves)
    padded = [np.concatenate([curve, np.full(length - len(curve), curve[-1])]) for curve in curves]
    return max(1, int(np.argmin(np.mean(padded, axis=0))))


def fit_mix(parts: Floats, label: Floats) -> Mix:
    """Weights of the parts, none negative, and an intercept, by penalised log loss; drawn to equal parts."""
    from scipy.optimize import minimize

    equal = 1.0 / parts.shape[1]

    def loss(beta: Floats) -> tuple[float, Floats]:
        odds = parts @ beta[1:] + beta[0]
        wrong = sigmoid(odds) - label
        drawn = beta[1:] - equal
        value = float(np.sum(np.logaddexp(0.0, odds) - label * odds) + 0.5 * MIX_PENALTY * np.sum(drawn**2))
        return value, np.concatenate([[wrong.sum()], parts.T @ wrong + MIX_PENALTY * drawn])

    begun = np.concatenate([[0.0], np.full(parts.shape[1], equal)])
    bounds = [(None, None)] + [(0.0, None)] * parts.shape[1]
    found = minimize(loss, begun, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8})
    return Mix(float(found.x[0]), np.asarray(found.x[1:], dtype=np.float64))
