"""The audit trail: what a run writes to it, its seals, and whether it is whole.

Not here: the tables and triggers (audit.sql).
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from orchestration.access.statements import AccessError


def _has_audit(connection: psycopg.Connection) -> bool:
    return connection.execute("select to_regnamespace('audit') is not null").fetchone() == (True,)


def begin_run(connection: psycopg.Connection, run_id: str) -> None:
    """What this connection changes from now on is the run's, and not somebody's by hand."""
    connection.execute("select set_config('warehouse.run_id', %s, false)", [run_id])


def record_run(connection: psycopg.Connection, table: str, rows_changed: int) -> None:
    """Writes what the connection's run changed in a table, in the open transaction; nothing where no row changed."""
    if rows_changed and _has_audit(connection):
        connection.execute(
            "select audit.record_run(coalesce(current_setting('warehouse.run_id', true), ''), %s, %s)",
            [table, rows_changed],
        )


def record_access(connection: psycopg.Connection, what: str, reason: str, rows_read: int) -> None:
    """Writes who read what of customers and why, in the open transaction."""
    if _has_audit(connection):
        connection.execute(
            "insert into audit.access_log (what, reason, rows_read) values (%s, %s, %s)", [what, reason, rows_read]
        )


def remember_settings(connection: psycopg.Connection, settings: Mapping[str, str]) -> None:
    """Keeps the settings of the last run; a change of one is an entry of the audit log (by the table's trigger)."""
    if connection.execute("select to_regclass('access.settings') is null").fetchone() == (True,):
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into access.settings as kept (setting, value) values (%s, %s) on conflict (setting) do update"
            " set value = excluded.value where kept.value <> excluded.value",
            list(settings.items()),
        )


def seal(url: str) -> int:
    """Chains the entries that are committed and not sealed yet; returns how many."""
    with psycopg.connect(url) as connection:
        if not _has_audit(connection):
            return 0
        row = connection.execute("select audit.seal()").fetchone()
    return int(row[0]) if row else 0


def find_problems(connection: psycopg.Connection) -> list[str]:
    """Where the trail is broken, a line each; empty where it is whole.

    Raises:
        AccessError: the login may not read the trail, or there is none.
    """
    if not _has_audit(connection):
        raise AccessError("there is no audit trail here; run: make roles")
    try:
        rows = connection.execute("select place, problem from audit.problems() order by 1, 2").fetchall()
    except psycopg.errors.InsufficientPrivilege:
        (login,) = connection.execute("select session_user").fetchone() or ("",)
        raise AccessError(
            f"{login} may not read the audit trail; set WAREHOUSE_URL to the login of an auditor"
        ) from None
    return [f"{place}: {problem}" for place, problem in rows]
