"""`make quarantine`: a feed's quarantined rows as a CSV to be corrected.

Not here: loading them again (replay).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from uuid import UUID

import psycopg

from ingestion.replay import export_quarantine
from orchestration.access.audit import record_access
from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.settings import read_settings


def main(arguments: list[str]) -> int:
    """`python -m orchestration quarantine FEED OUT.csv [--load-id ID]`."""
    parser = argparse.ArgumentParser(prog="python -m orchestration quarantine")
    parser.add_argument("feed")
    parser.add_argument("out", type=Path)
    parser.add_argument("--load-id", type=UUID, help="only the rows of one load")
    options = parser.parse_args(arguments)
    with psycopg.connect(open_warehouse(read_settings()).url) as connection:
        rows = export_quarantine(connection, options.feed, options.out, options.load_id)
        record_access(connection, f"raw.quarantine of {options.feed}", "correction of refused rows", rows)
    print(f"{rows} rows in {options.out}; correct them, then: make replay FEED={options.feed} FILE={options.out}",
          file=sys.stderr)  # fmt: skip
    return 0
