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
from ingestion.raw_tables import dirtied_id, touched_day

# The newest row of each key by what was delivered up to the snapshot; later deliveries may have been loaded before it.
_CURRENT = """
    select distinct on ({key}) stored.*
    from {table} as stored
    join raw.load_ledger on load_ledger.load_id = stored._load_id
    where load_ledger.delivery_sequence <= %(sequence)s
    order by {key}, {newest} stored._line_number desc
"""
# The entities that live, and whether the snapshot has them: loaded, or in quarantine.
_LIVING = (
    """
    create temporary table living on commit drop as
    select {key}, bool_or(current._load_id = %(load_id)s or own.is_own or quarantined.is_own) is true as is_in_file
    from ("""
    + _CURRENT
    + """) as current
    left join (select distinct {key}, true as is_own from {table} where _load_id = %(load_id)s) as own using ({key})
    left join lateral (
        select true as is_own from raw.quarantine
        where quarantine.load_id = %(load_id)s and {is_named}
        limit 1
    ) as quarantined on true
    where current.is_deleted is not true
    group by {key}
"""
)


def close_missing(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    delivery: Delivery,
    max_vanishing_share: float,
) -> int:
    """Ends the entities that the snapshot lacks, by a version of their own at the snapshot's time.

    A feed without versions has its row marked instead. Refuses the file where more than `max_vanishing_share` of the
    entities would end. An entity whose row is in quarantine is not missing.
    """
    names = _names(contract)
    connection.execute("drop table if exists pg_temp.living")
    connection.execute(
        sql.SQL(_LIVING).format(**names), {"load_id": delivery.load_id, "sequence": delivery.delivery_sequence}
    )
    connection.execute("analyze pg_temp.living")
    present, vanished = connection.execute(
        "select count(*), count(*) filter (where not is_in_file) from pg_temp.living"
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
        _insert_closing_versions(connection, contract, delivery, names)
    else:
        _mark_rows(connection, contract, delivery, names)
    return int(str(vanished))


def _names(contract: Contract) -> dict[str, sql.Composable]:
    """The parts of the statements that the contract decides."""
    # A row in quarantine names an entity if all its ids can be read there; a wrong match only keeps one alive.
    ids = [name for name in contract.key if contract.column(name).type in ("uuid", "text", "bigint")]
    is_named = sql.SQL(" and ").join(
        sql.SQL("position(current.{}::text in lower(quarantine.original_text)) > 0").format(sql.Identifier(name))
        for name in ids
    )
    return {
        "table": sql.Identifier("raw", contract.feed),
        "key": sql.SQL(", ").join(map(sql.Identifier, contract.key)),
        "newest": sql.SQL("updated_at desc," if contract.is_versioned else ""),
        "is_named": is_named,
    }


def _mark_rows(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    delivery: Delivery,
    names: dict[str, sql.Composable],
) -> None:
    """Takes the rows back that the snapshot lacks, and reports their days and the entities that they dirty."""
    dirties = contract.dirties
    connection.execute(
        sql.SQL(
            "with marked as (update {table} set is_deleted = true where is_deleted is not true"
            " and ({key}) in (select {key} from pg_temp.living where not is_in_file)"
            " returning {day} as day, {entity_id} as entity_id),"
            " touched as (insert into raw.touched_days (feed, day, load_id)"
            " select distinct {feed}, day, %(load_id)s::uuid from marked where day is not null)"
            " insert into raw.dirty_windows (entity, entity_id, load_id)"
            " select distinct {entity}, entity_id, %(load_id)s::uuid from marked where entity_id is not null"
        ).format(
            day=touched_day(contract), feed=sql.Literal(contract.feed), entity_id=dirtied_id(contract),
            entity=sql.Literal(dirties.entity if dirties else None), **names,
        ),
        {"load_id": delivery.load_id},
    )  # fmt: skip


def _insert_closing_versions(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    delivery: Delivery,
    names: dict[str, sql.Composable],
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
    connection.execute(
        sql.SQL(
            "insert into {table} ({columns}, updated_at, is_deleted, _load_id, _line_number)"
            " select {columns}, greatest(%(taken_at)s, updated_at + interval '1 microsecond'), true, %(load_id)s, 0"
            " from (" + _CURRENT + ") as current join pg_temp.living using ({key}) where not is_in_file"
        ).format(columns=sql.SQL(", ").join(map(sql.Identifier, kept)), **names),
        {"taken_at": taken_at, "load_id": delivery.load_id, "sequence": delivery.delivery_sequence},
    )
