"""People's logins: made, given a role and scopes, given a new password, taken away.

Not here: what roles may do (roles.yml). Passwords are shown once, and the server never sees one in clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import sql

from orchestration.access.pipeline_login import verifier_of
from orchestration.access.rules import SCOPES, Role, Rules
from orchestration.access.statements import AccessError
from orchestration.warehouse.secrets import new_password

LONGEST_NAME_BYTES = 63
_TABLES = {"provider": "core.dim_provider", "zone": "core.dim_service_zone"}


@dataclass(frozen=True)
class Login:
    """A login as it shall be: the role that it is a member of, and the providers or zones of its scope."""

    name: str
    role: Role
    scope: str | None
    scope_ids: tuple[UUID, ...]


def _ids(scope: str, texts: Sequence[str]) -> tuple[UUID, ...]:
    try:
        return tuple(UUID(text) for text in texts)
    except ValueError:
        raise AccessError(
            f"{scope}s {', '.join(texts)!r}: expected ids with commas between them, as {_TABLES[scope]} has them"
        ) from None


def judge(rules: Rules, name: str, role: str, scopes: Mapping[str, Sequence[str]]) -> Login:
    """The login that was asked for.

    Raises:
        AccessError: the name cannot be a person's, the role is not known or takes no such scope, or an id is none.
    """
    reserved = {one.name for one in (*rules.group_roles, rules.pipeline)}
    if (
        not name
        or len(name.encode()) > LONGEST_NAME_BYTES
        or name.startswith("pg_")
        or "\0" in name
        or name in reserved
    ):
        raise AccessError(
            f"NAME={name!r}: expected a name of 1 to {LONGEST_NAME_BYTES} bytes that begins not with pg_"
            " and is no role of roles.yml"
        )
    given = {scope: texts for scope, texts in scopes.items() if texts}
    if len(given) > 1:
        raise AccessError("a login has providers or zones in its scope; expected one of PROVIDERS and ZONES")
    people = [one.name for one in rules.roles.values() if not _is_sister(rules, one.name)]
    if role not in people:
        raise AccessError(f"ROLE={role!r}: expected one of {', '.join(people)}")
    for scope, texts in given.items():
        if scope not in rules.roles[role].scopes:
            can = ", ".join(one.name for one in rules.roles.values() if scope in one.scopes)
            raise AccessError(f"ROLE={role} takes no {scope}s; expected one of {can}")
        return Login(name, rules.roles[f"{role}_by_{scope}"], scope, _ids(scope, texts))
    return Login(name, rules.roles[role], None, ())


def _is_sister(rules: Rules, name: str) -> bool:
    return any(name == f"{role.name}_by_{scope}" for role in rules.roles.values() for scope in role.scopes)


def _role_statements(connection: psycopg.Connection, rules: Rules, login: Login, password: str) -> list[sql.Composed]:
    """The login and its one membership among the rules' roles."""
    name = sql.Identifier(login.name)
    row = connection.execute(
        "select array(select own.rolname from pg_auth_members inner join pg_roles as own on own.oid = roleid"
        " where member = pg_roles.oid and own.rolname = any(%s)) from pg_roles where rolname = %s",
        [list(rules.roles), login.name],
    ).fetchone()
    statements = [] if row else [sql.SQL("create role {}").format(name)]
    statements += [
        sql.SQL("revoke {} from {}").format(sql.Identifier(other), name)
        for other in (row[0] if row else ())
        if other != login.role.name
    ]
    if not row or login.role.name not in row[0]:
        statements.append(sql.SQL("grant {} to {}").format(sql.Identifier(login.role.name), name))
    verifier = sql.Literal(verifier_of(connection, login.name, password))
    return [*statements, sql.SQL("alter role {} login password {}").format(name, verifier)]


def _record_statements(login: Login) -> list[sql.Composed]:
    """The login in the warehouse's own tables; each change is in the audit log."""
    name = sql.Literal(login.name)
    statements = [
        sql.SQL(
            "insert into access.logins as kept (login, role_name) values ({0}, {1}) on conflict (login) do update"
            " set role_name = excluded.role_name where kept.role_name <> excluded.role_name"
        ).format(name, sql.Literal(login.role.name))
    ]
    for scope in SCOPES:
        table, column = sql.Identifier("access", f"{scope}_scopes"), sql.Identifier(f"{scope}_id")
        ids = sql.Literal([str(one) for one in login.scope_ids] if scope == login.scope else [])
        statements.append(
            sql.SQL("delete from {} where login = {} and {} <> all ({}::uuid[])").format(table, name, column, ids)
        )
        statements.append(
            sql.SQL("insert into {} select {}, unnest({}::uuid[]) on conflict do nothing").format(table, name, ids)
        )
    return statements


def lift(connection: psycopg.Connection) -> bool:
    """Lets the session act as its own login if that may make roles; returns whether it may."""
    connection.execute("set role none")
    row = connection.execute("select rolsuper or rolcreaterole from pg_roles where rolname = session_user").fetchone()
    if row != (True,):
        connection.execute("reset role")
    return row == (True,)


def make_login(
    connection: psycopg.Connection, rules: Rules, login: Login, *, is_allowed: bool
) -> tuple[str, str | None]:
    """Makes or changes a login, all of it or nothing.

    Args:
        connection: of somebody who may make roles, else (`is_allowed` False) of the warehouse's owner.
        rules: whose roles the login leaves for its new one.
        login: as it shall be.
        is_allowed: whether the connection may make roles.

    Returns:
        The new password, and where the connection may not make roles the SQL for somebody who may.
    """
    password = new_password()
    roles = _role_statements(connection, rules, login, password)
    script = None if is_allowed else ";\n".join(one.as_string(connection) for one in roles) + ";\n"
    with connection.transaction():
        for statement in roles if is_allowed else ():
            connection.execute(statement)
        with connection.transaction():
            for statement in _record_statements(login):
                connection.execute(statement)
    return password, script


def drop_login(connection: psycopg.Connection, name: str) -> None:
    """Takes a login away that was made here.

    Raises:
        AccessError: it was not made here.
    """
    with connection.transaction():
        if connection.execute("delete from access.logins where login = %s", [name]).rowcount == 0:
            raise AccessError(f"NAME={name!r}: there is no such login that `make user` made")
        for scope in SCOPES:
            table = sql.Identifier("access", f"{scope}_scopes")
            connection.execute(sql.SQL("delete from {} where login = %s").format(table), [name])
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
