"""The sample operator from the command line.

Not here: the simulation.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from ingestion.sample import write_sample


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ingestion.sample", description="Writes a sample operator's files.")
    parser.add_argument("--folder", type=Path, required=True, help="where landing/ and manifest.json are written")
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--months", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", type=date.fromisoformat, help="the last day, YYYY-MM-DD")
    options = parser.parse_args()
    manifest = write_sample(
        options.folder, customers=options.customers, months=options.months, seed=options.seed, until=options.until,
        progress=lambda feed: print(f"writing {feed}", file=sys.stderr),
    )  # fmt: skip
    rows = sum(counts.rows for counts in manifest.feeds.values())
    print(f"{rows} rows in {options.folder / 'landing'}; AS_OF={manifest.as_of}")


if __name__ == "__main__":
    main()
