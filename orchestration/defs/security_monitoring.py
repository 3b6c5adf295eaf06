"""The Python assets of network security monitoring: read core, call the mathematics, keep findings, sum them up.

Not here: the mathematics (orchestration.analytics.security_monitoring), the queries (security_inputs).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg
import pandas as pd
import psycopg

from orchestration.access.audit import begin_run
from orchestration.analytics.security_monitoring import status
from orchestration.analytics.security_monitoring.baseline import MODEL_VERSION, score_hours
from orchestration.analytics.security_monitoring.changes import find_changes
from orchestration.analytics.security_monitoring.charts import plot_incidents
from orchestration.analytics.security_monitoring.configurations import UNKNOWN, judge_configurations
from orchestration.analytics.security_monitoring.findings import (
    ACTIVE,
    INCIDENT,
    VIOLATION,
    adopt_incidents,
    change_findings,
    incident_findings,
    violation_findings,
)
from orchestration.analytics.security_monitoring.incidents import find_incidents
from orchestration.analytics.security_monitoring.parameters import SEVERITIES
from orchestration.analytics.security_monitoring.records import records
from orchestration.defs.findings import keep_findings, read_findings
from orchestration.defs.frames import picture, plain_values, read_frame
from orchestration.defs.replacing import replace_rows
from orchestration.defs.resources import WarehouseResource
from orchestration.defs.security_inputs import (
    Moment,
    Seeds,
    read_elements,
    read_hours,
    read_neighbours,
    read_reporting,
    read_seeds,
    read_stakes,
    read_versions,
)

GROUP = "analytics"
FINDINGS, ELEMENTS, STATUS = (
    ["analytics", name] for name in ("security_findings", "network_security_elements", "network_security_status")
)
MOST_PICTURES = 3
_SEEDS = [["reference", f"security_{name}"] for name in ("parameters", "measures", "incident_kinds",
          "configuration_rules", "watched_settings")]  # fmt: skip
_PROVIDERS = """
    select provider_id::text from core.dim_provider where provider_id <> '00000000-0000-0000-0000-000000000000'
    order by 1"""
_COUNTS = {status.MONITORED: "monitored_elements_count",
           status.INSUFFICIENT: "insufficient_history_elements_count",
           status.NOT_REPORTING: "not_reporting_elements_count",
           status.NOT_SAMPLED: "not_sampled_elements_count"}  # fmt: skip


@dg.asset(
    key=FINDINGS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[
        *(
            ["core", name]
            for name in ("fct_network_performance_hourly", "fct_outage", "dim_network_element", "dim_network_link")
        ),
        ["analytics", "topology_risk"],
        *_SEEDS,
    ],
)
def security_findings(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per incident, violation of a configuration rule and change of a configuration that was ever found."""
    time_zone = warehouse.settings().reporting_time_zone
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        as_of = warehouse.as_of(dict(context.run.tags))
        return dg.MaterializeResult(metadata=fill_security_findings(connection, as_of, time_zone))


@dg.asset(
    key=ELEMENTS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[["core", "fct_network_performance_hourly"], ["core", "dim_network_element"], *_SEEDS],
)
def network_security_elements(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per element in service: whether its traffic can be judged, and by how much history."""
    time_zone = warehouse.settings().reporting_time_zone
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        as_of = warehouse.as_of(dict(context.run.tags))
        return dg.MaterializeResult(metadata=fill_security_elements(connection, as_of, time_zone))


@dg.asset(
    key=STATUS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[FINDINGS, ELEMENTS, ["core", "dim_provider"], *(["reference", f"security_{name}"] for name in
                                                          ("parameters", "severities", "levels"))],
)  # fmt: skip
def network_security_status(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per provider: what its network's findings come to."""
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        as_of = warehouse.as_of(dict(context.run.tags))
        return dg.MaterializeResult(metadata=fill_security_status(connection, as_of))


def fill_security_findings(connection: psycopg.Connection, as_of: datetime, time_zone: str) -> Mapping[str, Any]:
    """Finds anew what the last weeks and the inventory show, and keeps it beside what was found before.

    What came and went since the last run is entered and resolved at once; what is open stays under its id.
    """
    seeds = read_seeds(connection)
    moment = Moment.of(as_of, time_zone, seeds.parameters)
    table = ".".join(FINDINGS)
    previous = read_findings(connection, table)
    elements, hours = read_elements(connection, as_of), read_hours(connection, moment, seeds.parameters)
    verdicts = judge_configurations(elements, seeds.rules, moment.as_of_date)
    newest = {str(name): at for name, at in hours.groupby("element_id")["hour_at"].max().items()}
    scores = score_hours(hours, seeds.parameters, seeds.measures, moment.judged_from)
    found = _found(connection, seeds, moment, elements, verdicts, scores, newest, previous)
    resolved = set(previous.loc[previous["finding_status"].eq("resolved"), "finding_id"])
    is_entered = found[ACTIVE].astype(bool) | ~found["finding_id"].isin(resolved)
    rows = found.drop(columns=ACTIVE)
    entered = keep_findings(connection, table, rows[is_entered].copy(), as_of, judged=_nothing)
    unknown = verdicts[verdicts["verdict"].eq(UNKNOWN)]
    kept = keep_findings(connection, table, rows[found[ACTIVE].astype(bool)].copy(), as_of,
                         judged=lambda table_rows: _looked_for(table_rows, unknown, newest))  # fmt: skip
    shown = found[found["finding_class"].eq(INCIDENT)].assign(rank=lambda own: own["severity"].map(SEVERITIES.index))
    shown = shown.sort_values(["rank", "last_seen_at"], ascending=[False, False]).head(MOST_PICTURES)
    zones = dict(zip(elements["element_id"], elements["time_zone"], strict=True))
    charts = plot_incidents(scores, records(shown), zones)
    hours_judged = len(scores.drop_duplicates(["element_id", "hour_at"]))
    return {
        **kept, **({"findings_new": entered["findings_new"]} if "findings_new" in entered else {}),
        "hours_judged": hours_judged, "elements_judged": int(scores["element_id"].nunique()),
        **{f"incident_{number}": picture(chart, "an incident") for number, chart in enumerate(charts.values(), 1)},
    }  # fmt: skip


def _found(
    connection: psycopg.Connection,
    seeds: Seeds,
    moment: Moment,
    elements: pd.DataFrame,
    verdicts: pd.DataFrame,
    scores: pd.DataFrame,
    newest: Mapping[str, pd.Timestamp],
    previous: pd.DataFrame,
) -> pd.DataFrame:
    """All findings of the last weeks, with whether each is so now."""
    parameters, as_of = seeds.parameters, moment.as_of
    stakes, versions = read_stakes(connection, elements), read_versions(connection, as_of)
    incidents = find_incidents(scores, parameters, seeds.measures, read_neighbours(connection, elements))
    events = incident_findings(incidents, elements, stakes, seeds.kinds, parameters, as_of, newest)
    events = adopt_incidents(previous, events, pd.Timedelta(hours=parameters.gap_hours))
    violations = violation_findings(verdicts, versions, seeds.rules, stakes, as_of, moment.as_of_date)
    changes = find_changes(versions, seeds.rules, seeds.watched, moment.as_of_date)
    changed = change_findings(changes, stakes, parameters, as_of)
    is_told = changed[ACTIVE].astype(bool) | changed["first_seen_at"].ge(moment.judged_from)
    is_told |= changed["finding_id"].isin(previous["finding_id"])
    parts = [part for part in (events, violations, changed[is_told]) if len(part)] or [events]
    return pd.concat(parts, ignore_index=True)


def _nothing(previous: pd.DataFrame) -> pd.Series:
    return pd.Series(False, index=previous.index)


def _looked_for(
    previous: pd.DataFrame, unknown: pd.DataFrame, newest: Mapping[str, pd.Timestamp]
) -> pd.Series:  # fmt: skip
    """Whether a run would have found them: not what a configuration no longer says, nor where no sample came since."""
    unsaid = set(zip(unknown["element_id"], unknown["rule_id"], strict=True))

    def is_judged(one: dict[str, Any]) -> bool:
        if one["finding_class"] == VIOLATION:
            return (str(one["element_id"]), one["rule_id"]) not in unsaid
        if one["finding_class"] == INCIDENT:
            members = one["evidence"]["element_ids"]
            return any(each in newest and newest[each] >= one["last_seen_at"] for each in members)
        return True

    return pd.Series([is_judged(one) for one in records(previous)], index=previous.index, dtype=bool)


def fill_security_elements(connection: psycopg.Connection, as_of: datetime, time_zone: str) -> Mapping[str, Any]:
    """Computes the elements' states anew; returns how many there are of each."""
    seeds = read_seeds(connection)
    moment = Moment.of(as_of, time_zone, seeds.parameters)
    elements = read_elements(connection, as_of)
    verdicts = judge_configurations(elements, seeds.rules, moment.as_of_date)
    reporting = read_reporting(connection, as_of, seeds.parameters)
    states = status.element_states(elements, reporting, verdicts, seeds.parameters, as_of)
    states = states.assign(as_of_at=as_of, model_version=MODEL_VERSION)
    rows = plain_values(states, list(states.columns))
    changed, removed = replace_rows(connection, ".".join(ELEMENTS), list(states.columns), rows)
    counts = {str(name): int(count) for name, count in states["monitoring_state"].value_counts().items()}
    return {"rows": len(rows), "rows_changed": changed, "rows_removed": removed, **counts}


def fill_security_status(connection: psycopg.Connection, as_of: datetime) -> Mapping[str, Any]:
    """Computes the providers' status anew; returns how many there are of each."""
    seeds = read_seeds(connection)
    findings = read_findings(connection, ".".join(FINDINGS))
    owner = findings["provider_id"].astype(str)
    states = read_frame(connection, "select * from analytics.network_security_elements order by element_id")
    found = [
        _status_row(
            provider_id, findings[owner.eq(provider_id)], states[states["provider_id"].astype(str).eq(provider_id)],
            seeds, as_of,
        )
        for (provider_id,) in connection.execute(_PROVIDERS.encode())
    ]  # fmt: skip
    frame = pd.DataFrame(found)
    rows = plain_values(frame, list(frame.columns)) if found else []
    columns = list(frame.columns) if found else list(_status_row("", findings, states, seeds, as_of))
    changed, removed = replace_rows(connection, ".".join(STATUS), columns, rows)
    counts = Counter(f"status_{row['security_status']}" for row in found)
    return {"rows": len(rows), "rows_changed": changed, "rows_removed": removed, **counts}  # fmt: skip


def _status_row(
    provider_id: str, findings: pd.DataFrame, states: pd.DataFrame, seeds: Seeds, as_of: datetime
) -> dict[str, Any]:  # fmt: skip
    hours = seeds.parameters.monitoring_hours
    found = status.assess(findings, as_of, hours, seeds.scoring)
    counts = states["monitoring_state"].value_counts()
    return {
        "provider_id": provider_id, "security_status": found.security_status, "risk_score": found.risk_score,
        "risk_points": found.risk_points,
        "risk_points_per_element": round(found.risk_points / len(states), 2) if len(states) else None,
        "security_incidents": found.incidents, "compliance_violations": found.violations,
        "recommended_actions": found.recommended_actions, "monitoring_period_hours": int(hours),
        "monitoring_state": status.provider_state(states),
        "monitoring_note": status.monitoring_words(states, seeds.parameters), "elements_count": len(states),
        **{column: int(counts.get(name, 0)) for name, column in _COUNTS.items()},
        "rules_unknown_count": int(states["rules_unknown_count"].sum()), "as_of_at": as_of,
        "model_version": MODEL_VERSION,
    }  # fmt: skip


SECURITY_ASSETS = (security_findings, network_security_elements, network_security_status)
