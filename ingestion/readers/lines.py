"""A byte stream in blocks of whole lines, from plain and gzip files.

Not here: what a line means.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
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
# A longer line is no row: in its place stands one that begins with CUT_MARK and says what it was.
MAX_LINE_BYTES = 4 << 20
SHOWN_BYTES = 200
# What is kept for each line of a block takes more memory than an empty line itself.
MAX_BLOCK_LINES = 1 << 20
CUT_MARK = b"\x00cut\x00"


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
    return text.replace(CUT_MARK, b"").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def byte_problem(record: bytes) -> str:
    """What keeps a record from being text, in words; empty if nothing does."""
    if CUT_MARK in record:
        return f"expected a line of at most {MAX_LINE_BYTES} bytes; the whole line is in the landed file"
    if b"\x00" in record:
        return "a NUL byte, which no text may hold"
    try:
        record.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"expected UTF-8, found the byte 0x{record[error.start]:02x} at position {error.start + 1}"
    return ""


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
            cut = data.rfind(b"\n") + 1
            rest, data = data[cut:], data[:cut]
            if len(rest) > MAX_LINE_BYTES:
                rest, following = _cut_line(rest, following, stream, path)
            if rest and not following:
                rest, data = b"", data + rest + b"\n"
            *parts, last = _parts(data)
            for part in parts:
                yield part, False
            if last:
                yield last, not following
            block = following


def _parts(data: bytes) -> list[bytes]:
    """Whole lines in parts of at most MAX_BLOCK_LINES."""
    if data.count(b"\n") <= MAX_BLOCK_LINES:
        return [data]
    cuts = [*line_starts(data)[:-1:MAX_BLOCK_LINES].tolist(), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]


def _cut_line(begin: bytes, following: bytes, stream: IO[bytes] | gzip.GzipFile, path: Path) -> tuple[bytes, bytes]:
    """What stands in place of a line that is too long, and the block that begins with its newline."""
    digest, length, end = hashlib.sha256(begin), len(begin), -1
    while following and end < 0:
        end = following.find(b"\n")
        part = following if end < 0 else following[:end]
        digest.update(part)
        length += len(part)
        following = read_block(stream, path) if end < 0 else following[end:]
    # Without a quote, so that it stays a line of its own.
    shown = begin[:SHOWN_BYTES].split(b'"')[0]
    told = f"[a line of {length} bytes with the SHA-256 {digest.hexdigest()}; it begins] "
    return CUT_MARK + told.encode() + shown, following
