"""`make roles`: server and database made to follow orchestration/access/roles.yml, or how they differ from it.

Not here: the rules; logins (user).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import psycopg

from orchestration.access.administering import administrators_statements
from orchestration.access.applying import find_drift, prepare_access, protect_relations
from orchestration.access.matrix import write_matrix
from orchestration.access.rules import read_rules
from orchestration.warehouse.connection import administrator_url, open_warehouse
from orchestration.warehouse.settings import read_settings


def main(arguments: list[str]) -> int:
    """`python -m orchestration roles [--check | --sql | --matrix FILE]`; --check: exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m orchestration roles")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="only show what differs from the file")
    ways.add_argument("--sql", action="store_true", help="print what an administrator has to run where we may not")
    ways.add_argument("--matrix", type=Path, help="write who may read what, from the database, as a page")
    options = parser.parse_args(arguments)
    settings = read_settings()
    warehouse = open_warehouse(settings)
    for line in warehouse.notice:
        print(line, file=sys.stderr)
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        if options.sql:
            statements = administrators_statements(connection, read_rules(), connection.info.user)
            print(";\n".join(["begin", *statements, "commit"]) + ";")
            return 0
        if options.matrix:
            write_matrix(connection, options.matrix)
            return 0
        drift = find_drift(connection)
        for line in drift:
            print(line)
        if options.check:
            print(f"{len(drift)} differences" if drift else "everything is as roles.yml says", file=sys.stderr)
            return 1 if drift else 0
        prepare_access(warehouse.url, administrator_url(settings), anew=True)
        protect_relations(connection)
        left = find_drift(connection)
    print(f"{len(drift)} differences, {len(left)} left", file=sys.stderr)
    return 1 if left else 0
