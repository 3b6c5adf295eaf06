"""CSV bytes to rows in binary COPY format, compiled: only rows that are plainly good by the plan of their feed.

Not here: what a plan is made from, and every row that is not plainly good: `encode_block` leaves those alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingestion import kernel_base as base
from ingestion import kernel_times, kernel_values
from ingestion.kernel_base import Bytes, Longs, compiled

SOURCE, KIND, REQUIRED, LOW, HIGH, DECIMALS, FIRST_WORD, LAST_WORD, LENGTH = range(9)
COLUMN_WIDTH = 9
UUID, TEXT, BIGINT, NUMERIC, TIMESTAMPTZ, DATE, BOOLEAN = range(7)
FIRST_DAY, LAST_DAY = base.FIRST_DAY, base.LAST_DAY
# _load_id and _line_number before the feed's columns, _extra (always null here) behind them.
_OWN_COLUMNS = 3


class Plan(NamedTuple):
    """A feed's contract and a file's header as arrays: one row of `columns` and `numbers` per column of the raw table.

    `columns` has SOURCE (the file's field, -1 for none), KIND, REQUIRED, LOW and HIGH (whole numbers, times in
    microseconds, dates in days), DECIMALS, a list's FIRST_WORD and LAST_WORD among the words, and a pattern's LENGTH,
    whose bytes `classes` has. `numbers` has the bounds of decimals.
    """

    field_count: int
    columns: Longs
    numbers: NDArray[np.float64]
    word_begins: Longs
    words: Bytes
    classes: Bytes
    identity: Longs
    filed_by: int
    touched_by: int
    load_id: Bytes


class RowArrays(NamedTuple):
    """What is known of each encoded row: where it begins in the output, its line, identity's hash and day."""

    begins: Longs
    lines: Longs
    hashes: NDArray[np.uint64]
    days: NDArray[np.int32]


class LineArrays(NamedTuple):
    """Lines that were left alone: their bounds in the block and their numbers."""

    begins: Longs
    ends: Longs
    lines: Longs


class Scratch(NamedTuple):
    """Room for one row: where its fields begin and its values lie."""

    commas: Longs
    places: Longs


@compiled
def _put_value(  # noqa: PLR0911  (one a kind)
    data: Bytes, begin: int, end: int, out: Bytes, at: int, any_byte: bool, columns: Longs, column: int,
    numbers: NDArray[np.float64], word_begins: Longs, words: Bytes, classes: Bytes,
) -> int:  # fmt: skip
    """Writes one value; its width, or -1 where it is not plainly good."""
    spec = column * COLUMN_WIDTH
    kind, low, high = columns[spec + KIND], columns[spec + LOW], columns[spec + HIGH]
    if kind == UUID:
        return int(kernel_values.put_uuid(data, begin, end, out, at))
    if kind == BIGINT:
        return int(kernel_values.put_bigint(data, begin, end, out, at, low, high))
    if kind == TIMESTAMPTZ:
        return int(kernel_times.put_timestamp(data, begin, end, out, at, low, high))
    if kind == BOOLEAN:
        return int(kernel_values.put_boolean(data, begin, end, out, at))
    if kind == NUMERIC:
        least, most = numbers[column * 2], numbers[column * 2 + 1]
        return int(kernel_values.put_numeric(data, begin, end, out, at, least, most, columns[spec + DECIMALS]))
    if kind == DATE:
        return int(kernel_times.put_date(data, begin, end, out, at, low, high))
    first, last = columns[spec + FIRST_WORD], columns[spec + LAST_WORD]
    if last > first and not kernel_values.is_listed(data, begin, end, first, last, words, word_begins):
        return -1
    length = columns[spec + LENGTH]
    if length >= 0 and not kernel_values.fits_pattern(data, begin, end, length, classes, column * 256):
        return -1
    return int(kernel_values.put_text(data, begin, end, out, at, any_byte))


@compiled
def _split(data: Bytes, begin: int, commas: Longs, field_count: int) -> tuple[int, int]:
    """The line's fields and its newline; `commas` gets the place before each field."""
    count, i = 0, begin
    commas[0] = begin - 1
    while data[i] != base.NEWLINE:
        if data[i] == base.COMMA:
            count += 1
            if count < field_count:
                commas[count] = i
        i += 1
    return count + 1, i


@compiled
def _put_row(
    data: Bytes, end: int, commas: Longs, field_count: int, out: Bytes, at: int, places: Longs, line: int,
    any_byte: bool, columns: Longs, count: int, numbers: NDArray[np.float64], word_begins: Longs, words: Bytes,
    classes: Bytes, load_id: Bytes,
) -> int:  # fmt: skip
    """Writes one row, and where each value lies into `places` (-1 is null); the end, or -1 where it is not good."""
    out[at], out[at + 1] = (count + _OWN_COLUMNS) >> 8, (count + _OWN_COLUMNS) & 0xFF
    base.put32(out, at + 2, 16)
    for i in range(16):
        out[at + 6 + i] = load_id[i]
    base.put32(out, at + 22, 8)
    base.put64(out, at + 26, line)
    at += 34
    for column in range(count):
        source, width = columns[column * COLUMN_WIDTH + SOURCE], -1
        if source >= 0:
            begin = commas[source] + 1
            stop = end if source == field_count - 1 else commas[source + 1]
            if begin < stop:
                width = _put_value(
                    data, begin, stop, out, at + 4, any_byte, columns, column, numbers, word_begins, words, classes
                )
                if width < 0:
                    return -1
        if width < 0 and columns[column * COLUMN_WIDTH + REQUIRED]:
            return -1
        places[column] = at + 4 if width >= 0 else -1
        base.put32(out, at, width)
        at += 4 + max(width, 0)
    base.put32(out, at, -1)
    return at + 4


@compiled
def _mix(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def _number_of(out: Bytes, at: int, kind: int) -> int:
    """A whole number, a time (microseconds) or a date (days since 1970) as it was written."""
    if kind == DATE:
        return int(base.get(out, at, base.WIDTH_OF_DATE) + base.DAYS_TO_2000)
    number = base.get(out, at, 8)
    return int(number + base.MICROSECONDS_TO_2000 if kind == TIMESTAMPTZ else number)


@compiled
def _identity_hash(out: Bytes, places: Longs, columns: Longs, identity: Longs, keys: int) -> np.uint64:
    """The same as duplicates.identity_hashes."""
    multiplier, value = np.uint64(0x9E3779B97F4A7C15), np.uint64(0)
    for i in range(keys):
        at, kind = places[identity[i]], columns[identity[i] * COLUMN_WIDTH + KIND]
        if kind == UUID:
            for half in range(2):
                word = np.uint64(0)
                for byte in range(7, -1, -1):
                    word = (word << np.uint64(8)) | np.uint64(out[at + half * 8 + byte])
                value = _mix(value * multiplier + word)
        else:
            value = _mix(value * multiplier + np.uint64(_number_of(out, at, kind)))
    return value


@compiled
def _day_of(out: Bytes, places: Longs, columns: Longs, column: int) -> int:
    """The UTC day since 1970 of a time or date; a null has none, which is beyond LAST_DAY."""
    if places[column] < 0:
        return LAST_DAY + 1
    kind = columns[column * COLUMN_WIDTH + KIND]
    number = _number_of(out, places[column], kind)
    return int(number if kind == DATE else number // base.MICROSECONDS_A_DAY)


@compiled
def _note_row(
    out: Bytes, places: Longs, plan: Plan, columns: Longs, rows: RowArrays, row: int, touched: NDArray[np.bool_]
) -> None:
    """What must be known of a row that was written."""
    rows.hashes[row] = _identity_hash(
        out, places, columns, base.longs_at(plan.identity.ctypes.data), len(plan.identity)
    )
    rows.days[row] = _day_of(out, places, columns, plan.filed_by) if plan.filed_by >= 0 else 0
    if plan.touched_by >= 0:
        touched[_day_of(out, places, columns, plan.touched_by) - FIRST_DAY] = True


@compiled
def encode_block(
    block: Bytes, begin: int, line: int, skipped: NDArray[np.bool_], first_line: int, any_byte: bool, plan: Plan,
    scratch: Scratch, output: Bytes, rows: RowArrays, left: LineArrays, touched: NDArray[np.bool_],
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Encodes the plainly good rows of a block from `begin` on, until it ends or an output is full.

    The block is whole lines, of which `line` begins at `begin`; those that are `skipped` (by line from `first_line`
    on; empty: none) belong to records with quotes. `any_byte`: the block is UTF-8 throughout. `touched` is set for the
    days, since FIRST_DAY, of the plan's touched_by column. Returns where and at which line it stopped, the rows
    encoded, the lines left alone, and the bytes of output.
    """
    data, out = base.bytes_at(block.ctypes.data), base.bytes_at(output.ctypes.data)
    commas, places = base.longs_at(scratch.commas.ctypes.data), base.longs_at(scratch.places.ctypes.data)
    columns, numbers = base.longs_at(plan.columns.ctypes.data), base.floats_at(plan.numbers.ctypes.data)
    word_begins, words = base.longs_at(plan.word_begins.ctypes.data), base.bytes_at(plan.words.ctypes.data)
    classes, load_id = base.bytes_at(plan.classes.ctypes.data), base.bytes_at(plan.load_id.ctypes.data)
    fields, count, done, alone, at = plan.field_count, len(plan.columns), 0, 0, 0
    bound = 40 + count * (4 + base.LONGEST_VALUE)
    while begin < len(block) and done < len(rows.begins) and alone < len(left.begins):
        found, newline = _split(data, begin, commas, fields)
        if at + bound + newline - begin > len(output):
            break
        end = newline - 1 if newline > begin and data[newline - 1] == base.RETURN else newline
        if end > begin and not (len(skipped) and skipped[line - first_line]):
            stop = -1
            if found == fields:
                stop = _put_row(
                    data, end, commas, fields, out, at, places, line, any_byte,
                    columns, count, numbers, word_begins, words, classes, load_id,
                )  # fmt: skip
            if stop < 0:
                left.begins[alone], left.ends[alone], left.lines[alone] = begin, newline + 1, line
                alone += 1
            else:
                rows.begins[done], rows.lines[done] = at, line
                _note_row(out, places, plan, columns, rows, done, touched)
                at, done = stop, done + 1
        begin, line = newline + 1, line + 1
    return begin, line, done, alone, at


@compiled
def gather(out: Bytes, begins: Longs, ends: Longs, target: Bytes) -> None:
    """Copies rows one after another."""
    at = 0
    for row in range(len(begins)):
        width = ends[row] - begins[row]
        target[at : at + width] = out[begins[row] : ends[row]]
        at += width
