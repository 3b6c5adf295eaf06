"""What is written from the contracts: dbt's sources and a page per feed. A test keeps the committed files true.

Not here: the contracts themselves, nor anything written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from ingestion.contract import Column, Contract, contracts

ROOT = Path(__file__).resolve().parents[1]
SOURCES_FILE = ROOT / "dbt_project" / "models" / "staging" / "_raw__sources.yml"
PAGES_FOLDER = ROOT / "docs" / "feeds"
HEADER = "# Written by `make generate` from ingestion/contracts; change the contract, not this file.\n"

_EXAMPLES = {
    "uuid": "8f14e45f-ceea-467f-a1a9-6f0c1b2d3e4f",
    "text": "text",
    "date": "2026-01-31",
    "timestamptz": "2026-01-31T18:30:00-06:00",
    "bigint": "1",
    "numeric": "12.5",
    "boolean": "true",
    "json": '"[""data""]"',
}


def dbt_sources() -> str:
    """The YAML of dbt's source `raw`: every feed table with its columns, key and kind."""
    tables = [
        {
            "name": contract.feed,
            "description": contract.description,
            "config": {"meta": {"key": list(contract.key), "is_versioned": contract.is_versioned}},
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
    if column.check_digit:
        words.append(f"the last digit checks the others ({column.check_digit})")
    if column.default is not None:
        words.append(f"absent means {column.default}")
    if column.event_time:
        words.append("event time: not after the load")
    if column.personal:
        words.append("personal data")
    return "; ".join(words)


def _example(contract: Contract) -> str:
    values = []
    for column in contract.columns:
        if column.values:
            values.append(column.values[0])
        elif column.required or column.name in contract.key:
            values.append("USD" if column.name == "currency" else _EXAMPLES[column.type])
        else:
            values.append("")
    return ",".join(values)


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
        f" {contract.expected_every}, overdue after {contract.grace} more.",
        "",
        "| column | type | required | rules | meaning |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "An example, with every required column filled:",
        "",
        "```csv",
        ",".join(column.name for column in contract.columns),
        _example(contract),
        "```",
        "",
    ]
    return "\n".join(parts)


def generated_files() -> dict[Path, str]:
    """Every generated file's path and content."""
    pages = {PAGES_FOLDER / f"{contract.feed}.md": feed_page(contract) for contract in contracts().values()}
    return {SOURCES_FILE: dbt_sources(), **pages}


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
