"""Comma-separated files: vectorised for records without quotes, record by record for the others.

Not here: types and rules. A record that cannot be taken apart is a broken row, never an error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.errors import FileRefused
from ingestion.readers import BrokenRow, TextChunk, normalise_header
from ingestion.readers.lines import byte_problem, line_starts, printable, whole_line_blocks

# An open quote that is not closed within this many bytes is a stray one: its line alone is broken.
MAX_QUOTED_RECORD_BYTES = 1 << 20
COMMA, QUOTE = ord(","), ord('"')

csv.field_size_limit(MAX_QUOTED_RECORD_BYTES)


@dataclass(frozen=True)
class _QuotedRecord:
    """A record that holds quotes: the lines [first, last) of a block, and its fields or what is wrong with it."""

    first: int
    last: int
    fields: list[str] | None
    problem: str = ""


class Block:
    """Whole records of a file: the first `size` bytes of `data`, and which of its records hold quotes."""

    def __init__(self, data: bytes, first_line: int, is_last: bool) -> None:
        self.data = data
        self.first_line = first_line
        self.quoted, self.line_count = _quoted_records(self, is_last)
        self.size = len(data) if QUOTE not in data else int(self.starts[self.line_count])

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each line begins, and the end."""
        return line_starts(self.data)

    @property
    def rest(self) -> bytes:
        """The beginning of a record that goes on in the next block."""
        return self.data[self.size :]

    def is_quoted(self) -> NDArray[np.bool_]:
        """By line, whether it belongs to a record with quotes."""
        mask = np.zeros(self.line_count, dtype=bool)
        for record in self.quoted:
            mask[record.first : record.last] = True
        return mask


@dataclass(frozen=True)
class PlainLines:
    """Lines without quotes, one after another in `data` (each with its newline), and their numbers."""

    data: bytes
    numbers: NDArray[np.int64]


def _parse_quoted(block: bytes, starts: NDArray[np.int64], first: int, is_last_block: bool) -> _QuotedRecord | None:
    """The record that begins at line `first`; None if it goes on in the next block."""
    end = int(np.searchsorted(starts, starts[first] + MAX_QUOTED_RECORD_BYTES, side="right"))
    end = min(max(end, first + 1), len(starts) - 1)
    lines = (block[starts[i] : starts[i + 1]] for i in range(first, end))
    reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in lines), strict=True)
    try:
        fields = next(reader)
    except csv.Error as error:
        reaches_end = end == len(starts) - 1 and reader.line_num >= end - first
        if "unexpected end" in str(error) and reaches_end and not is_last_block:
            return None
        return _QuotedRecord(first, first + 1, None, "quotes that do not pair up")
    last = first + reader.line_num
    record = block[starts[first] : starts[last]]
    problem = byte_problem(record)
    return _QuotedRecord(first, last, None if problem else fields, problem)


def _quoted_records(block: Block, is_last_block: bool) -> tuple[list[_QuotedRecord], int]:
    """All records with quotes in a block, and the number of lines that are complete."""
    data = block.data
    if QUOTE not in data:
        return [], data.count(b"\n")
    starts = block.starts
    quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == QUOTE)
    records: list[_QuotedRecord] = []
    following = 0
    for line in np.unique(np.searchsorted(starts, quotes, side="right") - 1).tolist():
        if line < following:
            continue
        record = _parse_quoted(data, starts, line, is_last_block)
        if record is None:
            return records, line
        records.append(record)
        following = record.last
    return records, len(starts) - 1


class CsvReader:
    """Reads one CSV file (RFC 4180, comma, quotes doubled inside quotes), plain or gzip."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks = whole_line_blocks(path)
        self._pending = b""
        self._is_last_block = False
        self._header: tuple[str, ...] | None = None

    def header(self) -> tuple[str, ...]:
        if self._header is None:
            self._pending, self._is_last_block = next(self._blocks, (b"", True))
            line, _, self._pending = self._pending.partition(b"\n")
            problem = byte_problem(line)
            if not line.strip() or problem:
                problem = problem or "expected a header with column names, found nothing"
                raise FileRefused(f"{self._path.name}: line 1: {problem}")
            try:
                names = next(csv.reader([line.decode("utf-8")], strict=True))
            except csv.Error as error:
                raise FileRefused(
                    f"{self._path.name}: line 1: expected column names, found no CSV ({error})"
                ) from error
            self._header = normalise_header(names, self._path)
        return self._header

    def chunks(self) -> Iterator[TextChunk]:
        for block in self.blocks():
            yield self.block_chunk(block)

    def blocks(self) -> Iterator[Block]:
        """The file's records after the header, as they lie there."""
        self.header()
        data, first_line = self._pending, 2
        while True:
            if data:
                block = Block(data, first_line, self._is_last_block)
                yield block
                first_line += block.line_count
                data = block.rest
            if self._is_last_block:
                return
            following, self._is_last_block = next(self._blocks, (b"", True))
            data = data + following if data else following

    def block_chunk(self, block: Block, *, quoted_only: bool = False) -> TextChunk:
        """All records of a block, or those with quotes."""
        numbers = np.arange(block.first_line, block.first_line + block.line_count, dtype=np.int64)
        if quoted_only:
            plain = PlainLines(b"", numbers[:0])
        elif block.quoted:
            keep = ~block.is_quoted()
            lengths = np.diff(block.starts[: block.line_count + 1])
            data = np.frombuffer(block.data, dtype=np.uint8)[: block.size][np.repeat(keep, lengths)].tobytes()
            plain = PlainLines(data, numbers[keep])
        else:
            plain = PlainLines(block.data[: block.size], numbers)
        chunk = self.line_chunk(plain)
        rows = self._quoted_rows(block, chunk.broken)
        if not rows:
            return chunk
        plain_rows = len(chunk.columns)

        def original_text(row: int) -> str:
            if row < plain_rows:
                return chunk.original_text(row)
            return _text_of(block, rows[row - plain_rows])

        firsts = np.array([block.first_line + record.first for record in rows], dtype=np.int64)
        frame = pl.concat([chunk.columns, self._frame([record.fields or [] for record in rows])])
        return TextChunk(frame, np.concatenate((chunk.line_numbers, firsts)), original_text, chunk.broken)

    def line_chunk(self, lines: PlainLines) -> TextChunk:
        """Lines without quotes as a frame; those that do not fit the header are broken."""
        data, starts = np.frombuffer(lines.data, dtype=np.uint8), line_starts(lines.data)
        lengths = np.diff(starts)
        commas = np.diff(np.searchsorted(np.flatnonzero(data == COMMA), starts))
        is_filled = (lengths > 2) | (lengths == 2) & (data[np.maximum(starts[1:] - 2, 0)] != ord("\r"))
        is_bad = is_filled & (commas != len(self._header or ()) - 1)
        problems = {
            int(i): byte_problem(lines.data[starts[i] : starts[i + 1]]) or self._field_problem(int(commas[i]) + 1)
            for i in np.flatnonzero(is_bad)
        }
        for i in self._undecodable(lines.data, starts, is_filled & ~is_bad):
            problems[i] = byte_problem(lines.data[starts[i] : starts[i + 1]])
            is_bad[i] = True

        def text(line: int) -> str:
            return printable(lines.data[starts[line] : starts[line + 1]]).rstrip("\r\n")

        broken = [BrokenRow(int(lines.numbers[i]), text(i), problem) for i, problem in sorted(problems.items())]
        keep = is_filled & ~is_bad
        clean = lines.data if keep.all() else data[np.repeat(keep, lengths)].tobytes()
        kept = np.flatnonzero(keep)
        return TextChunk(self._read_clean(clean), lines.numbers[kept], lambda row: text(int(kept[row])), broken)

    @staticmethod
    def _undecodable(data: bytes, starts: NDArray[np.int64], candidates: NDArray[np.bool_]) -> list[int]:
        if b"\x00" not in data:
            try:
                data.decode("utf-8")
                return []
            except UnicodeDecodeError:
                pass
        return [int(i) for i in np.flatnonzero(candidates) if byte_problem(data[starts[i] : starts[i + 1]])]

    def _read_clean(self, clean: bytes) -> pl.DataFrame:
        """Lines that all have the header's number of fields and no quote."""
        names = self._header or ()
        if not clean:
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        if b"\r\n" in clean:
            clean = clean.replace(b"\r\n", b"\n")
        if len(names) == 1:
            return self._frame([[line] for line in clean.decode("utf-8").split("\n")[:-1]])
        return pl.read_csv(
            io.BytesIO(clean), has_header=False, new_columns=list(names), infer_schema=False, quote_char=None
        )

    def _field_problem(self, found: int) -> str:
        return f"expected {len(self._header or ())} fields as in the header, found {found}"

    def _quoted_rows(self, block: Block, broken: list[BrokenRow]) -> list[_QuotedRecord]:
        """The quoted records that fit the header; the others are added to `broken`."""
        expected = len(self._header or ())
        rows = []
        for record in block.quoted:
            problem = record.problem
            if record.fields is not None and len(record.fields) != expected:
                problem = self._field_problem(len(record.fields))
            if problem:
                broken.append(BrokenRow(block.first_line + record.first, _text_of(block, record), problem))
            else:
                rows.append(record)
        return rows

    def _frame(self, rows: list[list[str]]) -> pl.DataFrame:
        names = self._header or ()
        return pl.DataFrame(
            {name: [row[i] or None for row in rows] for i, name in enumerate(names)},
            schema=dict.fromkeys(names, pl.String),
        )


def _text_of(block: Block, record: _QuotedRecord) -> str:
    return printable(block.data[block.starts[record.first] : block.starts[record.last]]).rstrip("\r\n")
