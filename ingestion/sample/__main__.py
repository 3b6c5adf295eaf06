"""The sample operator from the command line.

Not here: the simulation.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ingestion.sample import write_sample


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ingestion.sample", description="Writes a sample operator's files.")
    parser.add_argument(
        "--folder", type=Path, required=True, help="where landing/, truth/ and manifest.json are written"
    )
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--months", type=int, default=15, help="months of usage detail")
    parser.add_argument("--history-months", type=int, help="months of bills and subscriptions; default 48")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", type=date.fromisoformat, help="the last day, YYYY-MM-DD")
    options = parser.parse_args()
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("sample", total=None)
        manifest = write_sample(
            options.folder, customers=options.customers, months=options.months, seed=options.seed, until=options.until,
            history_months=options.history_months,
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )  # fmt: skip
    rows = sum(counts.rows for counts in manifest.feeds.values())
    print(f"{rows} rows in {options.folder / 'landing'}; AS_OF={manifest.as_of}")


if __name__ == "__main__":
    main()
