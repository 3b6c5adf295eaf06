"""What retention campaigns achieved: who left of those contacted and of those held out.

Not here: the interval of the difference (orchestration.analytics.churn), labels (departures).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from orchestration.analytics.churn import retention_result

ALL = "all"
NO_CONTROL = "no control group: nothing is estimated"
HORIZON_COLUMNS = (
    "treated_customers_{0}d", "treated_left_{0}d", "control_customers_{0}d", "control_left_{0}d",
    "treated_churn_percentage_{0}d", "control_churn_percentage_{0}d", "churn_reduction_percentage_{0}d",
    "lower_95_{0}d", "upper_95_{0}d", "saved_customers_{0}d", "cost_per_save_reporting_{0}d", "result_reason_{0}d",
)  # fmt: skip


def columns(horizons: Sequence[int]) -> tuple[str, ...]:
    """The columns of retention_rows, in their order."""
    named = [name.format(days) for days in horizons for name in HORIZON_COLUMNS]
    return ("campaign_id", "campaign_name", "is_rollup", "first_contacted_at", "last_contacted_at", "contacts_count",
            "controls_count", "accepted_count", "offer_cost_amount_reporting", "has_control_group", *named)  # fmt: skip


def members_of(contacts: pd.DataFrame) -> pd.DataFrame:
    """Each campaign's members once, by their first contact: a customer, or the service that the contact names.

    A member who was contacted at all is treated, whatever else is said of it; the cost is that of all its contacts.
    """
    ordered = contacts.sort_values(["campaign_id", "member_id", "contacted_at"], kind="stable")
    key = ["campaign_id", "member_id"]
    grouped = ordered.groupby(key)
    first = ordered.drop_duplicates(key).set_index(key)
    first["is_control"] = grouped["is_control"].all()
    first["is_accepted"] = grouped["is_accepted"].any()
    first["cost"] = grouped["cost"].sum()
    return first.reset_index()


def retention_rows(members: pd.DataFrame, labels: pd.DataFrame, horizons: Sequence[int]) -> list[list[object]]:
    """One row per campaign, and one over all of them.

    Args:
        members: campaign_id, campaign_name, member_id, contacted_at, is_control, is_accepted, cost (of accepted
            offers, in the reporting currency).
        labels: on the same index `left_<h>d`, NaN where it cannot be said yet or never.
        horizons: in days.

    Returns:
        Rows in the order of columns(); percentages of members; nothing is estimated without a control group.
    """
    groups = [(str(name), own, False) for name, own in members.groupby("campaign_id", sort=True)]
    rows = []
    for campaign_id, own, is_rollup in [*groups, *([(ALL, members, True)] if groups else [])]:
        treated = own[~own["is_control"]]
        name = "All campaigns" if is_rollup else own["campaign_name"].iloc[0]
        row: list[object] = [campaign_id, name, is_rollup, own["contacted_at"].min(), own["contacted_at"].max(),
                             len(treated), int(own["is_control"].sum()), int(treated["is_accepted"].sum()),
                             round(float(treated["cost"].sum()), 2), bool(own["is_control"].any())]  # fmt: skip
        for days in horizons:
            row += _result(own, labels.loc[own.index, f"left_{days}d"])
        rows.append(row)
    return rows


def _result(own: pd.DataFrame, left: pd.Series) -> list[object]:
    """The columns of one horizon; the cost per save is of the members whose outcome is known."""
    is_control, is_known = own["is_control"], left.notna()
    treated = own[~is_control & is_known]
    each = float(treated["cost"].sum()) / len(treated) if len(treated) else 0.0
    found = retention_result(left[~is_control], left[is_control], cost_per_contact=each, contacts_count=len(treated))
    return [
        found.treated_count, found.treated_churned, found.control_count, found.control_churned,
        _percentage(found.treated_churn), _percentage(found.control_churn), _percentage(found.churn_reduction),
        _percentage(found.lower), _percentage(found.upper), _rounded(found.saved_customers, 2),
        _rounded(found.cost_per_save, 2), found.reason,
    ]  # fmt: skip


def _percentage(share: float | None) -> float | None:
    return None if share is None or pd.isna(share) else round(100 * float(share), 4)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or pd.isna(value) else round(float(value), digits)
