"""What the Python assets share: a query's rows as a frame, a chart as an asset's picture.

Not here: writing rows (replacing), what is computed (orchestration.analytics).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Protocol

import dagster as dg
import pandas as pd
import psycopg

# A count with a blank beside it is a float to pandas.
COUNT_ENDINGS = ("_count", "_rank")


class Chart(Protocol):
    """A chart of altair's."""

    def to_dict(self) -> dict[str, object]: ...


def read_frame(connection: psycopg.Connection, query: str, values: dict[str, object] | None = None) -> pd.DataFrame:
    """The rows of a query under its columns' names."""
    cursor = connection.execute(query.encode(), values)
    return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])


def picture(chart: Chart, description: str) -> dg.MetadataValue:
    """The chart as a PNG that the page of the asset shows."""
    import vl_convert

    encoded = base64.b64encode(vl_convert.vegalite_to_png(chart.to_dict(), scale=1)).decode()
    return dg.MetadataValue.md(f"![{description}](data:image/png;base64,{encoded})")


def plain_values(frame: pd.DataFrame, columns: Sequence[str]) -> list[list[object]]:
    """The frame's rows as PostgreSQL takes them: null for nothing known, whole counts, lists and objects as JSON."""
    parts: list[list[object]] = []
    for name in columns:
        values = frame[name]
        if values.map(lambda value: isinstance(value, list | dict)).any():
            parts.append([json.dumps(value, allow_nan=False) for value in values])
            continue
        is_count = name.endswith(COUNT_ENDINGS)
        plain = values.astype(object).where(values.notna(), None)
        parts.append([int(value) if is_count and value is not None else value for value in plain])
    return [list(row) for row in zip(*parts, strict=True)]
