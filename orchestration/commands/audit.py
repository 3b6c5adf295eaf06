"""`make audit`: seals what is not sealed yet, and says whether the audit trail is whole.

Not here: the trail.
"""

from __future__ import annotations

import sys

import psycopg

from orchestration.access.audit import find_problems, seal
from orchestration.warehouse.connection import administrator_url, open_warehouse
from orchestration.warehouse.settings import read_settings


def main(arguments: list[str]) -> int:
    """`python -m orchestration audit`; exit code 1 where the chain breaks, each place on a line."""
    if arguments:
        print("usage: python -m orchestration audit", file=sys.stderr)
        return 2
    settings = read_settings()
    sealed = seal(open_warehouse(settings).url)
    with psycopg.connect(administrator_url(settings), autocommit=True) as connection:
        connection.execute("set role none")
        problems = find_problems(connection)
        entries, last = connection.execute(
            "select (select count(*) from audit.sealed_entries),"
            " (select seal_number || ' ' || encode(seal_hash, 'hex') from audit.seals order by seal_number desc"
            " limit 1)"
        ).fetchone() or (0, None)
    for problem in problems:
        print(problem)
    print(f"{entries} entries are sealed, {sealed} of them now; last seal: {last or 'none'}", file=sys.stderr)
    print("the trail is whole" if not problems else f"the trail is broken in {len(problems)} places", file=sys.stderr)
    return 1 if problems else 0
