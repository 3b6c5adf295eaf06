"""The simulated operator's data as landed files: who delivers what when, with the flaws that real deliveries have.

Not here: what the rows say. Flaws are counted as they are made, so that the manifest is what a reader must find.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.contract import Contract, contract
from ingestion.sample.billing import build_bills
from ingestion.sample.care import build_quality, build_tickets
from ingestion.sample.clock import Clock, make_clock
from ingestion.sample.customers import build_base
from ingestion.sample.network import build_performance
from ingestion.sample.usage import build_usage
from ingestion.sample.world import build_world

# Each feed's file formats, in turn over its deliveries.
FORMATS = {
    "usage_records": ("csv.gz", "parquet", "csv.gz"),
    "network_performance": ("csv", "parquet"),
    "customers": ("csv",),
    "customer_services": ("jsonl.gz",),
    "bills": ("csv", "csv.gz"),
    "support_tickets": ("jsonl",),
    "service_quality": ("csv",),
}
BAD_SHARE = {
    "usage_records": 0.003,
    "network_performance": 0.002,
    "customers": 0.004,
    "bills": 0.002,
    "support_tickets": 0.004,
}
REPEATED_SHARE = {"usage_records": 0.002, "network_performance": 0.001, "customers": 0.004, "bills": 0.002}
LATE_SHARE = {"usage_records": 0.004}


@dataclass
class FeedCounts:
    """What a feed's distinct contents hold: rows = bad_rows + repeated_rows + rows with an identity of their own."""

    files: int = 0
    rows: int = 0
    bad_rows: int = 0
    repeated_rows: int = 0


@dataclass
class Manifest:
    """What was written, and the instant that the demo speaks of."""

    as_of: str
    seed: int
    customers: int
    months: int
    until: str
    feeds: dict[str, FeedCounts] = field(default_factory=dict)


def _deliveries(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """A feed's rows by the month in which they were delivered; an inventory comes whole first, then its changes."""
    time_column = next(name for name in ("_at", "assessment_date", "updated_at") if name in frame.columns)
    months = frame[time_column].dt.strftime("%Y-%m") if time_column == "_at" else frame[time_column].str.slice(0, 7)
    for (month,), rows in sorted(
        frame.with_columns(months.alias("_month")).partition_by("_month", as_dict=True).items()
    ):
        yield str(month), rows


def _merge_early(deliveries: Iterator[tuple[str, pl.DataFrame]], first_month: str) -> list[tuple[str, pl.DataFrame]]:
    """What lies before the span comes as one delivery."""
    early: list[tuple[str, pl.DataFrame]] = []
    later: list[tuple[str, pl.DataFrame]] = []
    for month, rows in deliveries:
        (early if month < first_month else later).append((month, rows))
    merged = [("initial", pl.concat([rows for _, rows in early]))] if early else []
    return merged + later


def _break(row: dict[str, str | None], feed_contract: Contract, rng: np.random.Generator) -> dict[str, str | None]:
    """A copy of a row that breaks the contract in one of the ways that real rows do."""
    numbers = [
        c.name for c in feed_contract.columns if c.type in ("bigint", "numeric") and c.min == 0 and row.get(c.name)
    ]
    enums = [c.name for c in feed_contract.columns if c.type == "enum" and row.get(c.name)]
    times = [c.name for c in feed_contract.columns if c.event_time and row.get(c.name)]
    required = [c.name for c in feed_contract.columns if c.required and c.default is None]
    breaks: list[tuple[str, str | None]] = [(feed_contract.key[0], "not-a-uuid"), (str(rng.choice(required)), None)]
    breaks += [(str(rng.choice(numbers)), "-1")] if numbers else []
    breaks += [(str(rng.choice(enums)), "no_such_value")] if enums else []
    breaks += [(str(rng.choice(times)), "2026-02-30T25:61:00Z")] if times else []
    name, value = breaks[int(rng.integers(len(breaks)))]
    return {**row, name: value}


def _flawed(feed: str, rows: pl.DataFrame, rng: np.random.Generator, counts: FeedCounts) -> pl.DataFrame:
    """The rows with repeated and broken copies of some among them."""
    repeated = rows[
        np.sort(rng.choice(len(rows), int(rng.binomial(len(rows), REPEATED_SHARE.get(feed, 0))), replace=False))
    ]
    bad_count = min(int(rng.binomial(len(rows), BAD_SHARE.get(feed, 0))), len(rows) // 10)
    broken = [
        _break(rows.row(int(i), named=True), contract(feed), rng)
        for i in rng.choice(len(rows), bad_count, replace=False)
    ]
    counts.rows += len(rows) + len(repeated) + len(broken)
    counts.repeated_rows += len(repeated)
    counts.bad_rows += len(broken)
    parts = [rows, repeated, *([pl.DataFrame(broken, schema=rows.schema)] if broken else [])]
    together = pl.concat(parts)
    return together[rng.permutation(len(together))] if len(parts) > 2 or len(repeated) else rows


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
        buffer = io.BytesIO()
        frame.write_ndjson(buffer) if ".jsonl" in path.name else frame.write_csv(buffer)
        content = buffer.getvalue()
        path.write_bytes(gzip.compress(content, 5, mtime=0) if path.name.endswith(".gz") else content)
    os.utime(path, (delivered_at.timestamp(), delivered_at.timestamp()))


def _hold_back_late(
    feed: str, deliveries: list[tuple[str, pl.DataFrame]], rng: np.random.Generator
) -> list[tuple[str, pl.DataFrame]]:
    """Some rows of each delivery come with the next one."""
    share, late, result = LATE_SHARE.get(feed, 0.0), None, []
    for index, (name, rows) in enumerate(deliveries):
        is_late = rng.random(len(rows)) < (share if index < len(deliveries) - 1 else 0)
        result.append((name, rows.filter(~is_late) if late is None else pl.concat([rows.filter(~is_late), late])))
        late = rows.filter(is_late)
    return result


def _land(clock: Clock, landing: Path, feed: str, frame: pl.DataFrame) -> FeedCounts:
    """Writes all deliveries of one feed; its second file comes once more under another name."""
    rng, counts = clock.random(f"flaws of {feed}"), FeedCounts()
    if frame.is_empty():
        return counts
    deliveries = _merge_early(_deliveries(frame), f"{clock.first_day:%Y-%m}")
    deliveries = _hold_back_late(feed, deliveries, rng)
    earlier: pl.DataFrame | None = None
    for index, (name, rows) in enumerate(deliveries):
        flawed = _flawed(feed, rows, rng, counts)
        if earlier is not None and feed in REPEATED_SHARE:
            again = earlier[: max(len(earlier) // 500, 1)]
            counts.rows += len(again)
            counts.repeated_rows += len(again)
            flawed = pl.concat([flawed, again])
        formats = FORMATS.get(feed, ("csv",))
        path = landing / feed / f"{feed}_{name}.{formats[index % len(formats)]}"
        delivered_at = _delivered_at(clock, name, index)
        _write(path, flawed, contract(feed), delivered_at)
        counts.files += 1
        if index == 1:
            shutil.copy2(path, path.with_name(f"{feed}_{name}_again.{formats[index % len(formats)]}"))
            counts.files += 1
        earlier = rows
    return counts


def _delivered_at(clock: Clock, name: str, index: int) -> datetime:
    """The night after the delivery's month ended."""
    if name == "initial":
        return datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC)
    month = date.fromisoformat(f"{name}-01")
    end = min((month + timedelta(days=32)).replace(day=1), clock.last_day + timedelta(days=1))
    return datetime.combine(end, datetime.min.time(), tzinfo=UTC) + timedelta(hours=8, seconds=index)


def default_until() -> date:
    """The last day of the month before today."""
    return datetime.now(UTC).date().replace(day=1) - timedelta(days=1)


def write_sample(
    folder: Path, *, customers: int = 2000, months: int = 15, seed: int = 1, until: date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Manifest:  # fmt: skip
    """Simulates the operator and writes `<folder>/landing/<feed>/…` and `<folder>/manifest.json`.

    Args:
        folder: made if it is missing; its landing folder is made anew.
        customers: accounts, at least 10.
        months: calendar months, the last one ending with `until`.
        seed: the same arguments give the same files, byte for byte.
        until: the last simulated day; default the last day of last month.
        progress: called with the name of each feed as it is written.
    """
    last_day = until or default_until()
    clock = make_clock(months, seed, last_day)
    world = build_world(clock)
    base = build_base(clock, world, customers)
    usage = build_usage(clock, base)
    frames = {
        "providers": world.providers, "service_zones": world.service_zones, "service_plans": world.service_plans,
        "network_elements": world.network_elements, "customers": base.customers,
        "customer_services": base.customer_services, "usage_records": usage,
        "network_performance": build_performance(clock, world), "service_quality": build_quality(clock, base),
        "bills": build_bills(clock, world, base, usage), "support_tickets": build_tickets(clock, base),
    }  # fmt: skip
    landing = folder / "landing"
    shutil.rmtree(landing, ignore_errors=True)
    manifest = Manifest(clock.as_of.isoformat(), seed, customers, months, last_day.isoformat())
    for feed, frame in frames.items():
        progress(feed)
        manifest.feeds[feed] = _land(clock, landing, feed, frame)
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest
