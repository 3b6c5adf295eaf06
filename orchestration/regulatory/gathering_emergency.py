"""From the marts to the content of an emergency_readiness filing: measures under the source's names, outages, clocks.

Not here: the measures themselves (dbt's emergency_readiness and outage_reportability), writing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row

from orchestration.regulatory.content import Content, Filing
from orchestration.regulatory.file_checks import Known
from orchestration.regulatory.findings import Finding, finding
from orchestration.regulatory.gathering import finished
from orchestration.regulatory.layouts import FilingError, layouts, rows_to_bytes

# The source's name, its group in report_data, and the mart's column.
SOURCE_MEASURES = (
    ("emergency_preparedness", "backup_power_capacity", "backup_power_kw"),
    ("emergency_preparedness", "redundant_links", "elements_redundant_count"),
    ("emergency_preparedness", "emergency_response_time", "emergency_response_hours"),
    ("emergency_preparedness", "priority_customer_coverage", "government_customers_percentage"),
    ("outage_history", "total_outages", "total_outages"),
    ("outage_history", "average_restoration_time", "average_restoration_hours"),
    ("outage_history", "major_outages", "major_outages"),
    ("outage_history", "911_service_availability", "availability_911_percentage"),
)
_NOT_MEASURES = ("as_of_date", "provider_id", "period_start_date")
_CLOCKS = ("notification", "initial_report", "final_report", "facility_notice", "facility_followup")
_OUTAGES = f"""
    select outage_id, service_kind, outage_start, outage_minutes, user_minutes, reportable_by,
        {", ".join(f"{clock}_due_at, {clock}_verdict" for clock in _CLOCKS)}, computed_user_minutes,
        is_user_minutes_apart
    from regulatory.outage_reportability
    where as_of_date = %(day)s and provider_id = %(provider)s and period_start_date = %(start)s
    order by outage_start, outage_id
"""
_READINESS = """
    select * from regulatory.emergency_readiness
    where as_of_date = %(day)s and provider_id = %(provider)s and period_start_date = %(start)s
"""


def _instant(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def outage_findings(outages: Sequence[Mapping[str, object]]) -> Iterator[Finding]:
    """Outages whose figures are far apart, and clocks that were missed, by their row in the file."""
    for row, one in enumerate(outages, 1):
        values = {"file": "outage_reportability.csv", "row": row, "value": one["outage_id"]}
        if one["is_user_minutes_apart"]:
            said = f"{one['user_minutes']} against {one['computed_user_minutes']}"
            yield finding("user_minutes_apart", column="user_minutes", expected=said, **values)  # type: ignore[arg-type]
        for clock in _CLOCKS:
            if one[f"{clock}_verdict"] == "missed":
                said = clock.replace("_", " ")
                yield finding("deadline_missed", column=f"{clock}_verdict", expected=said, **values)  # type: ignore[arg-type]


def gather_emergency(connection: psycopg.Connection, filing: Filing, as_of: datetime) -> Content:
    """The content of a filing on emergency readiness, checked.

    Raises:
        FilingError: the marts hold another period.
    """
    values = {
        "day": filing.period_end, "provider": filing.provider.provider_id, "start": filing.period_start,
    }  # fmt: skip
    known_layouts = layouts(filing.period_end)
    with connection.cursor(row_factory=dict_row) as cursor:
        connection.execute("set local timezone to 'UTC'")
        measures = cursor.execute(_READINESS.encode(), values).fetchone()
        outages = cursor.execute(_OUTAGES.encode(), values).fetchall()
    if measures is None:
        raise FilingError(
            f"emergency_readiness from {filing.period_start} to {filing.period_end}: the marts hold nothing of"
            f" that period; build them first: make filings AS_OF_DATE={filing.period_end}"
            f" PERIOD_START={filing.period_start}"
        )
    names = known_layouts["outages"].header
    aliases = {"minutes": "outage_minutes"} | {f"{clock}_due": f"{clock}_due_at" for clock in _CLOCKS}
    files = {
        "emergency": rows_to_bytes(
            known_layouts["emergency"],
            [(name, _number(value)) for name, value in measures.items() if name not in _NOT_MEASURES],
        ),
        "outages": rows_to_bytes(
            known_layouts["outages"], [[_instant(one[aliases.get(name, name)]) for name in names] for one in outages]
        ),
    }
    draft = Content(filing, known_layouts, files)
    return finished(
        connection, draft, [], Known(), as_of, _report_data(filing, measures), more=list(outage_findings(outages))
    )


def _number(value: object) -> object:
    """A measure as a number: a date as its days of the calendar would be none, so it stays text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _report_data(filing: Filing, measures: dict[str, object]) -> dict[str, object]:
    data: dict[str, dict[str, object]] = {
        "provider_info": {"id": filing.provider.provider_id, "name": filing.provider.name},
        "reporting_period": {"start": filing.period_start, "end": filing.period_end},
    }
    for group, name, column in SOURCE_MEASURES:
        value = measures[column]
        data.setdefault(group, {})[name] = float(value) if isinstance(value, Decimal) else value
    used = {column for _, _, column in SOURCE_MEASURES} | set(_NOT_MEASURES)
    data["measures"] = {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in measures.items()
        if name not in used
    }
    return dict(data)
