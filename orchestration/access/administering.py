"""What only an administrator of the server may do, as statements: roles, the audit trail, the place of filings.

Not here: running them (applying), what the owner does.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.access.rules import Rules
from orchestration.access.statements import database_statements, role_statements
from orchestration.regulatory.states import states_sql

_HERE = Path(__file__).parent

# Object logging follows a role's rights: `support` is the one that reads customers, services, usage and bills. Only who
# runs it can see whether the server has loaded pgaudit.
_PGAUDIT = """do $pgaudit$ begin
    if current_setting('shared_preload_libraries') like '%pgaudit%' then
        create extension if not exists pgaudit;
        alter database {database} set pgaudit.log to 'ddl, role';
        alter database {database} set pgaudit.role to 'support';
        alter role {login} in database {database} set pgaudit.role to '';
    end if;
end $pgaudit$"""


# Who is in the way of a swap is named by what its session asks. Where it cannot be granted, by name only.
_SEES_SESSIONS = """do $sees$ begin
    grant pg_read_all_stats to {owner};
exception when insufficient_privilege then null;
end $sees$"""


def audit_sql(rules: Rules) -> str:
    """The script of schema audit, with the rights of those who read it."""
    text = (_HERE / "audit.sql").read_text(encoding="utf-8")
    readers = "".join(
        f'grant usage on schema audit to "{role.name}";\ngrant select on all tables in schema audit to "{role.name}";\n'
        f'grant execute on all functions in schema audit to "{role.name}";\n'
        for role in rules.roles.values()
        if role.reads_audit
    )
    return text.format(owner=f'"{rules.owner.name}"') + readers


def server_statements(connection: psycopg.Connection, rules: Rules, login: str) -> list[str]:
    """The roles, the pipeline's place among them, and the audit trail."""
    names = {
        "owner": sql.Identifier(rules.owner.name), "login": sql.Identifier(login),
        "database": sql.Identifier(connection.info.dbname),
    }  # fmt: skip
    own = [
        _PGAUDIT, _SEES_SESSIONS,
        "grant {owner} to {login}", "alter role {login} in database {database} set role to {owner}",
    ]  # fmt: skip
    return [
        *role_statements(connection, rules),
        *database_statements(connection, rules),
        *(sql.SQL(text).format(**names).as_string(connection) for text in own),
        *_keepers_statements(connection, rules, "audit", audit_sql(rules)),
    ]


def _keepers_statements(connection: psycopg.Connection, rules: Rules, schema: str, script: str) -> list[str]:
    """A script run as the keeper, who owns the schema; nobody is the keeper before or after."""
    names = {"keeper": sql.Identifier(rules.keeper.name), "schema": sql.Identifier(schema)}
    before = [
        "grant {keeper} to session_user", "create schema if not exists {schema} authorization {keeper}",
        "alter schema {schema} owner to {keeper}", "set local check_function_bodies to off", "set local role {keeper}",
    ]  # fmt: skip
    after = ["set local role none", "revoke {keeper} from session_user"]
    return [
        *(sql.SQL(text).format(**names).as_string(connection) for text in before),
        script,
        *(sql.SQL(text).format(**names).as_string(connection) for text in after),
    ]


def filings_statements(connection: psycopg.Connection, rules: Rules) -> list[str]:
    """The tables of filings and the rules of their states; needs schema access, whose scopes their policies ask."""
    keeper = sql.Identifier(rules.keeper.name)
    return [
        sql.SQL("grant usage on schema access to {}").format(keeper).as_string(connection),
        *_keepers_statements(connection, rules, "regulatory", states_sql(rules)),
    ]


def administrators_statements(connection: psycopg.Connection, rules: Rules, login: str) -> list[str]:
    """What only a login may do that makes roles; needs schema access.

    The statements belong into one transaction; `connection` is only asked what is there.
    """
    return [*server_statements(connection, rules, login), *filings_statements(connection, rules)]
