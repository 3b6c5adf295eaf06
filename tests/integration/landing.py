"""Small landed files for tests: rows as dictionaries, written in any format.

Not here: the sample operator, which is realistic; these rows are as simple as the contract allows.
"""

import csv
import gzip
import io
import json
import os
import uuid
from pathlib import Path

import polars as pl

from ingestion.contract import contract

NAMESPACE = uuid.UUID("00000000-0000-4000-8000-000000000001")


def identifier(name: object) -> str:
    """A UUID for a readable name, the same in every run."""
    return str(uuid.uuid5(NAMESPACE, str(name)))


def usage(name: object, at: str = "2026-01-15T10:00:00Z", **values: object) -> dict[str, object]:
    row = {
        "usage_id": identifier(name),
        "service_id": identifier("service"),
        "usage_timestamp": at,
        "usage_type": "data",
        "data_usage_bytes": 1000,
        "voice_seconds": 0,
        "sms_count": 0,
    }
    return {**row, **values}


def customer(name: object, updated_at: str = "2026-01-01T00:00:00Z", **values: object) -> dict[str, object]:
    row = {
        "customer_id": identifier(name),
        "customer_type": "individual",
        "first_name": str(name),
        "account_status": "active",
        "acquisition_date": "2020-01-01",
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": updated_at,
    }
    return {**row, **values}


def land(
    landing: Path, feed: str, name: str, rows: list[dict[str, object]], modified_at: float = 1_770_000_000
) -> Path:
    """Writes rows as landing/feed/name in the format of the name; the columns are the contract's, and any others."""
    path = landing / feed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    known = [column.name for column in contract(feed).columns]
    columns = [*known, *dict.fromkeys(key for row in rows for key in row if key not in known)]
    if name.endswith(".parquet"):
        table = {column: [None if row.get(column) is None else str(row[column]) for row in rows] for column in columns}
        pl.DataFrame(table, schema=dict.fromkeys(columns, pl.String)).write_parquet(path)
    else:
        buffer = io.StringIO(newline="")
        if ".jsonl" in name:
            buffer.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(buffer, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        content = buffer.getvalue().encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    os.utime(path, (modified_at, modified_at))
    return path
