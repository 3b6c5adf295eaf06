"""Re-rating many services on many plans: seconds and memory of the fast road, and that it says what the exact one says.

Not here: whether the exact engine is right (tests), advice for a whole warehouse (demo).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from benchmarks import report
from benchmarks.warehouse import ROOT
from orchestration.analytics.plan_advice.choice import Costs, choose
from orchestration.analytics.rating import MILLIONTHS, Tariff, UsageTable, Use, needs_records, tariff_from, usage_costs
from orchestration.analytics.rating.tariff import GB_BYTES, KINDS
from orchestration.analytics.rating.usage_price import kind_prices

SERVICES, PLANS, PERIODS, RECORDS = 100_000, 20, 6, 40
SECONDS_BAR, MEMORY_BAR_MIB = 60, 2048
CHUNK, THREADS, CHECKED_SERVICES, SEED = 5_000, 2, 60, 1
# 2026-03-01, a Sunday.
FIRST_SECOND, PERIOD_SECONDS = 1_772_323_200, 30 * 86_400


@dataclass(frozen=True)
class Frames:
    """Records by service and period, in narrow columns as a reader would keep them."""

    kind: np.ndarray
    flags: np.ndarray
    quantity: np.ndarray
    start: np.ndarray


def make_plans() -> list[Tariff]:
    """Twenty mobile plans: prices per unit, tiers, blocks, volume, increments, connect fees, time bands, roaming."""
    gb = [{"up_to": 5 * GB_BYTES, "unit_price": 6}, {"up_to": None, "unit_price": "2.5"}]
    blocks = [{"up_to": None, "block_size": 2 * GB_BYTES, "unit_price": "3.75"}]
    volume = [{"up_to": 18_000, "unit_price": "0.06"}, {"up_to": None, "unit_price": "0.035"}]
    day = [{"days": "1-5", "from": "07:00", "to": "19:00", "unit_price": "0.12"}]
    rules: list[dict[str, object] | None] = [
        None,
        {"data": {"price_per": GB_BYTES, "tiers": gb}},
        {"data": {"price_per": GB_BYTES, "tiers": blocks}},
        {"voice": {"price_per": 60, "mode": "volume", "first_increment": 30, "increment": 6, "tiers": volume}},
        {"voice": {"price_per": 60, "increment": 60, "connect_fee": "0.05", "tiers": volume[1:], "time_bands": day}},
        {"data": {"first_increment": 1024, "increment": 1024, "price_per": 2**20, "mode": "volume", "rounding": "up",
                  "tiers": [{"up_to": None, "unit_price": "0.004"}]}},
        {"roaming": {"data": {"price_per": GB_BYTES, "tiers": [{"up_to": None, "unit_price": 12}]}}},
    ]  # fmt: skip
    return [
        tariff_from(
            {
                "plan_id": str(index), "plan_name": f"Plan {index}", "currency": "USD",
                "base_price": str(15 + 2 * index), "rating_rules": rules[index % len(rules)],
                "includes": list(KINDS), "data_allowance_gb": str(index * 2), "overage_price_per_gb": "8",
                "voice_allowance_minutes": str(20 * index), "overage_price_per_minute": "0.07",
                "sms_allowance": str(5 * index), "overage_price_per_sms": "0.05",
            }
        )
        for index in range(PLANS)
    ]  # fmt: skip


def make_frames(services: int) -> Frames:
    rng = np.random.default_rng(SEED)
    size = services * PERIODS * RECORDS
    kind = rng.choice(np.array([0, 1, 2], dtype=np.int8), size, p=[0.5, 0.35, 0.15])
    quantity = np.ones(size, dtype=np.int64)
    quantity[kind == 0] = rng.lognormal(19.5, 1.2, int((kind == 0).sum())).astype(np.int64)
    quantity[kind == 1] = rng.exponential(180, int((kind == 1).sum())).astype(np.int64)
    period = np.tile(np.repeat(np.arange(PERIODS, dtype=np.int64), RECORDS), services)
    start = FIRST_SECOND + period * PERIOD_SECONDS + rng.integers(0, PERIOD_SECONDS, size)
    return Frames(kind, rng.choice(np.array([0, 1, 2], dtype=np.int8), size, p=[0.6, 0.37, 0.03]), quantity, start)


def table_of(frames: Frames, first: int, count: int) -> UsageTable:
    each = PERIODS * RECORDS
    rows = slice(first * each, (first + count) * each)
    cell = np.repeat(np.arange(count * PERIODS, dtype=np.int64), RECORDS)
    columns = (column[rows] for column in (frames.kind, frames.flags, frames.quantity, frames.start))
    kind, flags, quantity, start = columns
    return UsageTable(cell, kind, flags, quantity, start, None, count * PERIODS)


def rate_chunk(frames: Frames, tariffs: list[Tariff], first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(services x periods x plans of charges for use, the advice of each service)."""
    table = table_of(frames, first, count)
    shape = (count, PERIODS)
    costs = [usage_costs(table, tariff) for tariff in tariffs]
    usage = np.stack([one.amount.reshape(shape) for one in costs], axis=2)
    serves = np.stack([one.is_served.reshape(shape) for one in costs], axis=2)
    year = np.array([12 * int(tariff.base_price * MILLIONTHS) for tariff in tariffs], dtype=np.int64)
    present = (np.arange(first, first + count) % len(tariffs)).astype(np.intp)
    may = np.ones((count, len(tariffs)), dtype=np.bool_)
    may[np.arange(count), present] = False
    found = choose(
        Costs(usage, serves, np.tile(year, (count, 1)), np.ones(shape, dtype=np.bool_), may, present,
              np.zeros(count, dtype=np.int64)), 12 * MILLIONTHS, 1000, SEED,
    )  # fmt: skip
    return usage, found.plan


def check(frames: Frames, tariffs: list[Tariff]) -> int:
    """Cells of some services rated by the exact engine; raises RuntimeError where one differs."""
    usage, _ = rate_chunk(frames, tariffs, 0, CHECKED_SERVICES)
    for service in range(CHECKED_SERVICES):
        for period in range(PERIODS):
            begin = (service * PERIODS + period) * RECORDS
            rows = range(begin, begin + RECORDS)
            uses = [
                [
                    Use(int(frames.start[row]), int(frames.quantity[row]), *(frames.flags[row] == [1, 2]))
                    for row in rows if frames.kind[row] == kind
                ]
                for kind in range(len(KINDS))
            ]  # fmt: skip
            for place, tariff in enumerate(tariffs):
                priced = [
                    kind_prices(own, tariff.kinds[name], Fraction(1), 2) for name, own in zip(KINDS, uses, strict=True)
                ]
                exact = sum((one.amount + one.connect_fees for found in priced for one in found.values()), Decimal(0))
                if int(exact * MILLIONTHS) != usage[service, period, place]:
                    raise RuntimeError(
                        f"service {service}, period {period}, {tariff.plan_name}: {exact} is not the fast road's"
                    )
    return CHECKED_SERVICES * PERIODS * len(tariffs)


def measure(services: int = SERVICES) -> dict[str, float]:
    """Seconds and peak memory of rating and choosing for all services, frames already read."""
    tariffs, frames = make_plans(), make_frames(services)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        chunks = [(first, min(CHUNK, services - first)) for first in range(0, services, CHUNK)]
        advised = list(pool.map(lambda chunk: rate_chunk(frames, tariffs, *chunk)[1], chunks))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    by_record = sum(any(needs_records(tariff, kind) for kind in KINDS) for tariff in tariffs)
    return {"seconds": seconds, "mib": peak, "mib_of_frames": before, "checked": check(frames, tariffs),
            "records": len(frames.kind), "by_record": by_record,
            "changes": int(sum((plan != np.arange(first, first + count) % PLANS).sum()
                               for plan, (first, count) in zip(advised, chunks, strict=True)))}  # fmt: skip


def run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rating"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads(done.stdout)
    rows = [
        ["seconds", f"{found['seconds']:.1f}", f"{SECONDS_BAR}"],
        ["peak memory, MiB, the frames in it", f"{found['mib']:,.0f}", f"{MEMORY_BAR_MIB:,}"],
        ["memory of the frames as they are made, MiB", f"{found['mib_of_frames']:,.0f}", ""],
        ["cells compared with the exact engine, differing", f"{found['checked']:,}, 0", "0"],
    ]
    said = (
        f"{SERVICES:,} services on {PLANS} plans over {PERIODS} months, {RECORDS} records per service and month"
        f" ({found['records']:,} records, frames already read, {THREADS} threads): every service rated on every plan,"
        f" the cheapest chosen with confidence and bootstrap interval. {found['by_record']} of the plans look at single"
        " records (increments, time bands), the others at sums."
    )
    report.write_part(
        "rating", "Re-rating services on plans", f"{said}\n\n{report.table(['measure', 'found', 'bar'], rows)}"
    )


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SERVICES)))
