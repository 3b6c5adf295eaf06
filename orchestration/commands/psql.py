"""`make psql`: PostgreSQL's own terminal on the warehouse; the program comes with the embedded server.

Not here: anything that it prints.
"""

from __future__ import annotations

import os
import sys

from orchestration.warehouse.clients import client_environment
from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.server import binaries
from orchestration.warehouse.settings import read_settings


def main(arguments: list[str]) -> int:
    """`python -m orchestration psql [ARGUMENTS]`; becomes psql, so that its keys and its exit code are psql's own."""
    warehouse = open_warehouse(read_settings())
    for line in warehouse.notice:
        print(line, file=sys.stderr)
    program = binaries() / "bin" / "psql"
    os.execve(program, [str(program), *arguments], client_environment(warehouse.url))  # noqa: S606
