"""A row that a contract accepts, made from the contract: what the feeds' pages show.

Not here: data that looks like an operator's (ingestion.sample).
"""

from __future__ import annotations

import csv
import io
import json
import uuid

from ingestion.contract import Column, Contract
from ingestion.shapes import shapes

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_PLAIN = {"date": "2026-01-31", "timestamptz": "2026-01-31T18:30:00-06:00", "boolean": "true"}


def _number(column: Column) -> str:
    """The number nearest to 12 that the column takes."""
    number = max(12, column.min if column.min is not None else 12)
    return f"{min(number, column.max if column.max is not None else number):.0f}"


def _value(column: Column, number: int) -> str:
    if column.example is not None:
        return column.example
    if column.values:
        return column.values[0]
    if column.type == "uuid":
        return str(uuid.uuid5(_NAMESPACE, f"{column.name} {number}"))
    if column.type == "json":
        return json.dumps(shapes()[column.shape]["examples"][0] if column.shape else {})
    if column.type in ("bigint", "numeric"):
        return _number(column)
    return _PLAIN.get(column.type, f"{column.name.replace('_', ' ')} {number}")


def example_row(contract: Contract, number: int = 1) -> dict[str, str]:
    """Every column of the feed filled; another number gives another entity."""
    return {column.name: _value(column, number) for column in contract.columns}


def example_csv(contract: Contract) -> str:
    """A file of one row, as it may be landed."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, [column.name for column in contract.columns], lineterminator="\n")
    writer.writeheader()
    writer.writerow(example_row(contract))
    return buffer.getvalue()
