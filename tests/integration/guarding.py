"""Landed rows through the loader and the suites, as a run of the pipeline takes them.

Not here: tests, and Dagster.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import psycopg

from expectations.batch import Batch
from expectations.results import CheckResult
from expectations.runner import run_suite
from expectations.suites import suites
from ingestion.contract import contract
from ingestion.loader import load_feed
from tests.integration.landing import identifier, land

PII_KEY = b"k" * 32
NOW = datetime(2026, 6, 1, tzinfo=UTC)
BY_TYPE = {
    "text": "text", "date": "2026-01-15", "timestamptz": "2026-01-15T12:00:00Z", "bigint": 1, "numeric": 1,
    "boolean": "false", "json": "[]",
}  # fmt: skip


def row(feed: str, name: object, **values: object) -> dict[str, object]:
    """A row with a value in every required column; a uuid is that of the name."""
    found: dict[str, object] = {}
    for column in contract(feed).columns:
        if column.required and column.type == "enum":
            found[column.name] = column.values[0]
        elif column.required:
            found[column.name] = identifier(name) if column.type == "uuid" else BY_TYPE[column.type]
    return {**found, **values}


@dataclass
class Border:
    """A warehouse's border: what lands is loaded and judged, at AS_OF."""

    url: str
    landing: Path
    as_of: datetime = NOW
    numbers: count = field(default_factory=count)
    touched: dict[str, int] = field(default_factory=dict)

    def load(self, feed: str, rows: list[dict[str, object]]) -> None:
        number = next(self.numbers)
        land(self.landing, feed, f"{number}.jsonl", rows, modified_at=1_770_000_000 + number)
        report = load_feed(feed, landing=self.landing, warehouse_url=self.url, pii_key=PII_KEY, max_bad_row_share=0.0)
        assert [file.refusal_reason for file in report.files] == [None]

    def judge(self, feed: str, docs_folder: Path | None = None) -> dict[str, CheckResult]:
        """Judges what was touched since the last call, by the name of the check."""
        after = self.touched.get(feed, 0)
        touched = self.ask(
            "select day, touched_id from raw.touched_days where feed = %s and touched_id > %s", feed, after
        )
        days = tuple(sorted({day for day, _ in touched}))
        self.touched[feed] = max((number for _, number in touched), default=after)
        results = run_suite(
            suites()[feed], Batch(feed, days, after), url=self.url, run_id=f"run {next(self.numbers)}",
            as_of=self.as_of, docs_folder=docs_folder,
        )  # fmt: skip
        return {result.check_name: result for result in results}

    def failed(self, feed: str) -> dict[str, str]:
        """Failed checks and how grave they are."""
        return {name: result.severity for name, result in self.judge(feed).items() if not result.success}

    def keys(self, feed: str, check: str) -> list[dict[str, str]]:
        """The kept keys of a check's failing rows."""
        return [
            key
            for (key,) in self.ask(
                "select row_key from quality.failed_rows join quality.check_results using (check_result_id)"
                " where feed = %s and check_name = %s order by row_key",
                feed,
                check,
            )
        ]

    def ask(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()
