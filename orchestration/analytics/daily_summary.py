"""What a provider's day was, in a few figures, and its picture.

Not here: where the frames come from or go to.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

MODEL_VERSION = "1"
MEASURES = ("data_gb", "voice_minutes", "services_with_usage", "billed_amount", "tickets_opened")
TREND_DAYS = 7


def summarise_days(usage: pd.DataFrame, bills: pd.DataFrame, tickets: pd.DataFrame) -> pd.DataFrame:
    """One row per provider and local day from the first to the last day that anything came for.

    Args:
        usage: provider_id, day, data_gb, voice_minutes, services_with_usage.
        bills: provider_id, day (of issue), billed_amount (reporting currency).
        tickets: provider_id, day (opened), tickets_opened.

    Returns:
        provider_id, provider_day and MEASURES; a day on which nothing came for a measure is 0. `data_gb_trend` is the
        mean of data_gb over the last seven days, null before there are seven.
    """
    parts = [frame.set_index(["provider_id", "day"]) for frame in (usage, bills, tickets)]
    joined = pd.concat(parts, axis=1).reindex(columns=list(MEASURES))
    summaries = []
    for provider_id, days in joined.groupby(level="provider_id"):
        own = days.droplevel("provider_id")
        own.index = pd.to_datetime(own.index)
        whole = own.reindex(pd.date_range(own.index.min(), own.index.max(), freq="D")).astype(float).fillna(0.0)
        whole["data_gb_trend"] = whole["data_gb"].rolling(TREND_DAYS).mean()
        whole.insert(0, "provider_id", provider_id)
        summaries.append(whole.rename_axis("provider_day").reset_index())
    if not summaries:
        return pd.DataFrame(columns=["provider_id", "provider_day", *MEASURES, "data_gb_trend"])
    return pd.concat(summaries, ignore_index=True)


def plot_data_per_day(summary: pd.DataFrame, names: dict[str, str]) -> alt.Chart | None:
    """A line per provider of its data per day, smoothed over a week; None before any has seven days."""
    if not summary["data_gb_trend"].notna().any():
        return None
    frame = summary.assign(provider=summary["provider_id"].map(names).fillna("unknown"))
    return (
        alt.Chart(frame.dropna(subset=["data_gb_trend"]))
        .mark_line()
        .encode(
            x=alt.X("provider_day:T", title=None),
            y=alt.Y("data_gb_trend:Q", title="GB a day, mean of 7 days"),
            color=alt.Color("provider:N", title=None),
        )
        .properties(width=640, height=260)
    )
