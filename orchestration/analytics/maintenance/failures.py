"""When elements failed, and who fails within a horizon: what the models of maintenance are taught.

Not here: how outage records are held against measurements (orchestration.analytics.outage_checks), features.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from orchestration.analytics.churn.labels import Ints
from orchestration.analytics.outage_checks import Inputs, check_outages
from orchestration.analytics.outage_checks.checking import MISSING, UNEXPLAINED

HORIZONS = (7, 30)
OUTAGE, MEASUREMENT = "outage", "measurement"


def element_failures(inputs: Inputs) -> pd.DataFrame:
    """Every failure of an element of its own: element_id, failed_at, failure_source, in the order of time.

    A failure is an unplanned outage record of the element that measurements do not contradict, or downtime by
    measurement that neither a record nor anything above the element explains. Of that only the days are known: it
    counts from the middle of the first one.
    """
    found = check_outages(inputs)
    wrong = set(found.loc[found["finding_kind"] == UNEXPLAINED, "outage_id"])
    outages = inputs.outages[~inputs.outages["is_planned"] & ~inputs.outages["outage_id"].isin(wrong)]
    missing = found[found["finding_kind"] == MISSING]
    failures = pd.DataFrame(
        {
            "element_id": [*outages["element_id"], *missing["element_id"]],
            "failed_at": pd.to_datetime(
                [*outages["outage_start"], *(missing["first_seen_at"] + pd.Timedelta(hours=12))], utc=True
            ),
            "failure_source": [OUTAGE] * len(outages) + [MEASUREMENT] * len(missing),
        }
    )
    return failures.dropna(subset=["element_id"]).sort_values(["failed_at", "element_id"], ignore_index=True)


def failure_labels(
    rows: pd.DataFrame, failures: pd.DataFrame, as_of: datetime, horizons: Sequence[int] = HORIZONS
) -> pd.DataFrame:
    """Whether each row's element fails within each horizon: `fails_<h>d` is 1, 0, or NaN while that cannot be known.

    Args:
        rows: element_id, as_of_at.
        failures: of element_failures.
        as_of: nothing later is known: a horizon that is not over by then is not known, also of those that failed
            already, else only failures of the last weeks were.
        horizons: in days of 24 hours.
    """
    at = pd.to_datetime(rows["as_of_at"], utc=True)
    first = np.full(len(rows), np.inf)
    times = {str(name): np.sort(_microseconds(own["failed_at"])) for name, own in failures.groupby("element_id")}
    instants = _microseconds(at)
    places = rows.reset_index(drop=True).groupby("element_id").indices
    for name, own in places.items():
        moments = times.get(str(name))
        if moments is not None:
            following = np.searchsorted(moments, instants[own], side="left")
            known = following < len(moments)
            first[own[known]] = moments[following[known]] - instants[own[known]]
    found = {}
    for days in horizons:
        label = (first < days * 86_400e6).astype(float)
        label[(at + pd.Timedelta(days=days) > pd.Timestamp(as_of)).to_numpy()] = np.nan
        found[f"fails_{days}d"] = label
    return pd.DataFrame(found, index=rows.index)


def _microseconds(instants: pd.Series) -> Ints:
    """Since 1970, of instants with a zone."""
    found: Ints = instants.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    return found
