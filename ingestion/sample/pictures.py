"""Pictures of what the simulation makes, for docs/sample_operator.md: `python -m ingestion.sample.pictures FOLDER`.

Not here: figures that anything is judged by; a test does that from the landed files.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
import vl_convert as vlc

from ingestion.sample.clock import DAY, NEVER, make_clock
from ingestion.sample.operator import Operator
from ingestion.sample.rating import cents, rules_of, tier_price, usage_cents, whole_allowance
from ingestion.sample.tariffs import GB, PLAN_INDEX, PLANS

UNTIL = date(2026, 9, 30)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hour_of_week(operator: Operator) -> alt.Chart:
    """Data by local hour of the week, private and business lines, each as a share of its own week."""
    frames = []
    for month in range(operator.clock.detail_month, len(operator.clock.months()) - 1):
        usage = operator.accounts.usage.month(month)
        business = np.array([PLANS[p].is_business for p in operator.people.first_plan])[usage.service]
        hour = usage.local // 3600 % 24 + (usage.local // DAY + 3) % 7 * 24
        line = np.where(business, "business", "private")
        frame = pl.DataFrame({"hour": hour, "bytes": usage.quantity, "line": line})
        frames.append(frame.filter(pl.Series(usage.kind == 0)))
    frame = pl.concat(frames)
    hours = frame.group_by("line", "hour").agg(pl.col("bytes").sum()).with_columns(
        (100 * pl.col("bytes") / pl.col("bytes").sum().over("line")).alias("share")
    )  # fmt: skip
    ticks = alt.Axis(values=list(range(0, 168, 24)), labelExpr=f"{list(WEEKDAYS)}[datum.value / 24]")
    x = alt.X("hour:Q", title="hour of the week, local time", axis=ticks)
    return alt.Chart(alt.Data(values=hours.to_dicts())).mark_line().encode(
        x=x, y=alt.Y("share:Q", title="% of the week's data"), color="line:N"
    ).properties(width=640, height=220, title="Data by hour of the week")  # fmt: skip


def tariffs() -> alt.HConcatChart:
    """What a month costs by use: mobile plans by GB, fixed voice plans by minutes."""
    mobile = [
        {
            "plan": name,
            "use": gb,
            "dollars": (PLANS[i].price + usage_cents(i, "data", int(gb * GB), 1, 30, 30)[0]) / 100,
        }
        for name in ("Smart 5", "Smart 20", "Unlimited", "Prepaid 3", "Business Mobile 50")
        for i in (PLAN_INDEX[name],)
        for gb in range(0, 81, 2)
        if name != "Prepaid 3" or gb <= 4
    ]
    voice = []
    for name in ("Home Phone", "Digital Voice", "Office Lines", "Per Minute"):
        index = PLAN_INDEX[name]
        rules, included = rules_of(index, "voice"), whole_allowance(index, "voice")
        if rules is not None and included is not None:
            beyond = [(minutes, cents(tier_price(minutes * 60 - included, rules))) for minutes in range(0, 2001, 50)]
            voice += [{"plan": name, "use": m, "dollars": (PLANS[index].price + c) / 100} for m, c in beyond]
    charts = [
        alt.Chart(alt.Data(values=rows)).mark_line().encode(
            x=alt.X("use:Q", title=unit), y=alt.Y("dollars:Q", title="dollars a month"), color="plan:N"
        ).properties(width=270, height=220, title=title)
        for rows, unit, title in ((mobile, "GB", "Mobile plans"), (voice, "minutes", "Voice plans (off-peak)"))
    ]  # fmt: skip
    return alt.hconcat(*charts).resolve_scale(color="independent")


def churn(operator: Operator) -> alt.HConcatChart:
    """Who left, by the main cause that the simulation knows, and the monthly rate by tenure."""
    life, people = operator.life, operator.people
    gone = life.ended < NEVER
    causes = pl.Series("cause", life.why[gone]).value_counts().to_dicts()
    bounds = operator.clock.month_bounds()
    rows = []
    for low, high in ((0, 6), (6, 12), (12, 24), (24, 36), (36, 60), (60, 240)):
        tenure = (bounds[None, :-1] - people.activated_day[:, None]) / 30.4375
        at_risk = (life.plan >= 0) & (tenure >= low) & (tenure < high)
        leaves = at_risk & (life.ended_day[:, None] < bounds[None, 1:]) & (life.ended_day[:, None] >= bounds[None, :-1])
        rows.append(
            {"tenure": f"{low}-{high}", "order": low, "rate": 100 * float(leaves.sum() / max(at_risk.sum(), 1))}
        )
    by_cause = alt.Chart(alt.Data(values=causes)).mark_bar().encode(
        x=alt.X("count:Q", title="services that left in 48 months"), y=alt.Y("cause:N", sort="-x", title=None)
    ).properties(width=270, height=220, title="Why services left")  # fmt: skip
    by_tenure = alt.Chart(alt.Data(values=rows)).mark_bar().encode(
        x=alt.X("tenure:N", sort=alt.EncodingSortField("order"), title="months since activation"),
        y=alt.Y("rate:Q", title="% that leave in a month"),
    ).properties(width=240, height=220, title="Churn by tenure")  # fmt: skip
    return alt.hconcat(by_cause, by_tenure)


def filling_cell(operator: Operator) -> alt.Chart:
    """The busy hour of the fullest cell and of a median one, day by day."""
    cells = [i for i, kind in enumerate(operator.network.kinds) if kind == "sector"]
    ordered = sorted(cells, key=lambda i: operator.performance.load[i, -1])
    shown = ((ordered[-1], "fullest cell"), (ordered[len(ordered) // 2], "median cell"))
    names = {operator.network.element_ids[i]: label for i, label in shown}
    capacity = dict(zip(operator.network.element_ids, operator.network.capacity, strict=True))
    parts = []
    for _, frame in operator.performance.months():
        is_daily = pl.col("busy_hour_throughput_mbps").is_not_null()
        daily = frame.filter(is_daily & pl.col("element_id").is_in(list(names)))
        parts.append(daily.select("element_id", "measurement_timestamp", "busy_hour_throughput_mbps"))
    rows = [
        {"cell": names[element], "day": at[:10], "load": 100 * float(busy) / capacity[element]}
        for element, at, busy in pl.concat(parts).sort("measurement_timestamp").iter_rows()
    ]
    return alt.Chart(alt.Data(values=rows)).mark_line(strokeWidth=0.7).encode(
        x=alt.X("day:T", title=None), y=alt.Y("load:Q", title="busy hour, % of capacity"), color="cell:N"
    ).properties(width=640, height=220, title="A cell that fills up")  # fmt: skip


def write_pictures(folder: Path) -> list[Path]:
    """Simulates the demo's operator up to a fixed day and writes its pictures as PNG."""
    operator = Operator(make_clock(15, 1, UNTIL), 2000)
    folder.mkdir(parents=True, exist_ok=True)
    charts = {
        "usage_by_hour_of_week": hour_of_week(operator), "tariffs": tariffs(), "churn": churn(operator),
        "filling_cell": filling_cell(operator),
    }  # fmt: skip
    paths = []
    for name, chart in charts.items():
        paths.append(folder / f"sample_{name}.png")
        paths[-1].write_bytes(vlc.vegalite_to_png(chart.to_json(), scale=1.0))
    return paths


if __name__ == "__main__":
    for written in write_pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")):
        print(f"{written}: {written.stat().st_size // 1024} KiB")
