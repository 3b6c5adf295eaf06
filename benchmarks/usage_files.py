"""Usage deliveries for the benchmark: seeded, as wide and as uneven as real ones, in a clean and a soiled version.

Not here: the sample operator, whose customers behave; here only the shape of the rows counts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

VERSION = 1
CHUNK_ROWS = 250_000
BAD_SHARE, REPEATED_SHARE, OVERLAP_SHARE = 0.01, 0.005, 0.01
SERVICES, ELEMENTS, DEVICES, NODES = 100_000, 800, 90_000, 6
FIRST_DAY, DAYS = np.datetime64("2026-01-01T00:00:00"), 90
# Share of a day's usage by hour, and of the rows by kind and direction.
HOURS = np.array([2, 1, 1, 1, 1, 2, 3, 5, 6, 5, 5, 5, 6, 6, 5, 5, 6, 7, 8, 8, 8, 7, 5, 3], dtype=float)
KINDS, KIND_SHARES = np.array(["data", "voice", "sms"]), [0.72, 0.18, 0.10]
_HEX = np.frombuffer(b"".join(b"%02x" % i for i in range(256)), dtype=np.uint8).reshape(256, 2)

Rng = np.random.Generator


@dataclass(frozen=True)
class UsageFiles:
    """A clean file, the same delivery with bad and repeated rows, and a second one that overlaps it."""

    clean: Path
    first: Path
    second: Path
    rows: int


def uuids(rng: Rng, count: int) -> pl.Series:
    """Random UUIDs of version 4 as text."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6], raw[:, 8] = raw[:, 6] & 0x0F | 0x40, raw[:, 8] & 0x3F | 0x80
    digits = _HEX[raw].reshape(count, 32)
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    for target, source, width in ((0, 0, 8), (9, 8, 4), (14, 12, 4), (19, 16, 4), (24, 20, 12)):
        text[:, target : target + width] = digits[:, source : source + width]
    return pl.Series(text.reshape(-1).view("S36").astype(str))


def _maybe(rng: Rng, values: pl.Series, share: float) -> pl.Series:
    """The values, empty outside a share of the rows."""
    return values.zip_with(pl.Series(rng.random(len(values)) < share), pl.Series([None], dtype=values.dtype))


def _texts(pool: list[str], chosen: NDArray[np.int64]) -> pl.Series:
    return pl.Series(pool).gather(chosen)


class UsageMaker:
    """Makes chunks of good usage rows."""

    def __init__(self, seed: int) -> None:
        # Pools are the operator's and do not depend on the delivery.
        pools = np.random.default_rng(7)
        self._services, self._elements = uuids(pools, SERVICES), uuids(pools, ELEMENTS)
        self._devices, self._parties = uuids(pools, DEVICES), uuids(pools, 50_000).str.replace_all("-", "")
        self._rng = np.random.default_rng(seed)
        self._sequence = 0

    def chunk(self, count: int) -> pl.DataFrame:
        rng = self._rng
        service = np.minimum(rng.pareto(1.2, count) * 900, SERVICES - 1).astype(np.int64)
        kind = rng.choice(3, count, p=KIND_SHARES)
        is_data, is_voice = kind == 0, kind == 1
        seconds = (
            rng.integers(0, DAYS, count) * 86_400 + rng.choice(24, count, p=HOURS / HOURS.sum()) * 3600
        ) + rng.integers(0, 3600, count)
        times = (FIRST_DAY + np.sort(seconds).astype("timedelta64[s]")).astype("datetime64[us]")
        session = np.minimum(rng.lognormal(6, 1.3, count), 86_400).astype(np.int64)
        self._sequence += count
        none = pl.Series([None], dtype=pl.Int64)
        return pl.DataFrame(
            {
                "usage_id": uuids(rng, count),
                "service_id": self._services.gather(service),
                "element_id": _maybe(rng, self._elements.gather(rng.integers(0, ELEMENTS, count)), 0.8),
                "device_id": _maybe(rng, self._devices.gather(service % DEVICES), 0.15),
                "usage_timestamp": pl.Series(times).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "usage_type": _texts(KINDS.tolist(), kind),
                "direction": _maybe(rng, _texts(["in", "out"], rng.integers(0, 2, count)), 0.6),
                "data_usage_bytes": np.where(is_data, np.minimum(rng.lognormal(15, 2.2, count), 1e11), 0).astype("i8"),
                "voice_seconds": np.where(is_voice, rng.lognormal(4.4, 1.1, count), 0).astype("i8"),
                "sms_count": (kind == 2).astype("i8"),
                "session_seconds": pl.Series(session).zip_with(pl.Series(is_data), none),
                "signal_strength_dbm": pl.Series(rng.normal(-92, 11, count).clip(-140, -40)).map_elements(
                    lambda v: f"{v:.1f}", return_dtype=pl.String
                ),
                "is_roaming": _texts(["false", "true"], (rng.random(count) < 0.02).astype(np.int64)),
                "counterparty_hash": self._parties.gather(rng.integers(0, 50_000, count)).zip_with(
                    pl.Series(~is_data & (rng.random(count) < 0.6)), pl.Series([None], dtype=pl.String)
                ),
                "counterparty_country": _maybe(
                    rng, _texts(["US", "CA", "MX", "GB"], rng.choice(4, count, p=[0.94, 0.03, 0.02, 0.01])), 0.3
                ),
                "mediation_source": _texts([f"med-{i:02d}" for i in range(NODES)], service % NODES),
                "source_sequence": np.arange(self._sequence - count, self._sequence, dtype=np.int64),
            }
        )  # fmt: skip


def _soil(rng: Rng, frame: pl.DataFrame) -> pl.DataFrame:
    """1 % of the rows break the contract in one of several ways, 0.5 % say again what another said."""
    count = len(frame)
    damage = pl.Series(np.where(rng.random(count) < BAD_SHARE, rng.integers(1, 6, count), 0))
    source = np.arange(count)
    repeats = np.flatnonzero(rng.random(count) < REPEATED_SHARE)
    source[repeats] = rng.integers(0, count, len(repeats))

    def when(which: int, name: str, value: str | None) -> pl.Expr:
        return pl.when(damage == which).then(pl.lit(value)).otherwise(pl.col(name).cast(pl.String)).alias(name)

    return frame[source].with_columns(
        when(1, "usage_type", "fax"),
        when(2, "data_usage_bytes", "-1"),
        when(3, "service_id", "unknown"),
        when(4, "usage_timestamp", "2099-01-01T00:00:00Z"),
        when(5, "voice_seconds", None),
    )


def _chunks(seed: int, rows: int) -> Iterator[pl.DataFrame]:
    maker = UsageMaker(seed)
    for done in range(0, rows, CHUNK_ROWS):
        yield maker.chunk(min(CHUNK_ROWS, rows - done))


def _overlapping(rng: Rng, fresh: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """1 % of the rows come from the earlier delivery; half of these with another volume."""
    takes = np.flatnonzero(rng.random(len(fresh)) < OVERLAP_SHARE)
    taken = earlier[rng.integers(0, len(earlier), len(takes))].with_columns(
        pl.col("data_usage_bytes") + pl.Series(rng.integers(0, 2, len(takes)))
    )
    kept = np.ones(len(fresh), dtype=bool)
    kept[takes] = False
    return pl.concat([fresh.filter(pl.Series(kept)), taken])


def write_usage_files(folder: Path, rows: int) -> UsageFiles:
    """Writes the three files below `folder`, or finds them there from an earlier run."""
    target = folder / f"usage-{rows}-v{VERSION}"
    files = UsageFiles(target / "clean.csv", target / "first.csv", target / "second.csv", rows)
    if target.exists():
        return files
    building = target.with_suffix(".part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    soil = np.random.default_rng(3)
    with (
        (building / "clean.csv").open("wb") as clean,
        (building / "first.csv").open("wb") as first,
        (building / "second.csv").open("wb") as second,
    ):
        for i, (one, other) in enumerate(zip(_chunks(1, rows), _chunks(2, rows), strict=True)):
            one.write_csv(clean, include_header=i == 0)
            _soil(soil, one).write_csv(first, include_header=i == 0)
            _soil(soil, _overlapping(soil, other, one)).write_csv(second, include_header=i == 0)
    building.rename(target)
    return files
