"""A churn model that is trained once and kept, and tells and explains probabilities without the library of its day.

Not here: how its parts are fitted (fitting), how it is written (kept).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.columns import Column, judge_columns, read_columns
from orchestration.analytics.churn.encoding import Matrices
from orchestration.analytics.churn.fitting import Member, Mix, fit_parts
from orchestration.analytics.churn.labels import Floats, Ints, both_classes, read_label
from orchestration.analytics.churn.linear import sigmoid
from orchestration.analytics.threads import threads_worth

INTERVAL_LEVEL = 0.8


@dataclass(frozen=True)
class ChurnModel:
    """The mix, in log-odds, of a spline logistic regression and two forests of boosted trees.

    Attributes:
        columns: the features used, in order.
        dropped: column and why it is not used.
        whole: the parts fitted on all rows.
        folds: the parts fitted without one of the inner folds each, for the interval.
        mix: weights and intercept, fitted on predictions of inner folds, so that the probability is calibrated.
        centre: mean of each column of the linear part over the training rows, from which its contributions count.
        settings: what was chosen and seen in training, by name.
    """

    columns: tuple[Column, ...]
    dropped: Mapping[str, str]
    whole: Member
    folds: tuple[Member, ...]
    mix: Mix
    centre: Floats
    settings: Mapping[str, object]

    @classmethod
    def fit(
        cls,
        features: pd.DataFrame,
        label: pd.Series | npt.ArrayLike,
        *,
        groups: pd.Series | npt.ArrayLike | None = None,
        seed: int = 0,
        most_stayers_per_leaver: float | None = None,
    ) -> ChurnModel:
        """Trains on the rows whose label is known.

        Args:
            features: one row per case; columns of any kind, what is no use is left out by itself.
            label: 0 and 1, booleans or any two values (see `read_label`); null where not known.
            groups: the customer of each row where one has several; without it, validation would know its own answers.
            seed: same rows and seed, same model.
            most_stayers_per_leaver: of more rows of the commoner class than so many for each of the rarer one, a sample
                is trained on, and the intercept is corrected by the logarithm of the kept share, which is exact for
                log-odds (Prentice and Pyke 1979): for time's sake where hundreds of thousands stay. By default all are.

        Raises:
            ChurnDataError: one class only, nothing to learn from.
        """
        answer = read_label(label, len(features))
        known = answer.is_known
        values = answer.values[known]
        left, _ = both_classes(values, "training a churn model")
        rows = np.flatnonzero(known)
        kept, shift = _case_control(values, most_stayers_per_leaver, seed)
        used, told = features.iloc[rows[kept]], values[kept]
        owners = None if groups is None else np.asarray(groups, dtype=object)[rows[kept]]
        columns, dropped = judge_columns(used, owners)
        read = read_columns(columns, used)
        with threads_worth(len(told)):
            fitted = fit_parts(columns, read, told, owners, seed)
        centre = fitted.whole.encoder.encode(read).linear.mean(axis=0)
        settings = {
            "seed": seed,
            "rows": len(values),
            "rows_trained_on": len(told),
            "events": left,
            "event": answer.event,
            "base_rate": left / len(values),
            "is_grouped": owners is not None,
            **fitted.chosen,
        }
        return cls(tuple(columns), dropped, fitted.whole, fitted.folds, fitted.mix.shifted(shift), centre, settings)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def base_rate(self) -> float:
        """Share of the training rows that left."""
        return float(str(self.settings["base_rate"]))

    def told(self, features: pd.DataFrame) -> Told:
        """What the model says of the rows, which are read and coded once.

        Raises:
            ChurnDataError: a column of the model's is not in the frame.
        """
        return Told(self, features)

    def log_odds(self, features: pd.DataFrame) -> pd.Series:
        """The log-odds of leaving, per row; errors as told."""
        return self.told(features).log_odds

    def predict_probability(self, features: pd.DataFrame) -> pd.Series:
        """The calibrated probability of leaving, per row; errors as told."""
        return self.told(features).probability

    @property
    def intercept(self) -> float:
        """The log-odds of a case whose features move nothing; with its contributions, its log-odds."""
        linear = self.whole.linear
        parts = [linear.intercept + float(self.centre @ linear.weights), *(f.expected for f in self.whole.forests)]
        return float(self.mix.log_odds(np.array([parts]))[0])

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the log-odds of each row: one column per feature, summing with `intercept` to it.

        Of the linear part, weights times the distance from the training mean; of the trees, Shapley values.
        """
        return self.told(features).contributions()

    def interval(self, features: pd.DataFrame, level: float = INTERVAL_LEVEL) -> pd.DataFrame:
        """Between which the probability lies at the level; see Told.interval."""
        return self.told(features).interval(level)

    def to_bytes(self) -> bytes:
        """The whole model as compressed JSON; the same model gives the same bytes."""
        from orchestration.analytics.churn.kept import write_model

        return write_model(self)

    @classmethod
    def from_bytes(cls, content: bytes) -> ChurnModel:
        """The model that `to_bytes` wrote.

        Raises:
            ChurnDataError: written by another version of the form, or no model at all.
        """
        from orchestration.analytics.churn.kept import read_model

        return read_model(content)

    @property
    def sha256(self) -> str:
        """SHA-256 of `to_bytes`, in hexadecimal digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


class Told:
    """What a model says of the rows of a frame: `ChurnModel.told`."""

    def __init__(self, model: ChurnModel, features: pd.DataFrame) -> None:
        self._model = model
        self._index = features.index
        self._read = read_columns(model.columns, features)
        self._matrices = model.whole.encoder.encode(self._read)

    @cached_property
    def _middle(self) -> Floats:
        return self._model.mix.log_odds(self._model.whole.parts(self._matrices))

    @property
    def log_odds(self) -> pd.Series:
        """The log-odds of leaving, per row."""
        return pd.Series(self._middle, index=self._index, dtype=np.float64)

    @property
    def probability(self) -> pd.Series:
        """The calibrated probability of leaving, per row."""
        return pd.Series(sigmoid(self._middle), index=self._index, dtype=np.float64)

    def contributions(self) -> pd.DataFrame:
        """As ChurnModel.contributions."""
        model, matrices, count = self._model, self._matrices, len(self._model.columns)
        total = model.mix.weights[0] * _linear_contributions(model, matrices, count)
        for weight, forest in zip(model.mix.weights[1:], model.whole.forests, strict=True):
            if weight > 0:
                total += weight * forest.contributions(matrices.trees, matrices.tree_owner, count)
        return pd.DataFrame(total, index=self._index, columns=list(model.feature_names))

    def interval(self, level: float = INTERVAL_LEVEL) -> pd.DataFrame:
        """Between which the probability lies at the level, from how the models without one fold each differ.

        The grouped jackknife in log-odds: variance (k - 1) / k times the sum of squared deviations of k models, with
        Student's quantile of k - 1 degrees of freedom (Tukey 1958; Efron and Tibshirani 1993, chapter 11).

        Returns:
            lower, upper, confidence (1 - width) per row.
        """
        from scipy.stats import t

        mix, levels = self._model.mix, self._model.whole.encoder.levels(self._read)
        told = np.array(
            [
                mix.log_odds(member.parts(self._matrices.with_rates(member.encoder.rates(levels), member.encoder)))
                for member in self._model.folds
            ]
        )
        count = len(told)
        error = np.sqrt((count - 1) / count * np.sum((told - told.mean(axis=0)) ** 2, axis=0))
        reach = float(t.ppf(0.5 + level / 2, count - 1)) * error
        lower, upper = sigmoid(self._middle - reach), sigmoid(self._middle + reach)
        return pd.DataFrame({"lower": lower, "upper": upper, "confidence": 1 - (upper - lower)}, index=self._index)


def _case_control(values: Floats, most: float | None, seed: int) -> tuple[Ints, float]:
    """The rows to train on, in order, and what their log-odds are to be raised by to hold for all rows."""
    every = np.arange(len(values))
    if most is None:
        return every, 0.0
    common = 1.0 if values.mean() > 0.5 else 0.0
    rare_rows, common_rows = every[values != common], every[values == common]
    size = max(2, round(most * len(rare_rows)))
    if size >= len(common_rows):
        return every, 0.0
    drawn = np.random.default_rng(seed).choice(common_rows, size, replace=False)
    share = float(np.log(size / len(common_rows)))
    return np.sort(np.concatenate([rare_rows, drawn])), share if common == 0.0 else -share


def _linear_contributions(model: ChurnModel, matrices: Matrices, count: int) -> Floats:
    moved = (matrices.linear - model.centre) * model.whole.linear.weights
    total = np.zeros((len(moved), count))
    np.add.at(total.T, matrices.linear_owner, moved.T)
    return total
