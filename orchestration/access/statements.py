"""What has to be done for roles and a database to follow the rules, as statements; none where all is right.

Not here: doing it (applying); relations, whose statements the database finds itself (protecting.sql).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.access.rules import Role, Rules

# A role's comment begins so: one of that name that others made is not taken over.
MARK = "Telecom warehouse: "
SCHEMAS = (
    "raw", "staging", "intermediate", "reference", "quality", "core", "dashboards", "analytics", "regulatory", "access",
)  # fmt: skip
_NO_ATTRIBUTES = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls"

# Nobody reads as PUBLIC, and everyone with a role may connect.
_DATABASE = """
    with here as (
        select *, coalesce(datacl, acldefault('d', datdba)) as acl from pg_database where datname = current_database()
    )
    select format('revoke %%s on database %%I from public', privilege_type, datname)
    from here, aclexplode(acl) where grantee = 0
    union all
    select format('grant %%s on database %%I to %%I', privilege, datname, role_name)
    from here, unnest(%(roles)s::text[]) as role_name,
        unnest(array['CONNECT'] || case when role_name = %(owner)s::text then array['CREATE', 'TEMPORARY'] end)
            as privilege
    where not exists (
        select from aclexplode(acl) where grantee = to_regrole(quote_ident(role_name)) and privilege_type = privilege
    ) and datdba is distinct from to_regrole(quote_ident(role_name))
    union all
    select format('revoke %%s on schema %%I from public', privilege_type, nspname)
    from pg_namespace, aclexplode(nspacl)
    where grantee = 0 and (nspname = 'public' or nspname = any(%(schemas)s::text[]))
"""
_OWNERSHIP = """
    with schema as (select * from pg_namespace where nspname = any(%(schemas)s::text[]))
    select format('alter schema %%I owner to %%I', nspname, %(owner)s::text)
    from schema
    where nspowner is distinct from to_regrole(quote_ident(%(owner)s::text))
        and nspowner is distinct from to_regrole(quote_ident(%(keeper)s::text))
    union all
    select format('alter %%s %%s owner to %%I', case relkind when 'v' then 'view' when 'm' then 'materialized view'
        when 'S' then 'sequence' else 'table' end, pg_class.oid::regclass, %(owner)s::text)
    from pg_class
    inner join schema on schema.oid = relnamespace
    where relowner is distinct from to_regrole(quote_ident(%(owner)s::text)) and relkind in ('r', 'p', 'v', 'm', 'S')
        and relowner is distinct from to_regrole(quote_ident(%(keeper)s::text)) and not exists (
        select from pg_depend
        where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('i', 'a') and relkind = 'S'
    )
    union all
    select format('alter routine %%s owner to %%I', pg_proc.oid::regprocedure, %(owner)s::text)
    from pg_proc
    inner join schema on schema.oid = pronamespace
    where proowner is distinct from to_regrole(quote_ident(%(owner)s::text))
        and proowner is distinct from to_regrole(quote_ident(%(keeper)s::text))
"""
_FUNCTIONS = """
    select format('revoke execute on routine %%s from public', pg_proc.oid::regprocedure)
    from pg_proc
    inner join pg_namespace on pg_namespace.oid = pronamespace
    cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner)))
    where nspname = any(%(schemas)s::text[]) and grantee = 0
    union all
    select format('grant usage on schema access to %%I', role_name)
    from unnest(%(app_roles)s::text[]) as role_name inner join pg_roles on rolname = role_name
    where not has_schema_privilege(pg_roles.oid, 'access', 'USAGE')
    union all
    select format('grant execute on function %%s to %%I', pg_proc.oid::regprocedure, role_name)
    from unnest(%(app_roles)s::text[]) as role_name
    inner join pg_roles on rolname = role_name
    cross join pg_proc
    where pronamespace = 'access'::regnamespace and proname in ('uuid_setting', 'app_customer_id', 'is_app_service')
        and not exists (select from aclexplode(proacl) where grantee = pg_roles.oid)
"""
_MEMBERSHIPS = """
    select format('revoke %%I from %%I', own.rolname, member.rolname)
    from pg_auth_members
    inner join pg_roles as own on own.oid = roleid
    inner join pg_roles as member on member.oid = pg_auth_members.member
    where own.rolname = any(%(roles)s::text[])
        and (member.rolname = any(%(roles)s::text[]) or own.rolname = %(keeper)s::text)
"""


class AccessError(RuntimeError):
    """Roles or rights cannot be made as the rules say; the message says what to do."""


@dataclass(frozen=True)
class _Present:
    comment: str | None
    is_right: bool


def _parameters(rules: Rules) -> dict[str, Any]:
    return {
        "roles": [role.name for role in rules.group_roles],
        "owner": rules.owner.name,
        "keeper": rules.keeper.name,
        "app_roles": [role.name for role in rules.roles.values() if "customer" in role.reads.values()],
        "schemas": list(SCHEMAS),
    }


def _ask(connection: psycopg.Connection, query: str, rules: Rules) -> list[str]:
    return [statement for (statement,) in connection.execute(query.encode(), _parameters(rules)).fetchall()]


def _present_roles(connection: psycopg.Connection) -> dict[str, _Present]:
    rows = connection.execute(
        "select rolname, shobj_description(oid, 'pg_authid'), not (rolcanlogin or rolsuper or rolcreatedb"
        " or rolcreaterole or rolreplication or rolbypassrls) from pg_roles"
    ).fetchall()
    return {name: _Present(comment, is_right) for name, comment, is_right in rows}


def _role_statements(role: Role, present: _Present | None) -> list[sql.Composed]:
    name, comment = sql.Identifier(role.name), MARK + role.description
    if present is not None and not (present.comment or "").startswith(MARK):
        raise AccessError(
            f"the server has a role {role.name!r} that this project did not make: rename that role, or, if it is to be"
            f" this project's, mark it: comment on role \"{role.name}\" is '{MARK}'"
        )
    found = []
    if present is None:
        found.append(sql.SQL("create role {} nologin").format(name))
    elif not present.is_right:
        found.append(sql.SQL("alter role {} nologin {}").format(name, sql.SQL(_NO_ATTRIBUTES)))
    if present is None or present.comment != comment:
        found.append(sql.SQL("comment on role {} is {}").format(name, sql.Literal(comment)))
    return found


def role_statements(connection: psycopg.Connection, rules: Rules) -> list[str]:
    """What the server's roles lack, and the memberships between them that no rule gives.

    Raises:
        AccessError: a role of that name belongs to somebody else.
    """
    present = _present_roles(connection)
    found = [
        statement.as_string(connection)
        for role in rules.group_roles
        for statement in _role_statements(role, present.get(role.name))
    ]
    return [*found, *_ask(connection, _MEMBERSHIPS, rules)]


def missing_roles(connection: psycopg.Connection, rules: Rules) -> list[str]:
    """The names of roles that the server lacks."""
    present = _present_roles(connection)
    return [role.name for role in rules.group_roles if role.name not in present]


def database_statements(connection: psycopg.Connection, rules: Rules) -> list[str]:
    """What this database's own rights and its owners lack; needs the roles."""
    return [*_ask(connection, _DATABASE, rules), *_ask(connection, _OWNERSHIP, rules)]


def function_statements(connection: psycopg.Connection, rules: Rules) -> list[str]:
    """What the rights on functions lack; needs schema access."""
    return _ask(connection, _FUNCTIONS, rules)


def foreign_members(connection: psycopg.Connection, rules: Rules) -> list[str]:
    """Members of the rules' roles that `make user` did not make here, as lines; shown, and left as they are."""
    rows = connection.execute(
        "select own.rolname, member.rolname from pg_auth_members"
        " inner join pg_roles as own on own.oid = roleid"
        " inner join pg_roles as member on member.oid = pg_auth_members.member"
        " where own.rolname = any(%s) and not exists (select from access.logins"
        " where login = member.rolname and role_name = own.rolname) order by 1, 2",
        [list(rules.roles)],
    ).fetchall()
    return [f"{member} is a member of {role}, which `make user` did not do in this database" for role, member in rows]
