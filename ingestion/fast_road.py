"""Which deliveries the compiled kernel may read, and its plan for them; what it leaves alone goes the plain road.

Not here: the kernel itself. The plain road (reader, rules, encoder) is the meaning of every row; this one only hurries.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ingestion.contract import Column, Contract
from ingestion.landing import LandedFile
from ingestion.readers.csv_reader import Block, CsvReader, PlainLines
from ingestion.rules import CLOCK_TOLERANCE, EARLIEST_DATE, LATEST_DATE

if TYPE_CHECKING:
    from ingestion.kernel import Plan

# Below this size the kernel's start (half a second) costs more than it saves.
WORTHWHILE_BYTES = 8 << 20
OUTPUT_BYTES = 6 << 20
OUTPUT_ROWS = 1 << 16
# Lines that are left alone are gathered to so many bytes: the plain road has a price per call.
LEFT_BYTES = 1 << 20

_WHOLE = 1 << 53
_EPOCH = date(1970, 1, 1)
_PATTERN = re.compile(r"(\\d|\[[A-Za-z0-9-]+\])\{(\d+)\}")
_NO_MASK = np.zeros(0, dtype=bool)
_HURRIED = threading.Event()


@dataclass(frozen=True)
class EncodedRows:
    """Rows in binary COPY format by month ("2026-01"; None where the table has no partitions), and their keys."""

    by_month: list[tuple[str | None, memoryview]]
    lines: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    days: NDArray[np.int32]


def _pattern(column: Column) -> tuple[int, NDArray[np.uint8]] | None:
    """A pattern of one class of characters: how many, and which bytes. -1 for no pattern, None for any other."""
    classes = np.zeros(256, dtype=np.uint8)
    if column.pattern is None:
        return -1, classes
    match = _PATTERN.fullmatch(column.pattern)
    if match is None:
        return None
    for code in range(128):
        classes[code] = re.fullmatch(match[1], chr(code)) is not None
    return int(match[2]), classes


def _is_plain(column: Column, header: tuple[str, ...]) -> bool:
    """Whether the kernel can judge and encode the column."""
    present = column.name in header
    if column.personal or column.check_digit or (present and (column.type == "json" or _pattern(column) is None)):
        return False
    if not present:
        return not column.required and column.default is None
    return all(bound is None or abs(bound) < _WHOLE for bound in (column.min, column.max))


def can_take(contract: Contract, header: tuple[str, ...]) -> bool:
    """Whether the kernel can read a CSV with this header: no personal, JSON or unknown column, keys of fixed width."""
    known = {column.name for column in contract.all_columns}
    fixed = {"uuid", "bigint", "timestamptz", "date"}
    return (
        len(header) > 1
        and set(header) <= known
        and all(_is_plain(column, header) for column in contract.all_columns)
        and all(contract.column(name).type in fixed for name in contract.identity)
    )


def _bounds(column: Column, contract: Contract, now: datetime) -> tuple[int, int]:
    """Least and greatest value of a whole number, a time (microseconds since 1970) or a date (days)."""
    if column.type not in ("date", "timestamptz"):
        low = -(1 << 62) if column.min is None else int(np.ceil(column.min))
        return low, (1 << 62) if column.max is None else int(np.floor(column.max))
    latest = now.astimezone(UTC) + CLOCK_TOLERANCE
    first = (contract.earliest_event if column.event_time else EARLIEST_DATE) - _EPOCH
    last = (min(LATEST_DATE, latest.date()) if column.event_time else LATEST_DATE) - _EPOCH
    if column.type == "date":
        return first.days, last.days
    end = ((LATEST_DATE - _EPOCH).days + 1) * 86_400_000_000 - 1
    since_1970 = (latest - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return first.days * 86_400_000_000, min(end, since_1970) if column.event_time else end


def _filed_by(contract: Contract) -> str | None:
    """The column whose day files a row's hash; see duplicates.identity_days."""
    if contract.partition_by:
        return contract.partition_by.column
    return "updated_at" if contract.is_versioned else None


def make_plan(contract: Contract, header: tuple[str, ...], load_id: UUID, now: datetime) -> Plan:
    """The kernel's plan for a file that `can_take` says it can read."""
    from ingestion import kernel

    kinds = {
        "uuid": kernel.UUID, "text": kernel.TEXT, "enum": kernel.TEXT, "json": kernel.TEXT, "bigint": kernel.BIGINT,
        "numeric": kernel.NUMERIC, "timestamptz": kernel.TIMESTAMPTZ, "date": kernel.DATE, "boolean": kernel.BOOLEAN,
    }  # fmt: skip
    columns = contract.all_columns
    names = [column.name for column in columns]
    words = [value.encode() for column in columns for value in column.values]
    lasts = np.cumsum([len(column.values) for column in columns])
    patterns = [_pattern(column) or (-1, np.zeros(256, dtype=np.uint8)) for column in columns]

    def place(name: str | None) -> int:
        return -1 if name is None else names.index(name)

    table = [
        [header.index(column.name) if column.name in header else -1, kinds[column.type],
         column.required or column.default is not None, *_bounds(column, contract, now),
         -1 if column.decimals is None else column.decimals, last - len(column.values), last, length]
        for column, last, (length, _) in zip(columns, lasts.tolist(), patterns, strict=True)
    ]  # fmt: skip
    numbers = [
        [-np.inf if column.min is None else column.min, np.inf if column.max is None else column.max]
        for column in columns
    ]
    return kernel.Plan(
        field_count=len(header),
        columns=np.array(table, dtype=np.int64),
        numbers=np.array(numbers, dtype=np.float64),
        word_begins=np.array([0, *np.cumsum([len(word) for word in words]).tolist()], dtype=np.int64),
        words=np.frombuffer(b"".join(words) or b"\0", dtype=np.uint8),
        classes=np.array([classes for _, classes in patterns]),
        identity=np.array([names.index(name) for name in contract.identity], dtype=np.int64),
        filed_by=place(_filed_by(contract)),
        touched_by=place(contract.touched_by),
        load_id=np.frombuffer(load_id.bytes, dtype=np.uint8),
    )


class FastRoad:
    """Reads one CSV file: the plainly good rows encoded, the other lines for the plain road."""

    def __init__(self, contract: Contract, reader: CsvReader, load_id: UUID, now: datetime) -> None:
        from ingestion import kernel

        self._kernel = kernel
        self._contract = contract
        self._plan = make_plan(contract, reader.header(), load_id, now)
        self._out = np.empty(OUTPUT_BYTES, dtype=np.uint8)
        self._scratch = kernel.Scratch(
            np.empty(self._plan.field_count, dtype=np.int64), np.empty(len(self._plan.columns), dtype=np.int64)
        )
        longs = [np.empty(OUTPUT_ROWS, dtype=np.int64) for _ in range(5)]
        self._rows = kernel.RowArrays(
            longs[0], longs[1], np.empty(OUTPUT_ROWS, dtype=np.uint64), np.empty(OUTPUT_ROWS, dtype=np.int32)
        )
        self._left = kernel.LineArrays(*longs[2:])
        self._touched = np.zeros(kernel.LAST_DAY - kernel.FIRST_DAY + 2, dtype=bool)
        self._kept: list[bytes] = []
        self._kept_numbers: list[NDArray[np.int64]] = []

    @property
    def touched_days(self) -> set[date]:
        """Days of the contract's touched_by column among the rows encoded so far."""
        days = np.flatnonzero(self._touched[:-1]) + self._kernel.FIRST_DAY
        return {_EPOCH + timedelta(days=int(day)) for day in days}

    def encode(self, block: Block) -> Iterator[EncodedRows]:
        """The plainly good rows of a block; lines without quotes that are not are kept for `left_lines`."""
        data = np.frombuffer(block.data, dtype=np.uint8)[: block.size]
        mask = block.is_quoted() if block.quoted else _NO_MASK
        any_byte = _is_utf8(block.data)
        begin, line = 0, block.first_line
        while begin < len(data):
            before = begin
            begin, line, done, left, size = self._kernel.encode_block(
                data, begin, line, mask, block.first_line, any_byte, self._plan, self._scratch,
                self._out, self._rows, self._left, self._touched,
            )  # fmt: skip
            if begin == before:
                begin, line = self._leave(block, begin, line), line + 1
            self._keep(data, left)
            if done:
                yield self._encoded(done, size)

    def left_lines(self, least_bytes: int = LEFT_BYTES) -> PlainLines | None:
        """What was kept, once it has `least_bytes`."""
        if not self._kept or sum(map(len, self._kept)) < least_bytes:
            return None
        lines = PlainLines(b"".join(self._kept), np.concatenate(self._kept_numbers))
        self._kept, self._kept_numbers = [], []
        return lines

    def compile_gather(self) -> None:
        """Has the copying of rows compiled too."""
        for source in (self._out, np.frombuffer(b"\n", dtype=np.uint8)):
            self._kernel.gather(source, self._rows.begins[:0], self._rows.begins[:0], self._out[:0])

    def _leave(self, block: Block, begin: int, line: int) -> int:
        """Keeps a line that is longer than the output; where it ends."""
        end = block.data.index(b"\n", begin) + 1
        if not (block.quoted and block.is_quoted()[line - block.first_line]):
            self._kept.append(block.data[begin:end])
            self._kept_numbers.append(np.array([line], dtype=np.int64))
        return end

    def _keep(self, data: NDArray[np.uint8], count: int) -> None:
        if not count:
            return
        begins, ends, lines = (values[:count] for values in self._left)
        target = np.empty(int((ends - begins).sum()), dtype=np.uint8)
        self._kernel.gather(data, begins, ends, target)
        self._kept.append(target.tobytes())
        self._kept_numbers.append(lines.copy())

    def _encoded(self, count: int, size: int) -> EncodedRows:
        begins, days = self._rows.begins[:count], self._rows.days[:count]
        ends = np.append(begins[1:], size)
        by_month: list[tuple[str | None, memoryview]] = []
        if self._contract.partition_by is None:
            by_month.append((None, memoryview(self._out[:size].tobytes())))
        else:
            months = days.astype("datetime64[D]").astype("datetime64[M]").view(np.int64)
            for month in np.unique(months):
                of_month = np.flatnonzero(months == month)
                target = np.empty(int((ends[of_month] - begins[of_month]).sum()), dtype=np.uint8)
                self._kernel.gather(self._out, begins[of_month], ends[of_month], target)
                by_month.append((str(np.datetime64(int(month), "M")), memoryview(target.data)))
        return EncodedRows(by_month, self._rows.lines[:count].copy(), self._rows.hashes[:count].copy(), days.copy())


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def hurry(file: LandedFile) -> None:
    """Has the kernel loaded on a thread of its own, while the file's content is hashed, if the file may need it."""
    if file.size_bytes >= WORTHWHILE_BYTES and ".csv" in file.path.suffixes and not _HURRIED.is_set():
        _HURRIED.set()
        threading.Thread(target=_warm_up_quietly, name="kernel", daemon=True).start()


def _warm_up_quietly() -> None:
    """Whoever needs the kernel loads it again, and says what is wrong with it."""
    with suppress(Exception):
        warm_up()


def warm_up() -> None:
    """Compiles the kernel for every later process; set-up calls it. Without it the first large file waits for it."""
    import tempfile

    from ingestion.contract import contract

    chosen = contract("usage_records")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "none.csv"
        path.write_text(",".join(column.name for column in chosen.columns) + "\n\n", encoding="utf-8")
        reader = CsvReader(path)
        road = FastRoad(chosen, reader, UUID(int=0), datetime.now(UTC))
        for block in reader.blocks():
            list(road.encode(block))
        road.compile_gather()


if __name__ == "__main__":
    warm_up()
