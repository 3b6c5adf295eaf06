"""The sample operator at 100 000 customers: the time and memory that its files take, and their size.

Not here: loading them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.warehouse import BENCH_FOLDER, ROOT
from ingestion.sample.usage import MOST_RECORDS

CUSTOMERS, MONTHS = 100_000, 15
PEAK_BAR_MIB = 2048
_WRITE = """
import sys
from datetime import date
from pathlib import Path
from benchmarks.measured_load import peak_mib
from ingestion.sample import write_sample
write_sample(Path(sys.argv[1]), customers=int(sys.argv[2]), months=int(sys.argv[3]), until=date(2026, 10, 31))
print(peak_mib())
"""


@dataclass(frozen=True)
class SampleMeasure:
    """What writing a sample took; rows by feed."""

    seconds: float
    peak_mib: float
    disk_mib: float
    rows: dict[str, int]


def measure(folder: Path, customers: int, months: int) -> SampleMeasure:
    """Writes a sample in a process of its own, and removes it."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", _WRITE, str(folder), str(customers), str(months)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    seconds = time.perf_counter() - begun
    feeds = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["feeds"]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    rows = {feed: counts["rows"] for feed, counts in feeds.items()}
    return SampleMeasure(seconds, float(done.stdout), size / (1 << 20), rows)


def as_table(found: SampleMeasure, customers: int) -> str:
    """The measure as the page shows it."""
    head = [
        "customers",
        "seconds",
        "rows",
        "usage rows",
        "performance rows",
        f"peak MiB (bar {PEAK_BAR_MIB})",
        "MiB on disk",
    ]
    line = [
        f"{customers:,}", f"{found.seconds:.0f}", f"{sum(found.rows.values()):,}", f"{found.rows['usage_records']:,}",
        f"{found.rows['network_performance']:,}", f"{found.peak_mib:.0f}", f"{found.disk_mib:,.0f}",
    ]  # fmt: skip
    return report.table(head, [line])


def run() -> None:
    found = measure(BENCH_FOLDER / "sample", CUSTOMERS, MONTHS)
    said = f"{MONTHS} months of usage detail (coarser beyond {MOST_RECORDS:,} records), 48 of bills and subscriptions."
    report.write_part("sample", "The sample operator at its largest", f"{said}\n\n{as_table(found, CUSTOMERS)}")
