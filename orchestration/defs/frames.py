"""What the Python assets share: a query's rows as a frame, a chart as an asset's picture.

Not here: writing rows (replacing), what is computed (orchestration.analytics).
"""

from __future__ import annotations

import base64
from typing import Protocol

import dagster as dg
import pandas as pd
import psycopg


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
