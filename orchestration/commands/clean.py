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

from orchestration.warehouse.clients import run_client
from orchestration.warehouse.server import EmbeddedServer, ServerError
from orchestration.warehouse.settings import ROOT, Settings, SettingsError, read_settings

# Of schema audit every table but the seals, without what each warehouse writes of itself (runs, its rules and logins as
# they begin); of schema regulatory those with a state or status, for the rows that went out.
_PRECIOUS = """
select nspname, relname, case relname
    when 'audit_log' then $$operation <> 'RUN' and not (table_name like 'access.%' and operation = 'INSERT')$$
    else 'true'
end
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where nspname = 'audit' and relkind in ('r', 'p') and not relispartition and relname not in ('seals', 'sealed_entries')
union all
select nspname, relname, format('%I::text in (''approved'', ''filed'')', attname)
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
where nspname = 'regulatory' and relkind in ('r', 'p') and not relispartition and attname ~ '(state|status)$'
"""


def precious_rows(url: str) -> dict[str, int]:
    """What must not be lost, with its number of rows: filings approved or filed, and what people did."""
    found: dict[str, int] = {}
    with psycopg.connect(url) as connection:
        for schema, table, condition in connection.execute(_PRECIOUS).fetchall():
            name = sql.Identifier(schema, table).as_string(connection)
            row = connection.execute(f"select count(*) from {name} where {condition}".encode()).fetchone()
            if row and row[0]:
                found[f"{schema}.{table}"] = max(row[0], found.get(f"{schema}.{table}", 0))
    return found


def _dump(url: str, folder: Path) -> Path:
    """Everything in the database, in a file beside the folder that its owner alone may read."""
    target = folder.parent / f"warehouse-{datetime.now(UTC):%Y%m%dT%H%M%S}.dump"
    target.touch(mode=0o600, exist_ok=False)
    done = run_client("pg_dump", "--format=custom", f"--file={target}", url=url)
    if done.returncode:
        target.unlink()
        raise ServerError(f"the dump failed, so nothing was removed: {done.stderr.strip()}")
    return target


def _remove(settings: Settings, keep_key: bool) -> None:
    folder = settings.warehouse_folder
    for path in folder.iterdir():
        if keep_key and path == settings.pii_key_file:
            print(f"{path} was kept: hashes that lie elsewhere were made with it.", file=sys.stderr)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if any(folder.iterdir()):
        print(f"{folder} was emptied.", file=sys.stderr)
    else:
        folder.rmdir()
        print(f"{folder} was removed.", file=sys.stderr)


def main(arguments: list[str]) -> int:
    """`python -m orchestration clean`; FORCE=yes in the environment removes precious rows after a dump."""
    if arguments:
        print("usage: python -m orchestration clean (settings come from the environment)", file=sys.stderr)
        return 2
    settings = read_settings()
    folder = settings.warehouse_folder
    if folder.resolve() in (ROOT, Path.home(), *ROOT.parents, *Path.home().parents):
        raise SettingsError(f"WAREHOUSE_FOLDER={str(folder)!r}: expected a folder that holds nothing else")
    if not folder.exists():
        print(f"{folder}: nothing to remove.", file=sys.stderr)
        return 0
    server, is_dumped = EmbeddedServer(folder), False
    if server.data.exists():
        server.start()
        precious = precious_rows(server.url("warehouse"))
        if precious and os.environ.get("FORCE") != "yes":
            listed = ", ".join(f"{table}: {count} rows" for table, count in precious.items())
            print(f"clean: kept, because it holds {listed}. FORCE=yes writes a dump and removes it.", file=sys.stderr)
            return 1
        if precious:
            print(f"Dump: {_dump(server.url('warehouse'), folder)}", file=sys.stderr)
            is_dumped = True
    server.remove()
    _remove(settings, keep_key=bool(settings.warehouse_url) or is_dumped)
    return 0
