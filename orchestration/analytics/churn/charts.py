"""Pictures of how good a churn model is.

Not here: the figures (evaluation), where pictures are shown (orchestration.defs.frames).
"""

from __future__ import annotations

import altair as alt
import pandas as pd


def plot_gain(table: pd.DataFrame, name: str) -> alt.Chart:
    """Share of leavers reached over share of customers contacted (`gain_table`), and what chance would reach."""
    line = (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "share_targeted:Q", title="share of customers, most likely leavers first", axis=alt.Axis(format="%")
            ),
            y=alt.Y("share_of_leavers:Q", title="share of leavers among them", axis=alt.Axis(format="%")),
        )
    )
    chance = (
        alt.Chart(table).mark_line(strokeDash=[4, 4], color="gray").encode(x="share_targeted:Q", y="share_targeted:Q")
    )
    return alt.layer(line, chance).properties(title=name, width=420, height=320)


def plot_calibration(table: pd.DataFrame, name: str) -> alt.Chart:
    """Share that left over mean probability by tenths (`calibration_table`), with intervals, and where they agree."""
    x = alt.X("predicted:Q", title="predicted probability", axis=alt.Axis(format="%"))
    base = alt.Chart(table)
    points = base.mark_point(filled=True, size=50).encode(
        x=x, y=alt.Y("observed:Q", title="share that left", axis=alt.Axis(format="%"))
    )
    intervals = base.mark_rule().encode(x=x, y="lower:Q", y2="upper:Q")
    agreed = base.mark_line(strokeDash=[4, 4], color="gray").encode(x=x, y="predicted:Q")
    return alt.layer(agreed, intervals, points).properties(title=name, width=420, height=320)
