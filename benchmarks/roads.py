"""The second road of every mart at sizes that `make test` has no time for: every row of every table compared.

Not here: the second roads (tests/second_road) and their comparisons (tests/pipeline).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from benchmarks import report
from benchmarks.warehouse import ROOT

# The largest with one seed: three would take an hour.
SIZES = {2_000: "", 20_000: "seed_1_"}


def compare(customers: int, chosen: str) -> tuple[str, float]:
    """Runs the comparisons at that size: what pytest says in its last line, and the seconds.

    Raises:
        RuntimeError: a comparison found a difference.
    """
    begun = time.perf_counter()
    tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "pipeline").glob("test_second_road*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *tests, "-k", f"{chosen}{customers}_customers" if chosen else "_customers"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "SECOND_ROAD_CUSTOMERS": str(customers)},
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1]
    if done.returncode:
        raise RuntimeError(f"the second roads at {customers:,} customers: {last}\n{done.stdout}")
    return re.sub(r",? \d+ deselected| in [\d.]+s.*|=", "", last).strip(), time.perf_counter() - begun


def run() -> None:
    lines = []
    for customers, chosen in SIZES.items():
        said, seconds = compare(customers, chosen)
        lines.append([f"{customers:,}", "1" if chosen else "3", said, f"{seconds:.0f}"])
    table = report.table(["customers", "seeds", "comparisons", "seconds"], lines)
    said = "Each mart recomputed from the landed files by code that shares nothing with dbt; three months of detail."
    report.write_part("roads", "The second road at larger sizes", f"{said}\n\n{table}")
