"""Landed files to chunks of text columns: one reader per format behind `open_reader`.

Not here: types, rules, anything that knows the feed. Every value is text, an absent or empty one is null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.errors import FileRefused

# More is no table but an accident or an attack on memory.
MAX_COLUMNS = 2000
SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be taken apart into columns."""

    line_number: int
    original_text: str
    reason: str


@dataclass(frozen=True)
class TextChunk:
    """Some rows of a file, in no promised order.

    `columns` is a frame of strings, one column per column of the file; `line_numbers[i]` is where row i began
    (1 is the file's first line; in Parquet the first row); `original_text(i)` gives row i as it was landed.
    """

    columns: pl.DataFrame
    line_numbers: NDArray[np.int64]
    original_text: Callable[[int], str]
    broken: list[BrokenRow] = field(default_factory=list)


class Reader(Protocol):
    """Reads one file once, as a stream."""

    def header(self) -> tuple[str, ...] | None:
        """The file's columns, normalised; None where a format has them row by row.

        Raises FileRefused for a file that cannot be read at all.
        """

    def chunks(self) -> Iterator[TextChunk]:
        """All rows of the file; memory is bounded by the chunk, not the file."""


def normalise_header(names: list[str], path: Path) -> tuple[str, ...]:
    """Column names as the contract spells them (trimmed, lower case); a name twice refuses the file."""
    header = tuple(name.strip().lower() for name in names)
    if len(header) > MAX_COLUMNS:
        raise FileRefused(
            f"{path.name}: line 1 names {len(header)} columns; expected at most {MAX_COLUMNS};"
            " have the source deliver the file without what nobody needs"
        )
    repeated = sorted(name for name, count in Counter(header).items() if count > 1)
    if repeated:
        raise FileRefused(
            f"{path.name}: line 1 names the column {', '.join(map(repr, repeated))} more than once; "
            "expected every column once; correct the header and land the file again"
        )
    return header


def format_of(path: Path) -> str | None:
    """The file's format by its name ("csv", "jsonl", "parquet"), or None if it is no feed file."""
    name = path.name.lower()
    return next((suffix.split(".")[1] for suffix in SUFFIXES if name.endswith(suffix)), None)


def open_reader(path: Path) -> Reader:
    """The reader for a file, chosen by its name."""
    from ingestion.readers.csv_reader import CsvReader
    from ingestion.readers.jsonl_reader import JsonlReader
    from ingestion.readers.parquet_reader import ParquetReader

    readers: dict[str | None, Callable[[Path], Reader]] = {
        "csv": CsvReader,
        "jsonl": JsonlReader,
        "parquet": ParquetReader,
    }
    chosen = readers.get(format_of(path))
    if chosen is None:
        raise FileRefused(f"{path.name}: expected a file name that ends in {', '.join(SUFFIXES)}")
    return chosen(path)
