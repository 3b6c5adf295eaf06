"""Logistic regression with a quadratic penalty.

Not here: its columns (encoding), the choice of the penalty (fitting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.analytics.churn.labels import Floats

_CHUNK = 20_000
_STEPS = 30


@dataclass(frozen=True)
class Linear:
    """`intercept` and `weights`: the log-odds is their sum over the columns."""

    intercept: float
    weights: Floats

    def log_odds(self, columns: Floats) -> Floats:
        odds: Floats = columns @ self.weights + self.intercept
        return odds


def sigmoid(log_odds: Floats) -> Floats:
    """The probability of each log-odds."""
    return np.exp(-np.logaddexp(0.0, -log_odds))


def loss_of(label: Floats, log_odds: Floats) -> float:
    """Mean log loss, in nats per row."""
    return float(np.mean(np.logaddexp(0.0, log_odds) - label * log_odds))


def fit_linear(columns: Floats, label: Floats, penalty: float, begun: Linear | None = None) -> Linear:
    """The weights of the greatest penalised likelihood, by Newton's method; a step that makes it worse is halved.

    Args:
        columns: rows by columns.
        label: 0 or 1 per row.
        penalty: of half the sum of squared weights; the intercept is free.
        begun: where the search begins, as the fit of another penalty.
    """
    width = columns.shape[1]
    if begun is None:
        base = float(np.clip(label.mean(), 1e-6, 1 - 1e-6))
        begun = Linear(float(np.log(base / (1 - base))), np.zeros(width))
    ridge = np.full(width + 1, penalty)
    ridge[0] = 1e-9
    beta = _newton(columns, label, ridge, np.concatenate([[begun.intercept], begun.weights]))
    return Linear(float(beta[0]), beta[1:])


def _objective(columns: Floats, label: Floats, ridge: Floats, beta: Floats) -> float:
    odds = columns @ beta[1:] + beta[0]
    return float(np.sum(np.logaddexp(0.0, odds) - label * odds) + 0.5 * np.sum(ridge * beta**2))


def _newton(columns: Floats, label: Floats, ridge: Floats, beta: Floats) -> Floats:
    value = _objective(columns, label, ridge, beta)
    # The curvature only steers the steps: single precision halves its cost and leaves the end where it is.
    coarse = columns.astype(np.float32)
    for _ in range(_STEPS):
        gradient, curvature = ridge * beta, np.diag(ridge)
        for start in range(0, len(columns), _CHUNK):
            part = columns[start : start + _CHUNK]
            chance = sigmoid(part @ beta[1:] + beta[0])
            wrong, spread = chance - label[start : start + _CHUNK], chance * (1 - chance)
            rooted = coarse[start : start + _CHUNK] * np.sqrt(spread).astype(np.float32)[:, None]
            gradient[0] += wrong.sum()
            gradient[1:] += part.T @ wrong
            curvature[0, 0] += spread.sum()
            curvature[0, 1:] += spread @ part
            curvature[1:, 1:] += rooted.T @ rooted
        curvature[1:, 0] = curvature[0, 1:]
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while True:
            candidate = beta - size * step
            better = _objective(columns, label, ridge, candidate)
            if better <= value or size < 1e-4:
                break
            size /= 2
        gain, beta, value = value - better, candidate, better
        if gain < 1e-6 * max(1.0, abs(value)):
            break
    return beta
