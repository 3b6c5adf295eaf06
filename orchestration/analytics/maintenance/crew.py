"""The crew's weekly list: whom it visits, how many of them fail, how long before a failure they were on it.

Not here: probabilities, what a failure is.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

LEAD_DAYS = 30


def crew_ranks(rows: pd.DataFrame) -> pd.Series:
    """Each row's place in its provider's list of the as-of date, from 1: the likeliest to fail within 30 days first.

    Of equally likely ones the one with more customers at stake comes first, then the id decides.

    Args:
        rows: as_of_date, provider_id, element_id, failure_probability_30d, customers_at_stake_count (null counts as 0).
    """
    ordered = rows.assign(customers=pd.to_numeric(rows["customers_at_stake_count"]).fillna(0)).sort_values(
        ["failure_probability_30d", "customers", "element_id"], ascending=[False, False, True], kind="stable"
    )
    ranks = ordered.groupby(["as_of_date", "provider_id"]).cumcount() + 1
    return ranks.reindex(rows.index).rename("crew_rank")


def crew_figures(listed: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """What the lists of a time would have been worth, for the whole and by month.

    Args:
        listed: as_of_date (timestamp), as_of_at, element_id, label (fails within 30 days), is_listed; every element of
            every date that was tested.
        failures: element_id, failed_at; those in the tested time count: from the first date to 7 days after the last.

    Returns:
        period, metric, metric_value, baseline_name, baseline_value, cases_count, events_count. precision_at_capacity:
        share of listed elements that failed within 30 days, beside that of all; share_of_failures_listed: failures
        whose element was on a list of the 30 days before; lead_time_days: the median of the days from the first of
        these lists to the failure, of the failures that were listed.
    """
    rows: list[tuple[object, ...]] = []
    for period, part in _periods(listed):
        own = part[part["is_listed"]]
        rows.append((period, "precision_at_capacity", own["label"].mean(), "chance", part["label"].mean(), len(own),
                     int(own["label"].sum())))  # fmt: skip
    led = lead_times(listed, failures)
    for period, part in _periods(led.assign(as_of_date=led["failed_at"].dt.tz_localize(None))):
        days = part["lead_days"].dropna()
        rows.append((period, "share_of_failures_listed", len(days) / len(part), None, None, len(part), len(days)))
        rows.append((period, "lead_time_days", days.median() if len(days) else None, None, None, len(part), len(days)))
    names = ["period", "metric", "metric_value", "baseline_name", "baseline_value", "cases_count", "events_count"]
    return pd.DataFrame(rows, columns=names).astype({"metric_value": float, "baseline_value": float})


def lead_times(listed: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Per failure in the tested time the days since the first list of the 30 days before it that named its element.

    Returns:
        element_id, failed_at, lead_days (NaN: on no list).
    """
    if listed.empty:
        return pd.DataFrame({"element_id": [], "failed_at": pd.to_datetime([], utc=True), "lead_days": []})
    first, last = listed["as_of_at"].min(), listed["as_of_at"].max() + pd.Timedelta(days=7)
    own = failures[(failures["failed_at"] >= first) & (failures["failed_at"] < last)].reset_index(drop=True)
    named = listed.loc[listed["is_listed"], ["element_id", "as_of_at"]]
    pairs = own.reset_index().merge(named, on="element_id")
    days = (pairs["failed_at"] - pairs["as_of_at"]).dt.total_seconds() / 86_400
    pairs = pairs.assign(days=days)[(days > 0) & (days <= LEAD_DAYS)]
    longest = pairs.groupby("index")["days"].max().reindex(own.index)
    return pd.DataFrame({"element_id": own["element_id"], "failed_at": own["failed_at"], "lead_days": longest})


def _periods(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if rows.empty:
        return
    yield "all", rows
    months = rows["as_of_date"].dt.strftime("%Y-%m")
    for month in sorted(months.unique()):
        yield month, rows[months == month]
