"""Outage records that measurements or the topology contradict, and downtime that no record covers.

Not here: what was down (down), who is behind an element (reach), identity over runs (orchestration.analytics.findings).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd

from orchestration.analytics.findings import finding_id
from orchestration.analytics.outage_checks import words
from orchestration.analytics.outage_checks.down import DownDays, own_down_days
from orchestration.analytics.outage_checks.spans import Span, covered_seconds, day_seconds, merged

COLUMNS = (
    "finding_id", "finding_kind", "provider_id", "element_id", "zone_id", "outage_id", "severity", "confidence_score",
    "first_seen_at", "last_seen_at", "description", "recommended_action", "evidence",
)  # fmt: skip
Row: TypeAlias = dict[str, Any]
UNEXPLAINED, MISSING, UNLIKELY = "unexplained_outage", "missing_outage", "unlikely_customers"


@dataclass(frozen=True)
class Inputs:
    """What the outage feed is held against.

    Attributes:
        days: element_id, availability_date, day_start_at, day_end_at (UTC), seconds_in_service, seconds_measured,
            seconds_down (without a plan), one row per element and local day.
        outages: outage_id, element_id, outage_start, ended_at (UTC; AS_OF while it lasts), is_planned, is_over,
            affected_customers (null where not counted).
        elements: element_id, provider_id, zone_id, element_name, element_type, serves_911, parent_element_id.
        reach: of outage_reach, for the unplanned outages.
        customers_behind: of each element, at AS_OF: for severities of what has no record.
        parameters: seed outage_finding_parameters.
        as_of: nothing later is known.
    """

    days: pd.DataFrame
    outages: pd.DataFrame
    elements: pd.DataFrame
    reach: pd.DataFrame
    customers_behind: Mapping[str, int]
    parameters: Mapping[str, float]
    as_of: datetime

    @property
    def settled_at(self) -> pd.Timestamp:
        """What ended before it should be recorded and measured by now."""
        return pd.Timestamp(self.as_of) - pd.Timedelta(days=self.parameters["grace_days"])

    @property
    def tolerance(self) -> pd.Timedelta:
        return pd.Timedelta(minutes=self.parameters["clock_tolerance_minutes"])


def check_outages(inputs: Inputs) -> pd.DataFrame:
    """All findings, in the order of their time (COLUMNS); none of a network that was up and a desk without records."""
    if inputs.days.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    elements = {str(row["element_id"]): row for row in _records(inputs.elements)}
    parents = {name: row["parent_element_id"] for name, row in elements.items()}
    known = inputs.outages[inputs.outages["element_id"].isin(list(elements))]
    spans = {str(name): merged(own) for name, own in known.groupby("element_id")}
    down = own_down_days(inputs.days, parents, day_seconds(inputs.days, spans))
    rows = [*_missing(inputs, down, spans, elements), *_contradicted(inputs, down, known, elements)]
    told = {row["outage_id"] for row in rows}
    rows += [row for row in _unlikely(inputs, known, elements) if row["outage_id"] not in told]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(["first_seen_at", "finding_kind", "finding_id"], ignore_index=True)


def _records(frame: pd.DataFrame) -> list[Row]:
    return cast("list[Row]", frame.to_dict("records"))


def _row(kind: str, element: Row, outage_id: str | None, parts: tuple[object, ...], **more: object) -> Row:
    return {
        "finding_id": finding_id(kind, *parts), "finding_kind": kind, "provider_id": element["provider_id"],
        "element_id": element["element_id"], "zone_id": element["zone_id"], "outage_id": outage_id,
        "recommended_action": words.ACTIONS[kind], **more,
    }  # fmt: skip


def _bounds(days: pd.DataFrame) -> dict[tuple[str, object], tuple[pd.Timestamp, pd.Timestamp]]:
    names = ("element_id", "availability_date", "day_start_at", "day_end_at")
    return {(one, day): (begin, end) for one, day, begin, end in zip(*(days[name] for name in names), strict=True)}


def _missing(inputs: Inputs, down: DownDays, spans: Mapping[str, list[Span]], elements: Mapping[str, Row]) -> list[Row]:
    """Runs of days with own downtime of which the element's records leave more than the threshold uncovered."""
    least = inputs.parameters["missing_outage_minutes"] * 60
    places, found = np.flatnonzero((down.own > 0).any(axis=0)), []
    bounds = _bounds(inputs.days[inputs.days["element_id"].isin([down.elements[place] for place in places])])
    for place in places:
        name = down.elements[place]
        if name not in elements:
            continue
        for run in _runs(down, int(place)):
            known = [bounds[name, down.dates[at]] for at in run if (name, down.dates[at]) in bounds]
            begin, end = known[0][0], known[-1][1]
            seconds = float(down.own[run, place].sum())
            covered = covered_seconds(spans.get(name, []), begin - inputs.tolerance, end + inputs.tolerance)
            if seconds - covered <= least or end > inputs.settled_at:
                continue
            inferred = bool(down.is_inferred[run, place].all())
            behind = inputs.customers_behind.get(name, 0)
            element = elements[name]
            found.append(
                _row(
                    MISSING, element, None, (name, str(down.dates[run[0]])),
                    severity=words.severity(behind, bool(element["serves_911"]), inputs.parameters),
                    confidence_score=round((0.7 if inferred else 0.95) * (seconds - covered) / seconds, 4),
                    first_seen_at=begin, last_seen_at=end,
                    description=words.missing(element, down.dates[run[0]], seconds, covered, behind, inferred=inferred),
                    evidence={
                        "availability_dates": [str(down.dates[at]) for at in run],
                        "down_minutes": round(seconds / 60, 1), "recorded_minutes": round(covered / 60, 1),
                        "customers_behind": behind, "is_inferred_from_below": inferred,
                    },
                )
            )  # fmt: skip
    return found


def _runs(down: DownDays, place: int) -> list[list[int]]:
    """Days one after another with own downtime; whole days apart by date, not by row."""
    runs: list[list[int]] = []
    for at in np.flatnonzero(down.own[:, place] > 0):
        if runs and (down.dates[at] - down.dates[runs[-1][-1]]).days == 1:
            runs[-1].append(int(at))
        else:
            runs.append([int(at)])
    return runs


def _contradicted(inputs: Inputs, down: DownDays, outages: pd.DataFrame, elements: Mapping[str, Row]) -> list[Row]:
    """Unplanned outages of elements that were measured and up nearly all the time that they are said to last."""
    parameters, found = inputs.parameters, []
    rows = {day: at for at, day in enumerate(down.dates)}
    judged = outages[~outages["is_planned"] & outages["is_over"] & (outages["ended_at"] <= inputs.settled_at)]
    near_days = inputs.days[inputs.days["element_id"].isin(judged["element_id"])]
    days = {str(name): own for name, own in near_days.groupby("element_id")}
    for outage in _records(judged):
        name, own = str(outage["element_id"]), days.get(str(outage["element_id"]))
        seconds = (outage["ended_at"] - outage["outage_start"]).total_seconds()
        if own is None or seconds < parameters["missing_outage_minutes"] * 60:
            continue
        begin, end = outage["outage_start"] - inputs.tolerance, outage["ended_at"] + inputs.tolerance
        near = own[(own["day_start_at"] < end) & (own["day_end_at"] > begin)]
        within = own[(own["day_start_at"] < outage["ended_at"]) & (own["day_end_at"] > outage["outage_start"])]
        measured = float(within["seconds_measured"].sum() / max(within["seconds_in_service"].sum(), 1))
        place = down.place(name)
        if within.empty or measured < parameters["least_measured_share"] or place is None:
            continue
        was_down = float(np.nansum(down.down[[rows[day] for day in near["availability_date"]], place]))
        if was_down >= parameters["unexplained_down_share"] * seconds:
            continue
        element = elements[name]
        customers: int | None = None if pd.isna(outage["affected_customers"]) else int(outage["affected_customers"])
        found.append(
            _row(
                UNEXPLAINED, element, str(outage["outage_id"]), (str(outage["outage_id"]),),
                severity=words.severity(customers or 0, bool(element["serves_911"]), parameters),
                confidence_score=round(measured * (1 - was_down / seconds), 4),
                first_seen_at=outage["outage_start"], last_seen_at=outage["ended_at"],
                description=words.unexplained(element, outage["outage_start"], seconds, was_down, measured, customers),
                evidence={
                    "outage_minutes": round(seconds / 60, 1), "down_minutes": round(was_down / 60, 1),
                    "measured_share": round(measured, 4), "affected_customers": customers,
                    "availability_dates": [str(day) for day in near["availability_date"]],
                },
            )
        )  # fmt: skip
    return found


def _unlikely(inputs: Inputs, outages: pd.DataFrame, elements: Mapping[str, Row]) -> list[Row]:
    """Unplanned outages whose count of customers lies far outside of what the topology says."""
    parameters, found = inputs.parameters, []
    share, least = parameters["customers_tolerance_share"], parameters["customers_tolerance_count"]
    counted = outages[~outages["is_planned"] & outages["affected_customers"].notna()]
    for outage in _records(counted.merge(inputs.reach, on="outage_id")):
        said, low, high = (
            int(outage["affected_customers"]),
            int(outage["customers_cut_off"]),
            int(outage["customers_behind"]),
        )
        over, under = said - high, low - said
        is_far = (over >= least and over > share * high) or (under >= least and under > share * low)
        if not is_far or outage["outage_start"] < inputs.days["day_start_at"].min():
            continue
        element = elements[str(outage["element_id"])]
        apart = over / said if over > 0 else under / low
        found.append(
            _row(
                UNLIKELY, element, str(outage["outage_id"]), (str(outage["outage_id"]),),
                severity=words.severity(max(over, under), False, parameters), confidence_score=round(float(apart), 4),
                first_seen_at=outage["outage_start"], last_seen_at=outage["ended_at"],
                description=words.unlikely(element, outage["outage_start"], said, low, high),
                evidence={"affected_customers": said, "customers_cut_off": low, "customers_behind": high},
            )
        )  # fmt: skip
    return found
