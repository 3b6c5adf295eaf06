"""Full snapshots: a file that lists every entity there is, so that what it lacks has ended.

Not here: deletions that a row states itself (`is_deleted`); those are loaded like any version.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from psycopg import sql

from ingestion.contract import Contract
from ingestion.errors import FileRefused
from ingestion.landing import Delivery

_CURRENT = """
    select distinct on ({key}) * from {table} order by {key}, {newest} _line_number desc
"""


def close_missing(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    delivery: Delivery,
    max_vanishing_share: float,
) -> int:
    """Ends the entities that the snapshot lacks, by a version of their own at the snapshot's time.

    A feed without versions has its row marked instead. Refuses the file where more than `max_vanishing_share` of the
    entities would end.
    """
    table = sql.Identifier("raw", contract.feed)
    key = sql.SQL(", ").join(map(sql.Identifier, contract.key))
    newest = sql.SQL("updated_at desc," if contract.is_versioned else "")
    connection.execute("drop table if exists pg_temp.vanished")
    present, vanished = connection.execute(
        sql.SQL(
            "with current as (" + _CURRENT + "), living as (select * from current where is_deleted is not true)"
            " select count(*), count(*) filter (where ({key}) not in"
            " (select {key} from {table} where _load_id = %s)) from living"
        ).format(key=key, table=table, newest=newest),
        [delivery.load_id],
    ).fetchone() or (0, 0)
    if not vanished:
        return 0
    if int(str(vanished)) > max_vanishing_share * int(str(present)):
        raise FileRefused(
            f"{delivery.file.file_name}: this full snapshot lacks {vanished} of {present} entities; expected at most"
            f" {max_vanishing_share:.0%} to vanish at once; check that the file is complete, or raise"
            " MAX_VANISHING_SHARE for one run"
        )
    if contract.is_versioned:
        _insert_closing_versions(connection, contract, delivery, table, key)
    else:
        connection.execute(
            sql.SQL(
                "update {table} set is_deleted = true where is_deleted is not true"
                " and ({key}) not in (select {key} from {table} where _load_id = %s)"
            ).format(table=table, key=key),
            [delivery.load_id],
        )
    return int(str(vanished))


def _insert_closing_versions(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    delivery: Delivery,
    table: sql.Identifier,
    key: sql.Composed,
) -> None:
    """One version per vanished entity: its newest values, `is_deleted`, line 0 of the snapshot."""
    taken_at = datetime.fromtimestamp(delivery.file.modified_at_ns / 1e9, tz=UTC)
    replaced = {"updated_at", "is_deleted", "_load_id", "_line_number", "_extra"}
    kept = [
        name
        for column in contract.all_columns
        for name in ([column.name, column.hmac_name] if column.personal else [column.name])
        if name not in replaced
    ]
    columns = sql.SQL(", ").join(map(sql.Identifier, kept))
    connection.execute(
        sql.SQL(
            "insert into {table} ({columns}, updated_at, is_deleted, _load_id, _line_number)"
            " select {columns}, greatest(%s, updated_at + interval '1 microsecond'), true, %s, 0"
            " from (" + _CURRENT + ") current where is_deleted is not true"
            " and ({key}) not in (select {key} from {table} where _load_id = %s)"
        ).format(table=table, columns=columns, key=key, newest=sql.SQL("updated_at desc,")),
        [taken_at, delivery.load_id, delivery.load_id],
    )
