"""What a server must be like before anything is changed on it; what is wrong is one line that says what to do.

Not here: changing anything. Passwords never show: messages are built from a URL's other parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

OLDEST_VERSION = 15
# A stock server: 64 locks for each of 100 connections. Partitions need them all.
FEWEST_LOCKS = 6400
CONNECT_TIMEOUT_SECONDS = 10
_FORM = "postgresql://user:password@host:port/database"


class WarehouseError(RuntimeError):
    """The warehouse cannot be used as it is; one line."""


def _url(parts: dict[str, str]) -> str:
    """A URL of connection parameters."""
    rest = {name: value for name, value in parts.items() if name not in ("user", "password", "host", "port", "dbname")}
    host, port = parts.get("host", ""), parts.get("port", "")
    if host.startswith("/") or "," in host:
        rest, host, port = {**rest, "host": host, **({"port": port} if port else {})}, "", ""
    login = quote(parts.get("user", ""), safe="")
    if "password" in parts:
        login += ":" + quote(parts["password"], safe="")
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    return f"postgresql://{login}{'@' if login else ''}{place}/{quote(parts.get('dbname', ''), safe='')}{query}"


def _parts(url: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(url).items()}


def without_password(url: str) -> str:
    """The URL as it may be shown: user, host, port and database."""
    return _url({name: value for name, value in _parts(url).items() if name in ("user", "host", "port", "dbname")})


def with_database(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return _url({**_parts(url), "dbname": database})


def with_login(url: str, login: str, password: str) -> str:
    """The URL of another login on the same database."""
    return _url({**_parts(url), "user": login, "password": password})


def check_form(name: str, url: str) -> None:
    """Raises WarehouseError where the URL has not the form of one, without repeating any of it.

    A password with an unescaped / or # ends up in another part: hence the look at the port and for @.
    """
    try:
        parts = _parts(url)
    except psycopg.ProgrammingError:
        parts = {}
    misplaced = any("@" in parts.get(part, "") for part in ("host", "port", "dbname"))
    numbers = all(port.isdigit() for port in parts.get("port", "5432").split(","))
    if misplaced or not numbers or not parts.get("dbname"):
        raise WarehouseError(
            f"{name}: this is not a URL of the form {_FORM};"
            " in the password write %2F for /, %40 for @, %23 for #, %3F for ?, %25 for %"
        )


def _explain(error: psycopg.OperationalError, url: str) -> str:
    """One line for a connection that failed."""
    text, parts = " ".join(str(error).split()), _parts(url)
    database, user = parts["dbname"], parts.get("user", "")
    if "password authentication failed" in text or "no password supplied" in text:
        return f"the server refuses the password of user {user!r}; set the right one in the URL"
    if f'database "{database}" does not exist' in text:
        place = "".join(f" -{letter} {parts[key]}" for letter, key in zip("hpU", ("host", "port", "user"), strict=True)
                        if key in parts)  # fmt: skip
        return f"there is no database {database!r}; make it first: createdb{place} {database}"
    if f'role "{user}" does not exist' in text:
        return f"the server knows no user {user!r}; set one in the URL that may log in"
    if "permission denied for database" in text:
        return f"user {user!r} may not connect to this database; grant connect on it, or set another user in the URL"
    if "no pg_hba.conf entry" in text:
        return f"the server's pg_hba.conf does not let user {user!r} in from here; add a line there, or ask who runs it"
    return f"no connection ({text[-200:]}); check host, port, and that the server runs"


def check_version(version_number: int) -> str | None:
    """What is wrong with a server's version (server_version_num), if anything."""
    if version_number // 10_000 < OLDEST_VERSION:
        return (
            f"the server is PostgreSQL {version_number // 10_000}; expected {OLDEST_VERSION} or newer:"
            " upgrade it, or leave WAREHOUSE_URL empty to use the embedded server"
        )
    return None


def check_locks(locks_per_transaction: int, connections: int, prepared_transactions: int) -> str | None:
    """What is wrong with the size of a server's lock table, if anything."""
    locks = locks_per_transaction * (connections + prepared_transactions)
    if locks < FEWEST_LOCKS:
        wanted = -(-FEWEST_LOCKS // (connections + prepared_transactions))
        return (
            f"the server can hold {locks} locks; expected at least {FEWEST_LOCKS}:"
            f" set max_locks_per_transaction = {wanted} in its postgresql.conf and restart it"
        )
    return None


def _scalar(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def _setting(connection: psycopg.Connection, name: str) -> str:
    return str(_scalar(connection, f"select current_setting('{name}')"))


def _server_problem(connection: psycopg.Connection) -> str | None:
    """The first thing about server, database or role that stands in the way of the warehouse."""
    encoding = _setting(connection, "server_encoding")
    problem = check_version(int(_setting(connection, "server_version_num"))) or check_locks(
        int(_setting(connection, "max_locks_per_transaction")),
        int(_setting(connection, "max_connections")),
        int(_setting(connection, "max_prepared_transactions")),
    )
    if problem:
        return problem
    if encoding != "UTF8":
        return f"the database's encoding is {encoding}; expected UTF8: createdb --encoding=UTF8 --template=template0 …"
    if problem := _read_only_problem(connection):
        return problem
    if not _scalar(connection, "select has_database_privilege(current_database(), 'CREATE')"):
        role, database = _scalar(connection, "select quote_ident(current_user)"), connection.info.dbname
        return (
            f"the role {role} may not create schemas here; expected one that may:"
            f' as the owner, grant create on database "{database}" to {role}'
        )
    return None


def _read_only_problem(connection: psycopg.Connection) -> str | None:
    if _scalar(connection, "select pg_is_in_recovery()"):
        return "the server is a read-only standby; expected its primary: set that host in the URL"
    if _setting(connection, "default_transaction_read_only") == "on":
        return (
            "every transaction is read-only for this role, database or server (default_transaction_read_only = on);"
            " expected one that may write"
        )
    return None


def _storage_problem(connection: psycopg.Connection) -> str | None:
    """The first thing that keeps Dagster from making its tables, which has not made them yet."""
    if problem := _read_only_problem(connection):
        return problem
    if _scalar(connection, "select to_regclass('runs')"):
        return None
    if not _scalar(connection, "select has_schema_privilege(current_schema(), 'CREATE')"):
        return (
            "this role may not make Dagster's tables there: as the owner, grant create on schema public,"
            " or set DAGSTER_STORAGE_URL to a database of the role's own"
        )
    return None


@contextmanager
def _connection(name: str, url: str) -> Iterator[psycopg.Connection]:
    check_form(name, url)
    try:
        connection = psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS, autocommit=True)
    except psycopg.OperationalError as error:
        raise WarehouseError(f"{name} {without_password(url)}: {_explain(error, url)}") from None
    with connection:
        yield connection


def check_warehouse(name: str, url: str) -> None:
    """Raises WarehouseError with one line if the warehouse cannot be built there; changes nothing."""
    with _connection(name, url) as connection:
        problem = _server_problem(connection)
    if problem:
        raise WarehouseError(f"{name} {without_password(url)}: {problem}")


def check_dagster_storage(name: str, url: str) -> None:
    """Raises WarehouseError with one line if Dagster cannot keep its runs there; changes nothing."""
    with _connection(name, url) as connection:
        problem = _storage_problem(connection)
    if problem:
        raise WarehouseError(f"{name} {without_password(url)}: {problem}")
