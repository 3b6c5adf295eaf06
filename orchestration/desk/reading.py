"""What the pages show, asked from the database with the person's own rights.

Not here: how it looks (templates), steps (steps).
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from orchestration.regulatory.package_files import MANIFEST, PackageFiles

ROWS_OF_A_PAGE, FINDINGS_OF_A_PAGE = 100, 50
_LARGEST_ID = 2**63 - 1

_FILINGS = """
    select status.*, newest.package_number, newest.manifest ->> 'provider_name' as provider_name,
        filed.package_number as filed_number, filed.filed_on, filed.submission_id,
        jsonb_array_length(status.validation_errors) as errors_count,
        cardinality(regulatory.open_warnings(status.package_id)) as open_warnings_count
    from regulatory.filing_status as status
    inner join regulatory.packages as newest on newest.package_id = status.package_id
    left join regulatory.packages as filed on filed.package_id = status.filed_package_id
    order by status.state = 'filed', status.submission_deadline nulls last, status.report_type, provider_name,
        status.period_end
"""
# What lies further back was filed before there was a warehouse.
_NOT_GENERATED = """
    select due.report_type, due.as_of_date, due.due_date, due.notice, provider.provider_name
    from regulatory.filing_due_dates as due
    cross join core.dim_provider as provider
    where due.is_regular and due.due_date >= current_date - 120
        and provider.provider_id <> '00000000-0000-0000-0000-000000000000' and not exists (
            select from regulatory.filing_status as status
            where status.report_type = due.report_type and status.provider_id = provider.provider_id
                and status.period_end = due.as_of_date
        )
    order by due.due_date, due.report_type, provider.provider_name
"""
_PACKAGE = "select * from regulatory.packages where package_id = %s"
_NUMBERS = """
    select package_id, package_number, state, generated_at from regulatory.packages
    where report_type = %(report_type)s and provider_id = %(provider_id)s and period_end = %(period_end)s
    order by package_number desc
"""
_SAID = """
    select finding_number, explanation, acknowledged_by, acknowledged_at from regulatory.acknowledgements
    where package_id = %s order by acknowledged_at, acknowledgement_id
"""
_CONNECTIONS = """
    select to_jsonb(connection)
        - array['package_id', 'file', 'row_number', 'left_out_reason', 'provider_id'] as service,
        count(*) over () as services_count, sum(connection.connections) over () as connections_count
    from regulatory.filing_connection as connection
    where package_id = %(package)s and file = %(file)s
        and (row_number = %(row)s::bigint or left_out_reason = %(reason)s::text)
    order by service_id, plan_id
    limit %(limit)s offset %(offset)s
"""


_OPENS = """
    select exists (
        select from regulatory.filing_connection where package_id = %s and file = %s
    ) as is_so
"""


_MAY_READ = """
    select exists (
        select from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
        where nspname || '.' || relname = %s and has_schema_privilege(pg_namespace.oid, 'USAGE')
            and has_table_privilege(pg_class.oid, 'SELECT')
    ) as may_read
"""


def _ask(connection: psycopg.Connection, query: str, values: Any = None) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def _may_read(connection: psycopg.Connection, relation: str) -> bool:
    """Whether a relation is there yet (the first run and the first package make them) and open to the person."""
    return bool(_ask(connection, _MAY_READ, [relation])[0]["may_read"])


def read_filings(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """One row per filing: its newest package and the one that is filed; what is due first comes first."""
    return _ask(connection, _FILINGS)


def read_not_generated(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Filings that the calendar knows and that have no package yet; what is due first comes first."""
    relations = ("regulatory.filing_due_dates", "core.dim_provider")
    if not all(_may_read(connection, relation) for relation in relations):
        return []
    return _ask(connection, _NOT_GENERATED)


@dataclass(frozen=True)
class Package:
    """A package as the person sees it: the row of regulatory.packages, and where its files lie."""

    row: Mapping[str, Any]
    files: PackageFiles

    @property
    def package_id(self) -> int:
        return int(self.row["package_id"])

    def findings(self, level: str) -> list[Mapping[str, Any]]:
        """The findings of a level, as the checks wrote them."""
        return [one for one in self.row["validation"] if one["level"] == level]


def find_package(connection: psycopg.Connection, exports: Path, package_id: int) -> Package | None:
    """The package of an id; None where there is none that the person may see."""
    if not 0 < package_id <= _LARGEST_ID:
        return None
    for row in _ask(connection, _PACKAGE, [package_id]):
        return Package(row, PackageFiles(exports, row["folder"], row["manifest"], row["manifest_sha256"]))
    return None


def read_numbers(connection: psycopg.Connection, package: Package) -> list[dict[str, Any]]:
    """All packages of the same filing, the newest first."""
    return _ask(connection, _NUMBERS, dict(package.row))


def read_acknowledgements(connection: psycopg.Connection, package: Package) -> list[dict[str, Any]]:
    """What people wrote about warnings, in order; of several for one warning the last counts."""
    return _ask(connection, _SAID, [package.package_id])


@dataclass(frozen=True)
class Behind:
    """What stands behind a row or a reason: a page of services, and how many services and connections there are."""

    services: list[dict[str, Any]]
    services_count: int = 0
    connections_count: int = 0


def read_connections(
    connection: psycopg.Connection, package: Package, file: str, row: int | None, reason: str | None, page: int
) -> Behind:
    """The services that a row counts, or that were left out for a reason."""
    if not _may_read(connection, "regulatory.filing_connection"):
        return Behind([])
    values = {"package": package.package_id, "file": file, "row": row, "reason": reason}
    window = {"limit": ROWS_OF_A_PAGE, "offset": (page - 1) * ROWS_OF_A_PAGE}
    found = _ask(connection, _CONNECTIONS, values | window)
    if not found:
        return Behind([])
    services = [one["service"] for one in found]
    return Behind(services, int(found[0]["services_count"]), int(found[0]["connections_count"] or 0))


def opens_connections(connection: psycopg.Connection, package: Package, file: str) -> bool:
    """Whether a file speaks of connections at all."""
    may_read = _may_read(connection, "regulatory.filing_connection")
    return may_read and bool(_ask(connection, _OPENS, [package.package_id, file])[0]["is_so"])


def read_rows(package: Package, name: str, page: int) -> tuple[list[str], list[list[str]], int]:
    """A page of a CSV file that the manifest lists: names of its columns (empty: unknown), rows, how many there are."""
    entry = package.files.entry(name) or {}
    content = io.TextIOWrapper(io.BytesIO(package.files.read(name)), encoding="utf-8", newline="")
    columns, lines = [str(one) for one in entry.get("columns") or ()], csv.reader(content)
    if entry.get("has_header"):
        columns = next(lines, columns)
    begin = (page - 1) * ROWS_OF_A_PAGE
    return columns, list(itertools.islice(lines, begin, begin + ROWS_OF_A_PAGE)), int(entry.get("rows") or 0)


def explanations(package: Package, said: list[dict[str, Any]]) -> bytes:
    """The warnings with their texts as explanations.csv, ready to paste."""
    last = {one["finding_number"]: one for one in said}
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["finding_number", "file", "row", "column", "message", "explanation", "acknowledged_by"])
    for finding in package.findings("warning"):
        text = last.get(finding["finding_number"], {})
        place = [finding["finding_number"], *(finding.get(name) for name in ("file", "row", "column", "message"))]
        writer.writerow([*place, text.get("explanation"), text.get("acknowledged_by")])
    return stream.getvalue().encode()


def files_of(package: Package) -> list[dict[str, Any]]:
    """The package's files with bytes, rows and SHA-256 as the manifest has them, manifest.json last."""
    names = ("name", "sha256", "bytes", "rows")
    last = {"name": MANIFEST, "sha256": package.row["manifest_sha256"]}
    return [{name: one.get(name) for name in names} for one in [*package.row["manifest"]["files"], last]]
