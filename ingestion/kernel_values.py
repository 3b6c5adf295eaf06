"""Compiled readers of single values: the bytes of a CSV field to the bytes of PostgreSQL's binary COPY.

Not here: times. Each returns the width it wrote, or -1 where the value is not plainly good (another reader judges it).
"""

from __future__ import annotations

import numpy as np

from ingestion.kernel_base import (
    LONGEST_VALUE,
    MINUS,
    NINE,
    POINT,
    RETURN,
    ZERO,
    Bytes,
    Longs,
    compiled,
    digits_of,
    put32,
    put64,
)

# More digits than these need arithmetic beyond 64 bits.
_BIGINT_DIGITS, _NUMERIC_DIGITS = 18, 15
_POWERS = np.array([10.0**i for i in range(_NUMERIC_DIGITS + 1)])
_NIBBLES = np.full(256, 255, dtype=np.uint8)
for _value, _digit in enumerate("0123456789abcdef"):
    _NIBBLES[[ord(_digit), ord(_digit.upper())]] = _value
_UUID_PLACES = np.array([0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34])


@compiled
def put_uuid(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    if end - begin != 36:
        return -1
    wrong = (data[begin + 8] ^ MINUS) | (data[begin + 13] ^ MINUS)
    wrong |= (data[begin + 18] ^ MINUS) | (data[begin + 23] ^ MINUS)
    for i in range(16):
        high, low = _NIBBLES[data[begin + _UUID_PLACES[i]]], _NIBBLES[data[begin + _UUID_PLACES[i] + 1]]
        wrong |= (high | low) & 0xF0
        out[at + i] = (high << 4) | (low & 0x0F)
    return 16 if wrong == 0 else -1


@compiled
def put_text(data: Bytes, begin: int, end: int, out: Bytes, at: int, takes_any_byte: bool) -> int:
    for i in range(begin, end):
        character = data[i]
        if character in (0, RETURN) or (character > 127 and not takes_any_byte):
            return -1
        out[at + i - begin] = character
    return end - begin


@compiled
def is_listed(data: Bytes, begin: int, end: int, first: int, last: int, words: Bytes, word_begins: Longs) -> bool:
    for word in range(first, last):
        start = word_begins[word]
        if word_begins[word + 1] - start == end - begin:
            same = True
            for i in range(end - begin):
                same &= data[begin + i] == words[start + i]
            if same:
                return True
    return False


@compiled
def fits_pattern(data: Bytes, begin: int, end: int, length: int, classes: Bytes, offset: int) -> bool:
    if end - begin != length:
        return False
    fits = 1
    for i in range(begin, end):
        fits &= classes[offset + data[i]]
    return fits == 1


@compiled
def put_bigint(data: Bytes, begin: int, end: int, out: Bytes, at: int, low: int, high: int) -> int:
    is_negative = data[begin] == MINUS
    first = begin + is_negative
    if end - first > _BIGINT_DIGITS:
        return -1
    value = digits_of(data, first, end)
    if value < 0:
        return -1
    if is_negative:
        value = -value
    if value < low or value > high:
        return -1
    put64(out, at, value)
    return 8


@compiled
def _read_decimal(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Mantissa and scale of an unsigned decimal; a mantissa of -1 for anything else."""
    mantissa, digits, point = 0, 0, -1
    for i in range(begin, end):
        character = np.int64(data[i])
        if character == POINT:
            if point >= 0 or i == begin or i == end - 1:
                return -1, 0
            point = i
        elif ZERO <= character <= NINE:
            mantissa = mantissa * 10 + int(character) - ZERO
            digits += 1
        else:
            return -1, 0
        if digits > _NUMERIC_DIGITS:
            return -1, 0
    return (mantissa if digits else -1), (end - 1 - point if point >= 0 else 0)


@compiled
def _write_numeric(out: Bytes, at: int, mantissa: int, scale: int, is_negative: bool) -> int:
    """PostgreSQL's binary numeric: count, weight, sign, scale, then digits of base 10000."""
    fraction_groups = (scale + 3) // 4
    rest = mantissa
    for _ in range(fraction_groups * 4 - scale):
        rest *= 10
    groups, dropped, first = 0, 0, at + LONGEST_VALUE
    while rest:
        group = rest % 10_000
        rest //= 10_000
        groups += 1
        if group == 0 and groups == dropped + 1:
            dropped += 1
            continue
        first -= 2
        out[first], out[first + 1] = group >> 8, group & 0xFF
    kept = groups - dropped
    weight = groups - fraction_groups - 1 if groups else 0
    for i in range(kept * 2):
        out[at + 8 + i] = out[first + i]
    sign = 0x4000 if is_negative and groups else 0
    put32(out, at, (kept << 16) | (weight & 0xFFFF))
    put32(out, at + 4, (sign << 16) | scale)
    return 8 + kept * 2


@compiled
def put_numeric(data: Bytes, begin: int, end: int, out: Bytes, at: int, low: float, high: float, decimals: int) -> int:
    is_negative = data[begin] == MINUS
    mantissa, scale = _read_decimal(data, begin + is_negative, end)
    if mantissa < 0:
        return -1
    # Both are exact as floats, so the quotient is the float nearest to the decimal.
    number = mantissa / _POWERS[scale]
    if is_negative:
        number = -number
    if number < low or number > high:
        return -1
    if decimals >= 0:
        significant, trimmed = scale, mantissa
        while significant > 0 and trimmed % 10 == 0:
            significant, trimmed = significant - 1, trimmed // 10
        if significant > decimals:
            return -1
    return int(_write_numeric(out, at, mantissa, scale, is_negative))


@compiled
def put_boolean(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    first, width = data[begin], end - begin
    if width == 1 and first in (49, 116, 48, 102):
        out[at] = first in (49, 116)
        return 1
    if width == 4 and first == 116 and data[begin + 1] == 114 and data[begin + 2] == 117 and data[begin + 3] == 101:
        out[at] = 1
        return 1
    is_false = width == 5 and first == 102 and data[begin + 1] == 97 and data[begin + 2] == 108
    if is_false and data[begin + 3] == 115 and data[begin + 4] == 101:
        out[at] = 0
        return 1
    return -1
