"""Encoded rows into their tables by COPY, on a thread of its own so that parsing goes on beside it.

Not here: what is written. Between `RowWriter.add` and `close` nobody else may use the connection.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType

import psycopg
from psycopg import sql

from ingestion.encoding import COPY_SIGNATURE, COPY_TRAILER

FLUSH_BYTES = 16 << 20
BUFFERED_BYTES = 64 << 20
WRITE_BYTES = 64 << 10


class RowWriter:
    """Gathers rows per table and sends them in long COPYs; errors of the server surface at the next call."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._buffers: dict[str, list[bytes | memoryview]] = {}
        self._sizes: dict[str, int] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._tasks: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=2)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="copy-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._buffers.clear()
            self._stop()

    def do(self, task: Callable[[], None]) -> None:
        """Has the writer's thread carry out something else on the connection, between two COPYs."""
        self._raise_error()
        self._tasks.put(task)

    def add(self, table: str, columns: tuple[str, ...], rows: bytes | memoryview) -> None:
        """Takes encoded rows for raw.<table>."""
        self._columns[table] = columns
        self._buffers.setdefault(table, []).append(rows)
        self._sizes[table] = self._sizes.get(table, 0) + len(rows)
        if self._sizes[table] >= FLUSH_BYTES:
            self._flush(table)
        while sum(self._sizes.values()) >= BUFFERED_BYTES:
            self._flush(max(self._sizes, key=lambda name: self._sizes[name]))

    def close(self) -> None:
        """Sends what is left and waits for the server."""
        for table in list(self._buffers):
            self._flush(table)
        self._stop()
        self._raise_error()

    def _stop(self) -> None:
        self._tasks.put(None)
        self._thread.join()

    def _flush(self, table: str) -> None:
        parts, columns = self._buffers.pop(table), self._columns[table]
        del self._sizes[table]
        self.do(lambda: self._copy(table, columns, parts))

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._error is None:
                try:
                    task()
                except BaseException as error:  # handed to the caller's thread
                    self._error = error

    def _copy(self, table: str, columns: tuple[str, ...], parts: list[bytes | memoryview]) -> None:
        command = sql.SQL("copy raw.{} ({}) from stdin (format binary)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            copy.write(COPY_SIGNATURE)
            for part in parts:
                view = memoryview(part)
                for start in range(0, len(view), WRITE_BYTES):
                    copy.write(view[start : start + WRITE_BYTES])
            copy.write(COPY_TRAILER)
