"""What a retention campaign changed: churn of those it treated and of those it left alone.

Not here: who was contacted, who left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.evaluation import wilson_interval

LEVEL = 0.95


@dataclass(frozen=True)
class RetentionResult:
    """Churn of both groups and the difference, shares; None where it cannot be told, and `reason` says why."""

    treated_count: int
    treated_churned: int
    control_count: int
    control_churned: int
    treated_churn: float | None
    control_churn: float | None
    churn_reduction: float | None
    lower: float | None
    upper: float | None
    saved_customers: float | None
    cost_per_save: float | None
    reason: str


def newcombe_interval(
    first: int, first_count: int, second: int, second_count: int, level: float = LEVEL
) -> tuple[float, float]:
    """The interval of first / first_count - second / second_count (Newcombe 1998, method 10: hybrid score)."""
    one, two = first / first_count, second / second_count
    low_one, high_one = wilson_interval(first, first_count, level)
    low_two, high_two = wilson_interval(second, second_count, level)
    lower = one - two - np.hypot(one - low_one, high_two - two)
    upper = one - two + np.hypot(high_one - one, two - low_two)
    return float(lower), float(upper)


def retention_result(
    treated: pd.Series | npt.ArrayLike,
    control: pd.Series | npt.ArrayLike,
    *,
    cost_per_contact: float,
    contacts_count: int | None = None,
    level: float = LEVEL,
) -> RetentionResult:
    """The difference of churn between customers drawn to be treated and those drawn to be left alone.

    Args:
        treated: whether each left within the horizon, as drawn, reached or not; null where it is not known (censored).
        control: the same of the control group.
        cost_per_contact: in one currency.
        contacts_count: contacts paid for; by default one for each of the treated, censored ones too.
        level: of the interval of churn_reduction (control less treated).

    Returns:
        cost_per_save is what was paid over the customers saved (the reduction times the treated), None where none were.

    Raises:
        ChurnDataError: a negative cost.
    """
    if cost_per_contact < 0:
        raise ChurnDataError(f"a cost per contact of {cost_per_contact}: give 0 or more")
    own, other = _known(treated), _known(control)
    counts = (len(own), int(own.sum()), len(other), int(other.sum()))
    share_own = float(own.mean()) if len(own) else None
    share_other = float(other.mean()) if len(other) else None
    if share_own is None or share_other is None:
        what = "no control group" if share_other is None else "no treated customer"
        reason = f"{what} whose outcome is known: what the campaign changed cannot be told"
        return RetentionResult(*counts, share_own, share_other, None, None, None, None, None, reason)
    reduction = share_other - share_own
    lower, upper = newcombe_interval(counts[3], counts[2], counts[1], counts[0], level)
    saved = reduction * len(own)
    paid = cost_per_contact * (len(pd.Series(treated)) if contacts_count is None else contacts_count)
    if lower > 0:
        reason = "churn is lower among the treated"
    elif upper < 0:
        reason = "churn is higher among the treated"
    else:
        reason = "the interval of the difference holds 0: no effect is shown"
    cost = paid / saved if saved > 0 else None
    return RetentionResult(*counts, share_own, share_other, reduction, lower, upper, saved, cost, reason)


def _known(outcomes: pd.Series | npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(pd.Series(outcomes, dtype=object).dropna(), dtype=np.float64)
