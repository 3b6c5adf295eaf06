"""Full snapshots: a file that lists every entity there is, so that what it lacks has ended.

Not here: deletions that a row states itself (`is_deleted`); those are loaded like any version.

Which entities a snapshot ends follows from the rows that count and the keys of the snapshots alone, in the sequence of
delivery, whatever was loaded first. So a load also settles the snapshots that were loaded before their turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from psycopg import sql

from ingestion.contract import Contract
from ingestion.errors import FileRefused
from ingestion.landing import Delivery
from ingestion.raw_tables import dirtied_id, touched_day

Connection = psycopg.Connection[tuple[object, ...]]

# The newest row of each key by what was delivered up to the snapshot; later deliveries may have been loaded before it.
_CURRENT = """
    select distinct on ({key}) stored.*
    from {table} as stored
    join raw.load_ledger on load_ledger.load_id = stored._load_id
    where load_ledger.delivery_sequence <= %(sequence)s and {is_affected}
    order by {key}, {newest} stored._line_number desc
"""
# Whether the snapshot has the entity: among its rows, whatever became of them, or in quarantine.
_IS_IN_FILE = """(
    {digest} in (select unnest(keys) from raw.snapshots where load_id = %(snapshot)s)
    or exists (select from raw.quarantine where quarantine.load_id = %(snapshot)s and {is_named})
)"""
_LIVING = (
    "create temporary table living on commit drop as select {key}, "
    + _IS_IN_FILE
    + " as is_in_file from ("
    + _CURRENT
    + ") as current where current.is_deleted is not true"
)
# Entities whose closings may be others now: those of the load's rows, if a later snapshot is there or they were ended
# once, and those that the load, a snapshot, lacks.
_AFFECTED = """
    create temporary table affected on commit drop as
    select {key}, true as is_own from {table}
    where _load_id = %(load_id)s
        and (%(has_later)s or ({key}) in (select {key} from {table} where is_deleted))
    union
    select {key}, false from pg_temp.living where not is_in_file
"""
_CLOSE = (
    "insert into {table} ({columns}, updated_at, is_deleted, _load_id, _line_number)"
    " select {columns}, closed_at, true, %(snapshot)s, 0 from ("
    " select current.*, greatest(%(taken_at)s, updated_at + interval '1 microsecond') as closed_at from ("
    + _CURRENT
    + ") as current where current.is_deleted is not true and not "
    + _IS_IN_FILE
    + ") as closing where not exists (select from {table} as rival"
    " where (closing.closed_at, {closing_key}) = (rival.updated_at, {rival_key}))"
)
_MARK_OWN = (
    "update {table} as current set is_deleted = true"
    " where _load_id = %(load_id)s and is_deleted is not true and not " + _IS_IN_FILE
)


@dataclass(frozen=True)
class _Snapshot:
    load_id: UUID
    delivery_sequence: int
    taken_at: datetime


def record_keys(connection: Connection, contract: Contract, delivery: Delivery) -> None:
    """Keeps which entities a snapshot has; call it before any of its rows gives way to another delivery's."""
    taken_at = datetime.fromtimestamp(delivery.file.modified_at_ns / 1e9, tz=UTC)
    connection.execute(
        sql.SQL(
            "insert into raw.snapshots (load_id, taken_at, keys) select %(load_id)s, %(taken_at)s,"
            " coalesce(array_agg(distinct {digest}), '{{}}') from {table} as current where _load_id = %(load_id)s"
        ).format(**_names(contract)),
        {"load_id": delivery.load_id, "taken_at": taken_at},
    )


def close_missing(connection: Connection, contract: Contract, delivery: Delivery, max_vanishing_share: float) -> int:
    """Ends the entities that snapshots lack, as far as this load has a say in it; returns how many it ends itself.

    An entity ends by a version of its own at the snapshot's time; a feed without versions has its row marked instead.
    An entity whose row is in quarantine is not missing; one that is delivered again as it was has not ended.

    Raises:
        FileRefused: a snapshot would end more than `max_vanishing_share` of the entities.
    """
    snapshots = _loaded_snapshots(connection, contract)
    if not snapshots:
        return 0
    own = [snapshot for snapshot in snapshots if snapshot.load_id == delivery.load_id]
    later = [snapshot for snapshot in snapshots if snapshot.delivery_sequence > delivery.delivery_sequence]
    _judge_vanishing(connection, contract, delivery, own, max_vanishing_share)
    if contract.is_versioned:
        closed = _close_again(connection, contract, delivery, snapshots, has_later=bool(later))
    else:
        closed = {snapshot.load_id: _mark_missing(connection, contract, snapshot) for snapshot in own}
        closed |= {snapshot.load_id: _mark_own(connection, contract, delivery, snapshot) for snapshot in later}
        _add_to_ledger(connection, {k: rows for k, rows in closed.items() if k != delivery.load_id})
    return closed.get(delivery.load_id, 0)


def _loaded_snapshots(connection: Connection, contract: Contract) -> list[_Snapshot]:
    """The feed's snapshots in the sequence of delivery, the one that is being loaded among them."""
    rows = connection.execute(
        "select load_id, delivery_sequence, taken_at from raw.snapshots join raw.load_ledger using (load_id)"
        " where feed = %s order by delivery_sequence",
        [contract.feed],
    )
    return [_Snapshot(*row) for row in rows]  # type: ignore[arg-type]


def _names(contract: Contract, is_affected: str = "true") -> dict[str, sql.Composable]:
    """The parts of the statements that the contract decides."""
    # A row in quarantine names an entity if all its ids can be read there; a wrong match only keeps one alive.
    ids = [name for name in contract.key if contract.column(name).type in ("uuid", "text", "bigint")]
    is_named = sql.SQL(" and ").join(
        sql.SQL("position(current.{}::text in lower(quarantine.original_text)) > 0").format(sql.Identifier(name))
        for name in ids
    )
    key = sql.SQL(", ").join(map(sql.Identifier, contract.key))
    # Text that is the same in every session: an instant's depends on the time zone.
    shown = sql.SQL(", ").join(
        sql.SQL("extract(epoch from {})" if contract.column(name).type == "timestamptz" else "{}").format(
            sql.Identifier("current", name)
        )
        for name in contract.key
    )
    return {
        "table": sql.Identifier("raw", contract.feed),
        "key": key,
        "digest": sql.SQL("md5(row({})::text)::uuid").format(shown),
        "newest": sql.SQL("updated_at desc," if contract.is_versioned else ""),
        "is_named": is_named,
        "is_affected": sql.SQL(is_affected).format(key=key),
    }


def _judge_vanishing(
    connection: Connection, contract: Contract, delivery: Delivery, own: list[_Snapshot], max_vanishing_share: float
) -> None:
    """Makes the table of what lived when the snapshot was delivered, and refuses one that lacks too much of it."""
    connection.execute("drop table if exists pg_temp.living")
    if not own:
        nobody = sql.SQL("create temporary table living on commit drop as select *, true as is_in_file from ({}) none")
        none = sql.SQL("select {key} from {table} where false").format(**_names(contract))
        connection.execute(nobody.format(none))
        return
    connection.execute(
        sql.SQL(_LIVING).format(**_names(contract)),
        {"snapshot": delivery.load_id, "sequence": delivery.delivery_sequence},
    )
    connection.execute("analyze pg_temp.living")
    present, vanished = connection.execute(
        "select count(*)::integer, (count(*) filter (where not is_in_file))::integer from pg_temp.living"
    ).fetchone() or (0, 0)
    if vanished > max_vanishing_share * present:  # type: ignore[operator]
        raise FileRefused(
            f"{delivery.file.file_name}: this full snapshot lacks {vanished} of {present} entities; expected at most"
            f" {max_vanishing_share:.0%} to vanish at once; check that the file is complete, or raise"
            " MAX_VANISHING_SHARE for one run"
        )


def _mark_missing(connection: Connection, contract: Contract, snapshot: _Snapshot) -> int:
    """Takes the rows back that the snapshot lacks, and reports their days and the entities that they dirty."""
    dirties = contract.dirties
    marked = connection.execute(
        sql.SQL(
            "with marked as (update {table} set is_deleted = true where is_deleted is not true"
            " and ({key}) in (select {key} from pg_temp.living where not is_in_file)"
            " returning {day} as day, {entity_id} as entity_id),"
            " touched as (insert into raw.touched_days (feed, day, load_id)"
            " select distinct {feed}, day, %(load_id)s::uuid from marked where day is not null),"
            " dirty as (insert into raw.dirty_windows (entity, entity_id, load_id)"
            " select distinct {entity}, entity_id, %(load_id)s::uuid from marked where entity_id is not null)"
            " select count(*)::integer from marked"
        ).format(
            day=touched_day(contract), feed=sql.Literal(contract.feed), entity_id=dirtied_id(contract),
            entity=sql.Literal(dirties.entity if dirties else None), **_names(contract),
        ),
        {"load_id": snapshot.load_id},
    ).fetchone()  # fmt: skip
    return int(str((marked or (0,))[0]))


def _mark_own(connection: Connection, contract: Contract, delivery: Delivery, later: _Snapshot) -> int:
    """Takes those of the load's rows back that a snapshot lacks which was delivered after, but loaded before it."""
    return connection.execute(
        sql.SQL(_MARK_OWN).format(**_names(contract)), {"load_id": delivery.load_id, "snapshot": later.load_id}
    ).rowcount


def _close_again(
    connection: Connection, contract: Contract, delivery: Delivery, snapshots: Iterable[_Snapshot], *, has_later: bool
) -> dict[UUID, int]:
    """Writes the closing versions of the affected entities anew, snapshot after snapshot: rows closed by each."""
    names = _names(contract, "({key}) in (select {key} from pg_temp.affected)")
    connection.execute("drop table if exists pg_temp.affected")
    connection.execute(sql.SQL(_AFFECTED).format(**names), {"load_id": delivery.load_id, "has_later": has_later})
    connection.execute("analyze pg_temp.affected")
    affected, own = connection.execute(
        "select count(*), count(*) filter (where is_own) from pg_temp.affected"
    ).fetchone() or (0, 0)
    # What the load lacks cannot change what snapshots before it have closed.
    chosen = [s for s in snapshots if own or s.delivery_sequence >= delivery.delivery_sequence]
    if not affected or not chosen:
        return {}
    connection.execute(
        sql.SQL(
            "delete from {table} where _load_id = any(%s) and _line_number = 0"
            " and ({key}) in (select {key} from pg_temp.affected)"
        ).format(**names),
        [[snapshot.load_id for snapshot in chosen]],
    )
    for snapshot in chosen:
        _insert_closing_versions(connection, contract, snapshot, names)
    counted = connection.execute(
        sql.SQL(
            "update raw.load_ledger set rows_closed = (select count(*) from {table} as stored"
            " where stored._load_id = load_ledger.load_id and stored._line_number = 0)"
            " where load_id = any(%s) returning load_id, rows_closed"
        ).format(**names),
        [[snapshot.load_id for snapshot in chosen]],
    ).fetchall()
    return dict(counted)  # type: ignore[arg-type]


def _insert_closing_versions(
    connection: Connection, contract: Contract, snapshot: _Snapshot, names: dict[str, sql.Composable]
) -> None:
    """One version per affected entity that the snapshot ends: its newest values, `is_deleted`, the file's line 0."""
    replaced = {"updated_at", "is_deleted", "_load_id", "_line_number", "_extra"}
    kept = [
        name
        for column in contract.all_columns
        for name in ([column.name, column.hmac_name] if column.personal else [column.name])
        if name not in replaced
    ]

    def keys_of(table: str) -> sql.Composable:
        return sql.SQL(", ").join(sql.Identifier(table, name) for name in contract.key)

    connection.execute(
        sql.SQL(_CLOSE).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, kept)),
            closing_key=keys_of("closing"), rival_key=keys_of("rival"), **names,
        ),
        {"taken_at": snapshot.taken_at, "snapshot": snapshot.load_id, "sequence": snapshot.delivery_sequence},
    )  # fmt: skip


def _add_to_ledger(connection: Connection, closed: dict[UUID, int]) -> None:
    for load_id, rows in closed.items():
        connection.execute(
            "update raw.load_ledger set rows_closed = rows_closed + %s where load_id = %s", [rows, load_id]
        )
