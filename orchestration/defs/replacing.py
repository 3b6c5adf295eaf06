"""Rows that Python computed, put into a table in place: only what is different is written.

Not here: the tables' contracts (dbt's sources of schema analytics), what is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from orchestration.access.audit import record_run

COMPUTED_AT = "computed_at"
_COLUMNS = """
    select attribute.attname, coalesce(attribute.attnum = any(key.conkey), false)
    from pg_attribute as attribute
    left join pg_constraint as key on key.conrelid = attribute.attrelid and key.contype = 'p'
    where attribute.attrelid = %s::regclass and attribute.attnum > 0 and not attribute.attisdropped
"""


def replace_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    within: Mapping[str, object] | None = None,
) -> tuple[int, int]:
    """Makes the table hold exactly these rows; returns how many were changed or added, and removed.

    Args:
        connection: in whose transaction it is done.
        table: with a primary key. Its `computed_at` says when a row last changed, and is not compared.
        columns: all of the table's but computed_at, in the order of the values.
        rows: the values.
        within: columns and the values that all rows have there, as {"as_of_date": day}: other rows stay as they are.
    """
    found: dict[str, bool] = dict(connection.execute(_COLUMNS.encode(), [table]).fetchall())
    is_stamped = found.pop(COMPUTED_AT, None) is not None
    if set(found) != set(columns):
        raise ValueError(f"{table} has the columns {sorted(found)}, given were {sorted(columns)}")
    key = [name for name, is_key in found.items() if is_key]
    others = [name for name in columns if name not in key]
    names = ", ".join(columns)
    connection.execute("drop table if exists computed")
    connection.execute(f"create temporary table computed (like {table}) on commit drop".encode())
    with connection.cursor() as cursor, cursor.copy(f"copy computed ({names}) from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)
    # Of a new day the statistics of the table know nothing yet: without a key its rows are compared pair by pair.
    connection.execute(f"alter table computed add primary key ({', '.join(key)})".encode())
    connection.execute("analyze computed")
    old, new = (", ".join(f"{side}.{name}" for name in others) for side in ("kept", "excluded"))
    stamp, now = (f", {COMPUTED_AT}", ", clock_timestamp()") if is_stamped else ("", "")
    restamp = f", {COMPUTED_AT} = excluded.{COMPUTED_AT}" if is_stamped else ""
    changed = connection.execute(
        f"insert into {table} as kept ({names}{stamp}) select {names}{now} from computed"
        f" on conflict ({', '.join(key)}) do update set ({', '.join(others)}) = row({new}){restamp}"
        f" where ({old}) is distinct from ({new})".encode()
    ).rowcount
    same = " and ".join(f"computed.{name} = kept.{name}" for name in key)
    inside = "".join(f" and kept.{name} = %({name})s" for name in within or {})
    removed = connection.execute(
        f"delete from {table} as kept where not exists (select 1 from computed where {same}){inside}".encode(), within
    ).rowcount
    record_run(connection, table, changed + removed)
    return changed, removed
