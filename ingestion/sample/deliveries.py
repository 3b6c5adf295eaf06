"""The simulated operator's data as landed files: who delivers what when, in which format.

Not here: what the rows say, and how rows are spoilt.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, cast

import numpy as np
import polars as pl

from ingestion.contract import Contract, contract
from ingestion.sample.clock import Clock, make_clock, next_month
from ingestion.sample.flaws import LATE_SHARE, REPEATED_SHARE, FeedCounts, flawed
from ingestion.sample.operator import FEEDS, KNOWN_BY, STREAMED, Operator
from ingestion.sample.truth import write_truth

# Each feed's file formats, in turn over its deliveries.
FORMATS = {
    "usage_records": ("csv.gz", "parquet", "csv"),
    "network_performance": ("parquet", "csv"),
    "customer_services": ("jsonl.gz",),
    "bills": ("csv", "csv.gz"),
    "bill_charges": ("parquet", "csv"),
    "payments": ("csv",),
    "support_tickets": ("jsonl",),
    "outages": ("jsonl",),
    "network_topology": ("jsonl",),
    "devices": ("csv", "parquet"),
}
# What lies before the usage detail comes in deliveries of about so many rows.
HISTORY_ROWS = 200_000
# Raised with every change of what is written, so that an older sample is not taken for a current one.
VERSION = 4
Progress = Callable[[str, int, int], None]


@dataclass
class Manifest:
    """What was written, and the instant that the demo speaks of."""

    as_of: str
    seed: int
    customers: int
    months: int
    history_months: int
    until: str
    version: int = VERSION
    feeds: dict[str, FeedCounts] = field(default_factory=dict)


def _typed(frame: pl.DataFrame, feed_contract: Contract) -> pl.DataFrame:
    """Columns with the types that a Parquet file would have; a column with a broken value stays text."""
    casts: dict[str, Callable[[pl.Expr], pl.Expr]] = {
        "bigint": lambda c: c.cast(pl.Int64),
        "numeric": lambda c: c.cast(pl.Float64),
        "timestamptz": lambda c: c.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"),
        "date": lambda c: c.str.to_date(),
    }
    for column in feed_contract.columns:
        if column.type in casts:
            try:
                frame = frame.with_columns(casts[column.type](pl.col(column.name)))
            except pl.exceptions.PolarsError:
                continue
    return frame


def _write(path: Path, frame: pl.DataFrame, feed_contract: Contract, delivered_at: datetime) -> None:
    """One file in the format of its name, dated to its delivery."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [column.name for column in feed_contract.columns]
    missing = [pl.lit(None, pl.String).alias(name) for name in names if name not in frame.columns]
    frame = frame.with_columns(missing).select(names)
    if path.name.endswith(".parquet"):
        _typed(frame, feed_contract).write_parquet(path)
    else:
        write = frame.write_ndjson if ".jsonl" in path.name else frame.write_csv
        with path.open("wb") as file:
            if path.name.endswith(".gz"):
                with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                    write(cast("IO[bytes]", packed))
            else:
                write(file)
    os.utime(path, (delivered_at.timestamp(), delivered_at.timestamp()))


class Lander:
    """Writes the deliveries of one feed in the order of their months; its second file comes once more."""

    def __init__(self, clock: Clock, landing: Path, feed: str) -> None:
        self.clock, self.feed, self.folder = clock, feed, landing / feed
        self.rng, self.counts = clock.random(f"flaws of {feed}"), FeedCounts()
        self.months = clock.months()
        self._waiting: list[pl.DataFrame] = []
        self._histories = 0
        self._late: pl.DataFrame | None = None
        self._earlier: pl.DataFrame | None = None

    def add(self, month: int, rows: pl.DataFrame) -> None:
        """Rows that became known in a month (-1: before the history); early months are delivered together."""
        if rows.is_empty():
            return
        if month >= self.clock.detail_month:
            self._flush(self.clock.detail_month - 1)
            self._deliver(f"{self.months[month]:%Y-%m}", month, rows)
            return
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) > HISTORY_ROWS:
            self._flush(month)

    def finish(self) -> FeedCounts:
        self._flush(self.clock.detail_month - 1)
        return self.counts

    def _flush(self, month: int) -> None:
        if self._waiting:
            self._histories += 1
            self._deliver(f"history-{self._histories}", month, pl.concat(self._waiting))
            self._waiting = []

    def _deliver(self, name: str, month: int, rows: pl.DataFrame) -> None:
        rows = self._hold_back(month, rows)
        spoilt = flawed(self.feed, rows, self.rng, self.counts)
        if self._earlier is not None and self.feed in REPEATED_SHARE:
            self.counts.rows += len(self._earlier)
            self.counts.repeated_rows += len(self._earlier)
            spoilt = pl.concat([spoilt, self._earlier])
        formats = FORMATS.get(self.feed, ("csv",))
        kind = formats[self.counts.files % len(formats)]
        path = self.folder / f"{self.feed}_{name}.{kind}"
        _write(path, spoilt, contract(self.feed), self._delivered_at(month))
        if self.counts.files == 1:
            shutil.copy2(path, path.with_name(f"{self.feed}_{name}_again.{kind}"))
            self.counts.files += 1
        self.counts.files += 1
        # Gathered, not sliced: a slice would keep the whole delivery in memory.
        self._earlier = rows[np.arange(max(len(rows) // 500, min(len(rows), 1)))]

    def _hold_back(self, month: int, rows: pl.DataFrame) -> pl.DataFrame:
        """Some rows of each delivery come with the next one."""
        share = LATE_SHARE.get(self.feed, 0.0) if month < len(self.months) - 1 else 0.0
        is_late = pl.Series(self.rng.random(len(rows)) < share)
        kept = rows.filter(~is_late) if self._late is None else pl.concat([rows.filter(~is_late), self._late])
        self._late = rows.filter(is_late)
        self.counts.late_rows += len(self._late)
        return kept

    def _delivered_at(self, month: int) -> datetime:
        """The night after the delivery's month ended."""
        end = self.months[0] if month < 0 else next_month(self.months[month])
        end = min(end, self.clock.last_day + timedelta(days=1))
        midnight = datetime.combine(end, datetime.min.time(), tzinfo=UTC)
        return midnight + timedelta(hours=8, seconds=self.counts.files)


class Postbox:
    """Rows that become known later than they are made, by the day in `_day`."""

    def __init__(self, lander: Lander, clock: Clock) -> None:
        self.lander, self.bounds = lander, clock.month_bounds()
        self.waiting: list[pl.DataFrame] = []

    def add(self, month: int, rows: pl.DataFrame) -> None:
        """Takes the rows of a month's bills, and delivers what became known by the end of the month after."""
        if not rows.is_empty():
            self.waiting.append(rows)
        self.send(month + 1)

    def send(self, month: int) -> None:
        if not self.waiting or month >= len(self.bounds) - 1:
            return
        together = pl.concat(self.waiting)
        is_due = together["_day"] < int(self.bounds[month + 1])
        self.lander.add(month, together.filter(is_due).sort("_day", maintain_order=True).drop("_day"))
        self.waiting = [together.filter(~is_due)]


def default_until() -> date:
    """The last day of the month before today."""
    return datetime.now(UTC).date().replace(day=1) - timedelta(days=1)


def _stream(operator: Operator, landers: dict[str, Lander], tell: Callable[[str], None]) -> None:
    """The feeds that are made month by month, as far as somebody lands them."""
    for month, rows in operator.performance.months() if "network_performance" in landers else ():
        tell("network_performance")
        landers["network_performance"].add(month, rows)
    if not set(STREAMED[1:]) & landers.keys():
        return
    boxes = {feed: Postbox(landers[feed], operator.clock) for feed in ("bills", "bill_charges", "payments")}
    for made in operator.accounts.months():
        tell("usage_records and bills")
        if made.usage is not None:
            landers["usage_records"].add(made.month, made.usage.frame)
        for feed, rows in (("bills", made.bills), ("bill_charges", made.charges), ("payments", made.payments)):
            boxes[feed].add(made.month, rows)
        del made, rows  # or they would stay while the next month is made


def write_sample(
    folder: Path, *, customers: int = 2000, months: int = 15, seed: int = 1, until: date | None = None,
    history_months: int | None = None, feeds: Collection[str] = FEEDS, progress: Progress = lambda *_: None,
) -> Manifest:  # fmt: skip
    """Simulates the operator and writes `<folder>/landing/<feed>/…`, `<folder>/truth/` and `<folder>/manifest.json`.

    Args:
        folder: made if it is missing; its landing and truth folders are made anew.
        customers: accounts, at least 10.
        months: calendar months of usage detail, the last one ending with `until`.
        seed: the same arguments give the same files, byte for byte.
        until: the last simulated day; default the last day of last month.
        history_months: how far subscriptions, bills and daily samples reach, 2 or more; default 48, `months` under 15.
        feeds: those that are written, with the same rows as among all; those of bills and usage come together.
        progress: called with what is written, how many steps are done and how many there are.
    """
    last_day = until or default_until()
    clock = make_clock(months, seed, last_day, history_months)
    total, done = len(KNOWN_BY) + 2 * len(clock.months()) + 1, 0

    def tell(what: str) -> None:
        nonlocal done
        progress(what, done, total)
        done += 1

    tell("customers and their lives")
    operator = Operator(clock, customers)
    landing = folder / "landing"
    shutil.rmtree(landing, ignore_errors=True)
    landers = {feed: Lander(clock, landing, feed) for feed in FEEDS if feed in feeds}
    for feed in filter(landers.__contains__, KNOWN_BY):
        tell(feed)
        for month, rows in operator.months(feed):
            landers[feed].add(month, rows)
    _stream(operator, landers, tell)
    manifest = Manifest(clock.as_of.isoformat(), seed, customers, months, len(clock.months()), last_day.isoformat())
    manifest.feeds = {feed: lander.finish() for feed, lander in landers.items()}
    write_truth(folder / "truth", operator, manifest.feeds)
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    progress("done", total, total)
    return manifest
