"""Rows that Python computed, put into a table in place: only what is different is written.

Not here: the tables' contracts (dbt's sources of schema analytics), what is computed.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from orchestration.access.audit import record_run

_COLUMNS = """
    select attribute.attname, coalesce(attribute.attnum = any(key.conkey), false)
    from pg_attribute as attribute
    left join pg_constraint as key on key.conrelid = attribute.attrelid and key.contype = 'p'
    where attribute.attrelid = %s::regclass and attribute.attnum > 0 and not attribute.attisdropped
"""


def replace_rows(
    connection: psycopg.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> tuple[int, int]:
    """Makes the table hold exactly these rows; returns how many were changed or added, and removed.

    Args:
        connection: in whose transaction it is done.
        table: with a primary key, all of whose columns are given.
        columns: names in the order of the values.
        rows: the values.
    """
    found = connection.execute(_COLUMNS.encode(), [table]).fetchall()
    if {name for name, _ in found} != set(columns):
        raise ValueError(f"{table} has the columns {sorted(name for name, _ in found)}, given were {sorted(columns)}")
    key = [name for name, is_key in found if is_key]
    others = [name for name in columns if name not in key]
    names = ", ".join(columns)
    connection.execute("drop table if exists computed")
    connection.execute(f"create temporary table computed (like {table}) on commit drop".encode())
    with connection.cursor() as cursor, cursor.copy(f"copy computed ({names}) from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)
    old, new = (", ".join(f"{side}.{name}" for name in others) for side in ("kept", "excluded"))
    changed = connection.execute(
        f"insert into {table} as kept ({names}) select {names} from computed on conflict ({', '.join(key)})"
        f" do update set ({', '.join(others)}) = row({new}) where ({old}) is distinct from ({new})".encode()
    ).rowcount
    same = " and ".join(f"computed.{name} = kept.{name}" for name in key)
    removed = connection.execute(
        f"delete from {table} as kept where not exists (select 1 from computed where {same})".encode()
    ).rowcount
    record_run(connection, table, changed + removed)
    return changed, removed
