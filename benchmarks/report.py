"""docs/benchmarks.md: one section a part, written by the part's run; the other parts' sections stay.

Not here: measuring.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.warehouse import ROOT, machine

PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench` (`PART=loader` for one part). Each table is what its last run measured, on the machine that the
table names; nothing here is edited by hand.
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_part(part: str, title: str, body: str, page: Path = PAGE) -> None:
    """Puts the part's section in its place, or at the end."""
    text = page.read_text(encoding="utf-8") if page.exists() else HEAD
    begin, end = f"<!-- part {part} -->", f"<!-- end of {part} -->"
    section = f"{begin}\n## {title}\n\n{datetime.now(UTC):%Y-%m-%d}, {machine()}.\n\n{body.strip()}\n{end}\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n", re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else f"{text.rstrip()}\n\n{section}"
    page.write_text(text, encoding="utf-8")
