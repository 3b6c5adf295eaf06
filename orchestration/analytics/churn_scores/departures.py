"""Who left within a horizon, who stayed, and of whom that cannot be said: the labels that churn models are taught.

Not here: how departures are found (core.fct_service_departure), features, models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

LEFT, NON_PAYMENT, SILENT = "left", "non_payment", "silent"
_ROW_INSTANTS = ("as_of_at", "usage_from_at", "usage_to_at")
_FOREVER = pd.Timestamp("2200-01-01", tz="UTC")


def instants(values: pd.Series) -> pd.Series:
    """Whatever holds instants, as microseconds in UTC; NaT where there is none."""
    found = pd.to_datetime(values, utc=True)
    return pd.Series(found.dt.as_unit("us"), index=values.index)


def service_stays(services: pd.DataFrame, departures: pd.DataFrame, silent_days: int) -> pd.DataFrame:
    """One row per service and stay.

    Args:
        services: service_id, customer_id, activated_at.
        departures: service_id, departure_kind, silent_days, departed_at, returned_at (core.fct_service_departure).
        silent_days: which silences count as leaving; those of other lengths are passed over.

    Returns:
        service_id, customer_id, began_at, departed_at (NaT: still there), departure_kind (None: still there). A
        formal end of a service that is silent changes nothing: it left before.
    """
    counted = departures[departures["silent_days"].isin([0, silent_days])]
    counted = counted.sort_values(["service_id", "departed_at", "silent_days"], ascending=[True, True, False])
    dated = services.set_index("service_id")
    began = counted.groupby("service_id")["returned_at"].shift()
    began = began.where(counted["service_id"].duplicated(), counted["service_id"].map(dated["activated_at"]))
    ended = counted.assign(began_at=began)[["service_id", "began_at", "departed_at", "departure_kind"]]
    # Still there: who never departed, and who came back last.
    last = counted.drop_duplicates("service_id", keep="last")
    never = services.loc[~services["service_id"].isin(last["service_id"]), ["service_id", "activated_at"]]
    parts = [
        ended,
        never.rename(columns={"activated_at": "began_at"}).assign(departed_at=None, departure_kind=None),
        last[["service_id", "returned_at"]].rename(columns={"returned_at": "began_at"})
        .assign(departed_at=None, departure_kind=None),
    ]  # fmt: skip
    dated_parts = [
        part.assign(**{name: instants(part[name]) for name in ("began_at", "departed_at")}) for part in parts
    ]
    stays = pd.concat(dated_parts, ignore_index=True).dropna(subset=["began_at"])
    stays["departure_kind"] = stays["departure_kind"].astype(object).where(stays["departure_kind"].notna(), None)
    stays["customer_id"] = stays["service_id"].map(dated["customer_id"])
    return stays.sort_values(["service_id", "began_at"], ignore_index=True)


def customer_stays(stays: pd.DataFrame, reconnection_days: int) -> pd.DataFrame:
    """The stays of customers: from the first service to the departure of the last one, which gives the kind.

    Args:
        stays: of service_stays.
        reconnection_days: a customer who takes a service again within so many days of the last departure never left.

    Returns:
        customer_id, began_at, departed_at, departure_kind.
    """
    ordered = stays.sort_values(["customer_id", "began_at", "service_id"], ignore_index=True)
    until = ordered["departed_at"].fillna(_FOREVER)
    reached = until.groupby(ordered["customer_id"]).cummax().groupby(ordered["customer_id"]).shift()
    is_new = reached.isna() | (ordered["began_at"] > reached + pd.Timedelta(days=reconnection_days))
    ordered = ordered.assign(until=until, stay=is_new.groupby(ordered["customer_id"]).cumsum())
    key = ["customer_id", "stay"]
    began = ordered.groupby(key)["began_at"].min()
    last = ordered.sort_values("until", kind="stable").drop_duplicates(key, keep="last").set_index(key)
    found = last[["departed_at", "departure_kind"]].join(began).reset_index()
    columns = ["customer_id", "began_at", "departed_at", "departure_kind"]
    return found[columns].sort_values(["customer_id", "began_at"], ignore_index=True)


def label_rows(
    rows: pd.DataFrame, stays: pd.DataFrame, entity: str, horizons: Sequence[int], known_to: pd.Timestamp,
    silent_days: int,
) -> pd.DataFrame:  # fmt: skip
    """Whether each entity left within each horizon of its as-of instant; a day is 24 hours.

    Args:
        rows: entity, as_of_at, and of prepaid ones (NaT for others) usage_from_at and usage_to_at: between which
            instants usage is known, so that silence can be told from ignorance.
        stays: of service_stays or customer_stays, with the entity's column.
        entity: service_id or customer_id.
        horizons: in days.
        known_to: AS_OF, after which nothing is known.
        silent_days: after how many days a silence counts.

    Returns:
        On the index of rows, per horizon h `left_<h>d` and `non_payment_<h>d`: 1, 0, or NaN where it cannot be said:
        the horizon is not over, the departure within it has another reason, a prepaid one's silence would not have
        shown yet, or was known before. A silence that had begun but could not be known at the as-of instant counts as
        leaving.
    """
    ordered = rows.assign(place=np.arange(len(rows)), **{name: instants(rows[name]) for name in _ROW_INSTANTS})
    ordered = ordered.sort_values("as_of_at", kind="stable")
    held = pd.merge_asof(
        ordered, stays.sort_values("began_at", kind="stable"), left_on="as_of_at", right_on="began_at", by=entity,
        allow_exact_matches=False,
    ).sort_values("place")  # fmt: skip
    as_of, departed, kind = held["as_of_at"], held["departed_at"], held["departure_kind"]
    silence = pd.Timedelta(days=silent_days)
    is_prepaid = held["usage_to_at"].notna()
    was_gone = (departed < as_of) & ~((kind == SILENT) & (as_of < departed + silence))
    found: dict[str, np.ndarray] = {}
    for days in horizons:
        until = as_of + pd.Timedelta(days=days)
        is_known = (until <= known_to) & ~was_gone & held["began_at"].notna()
        is_known &= ~is_prepaid | ((held["usage_from_at"] <= as_of) & (until + silence <= held["usage_to_at"]))
        departs = departed < until
        for name, kinds in (("left", (LEFT, SILENT)), ("non_payment", (NON_PAYMENT,))):
            happened = departs & kind.isin(kinds)
            value = np.where(happened, 1.0, np.where(departs, np.nan, 0.0))
            found[f"{name}_{days}d"] = np.where(is_known, value, np.nan)
    return pd.DataFrame(found, index=rows.index)
