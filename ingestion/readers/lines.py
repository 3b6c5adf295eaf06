"""A byte stream in blocks of whole lines, from plain and gzip files.

Not here: what a line means.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ingestion.errors import FileRefused

BLOCK_BYTES = 8 << 20
BOM = b"\xef\xbb\xbf"
NEWLINE = ord("\n")


def open_bytes(path: Path) -> IO[bytes] | gzip.GzipFile:
    """The file's content as a byte stream, unpacked if its name ends in .gz."""
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb")


def read_block(stream: IO[bytes] | gzip.GzipFile, path: Path, size: int = BLOCK_BYTES) -> bytes:
    """The next `size` bytes or fewer; a damaged gzip refuses the file."""
    try:
        return stream.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileRefused(
            f"{path.name}: the gzip stream is damaged or cut off ({error}); expected a complete gzip file; "
            "have the source deliver it again"
        ) from error


def line_starts(block: bytes) -> NDArray[np.int64]:
    """Offsets at which the lines of a block begin, and one past its last newline at the end."""
    newlines = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == NEWLINE)
    return np.concatenate((np.zeros(1, dtype=np.int64), newlines + 1))


def printable(text: bytes) -> str:
    """Text for quarantine and messages: bytes that are not UTF-8, and NUL, as backslash escapes."""
    return text.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def whole_line_blocks(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Blocks that end at a line's end (the last one gets a newline if it lacks one), and whether it is the last."""
    with open_bytes(path) as stream:
        rest = b""
        block = read_block(stream, path)
        if block.startswith(BOM):
            block = block[len(BOM) :]
        while block:
            following = read_block(stream, path)
            data = rest + block
            if following:
                cut = data.rfind(b"\n") + 1
                rest, data = data[cut:], data[:cut]
            elif not data.endswith(b"\n"):
                data += b"\n"
            if data:
                yield data, not following
            block = following
