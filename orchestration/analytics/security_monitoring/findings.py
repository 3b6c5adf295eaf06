"""Incidents, broken rules and changes as rows of analytics.security_findings: identity, severity, words, evidence.

Not here: finding them (incidents, configurations, changes), how they live on (orchestration.analytics.findings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import pandas as pd

from orchestration.analytics.findings import adopt_overlapping, finding_id
from orchestration.analytics.security_monitoring.configurations import BROKEN, Rule, settings_of, verdict
from orchestration.analytics.security_monitoring.incidents import SILENT
from orchestration.analytics.security_monitoring.parameters import IncidentKind, Parameters, raised
from orchestration.analytics.security_monitoring.records import records

INCIDENT, VIOLATION, CHANGE = "incident", "violation", "change"
FINDING_COLUMNS = (
    "finding_id", "finding_class", "finding_kind", "provider_id", "zone_id", "element_id", "element_name", "rule_id",
    "setting_path", "severity", "first_seen_at", "last_seen_at", "description", "recommended_action",
    "confidence_score", "affected_elements_count", "customers_at_stake_count", "elements_911_at_stake_count",
    "evidence",
)  # fmt: skip
# Beside the table's columns: whether it is so now. What is over is entered, but not left open.
ACTIVE = "is_active"
UNITS = {"throughput_mbps": "Mbps down", "uplink_throughput_mbps": "Mbps up", "connections_count": "connections",
          "connections_per_mbps": "connections per Mbps"}  # fmt: skip


@dataclass(frozen=True)
class Stakes:
    """What hangs on an element: customers cut off if it fails, elements that 911 calls need, what it is part of."""

    customers: int
    elements_911: int
    parent_id: str | None


def at_stake(element_ids: Sequence[str], stakes: Mapping[str, Stakes]) -> tuple[int, int]:
    """(customers, elements that 911 calls need) behind several elements; a part counts with what it is part of."""
    tops = [stakes[one] for one in element_ids if one in stakes and stakes[one].parent_id not in element_ids]
    return sum(one.customers for one in tops), sum(one.elements_911 for one in tops)


def incident_findings(
    incidents: pd.DataFrame,
    elements: pd.DataFrame,
    stakes: Mapping[str, Stakes],
    kinds: Sequence[IncidentKind],
    parameters: Parameters,
    as_of: datetime,
    newest_samples: Mapping[str, pd.Timestamp],
) -> pd.DataFrame:
    """Incidents as findings; active while they were seen within `closing_hours`, or nothing came of an element since.

    Args:
        incidents: of find_incidents.
        elements: element_id, element_name, zone_id.
        stakes: by element.
        kinds: the seed's.
        parameters: what raises severity.
        as_of: the run's instant.
        newest_samples: by element the beginning of its last hour.
    """
    by_kind = {kind.finding_kind: kind for kind in kinds}
    known = elements.set_index("element_id")
    names, zones = known["element_name"].to_dict(), known["zone_id"].to_dict()
    rows = []
    for one in records(incidents):
        ids = list(one["element_ids"])
        kind = by_kind[one["finding_kind"]]
        customers, elements_911 = at_stake(ids, stakes)
        hours = (one["last_seen_at"] - one["first_seen_at"]) / pd.Timedelta(hours=1)
        severity = raised(kind.severity, _steps(one, hours, customers, elements_911, parameters))
        is_recent = one["last_seen_at"] > pd.Timestamp(as_of) - pd.Timedelta(hours=parameters.closing_hours)
        is_last_word = all(newest_samples.get(each, one["last_seen_at"]) < one["last_seen_at"] for each in ids)
        element_name = str(names.get(one["element_id"]) or one["element_id"])
        numbers = {"peak_observed": one["peak_observed"], "peak_expected": one["peak_expected"],
                   "peak_ratio": one["peak_ratio"], "peak_score": one["peak_score"]}  # fmt: skip
        evidence = {"element_ids": ids, "peak_measure": one["peak_measure"], "hours": int(one["hours_count"]),
                    **{name: round(float(value), 2) for name, value in numbers.items()}}  # fmt: skip
        rows.append([
            finding_id(kind.finding_kind, one["element_id"], one["first_seen_at"].isoformat()), INCIDENT,
            kind.finding_kind, one["provider_id"], zones.get(one["element_id"]), one["element_id"], element_name, None,
            None, severity, one["first_seen_at"], one["last_seen_at"], _words(kind, one, element_name, len(ids), hours),
            kind.recommended_action, round(float(one["confidence_score"]), 4), len(ids), customers, elements_911,
            evidence, is_recent or is_last_word,
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=[*FINDING_COLUMNS, ACTIVE])


def _steps(
    one: Mapping[str, object], hours: float, customers: int, elements_911: int, parameters: Parameters
) -> int:  # fmt: skip
    """By how many steps size, length and what is at stake raise an incident's severity."""
    ids, ratio = one["element_ids"], one["peak_ratio"]
    is_silent = one["finding_kind"] == SILENT
    return sum((
        isinstance(ids, list) and len(ids) >= parameters.raise_from_elements,
        hours >= parameters.raise_from_hours,
        not is_silent and isinstance(ratio, float) and ratio >= parameters.raise_from_ratio,
        customers >= parameters.raise_from_customers,
        is_silent and elements_911 > 0,
    ))  # fmt: skip


def _words(kind: IncidentKind, one: Mapping[str, object], element_name: str, count: int, hours: float) -> str:
    others = "" if count == 1 else f" and {count - 1} neighbour{'s' if count > 2 else ''}"
    unit = UNITS[str(one["peak_measure"])]
    length = f"{hours:.0f} hour{'s' if hours > 1 else ''}"
    observed, expected = (_number(one[name]) for name in ("peak_observed", "peak_expected"))
    return f"{kind.title} at {element_name}{others} within {length}: {observed} {unit} where {expected} were expected"


def _number(value: object) -> str:
    number = float(str(value))
    return f"{number:,.0f}" if abs(number) >= 10 else f"{number:.2g}"


def adopt_incidents(previous: pd.DataFrame, found: pd.DataFrame, gap: pd.Timedelta) -> pd.DataFrame:
    """Found incidents under the ids of earlier ones of the same kind that share an element and overlap in time.

    Args:
        previous: rows of the table; of other classes they stay out of it.
        found: of incident_findings.
        gap: so far apart they still overlap.
    """
    before = _by_element(previous[previous["finding_class"].eq(INCIDENT)])
    ours = _by_element(found)
    if before.empty or ours.empty:
        return found
    known = adopt_overlapping(before, ours, ["finding_kind", "member_id"], gap)
    ids: dict[UUID, UUID] = dict(zip(ours["finding_id"], known["finding_id"], strict=True))
    return found.assign(finding_id=found["finding_id"].map(ids))


def _by_element(findings: pd.DataFrame) -> pd.DataFrame:
    members = findings.assign(member_id=findings["evidence"].map(lambda one: list(one["element_ids"])))
    return members.explode("member_id")[["finding_id", "finding_kind", "member_id", "first_seen_at", "last_seen_at"]]


def violation_findings(
    verdicts: pd.DataFrame,
    versions: pd.DataFrame,
    rules: Sequence[Rule],
    stakes: Mapping[str, Stakes],
    as_of: datetime,
    as_of_date: date,
) -> pd.DataFrame:
    """One finding per element and rule that its newest configuration breaks.

    Args:
        verdicts: of judge_configurations.
        versions: all versions as find_changes takes them, by element and time.
        rules: the seed's.
        stakes: by element.
        as_of: the run's instant, at which they were last seen.
        as_of_date: for rules that ask for a day.
    """
    by_id = {rule.rule_id: rule for rule in rules}
    histories = {str(name): records(own) for name, own in versions.groupby("element_id", sort=True)}
    rows = []
    for one in records(verdicts[verdicts["verdict"].eq(BROKEN)]):
        rule, history = by_id[one["rule_id"]], histories[one["element_id"]]
        last = history[-1]
        customers, elements_911 = at_stake([one["element_id"]], stakes)
        rows.append([
            finding_id(rule.violation_type, one["element_id"], rule.rule_id), VIOLATION, rule.violation_type,
            last["provider_id"], last["zone_id"], one["element_id"], last["element_name"], rule.rule_id, rule.json_path,
            rule.severity, _since(rule, history, as_of_date), pd.Timestamp(as_of),
            f"{rule.description}: {rule.json_path} is {_said(one['setting'])} at {last['element_name']}",
            rule.recommended_action, 1.0, 1, customers, elements_911,
            {"setting": _plain(one["setting"]), "operator": rule.operator, "value": rule.value}, True,
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=[*FINDING_COLUMNS, ACTIVE])


def _since(rule: Rule, history: Sequence[Mapping[str, object]], as_of_date: date) -> pd.Timestamp:
    """Since when an element has broken a rule without a break: a version's beginning, or the day that passed."""
    since = history[-1]["valid_from"]
    for version in reversed(history):
        if verdict(rule, settings_of(version), as_of_date)[0] != BROKEN:
            break
        since = version["valid_from"]
    begun = pd.Timestamp(str(since))
    if rule.operator != "passed":
        return begun
    passed = pd.Timestamp(str(history[-1][rule.json_path]), tz="UTC") + pd.Timedelta(days=1)
    return max(begun, passed)


def change_findings(
    changes: pd.DataFrame, stakes: Mapping[str, Stakes], parameters: Parameters, as_of: datetime
) -> pd.DataFrame:
    """Changes as findings: a weakened setting is active until it is restored, any other for `change_closing_hours`.

    Args:
        changes: of find_changes.
        stakes: by element.
        parameters: how long a change that weakens nothing stays open.
        as_of: the run's instant; later changes are not known yet.
    """
    rows = []
    for one in records(changes[changes["changed_at"] < pd.Timestamp(as_of)]):
        is_weaker = one["finding_kind"] == "configuration_weakened"
        age = pd.Timestamp(as_of) - one["changed_at"]
        is_active = not one["is_restored"] if is_weaker else age <= pd.Timedelta(hours=parameters.change_closing_hours)
        customers, elements_911 = at_stake([one["element_id"]], stakes)
        evidence = {"before": one["before"], "after": one["after"], "rules_broken": list(one["rule_ids"])}
        rows.append([
            finding_id(one["finding_kind"], one["element_id"], one["json_path"], one["changed_at"].isoformat()),
            CHANGE, one["finding_kind"], one["provider_id"], one["zone_id"], one["element_id"], one["element_name"],
            None, one["json_path"], one["severity"], one["changed_at"], one["changed_at"],
            f"{one['description']} at {one['element_name']}", one["recommended_action"], 1.0, 1, customers,
            elements_911, evidence, is_active,
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=[*FINDING_COLUMNS, ACTIVE])


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
