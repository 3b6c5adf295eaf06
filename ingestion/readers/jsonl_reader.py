"""Files with one JSON object per line.

Not here: types and rules. Numbers keep the digits that they were written with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.errors import FileRefused
from ingestion.readers import MAX_COLUMNS, BrokenRow, TextChunk
from ingestion.readers.lines import byte_problem, printable, whole_line_blocks


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def json_text(value: object) -> str:
    """A parsed JSON value as JSON text, its numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")


def _parse_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return parsed


def _is_unicode(text: str) -> bool:
    """Whether the text has no half of a surrogate pair alone."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def parse_line(line: bytes) -> dict[str, str | None]:
    """One line as text values by normalised column name; ValueError says what is wrong with it."""
    problem = byte_problem(line)
    if problem:
        raise ValueError(problem)
    parsed = json.loads(
        line.decode("utf-8"),
        parse_float=_Number,
        parse_int=_Number,
        parse_constant=_no_constant,
        object_pairs_hook=_parse_object,
    )
    if not isinstance(parsed, dict):
        raise ValueError(f"expected a JSON object, found {printable(line)[:40]}")
    values: dict[str, str | None] = {}
    for name, value in parsed.items():
        column = name.strip().lower()
        if column in values:
            raise ValueError(f"the column {column!r} stands twice")
        if value is None or isinstance(value, str):
            values[column] = str(value) if value else None
        else:
            values[column] = json_text(value)
        for text in (column, values[column] or ""):
            if "\x00" in text or not _is_unicode(text):
                raise ValueError(f"a NUL or half a character in {column[:80]!r}, which no text may hold")
    return values


class JsonlReader:
    """Reads one JSONL file, plain or gzip. Its columns are known row by row only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[str, None] = {}

    def header(self) -> None:
        return None

    def chunks(self) -> Iterator[TextChunk]:
        lines_read = 0
        for block, _ in whole_line_blocks(self._path):
            lines = block.split(b"\n")[:-1]
            yield self._chunk(lines, lines_read + 1)
            lines_read += len(lines)
        if lines_read == 0:
            raise FileRefused(f"{self._path.name}: expected at least one JSON object, found an empty file")

    def _parse(self, line: bytes) -> dict[str, str | None]:
        values = parse_line(line)
        if len(self._names.keys() | values.keys()) > MAX_COLUMNS:
            raise ValueError(f"expected at most {MAX_COLUMNS} different names in a file")
        self._names.update(dict.fromkeys(values))
        return values

    def _chunk(self, lines: list[bytes], first_line: int) -> TextChunk:
        rows: list[dict[str, str | None]] = []
        kept: list[int] = []
        broken: list[BrokenRow] = []
        for i, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                rows.append(self._parse(line))
                kept.append(i)
            except (ValueError, RecursionError) as error:
                broken.append(BrokenRow(first_line + i, printable(line).rstrip("\r"), f"no JSON object: {error}"))
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = pl.DataFrame(
            {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
        )

        def original_text(row: int) -> str:
            return printable(lines[kept[row]]).rstrip("\r")

        return TextChunk(columns, np.array(kept, dtype=np.int64) + first_line, original_text, broken)
