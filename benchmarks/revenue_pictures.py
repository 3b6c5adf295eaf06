"""A picture of one found fraud, for the page on revenue assurance: a line's calls by day, in and out.

Not here: finding it.
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import polars as pl
import vl_convert

from benchmarks.warehouse import ROOT
from orchestration.analytics.revenue_assurance import Findings, Inputs
from orchestration.analytics.revenue_assurance.lines import is_incoming

SIM_BOX = ROOT / "docs" / "pictures" / "revenue_sim_box.png"


def draw_sim_box(inputs: Inputs, result: Findings, path: Path = SIM_BOX) -> None:
    """The calls of the first SIM box that was found, with the days that the finding names marked.

    Raises:
        ValueError: there is none among the findings.
    """
    boxes = [one for one in result.found if one.finding_kind == "sim_box"]
    if not boxes:
        raise ValueError("there is no finding of kind sim_box; expected one of a sample with frauds")
    box = boxes[0]
    calls = inputs.usage.filter(pl.col("service_id") == box.service_id, pl.col("kind") == 1)
    direction = pl.when(is_incoming()).then(pl.lit("coming in")).otherwise(pl.lit("going out")).alias("calls")
    daily = calls.group_by("day", direction).agg(pl.len().alias("count")).sort("day", "calls")
    rows = daily.with_columns(pl.col("day").cast(pl.String)).to_dicts()
    bars = alt.Chart(alt.Data(values=rows)).mark_bar().encode(
        x=alt.X("day:T", title=None), y=alt.Y("count:Q", title="calls a day"),
        color=alt.Color("calls:N", title=None, scale=alt.Scale(range=["#8fb4d9", "#c0392b"])),
    )  # fmt: skip
    marked = alt.Data(values=[{"from": f"{box.first_seen_at:%Y-%m-%d}", "to": f"{box.last_seen_at:%Y-%m-%d}"}])
    span = alt.Chart(marked).mark_rect(opacity=0.15, color="#c0392b").encode(x="from:T", x2="to:T")
    chart = (span + bars).properties(width=640, height=200)
    path.write_bytes(vl_convert.vegalite_to_png(chart.to_dict(), scale=1.5))
