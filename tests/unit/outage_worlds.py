"""A sample operator's network as the frames that outage checks read, straight from the simulation; and what is true.

Not here: tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import polars as pl

from ingestion.sample.clock import make_clock, stamps
from ingestion.sample.operator import Operator
from ingestion.sample.truth import _outage_mistakes
from orchestration.analytics.outage_checks import Inputs, outage_reach
from orchestration.analytics.topology import Element, Link, topology_risks

PARAMETERS = {
    "grace_days": 1.0, "clock_tolerance_minutes": 90.0, "missing_outage_minutes": 30.0, "least_measured_share": 0.8,
    "unexplained_down_share": 0.25, "customers_tolerance_share": 0.5, "customers_tolerance_count": 10.0,
    "critical_customers": 1000.0, "high_customers": 200.0, "medium_customers": 20.0,
}  # fmt: skip


@dataclass(frozen=True)
class OutageWorld:
    inputs: Inputs
    truth: pd.DataFrame


def build_world(seed: int, customers: int = 300, months: int = 3, history: int = 36) -> OutageWorld:
    operator = Operator(make_clock(months, seed, date(2026, 9, 30), history), customers)
    as_of = datetime.fromtimestamp(operator.clock.as_of_seconds, UTC)
    elements, outages = _elements(operator), _outages(operator, as_of)
    parents = dict(zip(elements["element_id"], elements["parent_element_id"], strict=True))
    working = [Element(row.element_id, row.element_type == "core", row.serves_911, row.parent_element_id)
               for row in elements.itertuples()]  # fmt: skip
    links = [Link(row["link_id"], row["source_element_id"], row["target_element_id"])
             for row in operator.network.topology.to_dicts()]  # fmt: skip
    cut_off = {r.entity_id: set(r.elements_cut_off) for r in topology_risks(working, links) if r.kind == "element"}
    services = _services(operator)
    reach = outage_reach(outages[~outages["is_planned"]], services, parents, cut_off)
    truth = _outage_mistakes(operator).to_pandas()
    truth["minutes"] = (pd.to_datetime(truth["ends_at"]) - pd.to_datetime(truth["begins_at"])).dt.total_seconds() / 60
    inputs = Inputs(_days(operator), outages, elements, reach, {}, PARAMETERS, as_of)
    return OutageWorld(inputs, truth)


def _elements(operator: Operator) -> pd.DataFrame:
    frame = operator.network.elements.to_pandas()
    frame["serves_911"] = frame["serves_911"] == "true"
    frame["parent_element_id"] = (
        frame["parent_element_id"].astype(object).where(frame["parent_element_id"].notna(), None)
    )
    names = ["element_id", "provider_id", "zone_id", "element_name", "element_type", "serves_911", "parent_element_id"]
    return frame[names]


def _outages(operator: Operator, as_of: datetime) -> pd.DataFrame:
    whole = operator.whole("outages")
    if whole.is_empty():
        names = ("outage_id", "element_id", "outage_start", "actual_restoration", "outage_type", "affected_customers",
                 "updated_at")  # fmt: skip
        whole = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    frame = whole.to_pandas().sort_values("updated_at").drop_duplicates("outage_id", keep="last")
    ended = pd.to_datetime(frame["actual_restoration"], utc=True)
    return pd.DataFrame(
        {
            "outage_id": frame["outage_id"], "element_id": frame["element_id"],
            "outage_start": pd.to_datetime(frame["outage_start"], utc=True), "ended_at": ended.fillna(as_of),
            "is_planned": frame["outage_type"] == "planned", "is_over": ended.notna(),
            "affected_customers": pd.to_numeric(frame["affected_customers"]),
        }
    ).reset_index(drop=True)  # fmt: skip


def _days(operator: Operator) -> pd.DataFrame:
    """Of the daily samples, each of which is a local day."""
    parts = [frame.filter(pl.col("interval_seconds").cast(pl.Int64) > 82_800).select(
        "element_id", "measurement_timestamp", "interval_seconds", "availability_seconds")
        for _, frame in operator.performance.months()]  # fmt: skip
    frame = pl.concat(parts).to_pandas()
    begin = pd.to_datetime(frame["measurement_timestamp"], utc=True)
    seconds, up = pd.to_numeric(frame["interval_seconds"]), pd.to_numeric(frame["availability_seconds"])
    return pd.DataFrame(
        {
            "element_id": frame["element_id"], "availability_date": begin.dt.date, "day_start_at": begin,
            "day_end_at": begin + pd.to_timedelta(seconds, unit="s"), "seconds_in_service": seconds,
            "seconds_measured": seconds.where(up.notna(), 0), "seconds_down": (seconds - up).fillna(0),
        }
    )  # fmt: skip


def _services(operator: Operator) -> pd.DataFrame:
    people, life = operator.people, operator.life
    ids = operator.network.element_ids.to_numpy()
    begin = pd.to_datetime(stamps(people.activated).to_pandas(), utc=True).dt.tz_localize(None)
    end = pd.to_datetime(stamps(life.ended).to_pandas(), utc=True).dt.tz_localize(None)
    return pd.DataFrame(
        {
            "element_id": ids[people.element], "customer_id": np.asarray(people.customer_ids)[people.customer],
            "active_from": begin, "active_to": end.fillna(pd.Timestamp("2200-01-01")),
        }
    )  # fmt: skip
