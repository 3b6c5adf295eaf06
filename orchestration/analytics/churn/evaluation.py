"""How good probabilities are: who is ranked before whom, how near they are to what happened.

Not here: money (profit), pictures (charts), months and segments (over_time).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.labels import Floats, Ints

BINS = 10


@dataclass(frozen=True)
class Interval:
    """A value and the ends between which it lies at the level asked for."""

    value: float
    lower: float
    upper: float


def floats(values: pd.Series | npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def area_under_curve(label: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """The chance that a leaver's score is above a stayer's, equal ones counted half (Mann, Whitney); NaN of one class.

    Args:
        label: 0 or 1 per row.
        score: any number, higher for who is likelier to leave.
    """
    return _area(floats(label), floats(score), np.ones(len(floats(label))))


def _area(label: Floats, score: Floats, weight: Floats) -> float:
    """The same with rows counted `weight` times."""
    order = np.argsort(score, kind="stable")
    ordered, left, stayed = score[order], (weight * label)[order], (weight * (1 - label))[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.empty(0, int)
    if left.sum() == 0 or stayed.sum() == 0:
        return float("nan")
    left_at, stayed_at = np.add.reduceat(left, starts), np.add.reduceat(stayed, starts)
    below = np.cumsum(stayed_at) - stayed_at
    return float(np.sum(left_at * (below + stayed_at / 2)) / (left.sum() * stayed.sum()))


def brier_score(label: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean squared distance of the probability from what happened (Brier 1950)."""
    return float(np.mean((floats(probability) - floats(label)) ** 2))


def base_rate_brier(label: npt.ArrayLike) -> float:
    """The Brier score of telling everybody the share that left."""
    rate = float(np.mean(floats(label)))
    return rate * (1 - rate)


def log_loss(label: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean negative log likelihood, in nats per row; certainty is taken as one in 10^12 short of it."""
    answer, chance = floats(label), np.clip(floats(probability), 1e-12, 1 - 1e-12)
    return float(-np.mean(answer * np.log(chance) + (1 - answer) * np.log1p(-chance)))


def equal_mass(probability: Floats, bins: int) -> list[Ints]:
    """The rows of each bin, from low to high; bins of as many rows, one more or less."""
    order = np.argsort(probability, kind="stable")
    return [part for part in np.array_split(order, bins) if len(part)]


def expected_calibration_error(label: npt.ArrayLike, probability: npt.ArrayLike, bins: int = BINS) -> float:
    """Mean over bins of equal mass of the distance between mean probability and share that left, weighted by rows."""
    answer, chance = floats(label), floats(probability)
    parts = equal_mass(chance, bins)
    return float(sum(len(part) * abs(chance[part].mean() - answer[part].mean()) for part in parts) / len(answer))


def top_decile_lift(label: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Share that left among the tenth with the highest probability, over the share of all; NaN where nobody left.

    Where equal probabilities straddle the border, they count by the share of them that falls inside.
    """
    answer, chance = floats(label), floats(probability)
    if answer.sum() == 0:
        return float("nan")
    size = len(answer) / 10
    order = np.argsort(-chance, kind="stable")
    border = chance[order][int(np.ceil(size)) - 1]
    above, at = chance > border, chance == border
    left = answer[above].sum() + answer[at].mean() * (size - above.sum())
    return float(left / size / answer.mean())


def auc_difference(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    other: npt.ArrayLike,
    *,
    groups: pd.Series | npt.ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """AUC of `score` less that of `other` on the same rows, with the percentile interval of a paired bootstrap.

    Args:
        label: 0 or 1 per row.
        score: of the one.
        other: of the other.
        groups: rows that are drawn together, as the months of one customer.
        draws: number of bootstrap samples.
        seed: of the draws.
        level: of the interval.
    """
    answer, one, two = floats(label), floats(score), floats(other)
    codes = np.arange(len(answer)) if groups is None else pd.factorize(np.asarray(groups, dtype=object))[0]
    number = int(codes.max()) + 1
    value = area_under_curve(answer, one) - area_under_curve(answer, two)
    random = np.random.default_rng(seed)
    drawn = np.empty(draws)
    for draw in range(draws):
        weight = np.bincount(random.integers(0, number, number), minlength=number)[codes].astype(np.float64)
        drawn[draw] = _area(answer, one, weight) - _area(answer, two, weight)
    lower, upper = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(lower), float(upper))


def gain_table(label: npt.ArrayLike, probability: npt.ArrayLike, steps: int = 20) -> pd.DataFrame:
    """Which share of the leavers is among the share of customers with the highest probability, from 0 to 1 in steps."""
    answer, chance = floats(label), floats(probability)
    found = np.concatenate([[0.0], np.cumsum(answer[np.argsort(-chance, kind="stable")])])
    shares = np.linspace(0, 1, steps + 1)
    reached = np.interp(shares * len(answer), np.arange(len(answer) + 1), found) / max(1.0, found[-1])
    return pd.DataFrame({"share_targeted": shares, "share_of_leavers": reached})


def wilson_interval(successes: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927); 0 to 1 of no cases."""
    from scipy.stats import norm

    if count == 0:
        return 0.0, 1.0
    z = float(norm.ppf(0.5 + level / 2))
    share = successes / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def calibration_table(label: npt.ArrayLike, probability: npt.ArrayLike, bins: int = BINS) -> pd.DataFrame:
    """Per bin of equal mass: mean predicted, observed share with its 95 % interval, cases_count."""
    answer, chance = floats(label), floats(probability)
    rows = []
    for part in equal_mass(chance, bins):
        lower, upper = wilson_interval(float(answer[part].sum()), len(part))
        rows.append((float(chance[part].mean()), float(answer[part].mean()), lower, upper, len(part)))
    return pd.DataFrame(rows, columns=["predicted", "observed", "lower", "upper", "cases_count"])
