"""A database with the raw tables, loads into it, and the ledger held against the tables.

Not here: tests.
"""

from datetime import UTC, datetime

import psycopg

from ingestion.loader import load_feed

KEY = b"a key for tests only, 32 bytes.."
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Warehouse:
    def __init__(self, url: str) -> None:
        self.url = url

    def load(self, feed, landing, **settings):
        return load_feed(feed, landing=landing, warehouse_url=self.url, pii_key=KEY, now=NOW, **settings)

    def ask(self, query, *values):
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()

    def balance(self):
        """The ledger as {file: (rows, loaded, quarantined, duplicate)}, after checking it against the tables."""
        ledger = self.ask(
            "select load_id, feed, file_name, rows_in_file, rows_loaded, rows_quarantined, rows_duplicate"
            " from raw.load_ledger where status = 'loaded'"
        )
        for load_id, feed, _, rows, loaded, quarantined, duplicate in ledger:
            assert rows == loaded + quarantined + duplicate
            assert self.ask(f"select count(*) from raw.{feed} where _load_id = %s and _line_number > 0", load_id) == [
                (loaded,)
            ]
            assert self.ask("select count(*) from raw.quarantine where load_id = %s", load_id) == [(quarantined,)]
        return {row[2]: row[3:] for row in ledger}
