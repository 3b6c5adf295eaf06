"""Comma-separated files: vectorised for records without quotes, record by record for the others.

Not here: types and rules. A record that cannot be taken apart is a broken row, never an error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
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


def _quoted_records(block: bytes, starts: NDArray[np.int64], is_last_block: bool) -> tuple[list[_QuotedRecord], int]:
    """All records with quotes in a block, and the number of lines that are complete."""
    if QUOTE not in block:
        return [], len(starts) - 1
    quotes = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == QUOTE)
    records: list[_QuotedRecord] = []
    following = 0
    for line in np.unique(np.searchsorted(starts, quotes, side="right") - 1).tolist():
        if line < following:
            continue
        record = _parse_quoted(block, starts, line, is_last_block)
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
        self._lines_read = 0
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
            self._lines_read = 1
        return self._header

    def chunks(self) -> Iterator[TextChunk]:
        self.header()
        block = self._pending
        while True:
            if block:
                chunk, rest = self._read_block(block)
                yield chunk
                block = rest
            if self._is_last_block:
                return
            following, self._is_last_block = next(self._blocks, (b"", True))
            block += following

    def _read_block(self, block: bytes) -> tuple[TextChunk, bytes]:
        """The records of a block, and the bytes of one that goes on in the next."""
        starts = line_starts(block)
        quoted, line_count = _quoted_records(block, starts, self._is_last_block)
        first_line = self._lines_read + 1
        self._lines_read += line_count
        is_plain = np.ones(line_count, dtype=bool)
        for record in quoted:
            is_plain[record.first : record.last] = False
        plain, plain_lines, broken = self._plain_lines(block, starts, is_plain, first_line)
        frames, first_lines, last_lines = [plain], [plain_lines], [plain_lines + 1]
        rows = self._quoted_rows(block, starts, quoted, first_line, broken)
        if rows:
            frames.append(self._frame([record.fields or [] for record in rows]))
            first_lines.append(np.array([record.first for record in rows], dtype=np.int64))
            last_lines.append(np.array([record.last for record in rows], dtype=np.int64))
        firsts, lasts = np.concatenate(first_lines), np.concatenate(last_lines)

        def original_text(row: int) -> str:
            return printable(block[starts[firsts[row]] : starts[lasts[row]]]).rstrip("\r\n")

        chunk = TextChunk(pl.concat(frames), firsts + first_line, original_text, broken)
        return chunk, block[starts[line_count] :]

    def _plain_lines(
        self, block: bytes, starts: NDArray[np.int64], is_plain: NDArray[np.bool_], first_line: int
    ) -> tuple[pl.DataFrame, NDArray[np.int64], list[BrokenRow]]:
        """The lines without quotes as a frame, their indices, and those that do not fit the header."""
        line_count = len(is_plain)
        data = np.frombuffer(block, dtype=np.uint8)
        lengths = np.diff(starts[: line_count + 1])
        commas = np.diff(np.searchsorted(np.flatnonzero(data == COMMA), starts[: line_count + 1]))
        is_blank = (lengths == 1) | ((lengths == 2) & (data[starts[:line_count]] == ord("\r")))
        expected = len(self._header or ())
        is_candidate = is_plain & ~is_blank
        is_bad = is_candidate & (commas != expected - 1)
        problems = {
            int(i): byte_problem(block[starts[i] : starts[i + 1]]) or self._field_problem(int(commas[i]) + 1)
            for i in np.flatnonzero(is_bad)
        }
        for i in self._undecodable(block, starts, is_candidate & ~is_bad):
            problems[i] = byte_problem(block[starts[i] : starts[i + 1]])
            is_bad[i] = True
        broken = [
            BrokenRow(first_line + i, printable(block[starts[i] : starts[i + 1]]).rstrip("\r\n"), problem)
            for i, problem in sorted(problems.items())
        ]
        keep = is_candidate & ~is_bad
        clean = block[: starts[line_count]]
        if not keep.all():
            clean = data[: starts[line_count]][np.repeat(keep, lengths)].tobytes()
        return self._read_clean(clean), np.flatnonzero(keep), broken

    @staticmethod
    def _undecodable(block: bytes, starts: NDArray[np.int64], candidates: NDArray[np.bool_]) -> list[int]:
        if b"\x00" not in block:
            try:
                block.decode("utf-8")
                return []
            except UnicodeDecodeError:
                pass
        return [int(i) for i in np.flatnonzero(candidates) if byte_problem(block[starts[i] : starts[i + 1]])]

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

    def _quoted_rows(
        self,
        block: bytes,
        starts: NDArray[np.int64],
        quoted: list[_QuotedRecord],
        first_line: int,
        broken: list[BrokenRow],
    ) -> list[_QuotedRecord]:
        """The quoted records that fit the header; the others are added to `broken`."""
        expected = len(self._header or ())
        rows = []
        for record in quoted:
            problem = record.problem
            if record.fields is not None and len(record.fields) != expected:
                problem = self._field_problem(len(record.fields))
            if problem:
                text = printable(block[starts[record.first] : starts[record.last]]).rstrip("\r\n")
                broken.append(BrokenRow(first_line + record.first, text, problem))
            else:
                rows.append(record)
        return rows

    def _frame(self, rows: list[list[str]]) -> pl.DataFrame:
        names = self._header or ()
        return pl.DataFrame(
            {name: [row[i] or None for row in rows] for i, name in enumerate(names)},
            schema=dict.fromkeys(names, pl.String),
        )
