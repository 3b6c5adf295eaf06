"""A package on disk: everything that belongs to it as bytes, written aside and put in its place at once.

Not here: what is filed (gathering), reading packages (package_files), the database's side (generating).
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestration.regulatory.content import REQUIRED_FILINGS, Content
from orchestration.regulatory.differences import Change
from orchestration.regulatory.findings import OF_THE_CLOCK, numbered
from orchestration.regulatory.layouts import LINE_END, FilingError, Layout
from orchestration.regulatory.package_files import MANIFEST, PROVENANCE
from orchestration.regulatory.pages import state_page, summary_page
from orchestration.regulatory.reconciling import HEADER, reconciliation_rows

DATAPACKAGE = "datapackage.json"
DIFFERENCE_HEADER = ("file", "change", "key", "before", "after")
_FIELD_TYPES = {
    "total": "integer", "part": "integer", "count": "integer", "speed": "number", "whole_speed": "integer",
    "block_speed": "number", "number": "number",
}  # fmt: skip


def to_json(value: object) -> bytes:
    """JSON of which the same value makes the same bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n").encode()


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=LINE_END)
    writer.writerows([header, *rows])
    return stream.getvalue().encode()


def _resource(layout: Layout, content: bytes) -> dict[str, object]:
    """A table as Frictionless describes it."""
    fields = [{"name": one.name, "type": _FIELD_TYPES.get(one.kind, "string")} for one in layout.columns]
    return {
        "name": layout.name, "path": layout.file_name, "title": layout.title, "profile": "tabular-data-resource",
        "format": "csv", "mediatype": "text/csv", "encoding": "utf-8", "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "dialect": {"delimiter": ",", "lineTerminator": LINE_END, "quoteChar": '"', "header": layout.has_header},
        "schema": {"fields": fields, "primaryKey": [one.name for one in layout.columns if one.is_key]},
    }  # fmt: skip


def content_sha256(content: Content) -> str:
    """A hash of what is filed and found, without what the day decides on which it was made."""
    digest = hashlib.sha256()
    for name, table in sorted(content.files.items()):
        digest.update(f"{name} {content.layouts[name].version} {len(table)}\n".encode() + table)
    lasting = [one for one in content.findings if one.check not in OF_THE_CLOCK]
    filing = content.filing
    digest.update(to_json([
        numbered(lasting), [one.as_json() for one in content.accounts], filing.due_date, filing.rule_sets,
        vars(filing.provider), content.report_data,
    ]))  # fmt: skip
    return digest.hexdigest()


def package_files(content: Content, number: int, changes: Sequence[Change] | None) -> dict[str, bytes]:
    """Every file of the package by name, manifest.json last.

    Args:
        content: what is filed.
        number: the package's.
        changes: rows that differ from the package before; None where there is none.
    """
    tables = {content.layouts[name].file_name: table for name, table in content.files.items()}
    files = dict(tables)
    files["validation.json"] = to_json(numbered(content.findings))
    files["reconciliation.csv"] = _table(HEADER, reconciliation_rows(content.accounts))
    if changes is not None:
        files["difference.csv"] = _table(DIFFERENCE_HEADER, changes)
    if "fvs_state" in content.files:
        files["fvs_state.html"] = state_page(content)
    files["summary.html"] = summary_page(content, number, changes)
    resources = [_resource(content.layouts[name], table) for name, table in content.files.items()]
    files[DATAPACKAGE] = to_json({
        "name": f"{content.filing.report_type}-{content.filing.period_end}-{number}".replace("_", "-"),
        "profile": "tabular-data-package", "resources": resources,
    })  # fmt: skip
    files[MANIFEST] = to_json(_manifest(content, number, files))
    return files


def _manifest(content: Content, number: int, files: Mapping[str, bytes]) -> dict[str, object]:
    filing, by_name = content.filing, {one.file_name: one for one in content.layouts.values()}
    entries = []
    for name, table in files.items():
        entry: dict[str, object] = {
            "name": name, "bytes": len(table), "sha256": hashlib.sha256(table).hexdigest(), "rows": None,
        }  # fmt: skip
        if name in by_name:
            layout = by_name[name]
            entry |= {"rows": len(content.rows(layout.name)), "columns": layout.header, "has_header": layout.has_header}
        elif name.endswith(".csv"):
            first = table.decode().splitlines()[0].split(",")
            entry |= {"rows": table.count(b"\r\n") - 1, "columns": first, "has_header": True}
        entries.append(entry)
    return {
        "report_type": filing.report_type, "package_number": number, "provider_id": filing.provider.provider_id,
        "provider_name": filing.provider.name, "frn": filing.provider.frn, "is_ilec": filing.provider.is_ilec,
        "period_start": filing.period_start, "period_end": filing.period_end, "due_date": filing.due_date,
        "rule_sets": list(filing.rule_sets), "content_sha256": content_sha256(content),
        "layout_versions": {name: content.layouts[name].version for name in content.files},
        "required_filings": [
            {"form": form, "description": said} for form, said in REQUIRED_FILINGS[filing.report_type]
        ],
        "files": entries,
    }  # fmt: skip


def _write(path: Path, content: bytes) -> None:
    """Writes and flushes to the disk, so that a rename never names what is not there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def write_aside(exports: Path, place: str, number: int, files: Mapping[str, bytes], provenance: object) -> Path:
    """Writes the files into a folder beside the package's place; whatever was left there before is removed.

    Raises:
        FilingError: they cannot be written; nothing is left, and the packages before are as they were.
    """
    parent = exports / place
    aside = parent / f".{number}.partial"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(".*.partial"):
            shutil.rmtree(left)
        aside.mkdir()
        for name, content in files.items():
            _write(aside / name, content)
        _write(aside / PROVENANCE, to_json(provenance))
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise FilingError(
            f"{parent / str(number)}: the package could not be written ({error.strerror or error}); nothing was"
            " changed, the last package is whole. Free the disk (or set EXPORTS_DIR to another) and generate again"
        ) from error
    return aside


def put_in_place(aside: Path, number: int) -> Path:
    """Renames the folder to its number.

    A folder of that number that the database does not know (a kill came between the two, or the database is another
    one) stays beside it, under a name that says so.
    """
    target = aside.parent / str(number)
    if target.exists():
        places = (aside.parent / f".{number}.unregistered.{count}" for count in itertools.count(1))
        target.rename(next(place for place in places if not place.exists()))
    aside.rename(target)
    descriptor = os.open(aside.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return target
