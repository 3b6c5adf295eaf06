"""The pipeline's own login on the embedded server: no superuser, its password in a file for its owner only.

Not here: its rights (applying).
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.access.rules import read_rules
from orchestration.access.statements import MARK, AccessError
from orchestration.warehouse.preflight import with_database, with_login
from orchestration.warehouse.secrets import read_or_make_password

_CONNECT_TIMEOUT_SECONDS = 10


def verifier_of(connection: psycopg.Connection, login: str, password: str) -> str:
    """What the server keeps of a password: given this, no log of the server can hold the password itself."""
    return connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()


def _is_let_in(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=_CONNECT_TIMEOUT_SECONDS).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_login(administrator_url: str, password: str) -> None:
    login = read_rules().pipeline
    with psycopg.connect(administrator_url, autocommit=True) as connection:
        connection.execute("set role none")
        row = connection.execute(
            "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = %s", [login.name]
        ).fetchone()
        if row is None:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(login.name)))
            comment = sql.SQL("comment on role {} is {}")
            connection.execute(comment.format(sql.Identifier(login.name), sql.Literal(MARK + login.description)))
        elif not (row[0] or "").startswith(MARK):
            raise AccessError(f"the server has a role {login.name!r} that this project did not make: rename that role")
        connection.execute(
            sql.SQL("alter role {} login password {}").format(
                sql.Identifier(login.name), sql.Literal(verifier_of(connection, login.name, password))
            )
        )


def pipeline_url(administrator_url: str, password_file: Path, database: str) -> str:
    """The URL of the pipeline's login, which is made, or given its file's password again, where it is not let in."""
    password = read_or_make_password(password_file)
    url = with_login(with_database(administrator_url, database), read_rules().pipeline.name, password)
    if not _is_let_in(url):
        _make_login(administrator_url, password)
        with psycopg.connect(with_database(administrator_url, database), autocommit=True) as connection:
            connection.execute("set role none")
            connection.execute(
                sql.SQL("grant connect on database {} to {}").format(
                    sql.Identifier(database), sql.Identifier(read_rules().pipeline.name)
                )
            )
    return url


def give_database(administrator_url: str, database: str) -> None:
    """Makes the pipeline's login the owner of a database of its own (Dagster's runs) and of what stands in it."""
    owner = read_rules().pipeline.name
    with psycopg.connect(with_database(administrator_url, database), autocommit=True) as connection:
        row = connection.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        ).fetchone()
        if row == (owner,):
            return
        names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner)}
        with connection.transaction():
            connection.execute(sql.SQL("alter database {database} owner to {owner}").format(**names))
            connection.execute(sql.SQL("revoke all on database {database} from public").format(**names))
            for kind, name in connection.execute(
                "select case relkind when 'S' then 'sequence' else 'table' end, oid::regclass::text from pg_class"
                " where relnamespace = 'public'::regnamespace and relkind in ('r', 'S') and not exists ("
                "select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and relkind = 'S'"
                " and deptype in ('a', 'i'))"
            ).fetchall():
                connection.execute(f'alter {kind} {name} owner to "{owner}"'.encode())
