"""Parquet files: every value as the text that a CSV of it would hold.

Not here: types and rules. A row's original text is the row as a JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import FileRefused
from ingestion.readers import TextChunk, normalise_header

BATCH_ROWS = 1 << 16


def _float_text(value: np.floating) -> str:
    """The shortest decimal that reads back as the same float; never an exponent."""
    return np.format_float_positional(value, trim="-")


def _as_text(column: pl.Series) -> pl.Series:
    """Values as text: timestamps in ISO 8601 (UTC if they have no zone), nested values as JSON."""
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        if kind.time_unit == "ns" and (utc.dt.nanosecond() % 1000 != 0).any():
            return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if kind == pl.Binary:
        return column.cast(pl.String, strict=True)
    if isinstance(kind, pl.Struct | pl.List | pl.Array):
        return pl.Series(
            column.name, [None if v is None else json.dumps(v, default=str) for v in column.to_list()], pl.String
        )
    if kind.is_float():
        return pl.Series(column.name, [_float_text(v) for v in column.to_numpy()], pl.String).zip_with(
            column.is_not_null(), pl.Series([None], dtype=pl.String)
        )
    return column.cast(pl.String)


def _row_as_json(texts: pl.DataFrame, row: int) -> str:
    return json.dumps(texts.row(row, named=True), ensure_ascii=False)


class ParquetReader:
    """Reads one Parquet file in batches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise FileRefused(f"{path.name}: expected a Parquet file, found none that can be read: {error}") from error

    def header(self) -> tuple[str, ...]:
        return normalise_header(list(self._file.schema_arrow.names), self._path)

    def chunks(self) -> Iterator[TextChunk]:
        names = self.header()
        rows_read = 0
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS):
                frame = pl.DataFrame(pl.from_arrow(batch))
                texts = pl.DataFrame([_as_text(column) for column in frame.get_columns()])
                texts = texts.rename(dict(zip(texts.columns, names, strict=True)))
                texts = texts.with_columns(pl.all().replace("", None))
                lines = np.arange(rows_read + 1, rows_read + 1 + len(texts), dtype=np.int64)
                rows_read += len(texts)
                yield TextChunk(texts, lines, partial(_row_as_json, texts))
        except (pa.ArrowInvalid, OSError) as error:
            raise FileRefused(
                f"{self._path.name}: after row {rows_read}: the Parquet file is damaged: {error}"
            ) from error
