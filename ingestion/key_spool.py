"""The key hashes of one load, however long: a bounded part in memory, the rest in a temporary file.

Not here: what is done with them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

RECORD = np.dtype([("hash", "<u8"), ("line", "<i8"), ("day", "<i4")])
# 20 MB of records; a group that is read back has as many, or a 256th part of all if that is more.
MEMORY_ROWS = 1 << 20
_BUCKETS = 256

Records = NDArray[np.void]


class KeySpool:
    """Gathers records of rows and gives them back in groups by ranges of their hashes."""

    def __init__(self, memory_rows: int = MEMORY_ROWS) -> None:
        self._memory_rows = memory_rows
        self._parts: list[Records] = []
        self._rows = 0
        self._file: IO[bytes] | None = None
        # For each time that memory was full: where its buckets begin in the file, and the end (in rows).
        self._spilled: list[NDArray[np.int64]] = []

    def add(self, hashes: NDArray[np.uint64], days: NDArray[np.int32], lines: NDArray[np.int64]) -> None:
        records = np.empty(len(hashes), dtype=RECORD)
        records["hash"], records["day"], records["line"] = hashes, days, lines
        self._parts.append(records)
        self._rows += len(records)
        if self._rows >= self._memory_rows:
            self._spill()

    def groups(self) -> Iterator[Records]:
        """All records; those of one hash are in the same group. May be asked for once."""
        if self._file is None:
            if self._parts:
                records, self._parts = np.concatenate(self._parts), []
                yield records
            return
        self._spill()
        first = 0
        sizes = np.sum([np.diff(begins) for begins in self._spilled], axis=0)
        while first < _BUCKETS:
            last, rows = first + 1, int(sizes[first])
            while last < _BUCKETS and rows + int(sizes[last]) <= self._memory_rows:
                rows, last = rows + int(sizes[last]), last + 1
            if rows:
                yield self._read(first, last, rows)
            first = last
        self._file.close()

    def _spill(self) -> None:
        if not self._parts:
            return
        records = np.concatenate(self._parts)
        self._parts, self._rows = [], 0
        buckets = (records["hash"] >> np.uint64(56)).astype(np.uint8)
        order = np.argsort(buckets, kind="stable")
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="key-hashes-")  # noqa: SIM115  (closed with the last group)
        begin = self._spilled[-1][-1] if self._spilled else 0
        counts = np.bincount(buckets, minlength=_BUCKETS)
        self._spilled.append(begin + np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts))))
        records[order].tofile(self._file)

    def _read(self, first: int, last: int, rows: int) -> Records:
        """The records of the buckets from `first` to before `last`, which lie together in each spilled part."""
        assert self._file is not None
        found, at = np.empty(rows, dtype=RECORD), 0
        for begins in self._spilled:
            count = int(begins[last] - begins[first])
            self._file.seek(int(begins[first]) * RECORD.itemsize)
            found[at : at + count] = np.fromfile(self._file, dtype=RECORD, count=count)
            at += count
        return found
