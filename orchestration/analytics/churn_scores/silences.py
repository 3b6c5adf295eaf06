"""How the scores do if leaving is another length of silence than the one that they were trained on.

Not here: labels (departures), the evaluation of what was trained on (orchestration.analytics.churn).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from orchestration.analytics.churn.evaluation import area_under_curve, base_rate_brier, brier_score

COLUMNS = (
    "segment", "period", "metric", "metric_value", "baseline_name", "baseline_value", "lower_95", "upper_95",
    "cases_count", "events_count",
)  # fmt: skip


def silence_figures(tested: pd.DataFrame, labels: Mapping[int, pd.Series], trained_days: int) -> pd.DataFrame:
    """Share of leavers, AUC and Brier score of the months held back, by segment and length of silence.

    Segments whose labels do not turn on silence are left out.

    Args:
        tested: segment, label (1 left, 0 stayed, null censored), probability (null: no model), on the labels' index.
        labels: days of silence to the labels under them.
        trained_days: the length that the scores were trained on.

    Returns:
        COLUMNS; metrics leaver_share_silent_<days>d, auc_silent_<days>d and brier_silent_<days>d, each beside the same
        figure under the length that was trained on.
    """
    rows: list[tuple[object, ...]] = []
    for segment, own in tested.groupby("segment"):
        chosen = {days: label.reindex(own.index).astype(float) for days, label in labels.items()}
        if not any(not label.equals(chosen[trained_days]) for label in chosen.values()):
            continue
        trained = _figures(chosen[trained_days], own["probability"])
        for days, label in sorted(chosen.items()):
            found = _figures(label, own["probability"])
            cases, events = int(label.notna().sum()), int(label.sum())
            rows += [
                (segment, "all", f"{name}_silent_{days}d", value, f"silent_{trained_days}d", trained.get(name), None,
                 None, cases, events)
                for name, value in found.items()
            ]  # fmt: skip
    # No interval is told; as floats, the nulls go under other figures without changing their type.
    return pd.DataFrame(rows, columns=COLUMNS).astype({"lower_95": float, "upper_95": float})


def _figures(label: pd.Series, probability: pd.Series) -> dict[str, float]:
    known = label.notna()
    if not known.any():
        return {}
    found = {"leaver_share": float(label[known].mean())}
    told = known & probability.notna()
    if label[told].nunique() == 2:
        found["auc"] = area_under_curve(label[told], probability[told])
        found["brier"] = brier_score(label[told], probability[told])
        found["base_rate_brier"] = base_rate_brier(label[told])
    return found
