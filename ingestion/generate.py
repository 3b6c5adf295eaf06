"""What is written from the contracts: dbt's sources and a page per feed. A test keeps the committed files true.

Not here: the contracts themselves, nor anything written by hand.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import yaml

from ingestion.contract import Column, Contract, contracts
from ingestion.examples import example_csv
from ingestion.shapes import shape_text

ROOT = Path(__file__).resolve().parents[1]
SOURCES_FILE = ROOT / "dbt_project" / "models" / "staging" / "_raw__sources.yml"
PAGES_FOLDER = ROOT / "docs" / "feeds"
_LANDING = (
    "Files land under `<LANDING_DIR>/<feed>/` at any depth, as `.csv`, `.csv.gz`, `.jsonl`, `.jsonl.gz` or `.parquet`,"
    " UTF-8. Header names are the column names, in any order and case; a column that the contract does not know is kept"
    " in `_extra` and named in the ledger. Empty means null. `is_deleted` takes an entity back; a file under"
    " `<feed>/full/` is a complete snapshot. A new feed: [adding a feed](../adding_a_feed.md)."
)
HEADER = "# Written by `make generate` from ingestion/contracts; change the contract, not this file.\n"


def dbt_sources() -> str:
    """The YAML of dbt's source `raw`: every feed table with its columns, key and kind."""
    tables = [
        {
            "name": contract.feed,
            "description": contract.description,
            "config": {
                "meta": {
                    "key": list(contract.key),
                    "is_versioned": contract.is_versioned,
                    "overdue_after_seconds": int((contract.expected_every + contract.grace).total_seconds()),
                }
            },
            "columns": [{"name": column.name, "description": column.description} for column in contract.all_columns],
        }
        for contract in contracts().values()
    ]
    tables.append({"name": "feeds", "description": "One row per feed: its source system and cadence."})
    source = {
        "name": "raw",
        "schema": "raw",
        "description": "Landed rows, typed, one table per feed.",
        "tables": tables,
    }
    return HEADER + yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=140)


def _rules(column: Column) -> str:
    """A column's rules in words."""
    words = []
    if column.values:
        words.append("one of " + ", ".join(f"`{value}`" for value in column.values))
    if column.pattern:
        words.append(f"form `{column.pattern}`".replace("|", "\\|"))
    if column.min is not None:
        words.append(f"at least {column.min:g}")
    if column.max is not None:
        words.append(f"at most {column.max:g}")
    if column.decimals is not None:
        words.append(f"at most {column.decimals} decimals")
    if column.shape:
        words.append(f"shape [{column.shape}](#{column.shape})")
    if column.check_digit:
        words.append(f"the last digit checks the others ({column.check_digit})")
    if column.default is not None:
        words.append(f"absent means {column.default}")
    if column.event_time:
        words.append("event time: not after the load")
    if column.personal:
        words.append("personal data")
    return "; ".join(words)


def feed_page(contract: Contract) -> str:
    """The Markdown page of one feed."""
    rows = [
        f"| `{c.name}` | {c.type} | {'yes' if c.required else ''} | {_rules(c)} | {c.description} |"
        for c in contract.all_columns
    ]
    delivered = "every version is kept, the newest shows" if contract.is_versioned else "the later delivery wins"
    parts = [
        "<!-- " + HEADER.strip("# \n") + " -->",
        f"# {contract.feed}",
        "",
        f"{contract.description} From: {contract.source_system}. Files: `<LANDING_DIR>/{contract.feed}/…`.",
        "",
        f"Key: {', '.join(f'`{name}`' for name in contract.key)}; {delivered}. Expected every"
        f" {_words(contract.expected_every)}, overdue after {_words(contract.grace)} more.",
        "",
        "| column | type | required | rules | meaning |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "An example that may be landed as it stands:",
        "",
        "```csv",
        example_csv(contract) + "```",
        "",
    ]
    for name in dict.fromkeys(column.shape for column in contract.columns if column.shape):
        parts += [f"## {name}", "", "```yaml", shape_text(name) + "```", ""]
    return "\n".join(parts)


def index_page() -> str:
    """The page that lists all feeds."""
    rows = [
        f"| [{contract.feed}]({contract.feed}.md) | {contract.source_system} | {', '.join(contract.key)} |"
        f" {_words(contract.expected_every)} | {contract.description} |"
        for contract in contracts().values()
    ]
    head = ["<!-- " + HEADER.strip("# \n") + " -->", "# Feeds", "", _LANDING, ""]
    table = ["| feed | from | key | expected every | holds |", "|---|---|---|---|---|", *rows, ""]
    return "\n".join([*head, *table])


def _words(span: timedelta) -> str:
    """A duration as the contracts write it."""
    hours = span // timedelta(hours=1)
    amount, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{amount} {unit}{'s' * (amount != 1)}"


def generated_files() -> dict[Path, str]:
    """Every generated file's path and content."""
    pages = {PAGES_FOLDER / f"{contract.feed}.md": feed_page(contract) for contract in contracts().values()}
    return {SOURCES_FILE: dbt_sources(), PAGES_FOLDER / "README.md": index_page(), **pages}


def main(arguments: list[str]) -> int:
    """Writes the files; with --check only says which are out of date."""
    stale = [
        path
        for path, text in generated_files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)}: not as the contracts say; run: make generate")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated_files()[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
