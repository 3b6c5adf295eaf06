"""`make replay`: corrected rows, or a file that was refused, into the raw table.

Not here: the load; the next `make run` takes the days that were touched.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from uuid import UUID

import psycopg

from ingestion.errors import IngestionError
from ingestion.loader import FileReport, load_feed
from ingestion.replay import land_repaired_file, retry_refused
from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.secrets import read_or_make_pii_key
from orchestration.warehouse.settings import read_settings


def _shown(file: FileReport) -> str:
    if file.refusal_reason:
        return f"refused: {file.refusal_reason}"
    return (
        f"{file.file_name}: {file.rows_in_file} rows, {file.rows_loaded} loaded,"
        f" {file.rows_quarantined} quarantined, {file.rows_duplicate} duplicate"
    )


def main(arguments: list[str]) -> int:
    """`python -m orchestration replay FEED FILE` or `replay --load-id ID`."""
    parser = argparse.ArgumentParser(prog="python -m orchestration replay")
    parser.add_argument("feed", nargs="?")
    parser.add_argument("file", nargs="?", type=Path, help="corrected rows, as `quarantine` wrote them")
    parser.add_argument("--load-id", type=UUID, help="a refused load to be tried again")
    options = parser.parse_args(arguments)
    if (options.load_id is None) == (options.file is None):
        raise IngestionError("expected a feed and a file with corrected rows, or --load-id of a refused load")
    settings = read_settings()
    url = open_warehouse(settings).url
    if options.load_id:
        with psycopg.connect(url) as connection:
            feed, _ = retry_refused(connection, options.load_id)
    else:
        feed = options.feed
        land_repaired_file(options.file, feed, settings.landing_dir)
    report = load_feed(
        feed, landing=settings.landing_dir, warehouse_url=url, pii_key=read_or_make_pii_key(settings.pii_key_file),
        max_bad_row_share=settings.max_bad_row_share, max_vanishing_share=settings.max_vanishing_share,
    )  # fmt: skip
    for file in report.files:
        print(_shown(file), file=sys.stderr)
    return 1 if any(file.refusal_reason for file in report.files) or not report.files else 0
