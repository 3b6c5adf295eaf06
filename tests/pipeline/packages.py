"""Small packages of files, written and registered as the packaging does it.

Not here: tests; real filings.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

PROVIDERS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
ERROR = {"level": "error", "file": "fbs.csv", "row": 2, "column": "tract", "message": "Row 2: invalid tract 1"}
WARNING = {
    "level": "warning",
    "file": "fbs.csv",
    "row": 1,
    "column": None,
    "message": "Row 1: fewer than 3 connections",
}
FBS_COLUMNS = [
    "tract", "technology_code", "advertised_download_speed", "advertised_upload_speed", "total_connections",
    "consumer_connections",
]  # fmt: skip
STATUS = {frozenset(): "ready", frozenset({"warning"}): "ready_with_warnings"}

# As packages write it: which connections a row counts, or why some are left out.
FILING_CONNECTION = """
    create table regulatory.filing_connection (
        package_id bigint, provider_id uuid, file text, row_number bigint, left_out_reason text, service_id uuid,
        plan_id uuid, customer_id uuid, connections bigint, tract_source text
    );
    grant select on regulatory.filing_connection to compliance
"""
_CONNECTIONS = """
    insert into regulatory.filing_connection
    select %(package)s, %(provider)s::uuid, 'fbs.csv', line, null, gen_random_uuid(), gen_random_uuid(),
        gen_random_uuid(), case member when 1 then 2 else 1 end, 'block_geoid'
    from generate_series(1, %(rows)s) as line, generate_series(1, line + 2) as member
    union all
    select %(package)s, %(provider)s::uuid, 'fbs.csv', null, reason, gen_random_uuid(), gen_random_uuid(),
        gen_random_uuid(), 1, null
    from (values ('no_tract', 2), ('suspended', 5)) as left_out (reason, many), generate_series(1, many)
"""


@dataclass(frozen=True)
class Package:
    package_id: int
    folder: Path
    manifest_sha256: str


def fbs_rows(count: int) -> bytes:
    """An FBS file of so many rows."""
    rows = (f"0100102{number:04d},50,{100 + number},20,{number + 4},{number + 1}\r\n" for number in range(count))
    return "".join(rows).encode()


def write_package(folder: Path, files: dict[str, bytes], **manifest: object) -> tuple[dict, str]:
    """Writes the files and manifest.json; the manifest and its SHA-256."""
    folder.mkdir(parents=True)
    entries = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        is_csv = name.endswith(".csv")
        entry = {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        entries.append(entry | {"rows": content.count(b"\n") if is_csv else None, "has_header": False})
        if name == "fbs.csv":
            entries[-1]["columns"] = FBS_COLUMNS
    whole = {
        "report_type": "fcc_form477", "due_date": "2026-09-01", "provider_name": "Cahaba Net", "frn": "0012345678",
        "required_filings": [{"form": "FCC Form 477", "description": "Fixed broadband subscription"}],
        "layout_versions": {"fbs": "2022.1"}, **manifest, "files": entries,
    }  # fmt: skip
    content = (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()
    (folder / "manifest.json").write_bytes(content)
    (folder / "provenance.json").write_text('{"code_version": "test"}\n')
    return whole, hashlib.sha256(content).hexdigest()


def register(
    connection: psycopg.Connection, exports: Path, number: int = 1, findings: tuple[dict, ...] = (),
    provider: str = PROVIDERS[0], period_end: str = "2026-06-30", rows: int = 3, **manifest: object,
) -> Package:  # fmt: skip
    """A package as the pipeline makes it; rows makes its content another."""
    folder = f"fcc_form477/{provider}/{period_end}/{number}"
    numbered = [{"finding_number": place} | one for place, one in enumerate(findings, 1)]
    files = {
        "fbs.csv": fbs_rows(rows),
        "validation.json": json.dumps(numbered).encode(),
        "summary.html": b"<p>summary</p>",
    }
    content, digest = write_package(exports / folder, files, number=number, **manifest)
    levels = frozenset(one["level"] for one in findings)
    in_file = sum(number + 4 for number in range(rows))
    left_out = [{"reason": "no_tract", "connections": 2}, {"reason": "suspended", "connections": 5}]
    difference = {"package_number": number - 1, "files": [{
        "file": "fbs.csv", "added": 1, "gone": 0, "changed": 2,
        "examples": [{"change": "changed", "key": "01001020000,50", "before": "4", "after": "5"}],
    }]} if number > 1 else None  # fmt: skip
    (package_id,) = connection.execute(
        "select regulatory.register_package(report_type => 'fcc_form477', provider_id => %(provider)s,"
        " period_start => %(end)s, period_end => %(end)s, manifest => %(manifest)s, manifest_sha256 => %(digest)s,"
        " validation => %(validation)s, reconciliation => %(reconciliation)s, difference => %(difference)s,"
        " compliance_status => %(status)s, folder => %(folder)s, code_version => 'test',"
        " report_data => %(data)s)",
        {
            "provider": provider, "end": period_end, "manifest": Jsonb(content), "digest": digest, "folder": folder,
            "validation": Jsonb(numbered), "status": STATUS.get(levels, "incomplete"),
            "reconciliation": Jsonb([{
                "file": "fbs.csv", "form": "fixed broadband", "in_service": in_file + 7, "in_file": in_file,
                "left_out": left_out, "residual": 0, "with_suspended": in_file + 5,
                "rule_sets": [{"rule_set": "bdc_2022", "connections": in_file}],
            }]),
            "difference": Jsonb(difference) if difference else None, "data": Jsonb({"total_connections": in_file}),
        },
    ).fetchone()  # fmt: skip
    if connection.execute("select to_regclass('regulatory.filing_connection') is not null").fetchone() == (True,):
        connection.execute(_CONNECTIONS, {"package": package_id, "provider": provider, "rows": rows})
    return Package(package_id, exports / folder, digest)
