"""Layouts of filed files as data: which columns a file has on which day, rows to bytes, bytes to rows.

Not here: what stands in the rows, whether it is right (checks). The layouts themselves are dbt seeds.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from orchestration.warehouse.settings import ROOT

SEEDS_FOLDER = ROOT / "dbt_project" / "seeds"
LINE_END = "\r\n"


class FilingError(RuntimeError):
    """A filing cannot be made or read; the message says what was found, what was expected, and what to do."""


@dataclass(frozen=True)
class Column:
    """A column: `kind` decides how its values are written and checked (docs/compliance.md lists the kinds)."""

    name: str
    kind: str
    is_key: bool


@dataclass(frozen=True)
class Layout:
    """One version of a file's layout."""

    name: str
    version: str
    report_type: str
    file_name: str
    title: str
    has_header: bool
    columns: tuple[Column, ...]

    @property
    def header(self) -> list[str]:
        return [column.name for column in self.columns]

    def places(self, kind: str) -> list[int]:
        """Where the columns of a kind stand."""
        return [place for place, column in enumerate(self.columns) if column.kind == kind]

    def key(self, row: Sequence[str]) -> tuple[str, ...]:
        """The values by which a row is told from the others."""
        return tuple(value for column, value in zip(self.columns, row, strict=True) if column.is_key)


@functools.cache
def read_seed(name: str, folder: Path = SEEDS_FOLDER) -> tuple[dict[str, str], ...]:
    """The rows of a seed as text; empty is ''."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


@functools.cache
def layouts(day: date) -> dict[str, Layout]:
    """The layouts that hold on a day, by name, in the order of the seed.

    Args:
        day: the as-of date of the filing.
    """
    found: dict[str, Layout] = {}
    for row in read_seed("filing_layout_files"):
        if not row["valid_from"] <= day.isoformat() <= (row["valid_to"] or "9999"):
            continue
        columns = [
            (int(one["position"]), Column(one["column_name"], one["kind"], one["is_key"] == "true"))
            for one in read_seed("filing_layouts")
            if (one["layout"], one["layout_version"]) == (row["layout"], row["layout_version"])
        ]
        found[row["layout"]] = Layout(
            row["layout"], row["layout_version"], row["report_type"], row["file_name"], row["title"],
            row["has_header"] == "true", tuple(column for _, column in sorted(columns, key=lambda one: one[0])),
        )  # fmt: skip
    return found


def layout_of(name: str, day: date) -> Layout:
    """A layout by its name.

    Raises:
        FilingError: there is none of that name on that day; the message lists those that there are.
    """
    known = layouts(day)
    if name not in known:
        raise FilingError(f"layout {name!r}: none of that name on {day}; known are {', '.join(known)}")
    return known[name]


def to_text(value: object) -> str:
    """A value as it stands in a file: flags as 1 and 0, numbers without an exponent or zeros behind the point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def rows_to_bytes(layout: Layout, rows: Iterable[Sequence[object]], *, with_header: bool | None = None) -> bytes:
    """The file: comma separated, UTF-8, every line ended by CR LF.

    Args:
        layout: whose columns the values are, in its order.
        rows: values, written by `to_text`.
        with_header: whether the exact header is the first line; None: as the layout has it.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=LINE_END)
    if layout.has_header if with_header is None else with_header:
        writer.writerow(layout.header)
    writer.writerows([to_text(value) for value in row] for row in rows)
    return stream.getvalue().encode("utf-8")


def bytes_to_rows(layout: Layout, content: bytes) -> list[list[str]]:
    """The rows of a file that was written by rows_to_bytes, its header left out.

    Raises:
        UnicodeDecodeError: the file is not UTF-8.
    """
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    return rows[1:] if rows and rows[0] == layout.header else rows
