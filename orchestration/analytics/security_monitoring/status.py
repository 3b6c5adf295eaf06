"""What is watched, and what findings add up to: a score and a status for each provider.

Not here: the findings themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from orchestration.analytics.security_monitoring.configurations import UNKNOWN
from orchestration.analytics.security_monitoring.findings import CHANGE, INCIDENT, VIOLATION
from orchestration.analytics.security_monitoring.parameters import SEVERITIES, Parameters, Scoring
from orchestration.analytics.security_monitoring.records import records

MOST_POINTS = 100
MONITORED, INSUFFICIENT, NOT_REPORTING, NOT_SAMPLED = (
    "monitored", "insufficient_history", "not_reporting", "not_sampled"
)  # fmt: skip
STATE_COLUMNS = ("element_id", "provider_id", "zone_id", "element_name", "element_type", "monitoring_state",
                 "history_weeks", "last_sample_at", "rules_unknown_count")  # fmt: skip


@dataclass(frozen=True)
class Assessment:
    """What a provider's findings come to."""

    security_status: str
    risk_score: float
    risk_points: float
    incidents: list[dict[str, object]]
    violations: list[dict[str, object]]
    recommended_actions: list[str]


def assess(findings: pd.DataFrame, as_of: datetime, hours: float, scoring: Scoring) -> Assessment:
    """The score of one provider's findings; 0 and the lowest status where nothing is found.

    Points of every incident seen in the hours before `as_of`, and of every violation that is open, 100 at most; muted
    ones count nowhere.

    Args:
        findings: of the table, with finding_status.
        as_of: the end of the period.
        hours: its length.
        scoring: points by severity, and the score over which each status begins.
    """
    begin = pd.Timestamp(as_of) - pd.Timedelta(hours=hours)
    is_seen = findings["last_seen_at"].gt(begin) & findings["first_seen_at"].le(pd.Timestamp(as_of))
    is_event = findings["finding_class"].isin([INCIDENT, CHANGE]) & findings["finding_status"].ne("muted") & is_seen
    is_broken = findings["finding_class"].eq(VIOLATION) & findings["finding_status"].eq("open")
    counted = findings[is_event | is_broken]
    points = float(counted["severity"].map(scoring.points).sum())
    score = min(points, MOST_POINTS)
    return Assessment(
        status_of(score, scoring),
        score,
        points,
        [_incident(one) for one in _ordered(findings[is_event])],
        [_violation(one) for one in _ordered(findings[is_broken])],
        actions(counted),
    )


def status_of(score: float, scoring: Scoring) -> str:
    """The status of the highest level that the score is over; of the lowest one where it is over none."""
    levels = sorted(scoring.levels, key=lambda level: level.over_score)
    over = [level for level in levels if score > level.over_score]
    return (over or levels[:1])[-1].security_status


def actions(findings: pd.DataFrame) -> list[str]:
    """What to do, the gravest first, then what is needed most often; each once."""
    if findings.empty:
        return []
    rank = findings["severity"].map(SEVERITIES.index)
    groups = findings.assign(rank=rank).groupby("recommended_action")["rank"].agg(["max", "size"]).reset_index()
    ordered = groups.sort_values(["max", "size", "recommended_action"], ascending=[False, False, True])
    return [str(action) for action in ordered["recommended_action"]]


def _ordered(findings: pd.DataFrame) -> list[dict[str, object]]:
    rank = findings["severity"].map(SEVERITIES.index)
    ordered = findings.assign(rank=rank, text_id=findings["finding_id"].astype(str))
    ordered = ordered.sort_values(["rank", "last_seen_at", "text_id"], ascending=[False, False, True])
    return records(ordered)


def _stamp(value: object) -> str:
    return pd.Timestamp(str(value)).tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")


def _incident(one: Mapping[str, object]) -> dict[str, object]:
    return {
        "finding_id": str(one["finding_id"]), "element_id": str(one["element_id"]),
        "element_name": one["element_name"], "anomaly_type": one["finding_kind"], "severity": one["severity"],
        "description": one["description"], "timestamp": _stamp(one["last_seen_at"]),
        "first_seen_at": _stamp(one["first_seen_at"]), "finding_status": one["finding_status"],
        "affected_elements_count": int(str(one["affected_elements_count"])),
    }  # fmt: skip


def _violation(one: Mapping[str, object]) -> dict[str, object]:
    return {
        "finding_id": str(one["finding_id"]), "element_id": str(one["element_id"]),
        "element_name": one["element_name"], "violation_type": one["finding_kind"], "severity": one["severity"],
        "description": one["description"], "rule_id": one["rule_id"], "since": _stamp(one["first_seen_at"]),
    }  # fmt: skip


def element_states(
    elements: pd.DataFrame, reporting: pd.DataFrame, verdicts: pd.DataFrame, parameters: Parameters, as_of: datetime
) -> pd.DataFrame:
    """One row (STATE_COLUMNS) per element in service: whether its traffic can be judged, and by how much history.

    Args:
        elements: element_id, provider_id, zone_id, element_name, element_type.
        reporting: element_id, last_sample_at, hours_count (hours with a sample in the last `history_weeks`).
        verdicts: of judge_configurations.
        parameters: weeks of history; an element is not reporting after `closing_hours` without a sample.
        as_of: the run's instant.
    """
    heard = {str(one["element_id"]): one for one in records(reporting)}
    unknown = verdicts[verdicts["verdict"].eq(UNKNOWN)].groupby("element_id").size()
    late = pd.Timestamp(as_of) - pd.Timedelta(hours=parameters.closing_hours + 1)
    rows = []
    for one in records(elements.sort_values("element_id")):
        own = heard.get(one["element_id"])
        last, weeks = (own["last_sample_at"], round(float(own["hours_count"]) / 168, 1)) if own else (None, 0.0)
        if last is None:
            state = NOT_SAMPLED
        elif last < late:
            state = NOT_REPORTING
        else:
            state = MONITORED if weeks >= parameters.least_history_weeks else INSUFFICIENT
        rows.append([*(one[name] for name in STATE_COLUMNS[:5]), state, weeks, last,
                     int(unknown.get(one["element_id"], 0))])  # fmt: skip
    return pd.DataFrame(rows, columns=list(STATE_COLUMNS))


def provider_state(states: pd.DataFrame) -> str:
    """The best state of a provider's elements; not_sampled without any."""
    known = set(states["monitoring_state"])
    return next((state for state in (MONITORED, INSUFFICIENT, NOT_REPORTING) if state in known), NOT_SAMPLED)


def monitoring_words(states: pd.DataFrame, parameters: Parameters) -> str:
    """What of a provider's network is watched, in words."""
    counts = states["monitoring_state"].value_counts()
    parts = [f"{int(counts.get(MONITORED, 0))} of {len(states)} elements are watched for abnormal traffic"]
    short = states[states["monitoring_state"].eq(INSUFFICIENT)]
    if len(short):
        least, most = short["history_weeks"].min(), short["history_weeks"].max()
        span = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        parts.append(
            f"{len(short)} have {span} weeks of hourly samples, and {parameters.least_history_weeks:g} are needed"
        )
    if counts.get(NOT_REPORTING, 0):
        parts.append(f"of {int(counts[NOT_REPORTING])} no sample came lately")
    if counts.get(NOT_SAMPLED, 0):
        parts.append(f"{int(counts[NOT_SAMPLED])} send no hourly samples")
    return "; ".join(parts)
