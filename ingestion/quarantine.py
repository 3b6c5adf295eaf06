"""Bad rows on their way to raw.quarantine: with line, text, reasons and subjects, as they come.

Not here: why a row is bad.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from uuid import UUID

from ingestion import ledger
from ingestion.contract import Contract
from ingestion.personal import SubjectHasher
from ingestion.readers import TextChunk
from ingestion.rules import JudgedChunk
from ingestion.writing import RowWriter

# So many at a time, so that a wholly bad chunk needs no memory of its size again.
BATCH_ROWS = 2048


class Quarantine:
    """Takes the bad rows of one load; `first` is the one that stands first in the file, of those seen."""

    def __init__(self, connection: ledger.Connection, contract: Contract, load_id: UUID, hasher: SubjectHasher) -> None:
        self._connection = connection
        self._contract = contract
        self._load_id = load_id
        self._hasher = hasher
        self.first: ledger.QuarantinedRow | None = None

    def take(self, chunk: TextChunk, judged: JudgedChunk, writer: RowWriter) -> None:
        """Has the chunk's bad rows written on the writer's thread, in the load's transaction."""
        rows = self._bad_rows(chunk, judged)
        while batch := list(islice(rows, BATCH_ROWS)):
            first = min(batch, key=lambda row: row.line_number)
            if self.first is None or first.line_number < self.first.line_number:
                self.first = first
            writer.do(partial(ledger.quarantine, self._connection, self._load_id, self._contract.feed, batch))

    def _bad_rows(self, chunk: TextChunk, judged: JudgedChunk) -> Iterator[ledger.QuarantinedRow]:
        for broken in chunk.broken:
            subjects = self._hasher.subjects_of_text(broken.original_text)
            yield ledger.QuarantinedRow(broken.line_number, broken.original_text, [broken.reason], subjects)
        for rejection in judged.rejections:
            values = chunk.columns.row(rejection.row, named=True)
            yield ledger.QuarantinedRow(
                int(chunk.line_numbers[rejection.row]),
                chunk.original_text(rejection.row),
                rejection.reasons,
                self._hasher.subjects_of_row(values, self._contract),
            )
