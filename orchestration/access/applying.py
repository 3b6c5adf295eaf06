"""Makes a server and a database follow the rules: what an administrator does, what the owner does, what differs.

Not here: what the rules are (rules), single logins (logins).
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.access.administering import audit_sql, filings_statements, server_statements
from orchestration.access.rules import Rules, read_rules
from orchestration.access.statements import (
    SCHEMAS,
    database_statements,
    foreign_members,
    function_statements,
    missing_roles,
    role_statements,
)
from orchestration.regulatory.states import states_sql

_HERE = Path(__file__).parent
_LOCK = "select pg_advisory_xact_lock(hashtextextended('telecom warehouse access', 0))"
_LOCK_TRIES, _PAUSE_SECONDS = 100, 0.1
# Roles belong to the server: another database's process may change the same ones at this moment.
_AT_ONCE = (psycopg.errors.InternalError_, psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)
_RULE_TABLES = ("classes", "audited_tables", "roles", "rules", "withheld_columns")


def _access_sql() -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("access.sql", "protecting.sql"))


def _fingerprint(rules: Rules) -> str:
    """A hash of everything that is installed; audit's partitions, made years ahead, are seen to once a year."""
    parts = [_access_sql(), audit_sql(rules), states_sql(rules), repr(rules), str(datetime.now(UTC).year)]
    return "Who may see what; see docs/security.md. " + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _one(connection: psycopg.Connection, query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None


def _write_rules(connection: psycopg.Connection, rules: Rules) -> None:
    """The rules as rows; only what differs is written, and every difference is in the audit log."""
    wanted: dict[str, list[tuple[object, ...]]] = {
        "classes": [
            (table, name, name in rules.open_classes) for name, all_ in rules.classes.items() for table in all_
        ],
        "audited_tables": list(rules.audited.items()),
        "roles": [(role.name, role.description, role.reads_audit) for role in rules.roles.values()],
        "rules": [(role.name, *one) for role in rules.roles.values() for one in role.reads.items()],
        "withheld_columns": [
            (role.name, table, column)
            for role in rules.roles.values()
            for table, columns in role.withheld.items()
            for column in columns
        ],
    }
    for name in _RULE_TABLES:
        names = {"table": sql.Identifier("access", name), "wanted": sql.Identifier(f"wanted_{name}")}
        values = sql.SQL(", ").join(sql.Placeholder() for _ in wanted[name][0])
        connection.execute(sql.SQL("create temporary table {wanted} (like {table}) on commit drop").format(**names))
        with connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL("insert into {wanted} values ({values})").format(values=values, **names), wanted[name]
            )
        connection.execute(
            sql.SQL(
                "delete from {table} as old where not exists"
                " (select from {wanted} as new where new is not distinct from old)"
            ).format(**names)
        )
        connection.execute(sql.SQL("insert into {table} select * from {wanted} on conflict do nothing").format(**names))


def _protect_rules(connection: psycopg.Connection) -> None:
    """Policies, triggers and grants of the tables of schema access itself."""
    connection.execute(
        "select access.protect(oid) from pg_class where relnamespace = 'access'::regnamespace and relkind = 'r'"
    )


def install(connection: psycopg.Connection, rules: Rules) -> None:
    """Schema access and its content, by the owner, in one transaction; the triggers come before the rules' rows."""
    with connection.transaction():
        connection.execute(_LOCK)
        connection.execute("create schema if not exists access")
        connection.execute(_access_sql().encode())
        for statement in function_statements(connection, rules):
            connection.execute(statement.encode())
        _protect_rules(connection)
        _write_rules(connection, rules)
        connection.execute("select access.open_schemas()")
        _protect_rules(connection)


def _administer(connection: psycopg.Connection, find_statements: Callable[[], list[str]]) -> None:
    for tries_left in (2, 1, 0):
        try:
            with connection.transaction():
                connection.execute(_LOCK)
                for statement in find_statements():
                    connection.execute(statement.encode())
        except _AT_ONCE:
            if not tries_left:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def prepare_access(url: str, administrator_url: str | None = None, *, anew: bool = False) -> list[str]:
    """Sees to it that the login of `url` works as the owner, and that the database holds the rules.

    Args:
        url: the pipeline's connection.
        administrator_url: one that may make roles; without it that of `url` is tried.
        anew: also where the rules are installed already, as what was changed by hand since does not show there.

    Returns:
        What the user should know.

    Raises:
        AccessError: a role of the rules belongs to somebody else.
    """
    rules, notice = read_rules(), []
    with psycopg.connect(url, autocommit=True) as connection:
        login, acts_as = str(_one(connection, "select session_user")), _one(connection, "select current_user")
        if acts_as == rules.owner.name and is_installed(connection) and not anew:
            return []
    with psycopg.connect(administrator_url or url, autocommit=True) as administrator:
        administrator.execute("set role none")
        may_administer = bool(
            _one(administrator, "select rolsuper or rolcreaterole from pg_roles where rolname = session_user")
        )
        if may_administer:
            _administer(administrator, lambda: server_statements(administrator, rules, login))
        elif acts_as != rules.owner.name:
            notice.append(
                f"{login} may not make roles here, so nobody but {login} reads the warehouse, changes are not audited"
                " and filings have no place; an administrator can mend that: make roles SQL=yes prints what to run"
            )
        with psycopg.connect(url, autocommit=True) as connection:
            install(connection, rules)
            if may_administer:
                _administer(administrator, lambda: filings_statements(administrator, rules))
            elif acts_as == rules.owner.name and not _one(
                connection, "select to_regclass('regulatory.packages') is not null"
            ):
                notice.append("filings have no place here yet: an administrator runs what make roles SQL=yes prints")
            connection.execute(sql.SQL("comment on schema access is {}").format(sql.Literal(_fingerprint(rules))))
    return notice


def is_installed(connection: psycopg.Connection) -> bool:
    """Whether the database holds these rules already, by the comment of schema access."""
    return _one(connection, "select obj_description(to_regnamespace('access'), 'pg_namespace')") == _fingerprint(
        read_rules()
    )


@contextlib.contextmanager
def _briefly(connection: psycopg.Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute("set local lock_timeout to '100ms'")
        yield


def relation_statements(connection: psycopg.Connection) -> dict[str, list[str]]:
    """What each relation lacks to follow the rules; leaf partitions, which nobody may read, only for grants."""
    rows = connection.execute(
        "select pg_class.oid::regclass::text, statement from pg_class"
        " inner join pg_namespace on pg_namespace.oid = relnamespace"
        " cross join lateral access.statements_for(pg_class.oid) as statement"
        " where nspname = any(%s) and relkind in ('r', 'p', 'v') and (not relispartition or relacl is not null)"
        " order by 1",
        [list(SCHEMAS)],
    ).fetchall()
    found: dict[str, list[str]] = {}
    for relation, statement in rows:
        found.setdefault(relation, []).append(statement)
    return found


def protect_relations(connection: psycopg.Connection) -> list[str]:
    """Makes every relation follow the rules, each in a short transaction of its own; returns what was done.

    Raises:
        psycopg.errors.LockNotAvailable: somebody held a relation through all tries.
    """
    done = [statement for (statement,) in connection.execute("select access.schema_statements()").fetchall()]
    connection.execute("select access.open_schemas()")
    for relation, statements in relation_statements(connection).items():
        for tries_left in reversed(range(_LOCK_TRIES)):
            try:
                with _briefly(connection):
                    connection.execute("select access.protect(%s::regclass)", [relation])
            except psycopg.errors.LockNotAvailable:
                if not tries_left:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                break
        done += statements
    return done


def find_drift(connection: psycopg.Connection) -> list[str]:
    """How server and database differ from the rules, as the statements that would mend it, and lines to look into."""
    rules = read_rules()
    if missing := missing_roles(connection, rules):
        return [f"create role {name}" for name in missing]
    schemas = [statement for (statement,) in connection.execute("select access.schema_statements()").fetchall()]
    relations = [statement for found in relation_statements(connection).values() for statement in found]
    return [
        *role_statements(connection, rules), *database_statements(connection, rules),
        *function_statements(connection, rules), *schemas, *relations, *foreign_members(connection, rules),
    ]  # fmt: skip
