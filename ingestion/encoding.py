"""Typed frames to rows in PostgreSQL's binary COPY format, vectorised over whole columns.

Not here: connections, partitions. The format: postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"

# PostgreSQL counts dates and times from 2000-01-01; the Unix epoch lies this far before it.
_DAYS_TO_2000 = 10_957
_MICROSECONDS_TO_2000 = _DAYS_TO_2000 * 86_400_000_000
_NUMERIC_BASE = 10_000
# Up to so many digits a numeric's mantissa, scaled to groups of four decimals, fits into 64 bits.
_FAST_NUMERIC_DIGITS = 15

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class _Field:
    """One encoded column: the bytes of its values one after another, and each value's length (-1 is null)."""

    data: Bytes
    lengths: NDArray[np.int64]


def uuid_bytes(texts: pl.Series) -> Bytes:
    """UUID texts (36 characters, no nulls) as an array of shape (n, 16)."""
    characters = _utf8(texts)[0].reshape(-1, 36)
    digits = np.delete(characters, [8, 13, 18, 23], axis=1)
    # '0'-'9' are 0x30.., 'a'-'f' 0x61.., 'A'-'F' 0x41..: the low nibble, and 9 more for a letter.
    nibbles = (digits & 0x0F) + np.where(digits >= 0x41, np.uint8(9), np.uint8(0))
    packed: Bytes = np.ascontiguousarray(np.bitwise_or(nibbles[:, 0::2] << 4, nibbles[:, 1::2]), dtype=np.uint8)
    return packed


def _utf8(texts: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    """The bytes of all texts (no nulls) one after another, and their offsets."""
    arrow = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets_buffer, data_buffer = arrow.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[arrow.offset : arrow.offset + len(arrow) + 1]
    if data_buffer is None or len(texts) == 0:
        return np.zeros(0, dtype=np.uint8), np.zeros(len(texts) + 1, dtype=np.int64)
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _big_endian(values: NDArray[np.generic], kind: str) -> tuple[Bytes, NDArray[np.int64]]:
    encoded = np.ascontiguousarray(values.astype(kind)).view(np.uint8)
    width = np.dtype(kind).itemsize
    return encoded, np.full(len(values), width, dtype=np.int64)


def _encode_uuid(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    return uuid_bytes(values).reshape(-1), np.full(len(values), 16, dtype=np.int64)


def _encode_text(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    data, offsets = _utf8(values)
    return data, np.diff(offsets)


def _encode_jsonb(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    data, offsets = _utf8(values)
    return np.insert(data, offsets[:-1], np.uint8(1)), np.diff(offsets) + 1


def _encode_bigint(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    return _big_endian(values.to_numpy(), ">i8")


def _encode_boolean(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    return _big_endian(values.to_numpy(), ">u1")


def _encode_date(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    return _big_endian(values.to_physical().to_numpy() - _DAYS_TO_2000, ">i4")


def _encode_timestamptz(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    return _big_endian(values.to_physical().to_numpy() - _MICROSECONDS_TO_2000, ">i8")


def _numeric_bytes(text: str) -> bytes:
    """One decimal text as a numeric's binary form: ndigits, weight, sign, dscale, base-10000 digits."""
    sign, digit_tuple, exponent = Decimal(text).as_tuple()
    scale = max(-int(exponent), 0)
    fraction_groups = -(-scale // 4)
    mantissa = int("".join(map(str, digit_tuple))) * 10 ** (fraction_groups * 4 - scale)
    groups: list[int] = []
    while mantissa:
        mantissa, group = divmod(mantissa, _NUMERIC_BASE)
        groups.insert(0, group)
    weight = len(groups) - fraction_groups - 1 if groups else 0
    while groups and groups[-1] == 0:
        groups.pop()
    is_negative = sign == 1 and bool(groups)
    header = [len(groups), weight, 0x4000 if is_negative else 0, scale]
    return np.array([*header, *groups], dtype=">i2").tobytes()


def _encode_numeric(values: pl.Series) -> tuple[Bytes, NDArray[np.int64]]:
    """Decimal texts by distinct value where few are distinct, else digit by digit over the whole column."""
    digits = values.str.replace_all(r"[-.]", "")
    if len(values) == 0 or (digits.str.len_bytes().max() or 0) > _FAST_NUMERIC_DIGITS:  # type: ignore[operator]
        encoded = [_numeric_bytes(text) for text in values.to_list()]
        return np.frombuffer(b"".join(encoded), dtype=np.uint8), np.array([len(e) for e in encoded], dtype=np.int64)
    point = values.str.find(".", literal=True).cast(pl.Int64)
    scale = (values.str.len_bytes().cast(pl.Int64) - 1 - point).fill_null(0).to_numpy()
    fraction_groups = -(-scale // 4)
    mantissa = digits.cast(pl.Int64).to_numpy() * 10 ** (fraction_groups * 4 - scale)
    is_negative = values.str.starts_with("-").to_numpy() & (mantissa != 0)
    group_count = 5
    powers = _NUMERIC_BASE ** np.arange(group_count - 1, -1, -1, dtype=np.int64)
    groups = (mantissa[:, None] // powers) % _NUMERIC_BASE
    used = groups != 0
    is_zero = ~used.any(axis=1)
    first = np.where(is_zero, 0, used.argmax(axis=1))
    last = np.where(is_zero, -1, group_count - 1 - used[:, ::-1].argmax(axis=1))
    weight = np.where(is_zero, 0, group_count - first - fraction_groups - 1)
    count = last - first + 1
    table = np.empty((len(mantissa), 4 + group_count), dtype=">i2")
    table[:, 0], table[:, 1], table[:, 2], table[:, 3] = count, weight, np.where(is_negative, 0x4000, 0), scale
    table[:, 4:] = groups
    columns = np.arange(4 + group_count)
    keep = (columns < 4) | ((columns - 4 >= first[:, None]) & (columns - 4 <= last[:, None]))
    return np.ascontiguousarray(table[keep]).view(np.uint8), (4 + count) * 2


_ENCODERS: dict[str, Callable[[pl.Series], tuple[Bytes, NDArray[np.int64]]]] = {
    "uuid": _encode_uuid,
    "text": _encode_text,
    "jsonb": _encode_jsonb,
    "bigint": _encode_bigint,
    "boolean": _encode_boolean,
    "date": _encode_date,
    "timestamptz": _encode_timestamptz,
    "numeric": _encode_numeric,
}


def _encode_column(values: pl.Series, sql_type: str) -> _Field:
    is_null = values.is_null().to_numpy()
    data, present_lengths = _ENCODERS[sql_type](values.drop_nulls())
    lengths = np.full(len(values), -1, dtype=np.int64)
    lengths[~is_null] = present_lengths
    return _Field(data, lengths)


def _scatter(out: Bytes, positions: NDArray[np.int64], field: _Field) -> None:
    """Writes each value's length and bytes at its row's position."""
    length_bytes = field.lengths.astype(">i4").view(np.uint8).reshape(-1, 4)
    for i in range(4):
        out[positions + i] = length_bytes[:, i]
    is_present = field.lengths > 0
    targets, lengths = positions[is_present] + 4, field.lengths[is_present]
    if len(lengths) == 0:
        return
    width = int(lengths[0])
    if (lengths == width).all():
        data = field.data.reshape(-1, width)
        for i in range(width):
            out[targets + i] = data[:, i]
        return
    begins = np.cumsum(lengths) - lengths
    out[np.repeat(targets - begins, lengths) + np.arange(len(field.data))] = field.data


def encode_rows(frame: pl.DataFrame, sql_types: dict[str, str]) -> bytes:
    """The frame's rows in binary COPY format, without signature and trailer.

    Args:
        frame: one column per entry of `sql_types`: uuid, text, jsonb, numeric as String, the others as
            Int64, Boolean, Date, Datetime (microseconds, UTC).
        sql_types: PostgreSQL's type by column name, in the order of the COPY's column list.
    """
    fields = [_encode_column(frame[name], sql_type) for name, sql_type in sql_types.items()]
    row_bytes = np.full(len(frame), 2 + 4 * len(fields), dtype=np.int64)
    for field in fields:
        row_bytes += np.maximum(field.lengths, 0)
    ends = np.cumsum(row_bytes)
    out = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    positions = ends - row_bytes
    out[positions], out[positions + 1] = len(fields) >> 8, len(fields) & 0xFF
    positions = positions + 2
    for field in fields:
        _scatter(out, positions, field)
        positions = positions + 4 + np.maximum(field.lengths, 0)
    return out.tobytes()
