"""Rows with one identity: finding the few candidates by key hashes, judging them exactly in the database.

Not here: what an identity is (the contract says). A hash only nominates; the row that loses is found by its values.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from ingestion.contract import Contract
from ingestion.encoding import uuid_bytes
from ingestion.key_spool import KeySpool, Records
from ingestion.partitions import leaf_name
from ingestion.raw_tables import dirtied_id, feed_columns, touched_day

Connection = psycopg.Connection[tuple[object, ...]]

_EPOCH_DAY = 0
# The candidates of a table are judged by one scan of it for so many.
_LINES_AT_ONCE = 250_000
# Earlier hashes come in slices, so many at once: 16 MiB.
_COPY_HASHES = "copy raw.key_hashes (feed, day, load_id, part, hashes) from stdin (format binary)"
_SLICE_BYTES, _SLICES_AT_ONCE = 1 << 20, 16
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _as_words(values: pl.Series, sql_type: str) -> list[NDArray[np.uint64]]:
    """A key column as one or two 64-bit words a row."""
    if sql_type == "uuid":
        words = uuid_bytes(values).view(np.uint64)
        return [words[:, 0], words[:, 1]]
    if sql_type == "text":
        hashes = [int.from_bytes(hashlib.blake2b(v.encode(), digest_size=8).digest()) for v in values.to_list()]
        return [np.array(hashes, dtype=np.uint64)]
    return [values.to_physical().cast(pl.Int64).to_numpy().view(np.uint64)]


def identity_hashes(frame: pl.DataFrame, contract: Contract) -> NDArray[np.uint64]:
    """A 64-bit hash of each row's identity, the same in every process and version."""
    hashes = np.zeros(len(frame), dtype=np.uint64)
    for name in contract.identity:
        for words in _as_words(frame[name], contract.column(name).sql_type):
            hashes = _mix(hashes * _MULTIPLIER + words)
    return hashes


def identity_days(frame: pl.DataFrame, contract: Contract) -> NDArray[np.int32]:
    """The UTC day (since 1970) under which a row's hash is filed: a part of its identity, or one day for all."""
    if contract.partition_by:
        column = contract.partition_by.column
    elif contract.is_versioned:
        column = "updated_at"
    else:
        return np.full(len(frame), _EPOCH_DAY, dtype=np.int32)
    return frame[column].dt.date().to_physical().to_numpy().astype(np.int32)


@dataclass(frozen=True)
class Losers:
    """What removing duplicates took away: of this load, of earlier loads by their id, and clashes by winner.

    `days` and `entities` are those of other loads' rows: where the winner says otherwise, theirs change too.
    """

    own: int
    earlier: dict[UUID, int]
    clashing: dict[UUID, int]
    days: set[date]
    entities: set[UUID]


@dataclass(frozen=True)
class _DayKeys:
    """One day's records in a group, in the order of their hashes, and which share theirs with another row."""

    records: Records
    is_candidate: NDArray[np.bool_]


def _by_day(group: Records) -> dict[int, _DayKeys]:
    """A group's records by day. A hash stands for an identity and so for one day: repeats are found within it."""
    group = group[np.argsort(group["day"], kind="stable")]
    days, begins = np.unique(group["day"], return_index=True)
    found = {}
    for day, records in zip(days.tolist(), np.split(group, begins[1:]), strict=True):
        ordered = records[np.argsort(records["hash"], kind="stable")]
        same = ordered["hash"][1:] == ordered["hash"][:-1]
        is_candidate = np.zeros(len(ordered), dtype=bool)
        is_candidate[1:], is_candidate[:-1] = same, is_candidate[:-1] | same
        found[day] = _DayKeys(ordered, is_candidate)
    return found


def _are_among(own: NDArray[np.uint64], earlier: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of the load's hashes are among earlier ones; both are in order, so each is looked up near the last."""
    if not len(own) or not len(earlier):
        return np.zeros(len(own), dtype=bool)
    places = np.minimum(np.searchsorted(earlier, own), len(earlier) - 1)
    return np.equal(earlier[places], own)


def _mark_earlier(connection: Connection, contract: Contract, keys: dict[int, _DayKeys]) -> None:
    """Marks the rows whose hash an earlier load has filed under the same day."""
    with connection.cursor("earlier_hashes", binary=True) as cursor:
        cursor.itersize = _SLICES_AT_ONCE
        cursor.execute(
            "select day - date '1970-01-01', substring(hashes from slice * %(bytes)s + 1 for %(bytes)s)"
            " from raw.key_hashes, generate_series(0, (octet_length(hashes) - 1) / %(bytes)s) slice"
            " where feed = %(feed)s and day = any(select date '1970-01-01' + d from unnest(%(days)s::integer[]) d)",
            {"bytes": _SLICE_BYTES, "feed": contract.feed, "days": list(keys)},
        )
        for day, hashes in cursor:
            own, earlier = keys[day], np.frombuffer(hashes, dtype="<u8")  # type: ignore[index,call-overload]
            own.is_candidate[_are_among(own.records["hash"], earlier)] = True


def _file_hashes(
    connection: Connection, contract: Contract, load_id: UUID, keys: dict[int, _DayKeys], part: int
) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY_HASHES) as copy:
        copy.set_types(["text", "date", "uuid", "int4", "bytea"])
        for day, own in keys.items():
            date = np.datetime64(day, "D").item()
            copy.write_row([contract.feed, date, load_id, part, own.records["hash"].tobytes()])


def _candidate_lines(contract: Contract, keys: dict[int, _DayKeys]) -> dict[str, NDArray[np.int64]]:
    """The candidates' lines by the table that holds them."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    for day, own in keys.items():
        if own.is_candidate.any():
            month = str(np.datetime64(day, "D").astype("datetime64[M]"))
            table = leaf_name(contract, month) if contract.partition_by else contract.feed
            found.setdefault(table, []).append(own.records["line"][own.is_candidate])
    return {table: np.concatenate(lines) for table, lines in sorted(found.items())}


def remove_duplicates(connection: Connection, contract: Contract, load_id: UUID, keys: KeySpool) -> Losers:
    """Leaves one row per identity: of the later delivery, then the later line.

    Takes the feed's lock until the transaction ends, so that two loads at once judge one after the other.
    """
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [contract.feed])
    # A table that was just filled has no statistics: it would be sorted whole, or shared by more workers than cores.
    connection.execute("set local enable_mergejoin = off; set local max_parallel_workers_per_gather = 1")
    own, others, clashing = 0, dict[UUID, int](), dict[UUID, int]()
    days, entities = set[date](), set[UUID]()
    candidates: dict[str, list[NDArray[np.int64]]] = {}
    for part, group in enumerate(keys.groups()):
        by_day = _by_day(group)
        _mark_earlier(connection, contract, by_day)
        _file_hashes(connection, contract, load_id, by_day, part)
        for table, lines in _candidate_lines(contract, by_day).items():
            candidates.setdefault(table, []).append(lines)
    for table, parts in sorted(candidates.items()):
        lines = np.concatenate(parts)
        for begin in range(0, len(lines), _LINES_AT_ONCE):
            slice_ = lines[begin : begin + _LINES_AT_ONCE]
            for loser, winner, is_clash, count in _delete_losers(connection, contract, table, load_id, slice_):
                if loser == load_id:
                    own += count
                else:
                    others[loser] = others.get(loser, 0) + count
                if is_clash:
                    clashing[winner] = clashing.get(winner, 0) + count
            for day, entity in connection.execute(_DISPLACED, [load_id]):
                days |= {day} if day else set()  # type: ignore[arg-type]
                entities |= {entity} if entity else set()  # type: ignore[arg-type]
    connection.execute("reset enable_mergejoin; reset max_parallel_workers_per_gather")
    return Losers(own, others, clashing, days, entities)


def _delete_losers(
    connection: Connection, contract: Contract, table: str, load_id: UUID, candidate_lines: NDArray[np.int64]
) -> list[tuple[UUID, UUID, bool, int]]:
    """Deletes all but the winner among the rows with a candidate's identity: (loser, winner, clash, rows)."""
    identity = sql.SQL(", ").join(map(sql.Identifier, contract.identity))
    content = [name for name, _, _ in feed_columns(contract) if name not in ("_load_id", "_line_number")]
    names: dict[str, sql.Composable] = {
        "table": sql.Identifier("raw", table),
        "identity": identity,
        "content": sql.SQL(", ").join(sql.Identifier("stored", name) for name in content),
        "day": touched_day(contract),
        "entity": dirtied_id(contract),
    }
    connection.execute("drop table if exists pg_temp.candidate, pg_temp.rival")
    connection.execute(
        sql.SQL(
            "create temporary table candidate on commit drop as select distinct {identity} from {table}"
            " where _load_id = %s and _line_number = any(%s::bigint[])"
        ).format(**names),
        [load_id, "{" + ",".join(map(str, candidate_lines.tolist())) + "}"],
    )
    connection.execute("analyze pg_temp.candidate")
    connection.execute(sql.SQL(_RIVALS).format(**names))
    connection.execute(
        sql.SQL("delete from {table} where ctid = any(array(select row_id from pg_temp.rival where place > 1))").format(
            **names
        )
    )
    return connection.execute(  # type: ignore[return-value]
        "select _load_id, winner, is_clash, count(*)::integer from pg_temp.rival where place > 1 group by 1, 2, 3"
    ).fetchall()


_DISPLACED = "select distinct day, entity_id from pg_temp.rival where place > 1 and _load_id <> %s"
_RIVALS = """
    create temporary table rival on commit drop as
    with stored as materialized (
        select stored.ctid as row_id, stored._load_id, load_ledger.delivery_sequence, stored._line_number,
            {identity}, row({content}) as content, {day} as day, {entity} as entity_id
        from {table} as stored
        join pg_temp.candidate using ({identity})
        join raw.load_ledger on load_ledger.load_id = stored._load_id
        where stored._line_number > 0
    )
    select row_id, _load_id, day, entity_id,
        row_number() over ranking as place, first_value(_load_id) over ranking as winner,
        content is distinct from first_value(content) over ranking as is_clash
    from stored
    window ranking as (partition by {identity} order by delivery_sequence desc, _line_number desc)
"""
