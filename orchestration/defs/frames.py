"""What the Python assets share: a query's rows as a frame, a chart as an asset's picture.

Not here: writing rows (replacing), what is computed (orchestration.analytics).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Protocol, TypeAlias

import dagster as dg
import pandas as pd
import polars as pl
import psycopg
from psycopg.types.string import TextLoader

Schema: TypeAlias = Mapping[str, pl.DataType | type[pl.DataType]]
# A count with a blank beside it is a float to pandas.
COUNT_ENDINGS = ("_count", "_rank")


class Chart(Protocol):
    """A chart of altair's."""

    def to_dict(self) -> dict[str, object]: ...


def copied_frame(
    connection: psycopg.Connection,
    query: str,
    schema: Schema,
    values: Mapping[str, object] | None = None,
) -> pl.DataFrame:
    """The rows of a query as a Polars frame; COPY is ten times as fast as fetching them.

    Args:
        connection: where it is asked.
        query: its columns in the order of `schema`; instants as microseconds since 1970.
        schema: names and types of the columns.
        values: what the query's placeholders stand for.
    """
    text = _copied(connection, query, values)
    read_as = {name: pl.Int64 if isinstance(kind, pl.Datetime) else pl.String if kind == pl.Boolean else kind
               for name, kind in schema.items()}  # fmt: skip
    if not text:
        return pl.DataFrame(schema=dict(schema))
    frame = pl.read_csv(
        BytesIO(text), has_header=False, new_columns=list(schema), schema_overrides=list(read_as.values())
    )
    flags = [(pl.col(name) == "t").alias(name) for name, kind in schema.items() if kind == pl.Boolean]
    return frame.with_columns(flags).cast(dict(schema))  # type: ignore[arg-type]


def _copied(connection: psycopg.Connection, query: str, values: Mapping[str, object] | None) -> bytes:
    """The rows as CSV. What has come is taken from libpq: through psycopg each row costs half as much again."""
    parts, end, results = [], 0, list[psycopg.pq.abc.PGresult]()
    with connection.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout (format csv)".encode(), values) as copy:
        while end == 0 and (row := copy.read()):
            parts.append(bytes(row))
            while (taken := connection.pgconn.get_copy_data(1))[0] > 0:
                parts.append(bytes(taken[1]))
            end = taken[0]
        # Where libpq told the end, how it went is still to be asked, until there is no more to be told.
        while end < 0 and (result := connection.pgconn.get_result()) is not None:
            results.append(result)
    for result in results:
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
    return b"".join(parts)


def local_clock(instant: pl.Expr, time_zone: str) -> pl.Expr:
    """What a clock in the zone shows at an instant."""
    return instant.dt.convert_time_zone(time_zone).dt.replace_time_zone(None)


def read_frame(
    connection: psycopg.Connection, query: str, values: dict[str, object] | None = None, *, has_text_ids: bool = False
) -> pd.DataFrame:
    """The rows of a query under its columns' names; with ids as text, which sort and join in a third of the time."""
    cursor = connection.cursor()
    if has_text_ids:
        cursor.adapters.register_loader("uuid", TextLoader)
    cursor.execute(query.encode(), values)
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
        if any(isinstance(value, list | dict) for value in values):
            parts.append([json.dumps(value, allow_nan=False) for value in values])
            continue
        is_count = name.endswith(COUNT_ENDINGS)
        plain = values.astype(object).where(values.notna(), None)
        parts.append([int(value) if is_count and value is not None else value for value in plain])
    return [list(row) for row in zip(*parts, strict=True)]
