"""Churn scores beside what the sample knows and no feed says: who left, and the main cause of it.

Not here: training and its figures (churn_operator).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import report
from orchestration.analytics.churn import area_under_curve, top_decile_lift

# What the label means by leaving; other ends are censored.
LEAVING = ("voluntary", "port_out")
HORIZON = pd.Timedelta(days=30)
UNKNOWN = "not in truth"
ALL = "all"


class Cause(TypedDict):
    """Of the leavers of one cause: how many, the share in the top tenth of each score, and the AUC of each."""

    leavers: int
    model_top: float
    rule_top: float
    model_auc: float
    rule_auc: float


class Truth(TypedDict):
    """A seed's comparison; `missed` are stayers with one service of whom truth says that this service was left."""

    causes: dict[str, Cause]
    labelled: int
    found: int
    missed: int
    stayers: int


def ends_within(tested: pd.DataFrame, leavers: pd.DataFrame) -> pd.Series:
    """Of each tested row the cause of the customer's last leaving within the horizon, null without one.

    Args:
        tested: group (the customer) and as_of_at.
        leavers: the truth folder's file.
    """
    left = leavers[leavers["deactivation_reason"].isin(LEAVING)]
    left = left.assign(ended_at=pd.to_datetime(left["deactivated_at"], utc=True)).sort_values("ended_at")
    rows = tested.assign(row=tested.index, group=tested["group"].astype(str))
    both = rows.merge(left[["customer_id", "ended_at", "cause"]], left_on="group", right_on="customer_id")
    passed = both["ended_at"] - both["as_of_at"]
    within = both[(passed >= pd.Timedelta(0)) & (passed < HORIZON)]
    return within.groupby("row")["cause"].last().reindex(tested.index)


def compare(tested: pd.DataFrame, leavers: pd.DataFrame) -> Truth:
    """The scores by cause of leaving, and whether labels and truth agree.

    Args:
        tested: label, probability, rule_score, group, as_of_at, services_in_force; rows without a probability are left
            out of the causes.
        leavers: the truth folder's file.
    """
    cause = ends_within(tested, leavers)
    label = tested["label"].astype(bool)
    single = ~label & (tested["services_in_force"].astype(float) == 1)
    told = tested["probability"].notna()
    rows = tested[told].assign(cause=cause[told].fillna(UNKNOWN))
    names = rows.loc[label[told], "cause"].value_counts()
    return {
        "causes": {ALL: _figures(rows, label[told])}
        | {str(name): _figures(rows, label[told] & (rows["cause"] == name)) for name in names.index},
        "labelled": int(label.sum()),
        "found": int(cause[label].notna().sum()),
        "stayers": int(single.sum()),
        "missed": int(cause[single].notna().sum()),
    }


def _figures(rows: pd.DataFrame, chosen: pd.Series) -> Cause:
    """The chosen leavers among all rows' tops, and against all who stayed."""
    against = chosen | ~rows["label"].astype(bool)
    answer = chosen[against].astype(float)
    model, rule = rows["probability"].astype(float), rows["rule_score"].astype(float)
    return {
        "leavers": int(chosen.sum()),
        "model_top": _share_in_top(chosen, model), "rule_top": _share_in_top(chosen, rule),
        "model_auc": area_under_curve(answer, model[against]), "rule_auc": area_under_curve(answer, rule[against]),
    }  # fmt: skip


def _share_in_top(chosen: pd.Series, score: pd.Series) -> float:
    """How many of the chosen are in the top tenth: a lift of 10 is all of them."""
    return top_decile_lift(chosen.astype(float), score) / 10


def pooled(found: Mapping[int, Truth]) -> dict[str, Cause]:
    """Each cause over all seeds, every leaver counting alike."""
    names = {name for one in found.values() for name in one["causes"]}
    whole: dict[str, Cause] = {}
    for name in names:
        own = [one["causes"][name] for one in found.values() if name in one["causes"]]
        weights = np.array([one["leavers"] for one in own], dtype=np.float64)
        whole[name] = {
            "leavers": int(weights.sum()),
            "model_top": _mean([one["model_top"] for one in own], weights),
            "rule_top": _mean([one["rule_top"] for one in own], weights),
            "model_auc": _mean([one["model_auc"] for one in own], weights),
            "rule_auc": _mean([one["rule_auc"] for one in own], weights),
        }
    return dict(sorted(whole.items(), key=lambda item: -item[1]["leavers"]))


def _mean(values: list[float], weights: npt.NDArray[np.float64]) -> float:
    return float(np.average(values, weights=weights))


def lines(found: Mapping[int, Truth]) -> str:
    """What the page says of it."""
    seeds = ", ".join(str(seed) for seed in sorted(found))
    labelled, agreed, stayers, missed = (
        sum(one[key] for one in found.values())  # type: ignore[literal-required]
        for key in ("labelled", "found", "stayers", "missed")
    )
    rows = [
        [name, f"{one['leavers']:,}", f"{one['model_top']:.1%}", f"{one['rule_top']:.1%}", f"{one['model_auc']:.3f}",
         f"{one['rule_auc']:.3f}"]
        for name, one in pooled(found).items()
    ]  # fmt: skip
    head = ["main cause, by truth", "leavers", "in the model's top tenth", "in the rules' top tenth",
            "AUC of the model against all who stayed", "AUC of the rules"]  # fmt: skip
    said = (
        f"The same scores beside the sample's truth folder, seeds {seeds}, on which nothing was tuned: of {labelled:,}"
        f" customers labelled as leavers truth has {agreed:,}; of {stayers:,} rows labelled as staying with a single"
        f" service it says of {missed:,} that this service was left (who takes one again soon is no leaver). `none`"
        " left without a cause that a feed could show."
    )
    return f"{said}\n\n{report.table(head, rows)}"
