"""Who may read what, as the database has it: role x relation, as a page.

Not here: the rules.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

from orchestration.access.rules import read_rules
from orchestration.access.statements import SCHEMAS

# How a filter shows in a cell.
_SIGNS = {
    "all": "all", "by_provider": "provider", "by_zone": "zone", "customer": "own", "marketing": "consent",
    "cpni_marketing": "both consents",
}  # fmt: skip
_RIGHTS = """
    select nspname || '.' || relname, rolname, coalesce(rules.row_filter, '?'),
        not has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT'),
        has_table_privilege(pg_roles.oid, pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    from pg_class
    inner join pg_namespace on pg_namespace.oid = relnamespace
    cross join pg_roles
    left join lateral (
        select row_filter from access.rules
        where role_name = rolname and class_name = (access.class_of(pg_class.oid)).class_name
    ) as rules on true
    where nspname = any(%s) and relkind in ('r', 'p', 'v') and not relispartition and rolname = any(%s)
        and (has_any_column_privilege(pg_roles.oid, pg_class.oid, 'SELECT')
            or has_table_privilege(pg_roles.oid, pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
        and has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE')
    order by 1
"""
_HEAD = """# Who may read what

Written from a database by `make roles MATRIX=docs/access_matrix.md`; a test compares it with
[roles.yml](../orchestration/access/roles.yml) and with a database. `all`: every row; `provider`, `zone`: rows of the
login's scope; `own`: of the customer in `app.customer_id`; `consent`: of customers who agreed to marketing, `both
consents`: who agreed to the use of network information too; `*`: not every column; `W`: may write; empty: no access.
"""


def read_matrix(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Per relation and role what the role may do with it; only relations and roles where it may anything."""
    rows: list[tuple[str, str, str, bool, bool]] = connection.execute(
        _RIGHTS.encode(), [list(SCHEMAS), list(read_rules().roles)]
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for relation, role, row_filter, is_partly, may_write in rows:
        sign = _SIGNS.get(row_filter, row_filter) + ("*" if is_partly else "") + (" W" if may_write else "")
        found.setdefault(relation, {})[role] = sign
    return found


def page_of(matrix: dict[str, dict[str, str]]) -> str:
    """The page: a table for each schema, its roles as columns."""
    parts = [_HEAD]
    roles = list(read_rules().roles)
    for schema in SCHEMAS:
        relations = sorted(name for name in matrix if name.startswith(f"{schema}."))
        if not relations:
            continue
        shown = [role for role in roles if any(role in matrix[name] for name in relations)]
        parts.append(f"## {schema}\n\n| relation | {' | '.join(shown)} |\n|---|{'---|' * len(shown)}")
        for name in relations:
            cells = " | ".join(matrix[name].get(role, "") for role in shown)
            parts.append(f"| {name.partition('.')[2]} | {cells} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def write_matrix(connection: psycopg.Connection, path: Path) -> None:
    """Writes the page."""
    path.write_text(page_of(read_matrix(connection)), encoding="utf-8")
