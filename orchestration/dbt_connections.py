"""dbt's connections, kept open from node to node of an invocation.

dbt-postgres logs in anew for every model and test. A fresh session has to read the catalogue and plan every function
again, which for small tables is more work than the model itself.
Not here: what is run over them.
"""

from __future__ import annotations

from dbt.adapters.contracts.connection import ConnectionState
from dbt.adapters.postgres.connections import PostgresConnectionManager

# What a node may leave in its session, above all if it failed: settings, temporary tables, advisory locks.
_FORGET = "reset all; discard temp; select pg_advisory_unlock_all()"
_close = PostgresConnectionManager.release


def _forget(manager: PostgresConnectionManager) -> None:
    """Instead of closing a thread's connection: its transaction is rolled back, and its session is as new."""
    connection = manager.get_if_exists()
    if connection is None or connection.state != ConnectionState.OPEN:
        _close(manager)
        return
    try:
        connection.handle.rollback()
        connection.transaction_open = False
        with connection.handle.cursor() as cursor:
            cursor.execute(_FORGET)
        connection.handle.commit()
    except Exception:
        # The server is gone, or its session: the next node opens another.
        _close(manager)


def keep_connections() -> None:
    """Lets every invocation in this process keep its connections; dbt closes them at its end."""
    PostgresConnectionManager.release = _forget
