"""What the compiled readers share: how they are compiled and kept, pointers, digits and big-endian numbers.

Not here: what a value or a row is.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray


def _cache_folder() -> Path | None:
    """Where compiled code is kept: in the environment, apart for each version of these sources; None: nowhere."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("kernel*.py")))
    folder = Path(sys.prefix) / "kernel_cache" / hashlib.sha256(sources).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


_CACHE_FOLDER = _cache_folder()
if _CACHE_FOLDER is not None:
    os.environ["NUMBA_CACHE_DIR"] = str(_CACHE_FOLDER)

import numba  # noqa: E402  (reads NUMBA_CACHE_DIR when it is imported)
from numba import types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

# No encoded value but text is longer: a numeric's header and five groups.
LONGEST_VALUE = 18
FIRST_DAY, LAST_DAY = -25_567, 47_846
DAYS_TO_2000 = 10_957
MICROSECONDS_A_DAY = 86_400_000_000
MICROSECONDS_TO_2000 = DAYS_TO_2000 * MICROSECONDS_A_DAY
ZERO, NINE, COMMA, NEWLINE, RETURN, MINUS, POINT, COLON = 48, 57, 44, 10, 13, 45, 46, 58
WIDTH_OF_DATE = 4

F = TypeVar("F", bound=Callable[..., Any])
Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]


def compiled(function: F) -> F:
    return cast(F, numba.njit(nogil=True, cache=_CACHE_FOLDER is not None, error_model="numpy")(function))


def pointer_to(element: Any) -> Any:
    """A compiled cast of an address to a pointer: no reference counts and no wrap-around, which took half the time."""

    @intrinsic  # type: ignore[untyped-decorator]
    def cast_address(_: Any, address: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(address), generate

    return cast_address


bytes_at, longs_at, floats_at = map(pointer_to, (types.uint8, types.int64, types.float64))


@compiled
def put32(out: Bytes, at: int, value: int) -> None:
    for i in range(4):
        out[at + i] = (value >> (24 - 8 * i)) & 0xFF


@compiled
def put64(out: Bytes, at: int, value: int) -> None:
    for i in range(8):
        out[at + i] = (value >> (56 - 8 * i)) & 0xFF


@compiled
def get(out: Bytes, at: int, width: int) -> int:
    """A signed big-endian number."""
    value = np.int64(out[at]) - (256 if out[at] > 127 else 0)
    for i in range(1, width):
        value = (value << 8) | np.int64(out[at + i])
    return int(value)


@compiled
def digits_of(data: Bytes, begin: int, end: int) -> int:
    """The whole number of the digits, -1 if there is anything else or nothing."""
    if begin >= end:
        return -1
    value = 0
    for i in range(begin, end):
        digit = np.int64(data[i]) - ZERO
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + int(digit)
    return value
