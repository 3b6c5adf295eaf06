"""`make clean`: removes the embedded server and its data, but never filings or audit rows without a dump.

Not here: a warehouse on another server.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.warehouse.server import EmbeddedServer, ServerError, run_client
from orchestration.warehouse.settings import read_settings


def _count(connection: psycopg.Connection, table: str, condition: sql.Composable) -> int:
    if connection.execute("select to_regclass(%s)", [table]).fetchone() == (None,):
        return 0
    schema, name = table.split(".")
    query = sql.SQL("select count(*) from {} where {}").format(sql.Identifier(schema, name), condition)
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def precious_rows(url: str) -> dict[str, int]:
    """What must not be lost, with its number of rows: filings approved or filed, and whatever schema audit holds."""
    found = {}
    with psycopg.connect(url) as connection:
        state = sql.SQL("state in ('approved', 'filed')")
        found["regulatory.package"] = _count(connection, "regulatory.package", state)
        for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'audit'").fetchall():
            found[f"audit.{name}"] = _count(connection, f"audit.{name}", sql.SQL("true"))
    return {table: count for table, count in found.items() if count}


def _dump(server: EmbeddedServer, folder: Path) -> Path:
    target = folder.parent / f"warehouse-{datetime.now(UTC):%Y%m%dT%H%M%S}.dump"
    info = psycopg.conninfo.conninfo_to_dict(server.url("warehouse"))
    done = run_client(
        "pg_dump", "--format=custom", f"--file={target}", "--host", str(info["host"]), "--port", str(info["port"]),
        "--username", str(info["user"]), str(info["dbname"]), environment={"PGPASSWORD": str(info["password"])},
    )  # fmt: skip
    if done.returncode:
        target.unlink(missing_ok=True)
        raise ServerError(f"the dump failed, so nothing was removed: {done.stderr.strip()}")
    target.chmod(0o600)
    return target


def main(_: list[str]) -> int:
    """`python -m orchestration clean`; FORCE=yes in the environment removes precious rows after a dump."""
    folder = read_settings().warehouse_folder
    if not folder.exists():
        print(f"{folder}: nothing to remove.", file=sys.stderr)
        return 0
    server = EmbeddedServer(folder)
    if (server.data / "PG_VERSION").exists():
        server.start()
        precious = precious_rows(server.url("warehouse"))
        if precious and os.environ.get("FORCE") != "yes":
            listed = ", ".join(f"{table}: {count} rows" for table, count in precious.items())
            print(f"clean: kept, because it holds {listed}. FORCE=yes writes a dump and removes it.", file=sys.stderr)
            return 1
        if precious:
            print(f"Dump: {_dump(server, folder)}", file=sys.stderr)
        server.stop()
    if server.data.parent != folder:
        shutil.rmtree(server.data.parent)
    shutil.rmtree(folder)
    print(f"{folder} was removed.", file=sys.stderr)
    return 0
