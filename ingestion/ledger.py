"""The load ledger, the quarantine and the touched days: what became of every row, written with the rows.

Not here: the decisions themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import psycopg
from psycopg import sql

from ingestion.contract import Contract
from ingestion.landing import Delivery
from ingestion.raw_tables import touched_day

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class QuarantinedRow:
    line_number: int
    original_text: str
    reasons: list[str]
    subject_hmacs: list[str]


@dataclass
class Tally:
    """What a load has counted so far. rows_in_file = rows_loaded + rows_quarantined + rows_duplicate."""

    rows_in_file: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    rows_clashing: int = 0
    rows_closed: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    touched_days: set[date] = field(default_factory=set)

    @property
    def rows_loaded(self) -> int:
        return self.rows_in_file - self.rows_quarantined - self.rows_duplicate

    @property
    def bad_row_share(self) -> float:
        return self.rows_quarantined / self.rows_in_file if self.rows_in_file else 0.0

    def unknown_columns(self, contract: Contract) -> list[str]:
        """Columns that the contract does not know; those that name a repaired row's quarantine are ours."""
        known = {column.name for column in contract.all_columns}
        return sorted(name for name in self.columns if name not in known and not name.startswith("_quarantined_"))


def open_entry(connection: Connection, delivery: Delivery, feed: str) -> bool:
    """The ledger's row, empty, so that quarantined rows can refer to it.

    Waits for another worker that loads the same delivery; False if that one has loaded or refused it.
    """
    # Without a target: two workers may meet on either unique key, the load or its sequence.
    opened = connection.execute(
        "insert into raw.load_ledger (load_id, feed, file_name, delivery_sequence, status, rows_in_file, rows_loaded,"
        " rows_quarantined, rows_duplicate, rows_clashing, columns, unknown_columns, seconds_to_load)"
        " values (%s, %s, %s, %s, 'loaded', 0, 0, 0, 0, 0, '{}', '{}', 0) on conflict do nothing",
        [delivery.load_id, feed, delivery.file.file_name, delivery.delivery_sequence],
    )
    return opened.rowcount == 1


def close_entry(connection: Connection, delivery: Delivery, contract: Contract, tally: Tally, seconds: float) -> None:
    connection.execute(
        "update raw.load_ledger set rows_in_file = %s, rows_loaded = %s, rows_quarantined = %s, rows_duplicate = %s,"
        " rows_clashing = %s, rows_closed = %s, columns = %s, unknown_columns = %s, seconds_to_load = %s,"
        " loaded_at = clock_timestamp() where load_id = %s",
        [
            tally.rows_in_file,
            tally.rows_loaded,
            tally.rows_quarantined,
            tally.rows_duplicate,
            tally.rows_clashing,
            tally.rows_closed,
            list(tally.columns),
            tally.unknown_columns(contract),
            seconds,
            delivery.load_id,
        ],
    )


def refuse(connection: Connection, delivery: Delivery, feed: str, reason: str, tally: Tally, seconds: float) -> None:
    """The ledger's row of a file that was refused whole."""
    connection.execute(
        "insert into raw.load_ledger (load_id, feed, file_name, delivery_sequence, status, rows_in_file, rows_loaded,"
        " rows_quarantined, rows_duplicate, rows_clashing, columns, unknown_columns, refusal_reason, seconds_to_load)"
        " values (%s, %s, %s, %s, 'refused', %s, 0, 0, 0, 0, %s, '{}', %s, %s) on conflict do nothing",
        [
            delivery.load_id,
            feed,
            delivery.file.file_name,
            delivery.delivery_sequence,
            tally.rows_in_file,
            list(tally.columns),
            reason,
            seconds,
        ],
    )


def quarantine(connection: Connection, load_id: UUID, feed: str, rows: Iterable[QuarantinedRow]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy raw.quarantine (load_id, feed, line_number, original_text, reasons, subject_hmacs) from stdin"
        ) as copy,
    ):
        for row in rows:
            copy.write_row((load_id, feed, row.line_number, row.original_text, row.reasons, row.subject_hmacs))


def move_to_duplicates(connection: Connection, earlier: dict[UUID, int], clashing: dict[UUID, int]) -> None:
    """Books rows that this load displaced, and clashes, on the loads that they belong to."""
    for load_id, rows in earlier.items():
        connection.execute(
            "update raw.load_ledger set rows_loaded = rows_loaded - %s, rows_duplicate = rows_duplicate + %s"
            " where load_id = %s",
            [rows, rows, load_id],
        )
    for load_id, rows in clashing.items():
        connection.execute(
            "update raw.load_ledger set rows_clashing = rows_clashing + %s where load_id = %s", [rows, load_id]
        )


def touch_days(connection: Connection, contract: Contract, load_id: UUID, days: set[date]) -> None:
    """Records the days; what moved between issues or versions touches the days of all of them."""
    column = contract.touched_by
    if column is None:
        return
    if contract.is_versioned and column not in contract.identity:
        table = sql.Identifier("raw", contract.feed)
        key = sql.SQL(", ").join(map(sql.Identifier, contract.entity_key))
        rows = connection.execute(
            sql.SQL(
                "select distinct {day} from {table} where {column} is not null"
                " and ({key}) in (select {key} from {table} where _load_id = %s)"
            ).format(day=touched_day(contract), table=table, column=sql.Identifier(column), key=key),
            [load_id],
        ).fetchall()
        days |= {row[0] for row in rows}  # type: ignore[misc]
    connection.execute(
        "insert into raw.touched_days (feed, day, load_id) select %s, day, %s from unnest(%s::date[]) day order by day",
        [contract.feed, load_id, sorted(days)],
    )


def dirty_entities(connection: Connection, contract: Contract, load_id: UUID, displaced: set[UUID]) -> None:
    """Records the entities whose facts this load changes: those of its rows and of the rows that it displaced."""
    if contract.dirties is None:
        return
    connection.execute(
        sql.SQL(
            "insert into raw.dirty_windows (entity, entity_id, load_id) select %(entity)s, id, %(load_id)s from ("
            " select {column} as id from {table} where _load_id = %(load_id)s"
            " union select unnest(%(displaced)s::uuid[])) as changed where id is not null order by id"
        ).format(column=sql.Identifier(contract.dirties.column), table=sql.Identifier("raw", contract.feed)),
        {"entity": contract.dirties.entity, "load_id": load_id, "displaced": list(displaced)},
    )


def mark_replayed(connection: Connection, contract: Contract, load_id: UUID) -> int:
    """Marks the quarantined rows that this load's rows repair (they name them in `_quarantined_*` columns)."""
    return connection.execute(
        sql.SQL(
            "update raw.quarantine q set status = 'replayed' from raw.{} t where t._load_id = %s"
            " and q.status = 'open' and q.load_id::text = t._extra ->> '_quarantined_load_id'"
            " and q.line_number::text = t._extra ->> '_quarantined_line_number'"
        ).format(sql.Identifier(contract.feed)),
        [load_id],
    ).rowcount
