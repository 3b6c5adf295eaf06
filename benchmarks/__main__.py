"""`make bench PART=…` runs one part, without PART all, one after another.

Not here: the parts.
"""

from __future__ import annotations

import argparse
from importlib import import_module

PARTS = (
    "loader",
    "kill",
    "sample",
    "replacing",
    "daily",
    "demo",
    "roads",
    "rating",
    "filings",
    "churn_operator",
    "maintenance",
    "forecasting",
    "revenue_assurance",
    "churn",
    "security_monitoring",
    "watching",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default all")
    parts = parser.parse_args().parts or PARTS
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"unknown part {', '.join(unknown)}; known parts: {', '.join(PARTS)}")
    for part in parts:
        import_module(f"benchmarks.{part}").run()


if __name__ == "__main__":
    main()
