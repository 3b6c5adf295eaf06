"""Lists of 2020 census tracts by state: read from a file, put into reference.census_tracts.

Not here: what they are used for (file_checks).
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import psycopg

from orchestration.defs.replacing import replace_rows
from orchestration.regulatory.layouts import FilingError
from orchestration.warehouse.settings import ROOT

# The sample operator's tracts: they are shipped, so that its filings can be checked.
SHIPPED = ROOT / "ingestion" / "sample" / "data" / "alabama_tracts.csv"
COLUMNS = ("tract_geoid", "state_fips", "county_fips", "county_name")
TABLE = "reference.census_tracts"


def read_tracts(path: Path) -> dict[str, list[tuple[str, str, str, str]]]:
    """The tracts of a file by state.

    The file is a CSV with a header; needed is `tract_geoid` (11 digits), `county_name` is kept where it is there.

    Raises:
        FilingError: the file cannot be read, lacks the column, or has a tract of another form or twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise FilingError(f"{path}: cannot be read ({error}); expected a CSV file in UTF-8") from error
    if not rows or "tract_geoid" not in rows[0]:
        raise FilingError(f"{path}: expected a header with tract_geoid and at least one row")
    found: dict[str, dict[str, tuple[str, str, str, str]]] = {}
    for line, row in enumerate(rows, 2):
        tract = (row["tract_geoid"] or "").strip()
        if not re.fullmatch(r"\d{11}", tract, re.ASCII):
            raise FilingError(f"{path}, line {line}: tract_geoid is {tract!r}, expected 11 digits")
        state = found.setdefault(tract[:2], {})
        if tract in state:
            raise FilingError(f"{path}, line {line}: tract {tract} is there twice")
        state[tract] = (tract, tract[:2], tract[2:5], (row.get("county_name") or "").strip())
    return {state: list(tracts.values()) for state, tracts in found.items()}


def load_tracts(connection: psycopg.Connection, path: Path) -> dict[str, int]:
    """Makes the lists of the file's states those of the file, in the open transaction; tracts by state."""
    lists = read_tracts(path)
    for state, rows in lists.items():
        replace_rows(connection, TABLE, COLUMNS, rows, within={"state_fips": state})
    return {state: len(rows) for state, rows in lists.items()}


def load_shipped(connection: psycopg.Connection) -> None:
    """The shipped list, where no list of its state is loaded yet."""
    if connection.execute(f"select exists (select from {TABLE} where state_fips = '01')".encode()).fetchone() == (
        False,
    ):
        load_tracts(connection, SHIPPED)
