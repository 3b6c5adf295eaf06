"""One load in a process of its own: its seconds, what became of the rows, and the process's peak memory, as JSON.

Not here: which loads, how often.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

KEY = b"a key of the benchmark, 32 bytes"


@dataclass(frozen=True)
class LoadMeasure:
    """What a load of a whole landing folder took; the counts are those of all its files."""

    seconds: float
    peak_mib: float
    rows_in_file: int
    rows_loaded: int
    rows_quarantined: int
    rows_duplicate: int
    rows_clashing: int


def measure_load(landing: Path, url: str) -> LoadMeasure:
    """Loads usage_records from `landing` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.measured_load", str(landing), url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    return LoadMeasure(**json.loads(done.stdout))


def peak_mib() -> float:
    """The process's own peak: what getrusage says on Linux begins with the memory of the parent that started it."""
    status = Path("/proc/self/status")
    if status.exists() and (own := re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE)):
        return int(own[1]) / (1 << 10)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main(landing: str, url: str) -> None:
    from ingestion.loader import load_feed

    begun = time.perf_counter()
    report = load_feed("usage_records", landing=Path(landing), warehouse_url=url, pii_key=KEY, quiet_seconds=0)
    seconds = time.perf_counter() - begun
    counted = {
        name: sum(getattr(file, name) for file in report.files)
        for name in ("rows_in_file", "rows_loaded", "rows_quarantined", "rows_duplicate", "rows_clashing")
    }
    if any(file.status != "loaded" for file in report.files):
        raise SystemExit(f"refused: {report.files}")
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), **counted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
