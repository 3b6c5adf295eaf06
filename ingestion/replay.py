"""Second chances: quarantined rows out to a file for repair, a repaired file or a refused one in again.

Not here: the load itself, which marks the row that a repaired one names in its `_quarantined_*` columns.
"""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg

from ingestion.contract import Contract, contract
from ingestion.errors import IngestionError
from ingestion.readers import SUFFIXES, format_of
from ingestion.readers.jsonl_reader import parse_line
from ingestion.whole_files import written_whole

REPLAY_FOLDER = "replayed"
REPAIR_COLUMNS = ("_quarantined_load_id", "_quarantined_line_number", "_quarantined_reasons", "_quarantined_text")


def _fields(text: str, file_name: str, columns: list[str]) -> dict[str, str] | None:
    """A quarantined row's values by column, as far as it can be taken apart; None if it cannot."""
    if format_of(Path(file_name)) == "csv":
        try:
            fields = next(csv.reader([text], strict=True), [])
        except csv.Error:
            return None
        return dict(zip(columns, fields, strict=True)) if len(fields) == len(columns) else None
    try:
        return {name: value or "" for name, value in parse_line(text.encode()).items()}
    except (ValueError, json.JSONDecodeError):
        return None


def export_quarantine(
    connection: psycopg.Connection[tuple[object, ...]], feed: str, out: Path, load_id: UUID | None = None
) -> int:
    """Writes the feed's open quarantined rows as a CSV to be corrected, readable by its owner only.

    A row that cannot be taken apart has its whole text in `_quarantined_text`. Returns the number of rows.
    """
    chosen: Contract = contract(feed)
    rows = connection.execute(
        "select q.load_id, q.line_number, q.original_text, q.reasons, l.file_name, l.columns"
        " from raw.quarantine q join raw.load_ledger l using (load_id)"
        " where q.feed = %s and q.status = 'open' and (%s::uuid is null or q.load_id = %s)"
        " order by l.delivery_sequence, q.line_number",
        [feed, load_id, load_id],
    ).fetchall()
    names = [column.name for column in chosen.all_columns]
    with written_whole(out, 0o600) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*names, *REPAIR_COLUMNS], extrasaction="ignore")
        writer.writeheader()
        for load, line, text, reasons, file_name, columns in rows:
            values = _fields(str(text), str(file_name), list(columns))  # type: ignore[call-overload]
            repair = (load, line, "; ".join(reasons), "" if values else text)  # type: ignore[arg-type]
            writer.writerow({**(values or {}), **dict(zip(REPAIR_COLUMNS, repair, strict=True))})
    return len(rows)


def land_repaired_file(file: Path, feed: str, landing: Path) -> Path:
    """Copies a repaired file into the feed's landing folder under a name of its own; the next load takes it."""
    chosen = contract(feed)
    if not file.is_file():
        raise IngestionError(f"{file}: no such file; expected the corrected rows of feed {feed}")
    suffix = next((suffix for suffix in sorted(SUFFIXES, key=len) if file.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise IngestionError(f"{file}: expected a name that ends in {', '.join(SUFFIXES)}")
    target = landing / chosen.feed / REPLAY_FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}{suffix}"
    with written_whole(target) as partial:
        shutil.copyfile(file, partial)
    return target


def retry_refused(connection: psycopg.Connection[tuple[object, ...]], load_id: UUID) -> tuple[str, str]:
    """Takes a refusal back, so that the next load tries the file again. Returns its feed and file name."""
    row = connection.execute(
        "delete from raw.load_ledger where load_id = %s and status = 'refused' returning feed, file_name", [load_id]
    ).fetchone()
    if row is None:
        raise IngestionError(
            f"load {load_id} is no refused load; the refused ones: select load_id, feed, file_name, refusal_reason"
            " from raw.load_ledger where status = 'refused'"
        )
    return str(row[0]), str(row[1])
