"""How many months a customer is expected to stay, from how long others did.

Not here: who leaves next month (model), money per month.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.labels import Floats

HORIZON_MONTHS = 60.0
MINIMUM_ENDS = 50
WHOLE = "all"


def remaining_months(
    lifetimes: pd.DataFrame,
    customers: pd.DataFrame,
    *,
    horizon_months: float = HORIZON_MONTHS,
    annual_discount_percentage: float = 0.0,
    minimum_ends: int = MINIMUM_ENDS,
) -> pd.DataFrame:
    """Expected months from now on, within the horizon, of customers who have stayed as long as they have.

    The area under the Kaplan-Meier curve S of the segment from the tenure a to a + horizon, over S(a); months ahead are
    discounted by the year. Beyond the longest tenure seen, the curve goes on with the mean hazard of the whole curve
    (ends over months at risk), since nothing is known there.

    Args:
        lifetimes: of all customers ever: tenure_months (at the end, or now), is_ended, segment; entry_months, if given,
            is the tenure at which watching began (left truncation).
        customers: tenure_months, segment of those asked about.
        horizon_months: how far is looked ahead.
        annual_discount_percentage: of a month's worth in a year.
        minimum_ends: a segment with fewer ends is told by all segments together.

    Returns:
        On the index of customers: expected_remaining_months, basis (the segment whose curve was used, or "all").

    Raises:
        ChurnDataError: a column is missing, a tenure negative, nobody to learn from.
    """
    _check(lifetimes, {"tenure_months", "is_ended", "segment"}, "lifetimes")
    _check(customers, {"tenure_months", "segment"}, "customers")
    if lifetimes.empty:
        raise ChurnDataError("no lifetimes at all: remaining months need customers who stayed or left")
    ends = lifetimes.groupby("segment")["is_ended"].sum()
    enough = set(ends.index[ends >= minimum_ends])
    basis = customers["segment"].map(lambda segment: segment if segment in enough else WHOLE).astype(object)
    months = np.full(len(customers), np.nan)
    for name in pd.unique(basis):
        own = lifetimes if name == WHOLE else lifetimes[lifetimes["segment"] == name]
        asked = (basis == name).to_numpy()
        tenure = customers["tenure_months"].to_numpy(dtype=np.float64)[asked]
        months[asked] = _ahead(own, tenure, horizon_months, annual_discount_percentage)
    return pd.DataFrame({"expected_remaining_months": months, "basis": basis}, index=customers.index)


def _check(frame: pd.DataFrame, columns: set[str], name: str) -> None:
    if missing := sorted(columns - set(frame.columns)):
        raise ChurnDataError(
            f"{name} lack the columns {', '.join(missing)}, they have {', '.join(map(str, frame.columns))}"
        )
    if (frame["tenure_months"] < 0).any():
        raise ChurnDataError(f"{name} hold a tenure of {frame['tenure_months'].min()} months: give 0 or more")


def _ahead(lifetimes: pd.DataFrame, tenure: Floats, horizon: float, discount: float) -> Floats:
    """Discounted area under the curve in steps of its own, for each tenure."""
    from lifelines import KaplanMeierFitter, NelsonAalenFitter
    from lifelines.exceptions import StatError

    # A month begun and ended on the same day was lived for a part of a day.
    lived = lifetimes["tenure_months"].astype(float).clip(lower=0.01)
    entry = lifetimes["entry_months"].astype(float).clip(upper=lived - 0.005) if "entry_months" in lifetimes else None
    is_ended = lifetimes["is_ended"].astype(bool)
    try:
        curve = KaplanMeierFitter().fit(lived, is_ended, entry=entry).survival_function_.iloc[:, 0]
    except StatError:
        # So few were watched early that the last of them ended: Kaplan and Meier's curve would be 0 from there on.
        hazards = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(lived, is_ended, entry=entry)
        curve = np.exp(-hazards.cumulative_hazard_.iloc[:, 0])
    times, alive = curve.index.to_numpy(dtype=np.float64), curve.to_numpy(dtype=np.float64)
    at_risk = float((lived - (0.0 if entry is None else entry)).sum())
    hazard = float(is_ended.sum()) / at_risk
    monthly = np.log1p(discount / 100) / 12
    steps = np.arange(0.0, horizon + 1e-9, 0.25)
    middle, width = (steps[1:] + steps[:-1]) / 2, np.diff(steps)
    ahead = np.zeros(len(tenure))
    begun = _alive(tenure, times, alive, hazard)
    for at, wide in zip(middle, width, strict=True):
        ahead += _alive(tenure + at, times, alive, hazard) * np.exp(-monthly * at) * wide
    return np.divide(ahead, begun, out=np.zeros(len(tenure)), where=begun > 0)


def _alive(tenure: Floats, times: Floats, alive: Floats, hazard: float) -> Floats:
    """The curve at the tenures; beyond its last time, or where it has come to 0, it goes on with the mean hazard."""
    positive = np.flatnonzero(alive > 0)[-1]
    last = times[positive] if positive + 1 == len(times) else times[positive + 1]
    inside = alive[np.clip(np.searchsorted(times, np.minimum(tenure, last), side="right") - 1, 0, positive)]
    held: Floats = inside * np.exp(-hazard * np.maximum(0.0, tenure - last))
    return held


def expected_loss(probability: pd.Series, monthly_margin: pd.Series, expected_remaining_months: pd.Series) -> pd.Series:
    """What is lost on average: probability times monthly margin times months, in the currency of the margin per row."""
    return probability * monthly_margin * expected_remaining_months
