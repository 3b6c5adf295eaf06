"""The tables of schema `raw`, written from the contracts: feed tables, ledger, quarantine, touched days.

Not here: rows. `create_raw_tables` is idempotent, and only ever adds (a schema, a table, a column).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import psycopg
from psycopg import sql

from ingestion.contract import Contract, contracts

# As autovacuum has it: statistics are stale once a tenth of the rows is new.
STALE_SHARE = 0.1

# One row a landed content; `load_ledger` gets its row when that content was loaded or refused.
_BOOKKEEPING = """
create table if not exists raw.feeds (
    feed text primary key,
    source_system text not null,
    expected_every interval not null,
    grace interval not null
);
create table if not exists raw.deliveries (
    load_id uuid primary key,
    feed text not null,
    content_sha256 text not null,
    delivery_sequence bigint not null unique,
    is_full_snapshot boolean not null,
    discovered_at timestamptz not null default clock_timestamp()
);
create table if not exists raw.landed_files (
    feed text not null,
    file_name text not null,
    size_bytes bigint not null,
    modified_at_ns bigint not null,
    load_id uuid not null references raw.deliveries,
    primary key (feed, file_name)
);
create table if not exists raw.load_ledger (
    load_id uuid primary key references raw.deliveries,
    feed text not null,
    file_name text not null,
    delivery_sequence bigint not null unique,
    status text not null check (status in ('loaded', 'refused')),
    rows_in_file bigint not null,
    rows_loaded bigint not null,
    rows_quarantined bigint not null,
    rows_duplicate bigint not null,
    rows_clashing bigint not null,
    rows_closed bigint not null default 0,
    columns text[] not null,
    unknown_columns text[] not null,
    refusal_reason text,
    loaded_at timestamptz not null default clock_timestamp(),
    seconds_to_load double precision not null,
    check (status = 'refused' or rows_in_file = rows_loaded + rows_quarantined + rows_duplicate)
);
create table if not exists raw.quarantine (
    load_id uuid not null references raw.load_ledger,
    feed text not null,
    line_number bigint not null,
    original_text text not null,
    reasons text[] not null,
    subject_hmacs text[] not null,
    status text not null default 'open' check (status in ('open', 'replayed')),
    primary key (load_id, line_number)
);
create index if not exists quarantine_subjects on raw.quarantine using gin (subject_hmacs);
create table if not exists raw.touched_days (
    touched_id bigint generated always as identity primary key,
    feed text not null,
    day date not null,
    load_id uuid not null references raw.load_ledger,
    touched_at timestamptz not null default clock_timestamp()
);
create table if not exists raw.dirty_windows (
    dirty_id bigint generated always as identity primary key,
    entity text not null,
    entity_id uuid not null,
    valid_from timestamptz not null default '-infinity',
    valid_to timestamptz not null default 'infinity',
    load_id uuid not null references raw.load_ledger,
    marked_at timestamptz not null default clock_timestamp()
);
create table if not exists raw.key_hashes (
    feed text not null,
    day date not null,
    load_id uuid not null references raw.load_ledger,
    part integer not null default 0,
    hashes bytea not null
);
create table if not exists raw.snapshots (
    load_id uuid primary key references raw.load_ledger,
    taken_at timestamptz not null,
    keys uuid[] not null
);
create table if not exists raw.landing_findings (
    feed text,
    file_name text not null,
    reason text not null,
    is_error boolean not null,
    first_seen_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (feed, file_name)
);
alter table raw.key_hashes add column if not exists part integer not null default 0;
alter table raw.key_hashes drop constraint if exists key_hashes_pkey;
create unique index if not exists key_hashes_parts on raw.key_hashes (feed, day, load_id, part);
alter table raw.key_hashes alter column hashes set storage external;
"""


def feed_columns(contract: Contract) -> list[tuple[str, str, bool]]:
    """Name, SQL type and NOT NULL of every column of the raw table, in order.

    Only the identity is NOT NULL: a row that takes an entity back need not repeat the rest. What finds a load's rows
    stands first, where it is read without taking the row apart.
    """
    columns: list[tuple[str, str, bool]] = [("_load_id", "uuid", True), ("_line_number", "bigint", True)]
    for column in contract.all_columns:
        columns.append((column.name, column.sql_type, column.name in contract.identity))
        if column.personal:
            columns.append((column.hmac_name, "text", False))
    return [*columns, ("_extra", "jsonb", False)]


def _feed_table(contract: Contract) -> sql.Composed:
    columns = sql.SQL(",\n    ").join(
        sql.SQL("{} {}{}").format(sql.Identifier(name), sql.SQL(kind), sql.SQL(" not null" if required else ""))
        for name, kind, required in feed_columns(contract)
    )
    partitioning: sql.Composable = sql.SQL("")
    if contract.partition_by:
        partitioning = sql.SQL(" partition by range ({})").format(sql.Identifier(contract.partition_by.column))
    return sql.SQL("create table if not exists raw.{} (\n    {}\n){}").format(
        sql.Identifier(contract.feed), columns, partitioning
    )


def _comments(contract: Contract) -> Iterable[sql.Composed]:
    table = sql.Identifier("raw", contract.feed)
    yield sql.SQL("comment on table {} is {}").format(table, sql.Literal(contract.description))
    for column in contract.all_columns:
        yield sql.SQL("comment on column {}.{} is {}").format(
            table, sql.Identifier(column.name), sql.Literal(column.description)
        )


def _add_new_columns(connection: psycopg.Connection, contract: Contract) -> None:
    """A column that the contract gained since the table was made is added; what it lost stays, empty from now on."""
    present: dict[str, str] = dict(
        connection.execute(
            "select attname, format_type(atttypid, null) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            [f"raw.{contract.feed}"],
        ).fetchall()
    )
    wanted = {name: kind for name, kind, _ in feed_columns(contract)}
    names = {"timestamptz": "timestamp with time zone"}
    for name, kind in wanted.items():
        if name not in present:
            connection.execute(
                sql.SQL("alter table raw.{} add column {} {}").format(
                    sql.Identifier(contract.feed), sql.Identifier(name), sql.SQL(kind)
                )
            )
        elif present[name] != names.get(kind, kind):
            raise RuntimeError(
                f"raw.{contract.feed}.{name} is {present[name]}, but the contract says {kind}: "
                "change the contract back, or migrate the column by hand, then run again"
            )


def _describe_feeds(connection: psycopg.Connection) -> None:
    """Writes each feed's cadence where dbt can read it, only where it differs."""
    for contract in contracts().values():
        connection.execute(
            "insert into raw.feeds values (%s, %s, %s, %s) on conflict (feed) do update"
            " set source_system = excluded.source_system, expected_every = excluded.expected_every,"
            " grace = excluded.grace where feeds is distinct from excluded",
            [contract.feed, contract.source_system, contract.expected_every, contract.grace],
        )


def _fingerprint(connection: psycopg.Connection) -> str:
    """A hash of everything that is made from the contracts."""
    parts = [_BOOKKEEPING]
    for contract in contracts().values():
        parts += [part.as_string(connection) for part in (_feed_table(contract), *_comments(contract))]
        parts.append(f"{contract.source_system} {contract.expected_every} {contract.grace}")
    return "contracts " + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def create_raw_tables(connection: psycopg.Connection) -> None:
    """Makes schema `raw` and whatever of its tables and columns is missing, in one transaction.

    The schema's comment holds a fingerprint of the contracts: where it is right, nothing is done or locked.
    """
    fingerprint = _fingerprint(connection)
    present = connection.execute("select obj_description(to_regnamespace('raw'), 'pg_namespace')").fetchone()
    if present == (fingerprint,):
        return
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('raw schema', 0))")
        connection.execute("create schema if not exists raw")
        connection.execute(_BOOKKEEPING)
        for contract in contracts().values():
            connection.execute(_feed_table(contract))
            _add_new_columns(connection, contract)
            for comment in _comments(contract):
                connection.execute(comment)
        _describe_feeds(connection)
        connection.execute(sql.SQL("comment on schema raw is {}").format(sql.Literal(fingerprint)))


def touched_day(contract: Contract) -> sql.Composable:
    """SQL of the UTC day that a row touches; null for a feed that touches none."""
    if contract.touched_by is None:
        return sql.SQL("null::date")
    form = "{}::date" if contract.column(contract.touched_by).type == "date" else "({} at time zone 'UTC')::date"
    return sql.SQL(form).format(sql.Identifier(contract.touched_by))


def dirtied_id(contract: Contract) -> sql.Composable:
    """SQL of the id of the entity whose facts a row changes; null for a feed that changes those of its days only."""
    return sql.Identifier(contract.dirties.column) if contract.dirties else sql.SQL("null::uuid")


def refresh_statistics(
    connection: psycopg.Connection[tuple[object, ...]], contract: Contract, rows_loaded: int
) -> None:
    """Lets the planner know of a load that changed the table much: guards and staging read it before autovacuum does.

    Partitioned tables are read by day, leaf by leaf; sampling each leaf would cost more than it helps.
    """
    if contract.partition_by is not None or not rows_loaded:
        return
    known = connection.execute("select reltuples from pg_class where oid = %s::regclass", [f"raw.{contract.feed}"])
    (rows_known,) = known.fetchone() or (0,)
    if rows_loaded > STALE_SHARE * float(str(rows_known)):
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier("raw", contract.feed)))
