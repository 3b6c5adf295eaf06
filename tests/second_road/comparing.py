"""A table of the warehouse held against its recomputed rows, row by row and column by column.

Not here: what the rows are.
"""

import math
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.rows import dict_row


def _plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _same(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Decimal | float) and isinstance(other, Decimal | float | int):
        # Division is exact to PostgreSQL's digits, also where they were divided again; all else is equal to the last.
        return one == other or math.isclose(one, other, rel_tol=1e-12)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def table_rows(url: str, table: str, key: tuple[str, ...], but: tuple[str, ...] = ()) -> dict[tuple, dict[str, object]]:
    """The rows of a table by key, `but` some columns."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("set timezone to 'UTC'")
        columns = connection.execute(
            "select string_agg(quote_ident(attname), ', ') as names from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped and attname <> all(%s)",
            [table, list(but)],
        ).fetchone()
        query = f"select {columns['names']} from {table}"
        rows = [{name: _plain(value) for name, value in row.items()} for row in connection.execute(query)]
    found = {tuple(row[name] for name in key): row for row in rows}
    assert len(found) == len(rows), f"{table}: the key is not unique"
    return found


def row_differences(table: str, found: dict[tuple, dict], expected: dict[tuple, dict]) -> list[str]:
    """Every row and column that is not as expected."""
    wrong = [f"{table} {id_}: only in the warehouse" for id_ in found.keys() - expected.keys()]
    wrong += [f"{table} {id_}: only on the second road" for id_ in expected.keys() - found.keys()]
    for id_ in found.keys() & expected.keys():
        assert found[id_].keys() == expected[id_].keys(), found[id_].keys() ^ expected[id_].keys()
        wrong += [
            f"{table} {id_} {name}: warehouse {found[id_][name]!r}, second road {value!r}"
            for name, value in expected[id_].items()
            if not _same(found[id_][name], value)
        ]
    return sorted(wrong)


def table_differences(
    url: str, table: str, key: tuple[str, ...], expected: dict[tuple, dict[str, object]], but: tuple[str, ...] = ()
) -> list[str]:
    """Every row and column of the table, `but` some columns, that is not as expected."""
    return row_differences(table, table_rows(url, table, key, but), expected)
