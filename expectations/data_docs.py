"""The Data Docs: a page per feed with great-expectations' rendering of its last judgement, and a page that lists them.

Not here: judging. Only the pages of the feeds that were judged are written; they load nothing from elsewhere.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from expectations.results import Connection

FOLDER_NAME = "data_docs"
# Great-expectations' templates fetch scripts, styles and a logo from other hosts, and link to pages of its own site.
_FROM_ELSEWHERE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*https?://[^>]*>|<img\b[^>]*https?://[^>]*>|url\('https?://[^)]*\)",
    re.IGNORECASE | re.DOTALL,
)
_LINK_TO_SUITE = re.compile(r'<a href="[./]*/expectations/[^"]*"\s*>(.*?)</a>')
_STYLE = """<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em; max-width: 75em; }
table { border-collapse: collapse; } td, th { border: 1px solid #ccc; padding: .3em .7em; text-align: left; }
.fa-times::before { content: "✗"; color: #b00; } .fa-check-circle::before { content: "✓"; color: #070; }
.fa-exclamation-triangle::before { content: "!"; color: #b60; }
</style></head>"""
_INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Data quality at the border</title>{style}
<body><h1>Data quality at the border</h1>
<p>The last judgement of each feed. Keys of failing rows: <code>quality.failed_rows</code>.</p>
<table><tr><th>feed</th><th>result</th><th>failed checks</th><th>days</th><th>judged</th></tr>
{rows}
</table></body></html>
"""
_LAST = """
    select distinct on (feed) feed, bool_and(success) over run,
        coalesce(string_agg(check_name, ', ') filter (where not success) over run, ''),
        coalesce(days_from || ' to ' || days_to, ''), to_char(checked_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
    from quality.check_results
    where engine = 'great_expectations'
    window run as (partition by feed, run_id)
    order by feed, checked_at desc
"""


@cache
def _renderers() -> tuple[Any, Any]:
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    return ValidationResultsPageRenderer(run_info_at_end=True), DefaultJinjaPageView()


def page_of(folder: Path, feed: str) -> Path:
    """Where the page of a feed's last judgement is."""
    return folder / f"{feed}.html"


def _one_result(results: Sequence[Any], notes: Mapping[str, str], run_id: str) -> Any:
    """The results of all parts of a suite as one, each check with its note."""
    whole = results[0]
    whole.results = [result for part in results for result in part.results]
    whole.success = all(result.success for result in whole.results)
    failed = sum(not result.success for result in whole.results)
    total = len(whole.results)
    whole.statistics = {
        "evaluated_expectations": total,
        "successful_expectations": total - failed,
        "unsuccessful_expectations": failed,
        "success_percent": 100 * (total - failed) / total,
    }
    for result in whole.results:
        note = notes.get(result.expectation_config.meta["check"])
        if note:
            result.expectation_config.description += f" Found: {note}"
    whole.meta["run_id"] = {"run_name": run_id, "run_time": datetime.now(UTC).isoformat()}
    return whole


def write_page(folder: Path, feed: str, run_id: str, results: Sequence[Any], notes: Mapping[str, str]) -> Path:
    """Writes the feed's page; `notes` says by check what was found."""
    renderer, view = _renderers()
    content = view.render(renderer.render(_one_result(results, notes, run_id)), template="page_minimal.j2")
    content = _LINK_TO_SUITE.sub(r"\1", _FROM_ELSEWHERE.sub("", content)).replace("</head>", _STYLE, 1)
    content = content.replace("<body>", '<body><p><a href="index.html">All feeds</a></p>', 1)
    folder.mkdir(parents=True, exist_ok=True)
    page = page_of(folder, feed)
    page.write_text(content, encoding="utf-8")
    return page


def write_index(folder: Path, connection: Connection) -> None:
    """Writes the page that lists the feeds, with the last judgement of each."""
    rows = []
    for feed, success, failed, days, judged in connection.execute(_LAST):
        name = f'<a href="{feed}.html">{feed}</a>' if page_of(folder, feed).exists() else feed
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in (failed, days, judged))
        rows.append(f"<tr><td>{name}</td><td>{'passed' if success else 'FAILED'}</td>{cells}</tr>")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(_INDEX.format(style=_STYLE, rows="\n".join(rows)), encoding="utf-8")
