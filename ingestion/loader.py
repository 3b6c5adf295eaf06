"""Loads landed files into the raw tables: one file, one transaction, one ledger row.

Not here: how files are read, judged, encoded or written; this is the order in which that happens.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import polars as pl
import psycopg

from ingestion import ledger
from ingestion.contract import Contract, contract
from ingestion.duplicates import identity_days, identity_hashes, remove_duplicates
from ingestion.encoding import encode_rows
from ingestion.errors import FileLeft, FileRefused, told_plainly
from ingestion.fast_road import WORTHWHILE_BYTES, EncodedRows, FastRoad, can_take, hurry
from ingestion.key_spool import KeySpool
from ingestion.landing import DEFAULT_QUIET_SECONDS, Delivery, LandedFile, discover, is_unchanged, record_findings
from ingestion.partitions import PartitionMaker, leaf_name, split_by_leaf
from ingestion.personal import SubjectHasher
from ingestion.quarantine import Quarantine
from ingestion.raw_tables import create_raw_tables, feed_columns, refresh_statistics
from ingestion.readers import Reader, TextChunk, open_reader
from ingestion.readers.csv_reader import CsvReader
from ingestion.rules import Judge
from ingestion.snapshots import close_missing, record_keys
from ingestion.walking import Finding
from ingestion.writing import RowWriter

DEFAULT_MAX_BAD_ROW_SHARE = 0.20
DEFAULT_MAX_VANISHING_SHARE = 0.05


@dataclass(frozen=True)
class FileReport:
    """What became of one file's rows."""

    load_id: UUID
    feed: str
    file_name: str
    status: str
    rows_in_file: int
    rows_loaded: int
    rows_quarantined: int
    rows_duplicate: int
    rows_clashing: int
    rows_closed: int
    unknown_columns: tuple[str, ...]
    refusal_reason: str | None
    seconds: float


@dataclass(frozen=True)
class FeedReport:
    """The files of a feed that were loaded or refused now, the UTC days that they touched, and what was left."""

    feed: str
    files: tuple[FileReport, ...]
    touched_days: frozenset[date]
    left: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class LoadSettings:
    """What a load needs to know beside the file."""

    warehouse_url: str
    pii_key: bytes
    max_bad_row_share: float
    max_vanishing_share: float
    now: datetime


class _LoadedMeanwhile(Exception):
    """Another worker has loaded this delivery since it was discovered."""


class FileLoad:
    """The load of one delivery: streams it into the raw table within the caller's transaction."""

    def __init__(
        self, connection: ledger.Connection, contract: Contract, delivery: Delivery, settings: LoadSettings
    ) -> None:
        self._connection = connection
        self._contract = contract
        self._delivery = delivery
        self._settings = settings
        self._judge = Judge(contract, settings.now)
        self._hasher = SubjectHasher(settings.pii_key)
        self._partitions = PartitionMaker(contract, settings.warehouse_url)
        self._sql_types = {name: sql_type for name, sql_type, _ in feed_columns(contract)}
        self._keys = KeySpool()
        self._quarantine = Quarantine(connection, contract, delivery.load_id, self._hasher)
        self.tally = ledger.Tally()

    def run(self) -> None:
        """Raises FileRefused where the file may not be loaded; the caller rolls back."""
        started = time.monotonic()
        reader = open_reader(self._delivery.file.path)
        self._check_header(reader.header())
        if not ledger.open_entry(self._connection, self._delivery, self._contract.feed):
            raise _LoadedMeanwhile
        with RowWriter(self._connection) as writer:
            self._read(reader, writer)
        self._check_bad_share()
        if "_quarantined_load_id" in self.tally.columns:
            ledger.mark_replayed(self._connection, self._contract, self._delivery.load_id)
        if self._delivery.is_full_snapshot:
            record_keys(self._connection, self._contract, self._delivery)
        losers = remove_duplicates(self._connection, self._contract, self._delivery.load_id, self._keys)
        self.tally.rows_duplicate = losers.own
        self.tally.rows_closed = close_missing(
            self._connection, self._contract, self._delivery, self._settings.max_vanishing_share
        )
        days = self.tally.touched_days | losers.days
        ledger.touch_days(self._connection, self._contract, self._delivery.load_id, days)
        ledger.dirty_entities(self._connection, self._contract, self._delivery.load_id, losers.entities)
        ledger.close_entry(self._connection, self._delivery, self._contract, self.tally, time.monotonic() - started)
        ledger.move_to_duplicates(self._connection, losers.earlier, losers.clashing)
        self.tally.rows_clashing = losers.clashing.get(self._delivery.load_id, 0)

    def _check_header(self, header: tuple[str, ...] | None) -> None:
        if header is None:
            return
        self.tally.columns = dict.fromkeys(header)
        missing = [column.name for column in self._contract.columns if column.required and column.name not in header]
        if missing:
            raise FileRefused(
                f"{self._delivery.file.file_name}: line 1 lacks the column{'s' * (len(missing) > 1)}"
                f" {', '.join(missing)}; expected every required column of feed {self._contract.feed};"
                " have the source deliver the file with them"
            )

    def _check_bad_share(self) -> None:
        share, limit = self.tally.bad_row_share, self._settings.max_bad_row_share
        if share > limit:
            first = self._quarantine.first
            assert first is not None
            raise FileRefused(
                f"{self._delivery.file.file_name}: {self.tally.rows_quarantined} of {self.tally.rows_in_file} rows"
                f" ({share:.1%}) break the contract of feed {self._contract.feed}; expected at most {limit:.0%};"
                f" first: line {first.line_number}, {first.reasons[0]}; correct the file,"
                " or raise MAX_BAD_ROW_SHARE and replay it"
            )

    def _read(self, reader: Reader, writer: RowWriter) -> None:
        """Sends every row on its way: a large CSV by the fast road, what that leaves and all else by the plain one."""
        is_large = self._delivery.file.size_bytes >= WORTHWHILE_BYTES
        if not (is_large and isinstance(reader, CsvReader) and can_take(self._contract, reader.header())):
            for chunk in reader.chunks():
                self._take(chunk, writer)
            return
        road = FastRoad(self._contract, reader, self._delivery.load_id, self._settings.now)
        for block in reader.blocks():
            for rows in road.encode(block):
                self._take_encoded(rows, writer)
            if block.quoted:
                self._take(reader.block_chunk(block, quoted_only=True), writer)
            if (left := road.left_lines()) is not None:
                self._take(reader.line_chunk(left), writer)
        if (left := road.left_lines(least_bytes=0)) is not None:
            self._take(reader.line_chunk(left), writer)
        self.tally.touched_days |= road.touched_days

    def _take_encoded(self, rows: EncodedRows, writer: RowWriter) -> None:
        self.tally.rows_in_file += len(rows.lines)
        self._keys.add(rows.hashes, rows.days, rows.lines)
        for month, encoded in rows.by_month:
            if month is not None:
                self._partitions.ensure(month)
            table = self._contract.feed if month is None else leaf_name(self._contract, month)
            writer.add(table, tuple(self._sql_types), encoded)

    def _take(self, chunk: TextChunk, writer: RowWriter) -> None:
        """Judges one chunk, sends its good rows on their way and sets its bad ones aside."""
        self.tally.columns.update(dict.fromkeys(chunk.columns.columns))
        judged = self._judge.judge(chunk)
        self._quarantine.take(chunk, judged, writer)
        self.tally.rows_quarantined += len(chunk.broken) + len(judged.rejections)
        self.tally.rows_in_file += len(chunk.columns) + len(chunk.broken)
        if len(judged.typed) == 0:
            return
        lines = chunk.line_numbers[judged.rows]
        frame = self._hasher.add_columns(judged.typed, self._contract).with_columns(
            pl.lit(str(self._delivery.load_id)).alias("_load_id"), pl.Series("_line_number", lines)
        )
        self._keys.add(identity_hashes(frame, self._contract), identity_days(frame, self._contract), lines)
        self.tally.touched_days |= self._days_of(frame)
        for table, month, rows in split_by_leaf(frame, self._contract):
            if month is not None:
                self._partitions.ensure(month)
            writer.add(table, tuple(self._sql_types), encode_rows(rows, self._sql_types))

    def _days_of(self, frame: pl.DataFrame) -> set[date]:
        """UTC days of the contract's touched_by column."""
        if self._contract.touched_by is None:
            return set()
        times = frame[self._contract.touched_by]
        days = times.dt.date() if times.dtype != pl.Date else times
        return set(days.drop_nulls().unique().to_list())


def _check_unchanged(file: LandedFile) -> None:
    """A file that somebody wrote to while it was read is left for the next run."""
    if not is_unchanged(file):
        raise FileLeft(
            f"{file.file_name}: the file changed while it was loaded; nothing of it was kept; the next run loads it"
        )


def _load_delivery(
    connection: ledger.Connection, contract: Contract, delivery: Delivery, settings: LoadSettings
) -> FileReport | None:
    """Loads a delivery or refuses it; None if another worker did meanwhile."""
    load = FileLoad(connection, contract, delivery, settings)
    started = time.monotonic()
    refusal = None
    try:
        with told_plainly(delivery.file.file_name), connection.transaction():
            load.run()
            _check_unchanged(delivery.file)
    except _LoadedMeanwhile:
        return None
    except FileRefused as reason:
        refusal = str(reason)
        ledger.refuse(connection, delivery, contract.feed, refusal, load.tally, time.monotonic() - started)
    tally = load.tally
    is_loaded = refusal is None
    return FileReport(
        load_id=delivery.load_id,
        feed=contract.feed,
        file_name=delivery.file.file_name,
        status="loaded" if is_loaded else "refused",
        rows_in_file=tally.rows_in_file,
        rows_loaded=tally.rows_loaded if is_loaded else 0,
        rows_quarantined=tally.rows_quarantined if is_loaded else 0,
        rows_duplicate=tally.rows_duplicate if is_loaded else 0,
        rows_clashing=tally.rows_clashing if is_loaded else 0,
        rows_closed=tally.rows_closed if is_loaded else 0,
        unknown_columns=tuple(tally.unknown_columns(contract)),
        refusal_reason=refusal,
        seconds=time.monotonic() - started,
    )


def load_feed(
    feed: str,
    *,
    landing: Path,
    warehouse_url: str,
    pii_key: bytes,
    max_bad_row_share: float = DEFAULT_MAX_BAD_ROW_SHARE,
    max_vanishing_share: float = DEFAULT_MAX_VANISHING_SHARE,
    quiet_seconds: float = DEFAULT_QUIET_SECONDS,
    now: datetime | None = None,
) -> FeedReport:
    """Loads every new file of a feed, in the sequence of delivery.

    Args:
        feed: a feed that has a contract.
        landing: the folder that holds one folder per feed.
        warehouse_url: the database, as the raw tables' owner.
        pii_key: the key of the personal columns' hashes.
        max_bad_row_share: a file with a larger share of bad rows is refused whole (0 to 1).
        max_vanishing_share: a full snapshot that would end a larger share of entities is refused.
        quiet_seconds: a file that changed within so many seconds is waited for, and left if it goes on changing.
        now: the clock against which event times are judged; default the real one.

    Raises:
        IngestionError: a file could not be loaded; nothing of it was kept.
        psycopg.Error: the database failed; likewise.
    """
    chosen = contract(feed)
    settings = LoadSettings(warehouse_url, pii_key, max_bad_row_share, max_vanishing_share, now or datetime.now(UTC))
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        create_raw_tables(connection)
        deliveries, left = discover(connection, chosen, landing, quiet_seconds, hurry)
        files = list[FileReport]()
        for delivery in deliveries:
            try:
                if (report := _load_delivery(connection, chosen, delivery, settings)) is not None:
                    files.append(report)
            except FileLeft as reason:
                left.append(Finding(delivery.file.file_name, str(reason)))
        record_findings(connection, feed, left)
        refresh_statistics(connection, chosen, sum(file.rows_loaded for file in files))
        touched = connection.execute(
            "select distinct day from raw.touched_days where load_id = any(%s)", [[file.load_id for file in files]]
        ).fetchall()
    return FeedReport(feed, tuple(files), frozenset(row[0] for row in touched), tuple(left))
