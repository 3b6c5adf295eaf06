"""Abnormal hours of single elements and of neighbours put together to incidents.

Not here: what an hour should be (baseline), how grave an incident is (findings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import networkx as nx
import numpy as np
import pandas as pd
from scipy import stats

from orchestration.analytics.security_monitoring.parameters import Measure, Parameters
from orchestration.analytics.security_monitoring.records import records

FLOOD, SCAN, SILENT = "traffic_flood", "connection_scan", "silent_cell"
_FLOOD_MEASURES = ("throughput_mbps", "uplink_throughput_mbps")
_SCAN_MEASURES = ("connections_count", "connections_per_mbps")
_HOUR = pd.Timedelta(hours=1)
# An element has so many chances a week of being called abnormal by chance: hours times measures.
_CHANCES = 168 * 4
RUN_COLUMNS = ("element_id", "provider_id", "direction", "first_seen_at", "last_seen_at", "hours_count", "flood_hours",
               "peak_score", "peak_measure", "peak_observed", "peak_expected", "peak_ratio",
               "confidence_score")  # fmt: skip
INCIDENT_COLUMNS = ("finding_kind", "provider_id", "element_id", "element_ids", "first_seen_at", "last_seen_at",
                    "hours_count", "peak_measure", "peak_observed", "peak_expected", "peak_ratio", "peak_score",
                    "confidence_score")  # fmt: skip


def find_incidents(
    scores: pd.DataFrame,
    parameters: Parameters,
    measures: Sequence[Measure],
    neighbours: Mapping[str, frozenset[str]],
) -> pd.DataFrame:
    """One row per incident, by beginning: a run of abnormal hours, or several at once of neighbouring elements.

    Args:
        scores: of score_hours.
        parameters: scores from which hours count, and the longest gap within a run.
        measures: for the least differences.
        neighbours: per element those that are linked to it, its parent, its parts and its sisters.

    Returns:
        INCIDENT_COLUMNS: element_id is the element furthest off, element_ids all of them (a sorted list); first_seen_at
        the beginning of the first abnormal hour, last_seen_at the end of the last; peak_* of the hour furthest off.
    """
    runs = find_runs(scores, parameters, measures)
    if runs.empty:
        return pd.DataFrame(columns=list(INCIDENT_COLUMNS))
    rows = [_incident(runs.iloc[sorted(group)]) for group in _groups(runs, neighbours)]
    found = pd.DataFrame(rows, columns=list(INCIDENT_COLUMNS))
    return found.sort_values(["first_seen_at", "element_id", "finding_kind"], ignore_index=True)


def find_runs(scores: pd.DataFrame, parameters: Parameters, measures: Sequence[Measure]) -> pd.DataFrame:
    """Runs of abnormal hours of single elements (RUN_COLUMNS), high and silent ones apart.

    An hour of `hour_score` makes a run, `sustained_hours` of `sustained_score` do, or `long_hours` in which connections
    per Mbps have `long_score`: traffic itself may be a little high for half a day without a cause. Silence takes
    `silent_hours` of an element that was up and of which hardly anything came.
    """
    high, silent = _high(scores, parameters, measures), _silent(scores, parameters, measures)
    strong = high[high["top"] >= parameters.sustained_score]
    slow = high[high["ratio_score"] >= parameters.long_score]
    is_one_enough = strong["top"] >= parameters.hour_score
    told = [
        _kept(strong, is_one_enough, parameters.sustained_hours, parameters),
        _kept(slow, pd.Series(False, index=slow.index), parameters.long_hours, parameters),
    ]
    high = high.loc[told[0].union(told[1])]
    silent = silent.loc[_kept(silent, pd.Series(False, index=silent.index), parameters.silent_hours, parameters)]
    parts = [_runs(high, "high", parameters), _runs(silent, "silent", parameters)]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _clear(scores: pd.DataFrame, measures: Sequence[Measure]) -> pd.Series:
    """Whether an hour differs by more than a step of rounding."""
    least = scores["measure"].map({one.measure: one.least_difference for one in measures})
    return (scores["observed"] - scores["expected"]).abs() >= least


def _high(scores: pd.DataFrame, parameters: Parameters, measures: Sequence[Measure]) -> pd.DataFrame:
    """One row per element and hour with a measure too high: the one furthest off, and whether traffic itself is."""
    is_high = scores["score"] >= parameters.long_score
    is_high &= scores["observed"] >= scores["expected"] * (1 + parameters.least_rise_percentage / 100)
    # Many connections per Mbps say something where there are more connections, not where there is less traffic.
    connections = scores[scores["measure"].eq(_SCAN_MEASURES[0])].set_index(["element_id", "hour_at"])
    place = pd.MultiIndex.from_frame(scores[["element_id", "hour_at"]])
    is_more = (connections["score"].ge(1) & _clear(connections, measures)).reindex(place, fill_value=False).to_numpy()
    is_high &= is_more | scores["measure"].ne(_SCAN_MEASURES[1])
    high = scores[is_high & _clear(scores, measures)]
    high = high.assign(is_flood=high["measure"].isin(_FLOOD_MEASURES))
    # What is said of an incident are connections or Mbps, not their ratio, where both are off.
    high = high.assign(is_ratio=high["measure"].eq(_SCAN_MEASURES[1]))
    ordered = high.sort_values(["element_id", "hour_at", "is_ratio", "score"], ascending=[True, True, True, False])
    best = ordered.groupby(["element_id", "hour_at"], sort=True).first()
    groups = high.groupby(["element_id", "hour_at"], sort=True)
    ratio = high[high["is_ratio"]].set_index(["element_id", "hour_at"])["score"].reindex(best.index)
    return best.assign(
        is_flood=groups["is_flood"].any(), top=groups["score"].max(), ratio_score=ratio
    ).reset_index()  # fmt: skip


def _silent(scores: pd.DataFrame, parameters: Parameters, measures: Sequence[Measure]) -> pd.DataFrame:
    """Hours in which an element was up and carried next to nothing."""
    own = scores[scores["measure"].eq("throughput_mbps")]
    is_low = own["score"] <= -parameters.sustained_score
    is_low &= own["observed"] <= own["expected"] * parameters.silent_percentage / 100
    low = own[is_low & _clear(own, measures)]
    return low.assign(is_flood=False, top=-low["score"]).sort_values(["element_id", "hour_at"])


def _numbers(hours: pd.DataFrame, parameters: Parameters) -> pd.Series:
    """The number of the run of each hour: hours of an element with gaps of at most `gap_hours` between them."""
    gap = hours.groupby("element_id")["hour_at"].diff()
    return (gap.isna() | (gap > (parameters.gap_hours + 1) * _HOUR)).cumsum()


def _kept(hours: pd.DataFrame, is_enough: pd.Series, least_hours: float, parameters: Parameters) -> pd.Index[int]:
    """Labels of the hours of runs that are long enough, or have an hour that is enough by itself."""
    number = _numbers(hours, parameters)
    is_kept = is_enough.groupby(number).transform("any") | (number.map(number.value_counts()) >= least_hours)
    return hours.index[is_kept.to_numpy(dtype=bool)]


def _runs(hours: pd.DataFrame, direction: str, parameters: Parameters) -> pd.DataFrame:
    """The rows of runs."""
    rows = []
    for _, run in hours.groupby(_numbers(hours, parameters), sort=True):
        peak = run.iloc[int(run["top"].to_numpy().argmax())]
        # Stouffer's sum of the hours, over all chances of a week.
        together = float(run["top"].sum() / np.sqrt(len(run)))
        freedom = max(float(run["weeks_count"].min()) - 1, 1) * (2 * parameters.scale_hours + 1)
        confidence = max(0.0, 1 - _CHANCES * float(stats.t.sf(together, freedom)))
        rows.append([
            peak["element_id"], peak["provider_id"], direction, run["hour_at"].min(), run["hour_at"].max() + _HOUR,
            len(run), int(run["is_flood"].sum()), float(peak["top"]), peak["measure"], float(peak["observed"]),
            float(peak["expected"]), float(peak["observed"] / max(peak["expected"], 1e-9)), confidence,
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


def _groups(runs: pd.DataFrame, neighbours: Mapping[str, frozenset[str]]) -> list[set[int]]:
    """Positions of runs that belong together: one direction, at the same time, neighbours or by way of neighbours."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(runs)))
    for _, own in runs.assign(position=range(len(runs))).groupby("direction"):
        by_element: dict[str, list[tuple[pd.Timestamp, pd.Timestamp, int]]] = {}
        for run in records(own):
            times = (run["first_seen_at"], run["last_seen_at"], int(run["position"]))
            by_element.setdefault(str(run["element_id"]), []).append(times)
        for element_id, ours in by_element.items():
            for other in neighbours.get(element_id, frozenset()) & by_element.keys():
                graph.add_edges_from(
                    (one, two)
                    for begin, end, one in ours
                    for other_begin, other_end, two in by_element[other]
                    if begin < other_end and other_begin < end
                )
    return [set(group) for group in nx.connected_components(graph)]


def _incident(runs: pd.DataFrame) -> list[object]:
    """The row of a group; its kind is what most of its hours are."""
    peak = runs.loc[runs.sort_values(["peak_score", "element_id"], ascending=[False, True]).index[0]]
    hours = int(runs["hours_count"].sum())
    is_flood = 2 * int(runs["flood_hours"].sum()) >= hours
    kind = SILENT if peak["direction"] == "silent" else FLOOD if is_flood else SCAN
    first, last = runs["first_seen_at"].min(), runs["last_seen_at"].max()
    return [
        kind, peak["provider_id"], peak["element_id"], sorted(runs["element_id"].unique()), first, last, hours,
        peak["peak_measure"], peak["peak_observed"], peak["peak_expected"], peak["peak_ratio"], peak["peak_score"],
        float(runs["confidence_score"].max()),
    ]  # fmt: skip


def neighbours_of(elements: pd.DataFrame, links: pd.DataFrame) -> dict[str, frozenset[str]]:
    """Per element what is linked to it, what it is part of, its parts, and its sisters under one parent.

    Args:
        elements: element_id, parent_element_id (None: of nothing).
        links: source_element_id, target_element_id.
    """
    found: dict[str, set[str]] = {str(name): set() for name in elements["element_id"]}

    def join(one: str, other: str) -> None:
        if one != other and one in found and other in found:
            found[one].add(other)
            found[other].add(one)

    for source, target in zip(links["source_element_id"], links["target_element_id"], strict=True):
        join(source, target)
    parts = elements[elements["parent_element_id"].notna()]
    for parent, own in parts.groupby("parent_element_id", sort=True)["element_id"]:
        for part in own:
            join(str(parent), part)
            for sister in own:
                join(part, sister)
    return {name: frozenset(others) for name, others in found.items()}
