"""Parquet files: every value as the text that a CSV of it would hold.

Not here: types and rules. A row's original text is the row as a JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.exceptions import PanicException, PolarsError

from ingestion.errors import FileRefused
from ingestion.readers import BrokenRow, TextChunk, normalise_header
from ingestion.readers.lines import byte_problem, printable

BATCH_ROWS = 1 << 16
BATCH_BYTES = 32 << 20


def float_texts(column: pl.Series) -> pl.Series:
    """The shortest decimals that read back as the same floats; never an exponent."""
    texts = column.cast(pl.String).str.strip_suffix(".0")
    # Those with an exponent, and what is no number: few, and one by one.
    rare = texts.str.contains("[a-zA-Z]").fill_null(False).arg_true()
    if not len(rare):
        return texts
    return texts.scatter(rare, [np.format_float_positional(v, trim="-") for v in column.gather(rare).to_numpy()])


def _json_value(value: object) -> object:
    """A nested value that JSON has no form for."""
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, pl.Series):
        return value.to_list()
    raise ValueError(f"a nested value of type {type(value).__name__} has no form in JSON")


def _as_text(column: pl.Series) -> pl.Series:
    """Values as text: timestamps in ISO 8601 (UTC if they have no zone), nested values as JSON."""
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        if kind.time_unit == "ns" and (utc.dt.nanosecond() % 1000 != 0).any():
            return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if kind == pl.Binary:
        return pl.Series(column.name, [None if v is None else printable(v) for v in column.to_list()], pl.String)
    if isinstance(kind, pl.Struct | pl.List | pl.Array):
        return pl.Series(
            column.name,
            [None if v is None else json.dumps(v, default=_json_value) for v in column.to_list()],
            pl.String,
        )
    if kind.is_float():
        return float_texts(column)
    return column.cast(pl.String)


def _problems(frame: pl.DataFrame, texts: pl.DataFrame) -> dict[int, str]:
    """Rows that hold what no text may hold, and why."""
    problems: dict[int, str] = {}
    for column, text in zip(frame.get_columns(), texts.get_columns(), strict=True):
        if column.dtype == pl.Binary:
            found = [(i, byte_problem(value)) for i, value in enumerate(column.to_list()) if value is not None]
        else:
            has_nul = text.str.contains("\x00", literal=True).fill_null(False)
            found = [(int(i), "a NUL character, which no text may hold") for i in has_nul.arg_true()]
        problems |= {i: f"{text.name}: {problem}" for i, problem in found if problem}
    return problems


def _row_as_json(texts: pl.DataFrame, row: int) -> str:
    values = {name: value and value.replace("\x00", "\\x00") for name, value in texts.row(row, named=True).items()}
    return json.dumps(values, ensure_ascii=False)


class ParquetReader:
    """Reads one Parquet file in batches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb"):
                self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise FileRefused(
                f"{path.name}: expected a Parquet file, found none that can be read: {error}; have the source deliver"
                " it again"
            ) from error

    def header(self) -> tuple[str, ...]:
        return normalise_header(list(self._file.schema_arrow.names), self._path)

    def _batch_rows(self) -> int:
        """So many rows that a batch stays within its bytes."""
        data = self._file.metadata
        row_bytes = sum(data.row_group(i).total_byte_size for i in range(data.num_row_groups)) / max(data.num_rows, 1)
        return int(min(BATCH_ROWS, max(BATCH_BYTES / max(row_bytes, 1), 1)))

    def chunks(self) -> Iterator[TextChunk]:
        names = self.header()
        rows_read = 0
        try:
            for batch in self._file.iter_batches(batch_size=self._batch_rows()):
                texts, problems = self._texts(batch, names, rows_read)
                broken = [
                    BrokenRow(rows_read + 1 + row, _row_as_json(texts, row), problem)
                    for row, problem in sorted(problems.items())
                ]
                kept = np.setdiff1d(np.arange(len(texts)), np.array(list(problems), dtype=np.int64))
                lines = kept + rows_read + 1
                rows_read += len(texts)
                good = texts[kept] if problems else texts
                yield TextChunk(good, lines, partial(_row_as_json, good), broken)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise FileRefused(
                f"{self._path.name}: after row {rows_read}: the Parquet file is damaged: {error}; have the source"
                " deliver it again"
            ) from error

    def _texts(self, batch: pa.RecordBatch, names: tuple[str, ...], first: int) -> tuple[pl.DataFrame, dict[int, str]]:
        columns, texts = [], []
        for name, field, values in zip(names, batch.schema, batch.columns, strict=True):
            try:
                column = pl.Series(name, pl.from_arrow(values))
                columns.append(column)
                texts.append(_as_text(column).replace("", None))
            except (PolarsError, PanicException, pa.ArrowException, ValueError, OverflowError) as error:
                raise FileRefused(
                    f"{self._path.name}: after row {first}: the column {name!r} of type {field.type} holds values that"
                    f" have no form as text ({error}); have the source deliver it as text"
                ) from error
        frame = pl.DataFrame(texts)
        return frame, _problems(pl.DataFrame(columns), frame)
