"""How found incidents compare with attacks that are known to have been.

Not here: finding them; where the truth comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Figures:
    """Of attacks: how many there were, were found, were told by their kind, and hours until the first abnormal one.

    `false_alarms` are incidents that overlap no attack at any of their elements.
    """

    attacks: int
    found: int
    told: int
    false_alarms: int
    element_weeks: float

    @property
    def recall(self) -> float:
        return self.found / self.attacks if self.attacks else float("nan")

    @property
    def false_alarms_per_element_week(self) -> float:
        return self.false_alarms / self.element_weeks if self.element_weeks else float("nan")


def judge(incidents: pd.DataFrame, attacks: pd.DataFrame, element_weeks: float) -> tuple[Figures, pd.DataFrame]:
    """The figures, and the attacks with whether each was found (`is_found`), as what (`found_kind`), `delay_hours`.

    Args:
        incidents: finding_kind, element_id, element_ids, first_seen_at, last_seen_at.
        attacks: finding_kind, element_id, begins_at, ends_at.
        element_weeks: weeks of elements that were judged.
    """
    rows = incidents.drop(columns="element_id").rename(columns={"element_ids": "element_id"}).explode("element_id")
    rows = rows.rename_axis("incident_row")
    pairs = (
        attacks.rename_axis("attack_row").reset_index().merge(rows.reset_index(), on="element_id", suffixes=("", "_as"))
    )
    pairs = pairs[(pairs["first_seen_at"] < pairs["ends_at"]) & (pairs["last_seen_at"] > pairs["begins_at"])]
    pairs = pairs.sort_values(["attack_row", "first_seen_at"])
    is_right = pairs["finding_kind"].eq(pairs["finding_kind_as"])
    told = set(pairs.loc[is_right, "attack_row"])
    best = pairs.assign(is_right=is_right).sort_values(["attack_row", "is_right"], ascending=[True, False])
    best = best.drop_duplicates("attack_row").set_index("attack_row")
    judged = attacks.assign(
        is_found=attacks.index.isin(best.index),
        found_kind=best["finding_kind_as"].reindex(attacks.index),
        delay_hours=(best["first_seen_at"] - best["begins_at"]).dt.total_seconds().reindex(attacks.index) / 3600,
    )
    false_alarms = len(incidents) - pairs["incident_row"].nunique()
    return Figures(len(attacks), int(judged["is_found"].sum()), len(told), false_alarms, element_weeks), judged
