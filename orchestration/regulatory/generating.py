"""Makes a filing's package: gathers, compares with the newest one, writes, registers; or nothing where it is the same.

Not here: the marts (dbt), Dagster, the states after draft (steps.sql).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from orchestration.access.audit import record_access, record_run
from orchestration.regulatory.content import REPORT_TYPES, Content, Filing
from orchestration.regulatory.differences import Change, difference, file_changes
from orchestration.regulatory.findings import compliance_status, numbered
from orchestration.regulatory.gathering import FORMS, gather_form477, read_filing, read_provider
from orchestration.regulatory.gathering_blocks import gather_blocks
from orchestration.regulatory.gathering_emergency import gather_emergency
from orchestration.regulatory.layouts import FilingError
from orchestration.regulatory.package_files import MANIFEST, AlteredError, PackageFiles
from orchestration.regulatory.package_writer import content_sha256, package_files, put_in_place, to_json, write_aside

_GATHER: dict[str, Callable[[psycopg.Connection, Filing, datetime], Content]] = {
    "fcc_form477": gather_form477, "census_block": gather_blocks, "emergency_readiness": gather_emergency,
}  # fmt: skip
_LOCK = """
    select pg_advisory_xact_lock(
        hashtextextended(format('regulatory.packages %%s %%s %%s', %s::text, %s::uuid, %s::date), 0)
    )
"""
_NEWEST = """
    select package_id, package_number, folder, manifest, manifest_sha256 from regulatory.packages
    where report_type = %s and provider_id = %s and period_end = %s order by package_number desc limit 1
"""
_REGISTER = """
    select regulatory.register_package(
        report_type => %(report_type)s, provider_id => %(provider_id)s, period_start => %(period_start)s,
        period_end => %(period_end)s, manifest => %(manifest)s, manifest_sha256 => %(manifest_sha256)s,
        validation => %(validation)s, reconciliation => %(reconciliation)s, difference => %(difference)s,
        compliance_status => %(compliance_status)s, folder => %(folder)s, code_version => %(code_version)s,
        report_data => %(report_data)s
    )
"""
_CONNECTIONS = """
    insert into regulatory.filing_connection (
        package_id, file, service_id, plan_id, row_number, left_out_reason, customer_id, provider_id, zone_id,
        connections, is_consumer, tract_source, state_source
    )
    select %(package)s, files.file, line.service_id, line.plan_id, line.row_number, line.left_out_reason,
        line.customer_id, line.provider_id, line.zone_id, line.connections, line.is_consumer, line.tract_source,
        line.state_source
    from regulatory.form477_connections as line
    inner join unnest(%(forms)s::text[], %(files)s::text[]) as files (form, file) on files.form = line.form
    where line.as_of_date = %(day)s and line.provider_id = %(provider)s
"""


@dataclass(frozen=True)
class Generated:
    """What a generation came to; `is_new` false: the newest package holds these very data already."""

    package_id: int
    number: int
    folder: Path
    status: str
    is_new: bool
    errors: int
    warnings: int


def _newest(connection: psycopg.Connection, exports: Path, filing: Filing) -> tuple[int, int, PackageFiles] | None:
    key = [filing.report_type, filing.provider.provider_id, filing.period_end]
    row = connection.execute(_NEWEST.encode(), key).fetchone()
    return (row[0], row[1], PackageFiles(exports, row[2], row[3], row[4])) if row else None


def _changes(content: Content, before: PackageFiles) -> dict[str, list[Change]]:
    """What differs in each table from the package before, read from its files once they are known to be its own."""
    found: dict[str, list[Change]] = {}
    names = {str(entry["name"]) for entry in before.manifest["files"]}
    for name, layout in content.layouts.items():
        if layout.report_type == content.filing.report_type and (layout.file_name in names or name in content.files):
            old = before.read(layout.file_name) if layout.file_name in names else b""
            found[layout.file_name] = file_changes(layout, old, content.files.get(name, b""))
    return found


def generate(
    connection: psycopg.Connection, exports: Path, report_type: str, provider_id: str, day: date, as_of: datetime,
    code_version: str, period_start: date | None = None,
) -> Generated:  # fmt: skip
    """One filing's package from the marts as they are; in one transaction, which this commits.

    Args:
        connection: of the pipeline; its session's run is what the audit log names.
        exports: EXPORTS_DIR.
        report_type: one of REPORT_TYPES.
        provider_id: who files.
        day: the as-of date, or the last day of the period.
        as_of: the instant of "now".
        code_version: which code made it.
        period_start: first day of the period; None: the day itself, for emergency_readiness January 1.

    Raises:
        FilingError: there is no such report type, provider or date, the files cannot be written, or the package before
            has been altered on disk.
    """
    if report_type not in REPORT_TYPES:
        raise FilingError(f"report type {report_type!r}: there is none such; known are {', '.join(REPORT_TYPES)}")
    if report_type == "emergency_readiness" and period_start is None:
        period_start = date(day.year, 1, 1)
    with connection.transaction():
        provider = read_provider(connection, provider_id)
        filing = read_filing(connection, report_type, provider, day, period_start)
        connection.execute(_LOCK.encode(), [report_type, provider_id, day])
        content = _GATHER[report_type](connection, filing, as_of)
        newest = _newest(connection, exports, filing)
        if newest and newest[2].manifest.get("content_sha256") == content_sha256(content):
            return _generated(newest[0], newest[1], exports / newest[2].folder, content, is_new=False)
        return _make(connection, exports, content, newest, code_version)


def _make(
    connection: psycopg.Connection, exports: Path, content: Content, newest: tuple[int, int, PackageFiles] | None,
    code_version: str,
) -> Generated:  # fmt: skip
    number = newest[1] + 1 if newest else 1
    try:
        changes = _changes(content, newest[2]) if newest else None
    except AlteredError as error:
        raise FilingError(
            f"package {newest[1] if newest else 0} of {content.filing.place} is not as it was written ({error}); bring"
            " its files back from a copy, then generate again"
        ) from error
    rows = None if changes is None else [row for table in changes.values() for row in table]
    files = package_files(content, number, rows)
    provenance = {
        "code_version": code_version, "generated_at": datetime.now(UTC).isoformat(),
        "database": connection.info.dbname, "login": connection.info.user,
    }  # fmt: skip
    aside = write_aside(exports, content.filing.place, number, files, provenance)
    said = None if changes is None or newest is None else difference(newest[1], changes)
    package_id = _register(connection, content, number, files, said, code_version)
    folder = put_in_place(aside, number)
    return _generated(package_id, number, folder, content, is_new=True)


def _generated(package_id: int, number: int, folder: Path, content: Content, *, is_new: bool) -> Generated:
    levels = [one.level for one in content.findings]
    status = compliance_status(content.findings)
    return Generated(package_id, number, folder, status, is_new, levels.count("error"), levels.count("warning"))


def _register(
    connection: psycopg.Connection, content: Content, number: int, files: Mapping[str, bytes],
    said: dict[str, object] | None, code_version: str,
) -> int:  # fmt: skip
    filing = content.filing
    row = connection.execute(_REGISTER.encode(), {
        "report_type": filing.report_type, "provider_id": filing.provider.provider_id,
        "period_start": filing.period_start, "period_end": filing.period_end,
        "manifest": Jsonb(json.loads(files[MANIFEST])), "manifest_sha256": hashlib.sha256(files[MANIFEST]).hexdigest(),
        "validation": Jsonb(numbered(content.findings)),
        "reconciliation": Jsonb([one.as_json() for one in content.accounts]),
        "difference": Jsonb(said) if said else None, "compliance_status": compliance_status(content.findings),
        "folder": f"{filing.place}/{number}", "code_version": code_version,
        "report_data": Jsonb(json.loads(to_json(content.report_data))),
    }).fetchone()  # fmt: skip
    package_id = int(row[0]) if row else 0
    linked = 0
    if filing.report_type == "fcc_form477":
        names = [name for name in FORMS if name in content.files]
        linked = connection.execute(_CONNECTIONS.encode(), {
            "package": package_id, "day": filing.period_end, "provider": filing.provider.provider_id,
            "forms": [FORMS[name] for name in names], "files": [content.layouts[name].file_name for name in names],
        }).rowcount  # fmt: skip
    record_run(connection, "regulatory.filing_connection", linked)
    record_access(connection, f"filings: generated package {number} of {filing.place}", f"package {package_id}", linked)
    return package_id


def code_version(root: Path) -> str:
    """The commit of the code, else the version of the package; `+changed` says no more than that git is not asked."""
    head = root / ".git" / "HEAD"
    try:
        text = head.read_text(encoding="utf-8").strip()
        if text.startswith("ref: "):
            text = (root / ".git" / text.removeprefix("ref: ")).read_text(encoding="utf-8").strip()
    except OSError:
        return os.environ.get("CODE_VERSION", "unknown")
    return text


def generate_all(
    connection: psycopg.Connection, exports: Path, day: date, as_of: datetime, version: str,
    provider_ids: Sequence[str], report_types: Sequence[str] = REPORT_TYPES, period_start: date | None = None,
) -> list[tuple[Filing, Generated]]:  # fmt: skip
    """The packages of several providers and report types, each in a transaction of its own."""
    made = []
    for provider_id in provider_ids:
        for report_type in report_types:
            start = period_start if report_type == "emergency_readiness" else None
            result = generate(connection, exports, report_type, provider_id, day, as_of, version, start)
            filing = read_filing(connection, report_type, read_provider(connection, provider_id), day, start)
            made.append((filing, result))
    return made
