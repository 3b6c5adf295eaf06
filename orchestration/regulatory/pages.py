"""The pages of a package for people: its summary, and voice by state as the portal asks for it.

Not here: what stands in a package. The pages need no network and no script.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from orchestration.regulatory.content import REQUIRED_FILINGS, Content
from orchestration.regulatory.differences import Change
from orchestration.regulatory.findings import ERROR, compliance_status, numbered
from orchestration.regulatory.voice_states import ITEMS

_MOST_SHOWN = 200
_STATUS = {
    "ready": "Ready", "ready_with_warnings": "Ready, with warnings to be explained", "incomplete": "Incomplete",
}  # fmt: skip


def _page(template: str, **values: object) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return (environment.get_template(template).render(**values) + "\n").encode()


def summary_page(content: Content, number: int, changes: Sequence[Change] | None) -> bytes:
    """What is filed, what was found, and how it adds up."""
    tables = [
        (content.layouts[name].file_name, content.layouts[name].title, len(content.rows(name)),
         content.total(name) if content.layouts[name].places("total") else None)
        for name in content.files
    ]  # fmt: skip
    counts = {kind: sum(row[1] == kind for row in changes or ()) for kind in ("added", "gone", "changed")}
    findings = numbered(content.findings)
    return _page(
        "summary.html.j2", filing=content.filing, number=number, tables=tables, accounts=content.accounts,
        status=_STATUS[compliance_status(content.findings)], findings=findings[:_MOST_SHOWN],
        findings_more=max(0, len(findings) - _MOST_SHOWN), errors=sum(one["level"] == ERROR for one in findings),
        is_first=changes is None, counts=counts, required=REQUIRED_FILINGS[content.filing.report_type],
    )  # fmt: skip


def state_page(content: Content) -> bytes:
    """The portal's fields of each state in its order, to be typed in."""
    figures = {(row[0], row[1], row[2]): row[3] for row in content.rows("fvs_state")}
    states = sorted({state for state, _, _ in figures})
    return _page("fvs_state.html.j2", filing=content.filing, states=states, items=ITEMS, figures=figures)
