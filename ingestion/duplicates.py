"""Rows with one identity: finding the few candidates by key hashes, judging them exactly in the database.

Not here: what an identity is (the contract says). A hash only nominates; the row that loses is found by its values.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from ingestion.contract import Contract
from ingestion.encoding import uuid_bytes
from ingestion.partitions import leaf_name

_EPOCH_DAY = 0
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


@dataclass
class LoadedKeys:
    """The hashes, days and line numbers of one load's good rows, gathered chunk by chunk."""

    hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    days: list[NDArray[np.int32]] = field(default_factory=list)
    lines: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, frame: pl.DataFrame, contract: Contract, lines: NDArray[np.int64]) -> None:
        self.hashes.append(identity_hashes(frame, contract))
        self.days.append(identity_days(frame, contract))
        self.lines.append(lines)


@dataclass(frozen=True)
class Losers:
    """What removing duplicates took away: of this load, of earlier loads by their id, and clashes by winner."""

    own: int
    earlier: dict[UUID, int]
    clashing: dict[UUID, int]


def _candidates(
    hashes: NDArray[np.uint64], days: NDArray[np.int32], earlier: dict[int, list[NDArray[np.uint64]]]
) -> NDArray[np.bool_]:
    """Which rows share their hash with another row of the load or of an earlier one on the same day."""
    order = np.argsort(hashes, kind="stable")
    same = hashes[order][1:] == hashes[order][:-1]
    is_candidate = np.zeros(len(hashes), dtype=bool)
    is_candidate[order[1:][same]] = True
    is_candidate[order[:-1][same]] = True
    for day, known in earlier.items():
        on_day = np.flatnonzero(days == day)
        is_candidate[on_day] |= np.isin(hashes[on_day], np.concatenate(known))
    return is_candidate


def _earlier_hashes(
    connection: psycopg.Connection[tuple[object, ...]], contract: Contract, days: list[int]
) -> dict[int, list[NDArray[np.uint64]]]:
    rows = connection.execute(
        "select day - date '1970-01-01', hashes from raw.key_hashes"
        " where feed = %s and day = any(select date '1970-01-01' + d from unnest(%s::integer[]) d)",
        [contract.feed, days],
    ).fetchall()
    found: dict[int, list[NDArray[np.uint64]]] = {}
    for day, hashes in rows:
        found.setdefault(int(str(day)), []).append(np.frombuffer(bytes(hashes), dtype="<u8"))  # type: ignore[call-overload]
    return found


def _file_hashes(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    load_id: UUID,
    hashes: NDArray[np.uint64],
    days: NDArray[np.int32],
) -> None:
    order = np.argsort(days, kind="stable")
    distinct, begins = np.unique(days[order], return_index=True)
    with connection.cursor() as cursor, cursor.copy("copy raw.key_hashes from stdin (format binary)") as copy:
        copy.set_types(["text", "date", "uuid", "bytea"])
        for day, rows in zip(distinct.tolist(), np.split(order, begins[1:]), strict=True):
            date = np.datetime64(day, "D").item()
            copy.write_row([contract.feed, date, load_id, hashes[rows].astype("<u8").tobytes()])


def remove_duplicates(
    connection: psycopg.Connection[tuple[object, ...]], contract: Contract, load_id: UUID, keys: LoadedKeys
) -> Losers:
    """Leaves one row per identity: of the later delivery, then the later line.

    Takes the feed's lock until the transaction ends, so that two loads at once judge one after the other.
    """
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [contract.feed])
    if not keys.hashes:
        return Losers(0, {}, {})
    hashes, days, lines = np.concatenate(keys.hashes), np.concatenate(keys.days), np.concatenate(keys.lines)
    earlier = _earlier_hashes(connection, contract, np.unique(days).tolist())
    is_candidate = _candidates(hashes, days, earlier)
    own, others, clashing = 0, dict[UUID, int](), dict[UUID, int]()
    for table, rows in _by_table(contract, days, np.flatnonzero(is_candidate)):
        for loser, winner, is_clash, count in _delete_losers(
            connection, contract, table, load_id, lines[rows].tolist()
        ):
            if loser == load_id:
                own += count
            else:
                others[loser] = others.get(loser, 0) + count
            if is_clash:
                clashing[winner] = clashing.get(winner, 0) + count
    _file_hashes(connection, contract, load_id, hashes, days)
    return Losers(own, others, clashing)


def _by_table(
    contract: Contract, days: NDArray[np.int32], rows: NDArray[np.int64]
) -> list[tuple[str, NDArray[np.int64]]]:
    """Candidate rows by the table that holds them."""
    if len(rows) == 0:
        return []
    if contract.partition_by is None:
        return [(contract.feed, rows)]
    months = days[rows].astype("datetime64[D]").astype("datetime64[M]")
    return [(leaf_name(contract, str(month)), rows[months == month]) for month in np.unique(months)]


def _delete_losers(
    connection: psycopg.Connection[tuple[object, ...]],
    contract: Contract,
    table: str,
    load_id: UUID,
    candidate_lines: list[int],
) -> list[tuple[UUID, UUID, bool, int]]:
    """Deletes all but the winner among the rows with a candidate's identity: (loser, winner, clash, rows)."""
    identity = sql.SQL(", ").join(map(sql.Identifier, contract.identity))
    names = {"table": sql.Identifier("raw", table), "identity": identity}
    connection.execute("drop table if exists pg_temp.candidate")
    connection.execute(
        sql.SQL(
            "create temporary table candidate on commit drop as select distinct {identity} from {table}"
            " where _load_id = %s and _line_number = any(%s)"
        ).format(**names),
        [load_id, candidate_lines],
    )
    connection.execute("analyze pg_temp.candidate")
    return connection.execute(  # type: ignore[return-value]
        sql.SQL("""
            with rival as (
                select stored.ctid as row_id, stored._load_id,
                    to_jsonb(stored) - '_load_id' - '_line_number' as content,
                    row_number() over ranking as place,
                    first_value(stored._load_id) over ranking as winner,
                    first_value(to_jsonb(stored) - '_load_id' - '_line_number') over ranking as winning_content
                from {table} as stored
                join pg_temp.candidate using ({identity})
                join raw.load_ledger on load_ledger.load_id = stored._load_id
                window ranking as (
                    partition by {identity} order by load_ledger.delivery_sequence desc, stored._line_number desc
                )
            ), deleted as (
                delete from {table} as stored using rival
                where stored.ctid = rival.row_id and rival.place > 1
                returning rival._load_id, rival.winner, rival.content is distinct from rival.winning_content as is_clash
            )
            select _load_id, winner, is_clash, count(*)::integer from deleted group by 1, 2, 3
            """).format(**names),
    ).fetchall()
