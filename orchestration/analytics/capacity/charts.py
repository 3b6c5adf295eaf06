"""Pictures of zones: what was, what is expected with its interval, and the capacity.

Not here: the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import altair as alt
import pandas as pd

from orchestration.analytics.capacity.rows import COLUMNS, Key, Network

# More would not be looked at; those that run out first come first.
MOST_ZONES = 24
TITLES = {"subscribers": "services in service", "busy_hour_mbps_down": "busy-hour Mbps down"}


def plot_zones(
    network: Network, histories: Mapping[Key, Mapping[date, float]], rows: Sequence[Sequence[object]]
) -> dict[str, alt.LayerChart]:
    """One picture per measure with a facet for each zone; empty without zones.

    Args:
        network: for the zones' names.
        histories: per (entity_type, entity_id, measure) the values by month.
        rows: of capacity_forecasts, in the order of COLUMNS.
    """
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table[table["entity_type"] == "zone"]
    names = {zone.zone_id: f"{zone.name} ({zone.zone_id[:4]})" for zone in network.zones}
    charts = {}
    for measure, title in TITLES.items():
        own = table[table["measure"] == measure]
        if own.empty:
            continue
        order = own.groupby("entity_id")["exhaustion_month_date"].first().map(str).replace("None", "9999").sort_values()
        chosen = list(order.index[:MOST_ZONES])
        past = [
            {"zone": names[zone_id], "month": month, "history": value}
            for zone_id in chosen
            for month, value in histories.get(("zone", zone_id, measure), {}).items()
        ]
        ahead = own[own["entity_id"].isin(chosen)].assign(zone=lambda frame: frame["entity_id"].map(names))
        columns = ["zone", "month", "projected_demand", "lower_80", "upper_80", "current_capacity"]
        frame = pd.concat([pd.DataFrame(past), ahead.rename(columns={"planning_period": "month"})[columns]])
        frame["month"] = pd.to_datetime(frame["month"])
        charts[f"zones_{measure}"] = _picture(frame, title, [names[zone_id] for zone_id in chosen])
    return charts


def _picture(frame: pd.DataFrame, title: str, order: list[str]) -> alt.FacetChart:
    base = alt.Chart().encode(x=alt.X("month:T", title=None))
    layers = alt.layer(
        base.mark_area(opacity=0.25).encode(y=alt.Y("lower_80:Q", title=title), y2="upper_80:Q"),
        base.mark_line(color="black").encode(y="history:Q"),
        base.mark_line().encode(y="projected_demand:Q"),
        base.mark_line(color="firebrick", strokeDash=[4, 3]).encode(y="current_capacity:Q"),
    ).properties(width=220, height=110)
    return layers.facet(facet=alt.Facet("zone:N", title=None, sort=order), columns=3, data=frame).resolve_scale(
        y="independent"
    )
