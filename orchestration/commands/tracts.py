"""`make tracts FILE=…`: more states' lists of 2020 census tracts, which filings are checked against.

Not here: what the lists are (orchestration.regulatory.tracts).
"""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from orchestration.regulatory.tracts import load_shipped, load_tracts
from orchestration.warehouse.connection import WarehouseError, open_warehouse
from orchestration.warehouse.settings import read_settings


def main(arguments: list[str]) -> int:
    """`python -m orchestration tracts FILE`: the lists of the file's states become those of the file."""
    if len(arguments) != 1:
        print("usage: python -m orchestration tracts FILE (a CSV with the column tract_geoid)", file=sys.stderr)
        return 2
    with psycopg.connect(open_warehouse(read_settings()).url) as connection:
        if connection.execute("select to_regclass('reference.census_tracts') is null").fetchone() == (True,):
            raise WarehouseError("there is no table reference.census_tracts yet; run the pipeline first: make run")
        load_shipped(connection)
        for state, count in load_tracts(connection, Path(arguments[0])).items():
            print(f"state {state}: {count} tracts")
    return 0
