"""From settings to a warehouse that can be worked on: the embedded server or another one, checked before any change.

Not here: tables. Each thing that can be wrong with a server is one line that says what to do; passwords never show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from orchestration.warehouse.server import EmbeddedServer
from orchestration.warehouse.settings import Settings

OLDEST_VERSION = 15
# A stock server: 64 locks for each of 100 connections. Partitions need them all.
FEWEST_LOCKS = 6400


class WarehouseError(RuntimeError):
    """The warehouse cannot be used as it is; one line."""


@dataclass(frozen=True)
class Warehouse:
    """Where the warehouse and Dagster's storage are, and what the user should know about how they were found."""

    url: str
    dagster_storage_url: str
    notice: list[str] = field(default_factory=list)


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username
    return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


def _explain(error: psycopg.OperationalError, url: str) -> str:
    """One line for a connection that failed."""
    shown, text = without_password(url), " ".join(str(error).split())
    database = urlsplit(url).path.lstrip("/")
    if "password authentication failed" in text or "no password supplied" in text:
        return f"{shown}: the server refuses the password; set the right one in the URL"
    if "does not exist" in text and "database" in text:
        return f"{shown}: there is no database {database!r}; make it first: createdb {database}"
    if "role" in text and "does not exist" in text:
        return f"{shown}: the server knows no such user; set one in the URL that may log in"
    return f"{shown}: no connection ({text[-200:]}); check host, port and that the server runs"


def check_version(version_number: int) -> str | None:
    """What is wrong with a server's version (server_version_num), if anything."""
    if version_number // 10_000 < OLDEST_VERSION:
        return f"the server is PostgreSQL {version_number // 10_000}; expected {OLDEST_VERSION} or newer"
    return None


def check_locks(locks_per_transaction: int, connections: int, prepared_transactions: int) -> str | None:
    """What is wrong with the size of a server's lock table, if anything."""
    locks = locks_per_transaction * (connections + prepared_transactions)
    if locks < FEWEST_LOCKS:
        wanted = -(-FEWEST_LOCKS // (connections + prepared_transactions))
        return (
            f"the server can hold {locks} locks; expected at least {FEWEST_LOCKS}:"
            f" set max_locks_per_transaction = {wanted} and restart it"
        )
    return None


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("select current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _problem(connection: psycopg.Connection) -> str | None:
    """The first thing that stands in the way; looks only."""
    number = {name: int(_setting(connection, name)) for name in (
        "server_version_num", "max_locks_per_transaction", "max_connections", "max_prepared_transactions")}  # fmt: skip
    problem = check_version(number["server_version_num"]) or check_locks(
        number["max_locks_per_transaction"], number["max_connections"], number["max_prepared_transactions"]
    )
    if problem:
        return problem
    if _setting(connection, "server_encoding") != "UTF8":
        return f"the database's encoding is {_setting(connection, 'server_encoding')}; expected UTF8: make one with it"
    is_standby = connection.execute("select pg_is_in_recovery()").fetchone() == (True,)
    if is_standby or _setting(connection, "default_transaction_read_only") == "on":
        return "the server or role is read-only; expected one that may write"
    may_create = connection.execute("select has_database_privilege(current_database(), 'CREATE')").fetchone()
    if may_create != (True,):
        role = connection.execute("select current_user").fetchone()
        return (
            f"the role {role[0] if role else ''} may only read here; expected one that may create schemas:"
            " grant create on database … to it"
        )
    return None


def check_warehouse(url: str) -> None:
    """Raises WarehouseError with one line if the warehouse cannot be built there; changes nothing."""
    try:
        connection = psycopg.connect(url, connect_timeout=10, autocommit=True)
    except psycopg.OperationalError as error:
        raise WarehouseError(_explain(error, url)) from None
    except psycopg.ProgrammingError:
        raise WarehouseError("WAREHOUSE_URL: expected postgresql://user:password@host:port/database") from None
    with connection:
        problem = _problem(connection)
    if problem:
        raise WarehouseError(f"{without_password(url)}: {problem}")


def _dagster_database(warehouse_url: str) -> str:
    """Database `dagster` on the warehouse's server, made if it is not there and the role may."""
    parts = urlsplit(warehouse_url)
    url = urlunsplit((parts.scheme, parts.netloc, "/dagster", parts.query, ""))
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = 'dagster'").fetchone():
            return url
        try:
            connection.execute(sql.SQL("create database dagster"))
        except psycopg.errors.InsufficientPrivilege:
            raise WarehouseError(
                f"{without_password(url)}: there is no database for Dagster and the role may not make one;"
                " make it, or set DAGSTER_STORAGE_URL"
            ) from None
    return url


def open_warehouse(settings: Settings) -> Warehouse:
    """Starts the embedded server where no other is given, checks the server, and finds Dagster's storage.

    Raises:
        WarehouseError: something is wrong; nothing was changed.
    """
    notice: list[str] = []
    if settings.warehouse_url:
        url = settings.warehouse_url
    else:
        server = EmbeddedServer(settings.warehouse_folder)
        report = server.start()
        if report.recovered:
            notice.append(f"The server had not been shut down; PostgreSQL recovered in {report.seconds:.1f} s.")
        url = server.url("warehouse")
    check_warehouse(url)
    return Warehouse(url, settings.dagster_storage_url or _dagster_database(url), notice)
