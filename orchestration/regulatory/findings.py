"""Findings of the checks: level, file, row, column, and a message in the FCC's manner.

Not here: the checks (file_checks, package_checks). Levels and words are the seed filing_checks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from orchestration.regulatory.layouts import read_seed

ERROR, WARNING = "error", "warning"
MOST_FINDINGS = 10_000
# They depend on the day on which somebody looks, not on what is filed.
OF_THE_CLOCK = frozenset({"due_date_past"})


@dataclass(frozen=True)
class Finding:
    """One thing that a check found; row 1 is the first row after the header, None the whole file or package."""

    check: str
    level: str
    file: str | None
    row: int | None
    column: str | None
    message: str

    def as_json(self, number: int) -> dict[str, object]:
        return {
            "finding_number": number, "check": self.check, "level": self.level, "file": self.file, "row": self.row,
            "column": self.column, "message": self.message,
        }  # fmt: skip


@functools.cache
def _catalogue() -> dict[str, tuple[str, str]]:
    return {row["check_name"]: (row["level"], row["message"]) for row in read_seed("filing_checks")}


def finding(
    check: str, *, file: str | None = None, row: int | None = None, column: str | None = None, **values: object
) -> Finding:
    """A finding of the catalogue, its message filled with the values."""
    level, message = _catalogue()[check]
    said = message.format(**{name: repr(value) if value == "" else value for name, value in values.items()})
    if row is not None:
        said = f"Row {row}: {said}"
    return Finding(check, level, file, row, column, said)


def numbered(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """The findings for validation.json, errors first, in the order of the files; what is too much is one finding."""
    ordered = sorted(findings, key=lambda one: one.level != ERROR)
    kept = ordered[:MOST_FINDINGS]
    if more := ordered[MOST_FINDINGS:]:
        level = more[0].level
        kept.append(Finding("more", level, None, None, None, f"{len(more)} more findings are not listed"))
    return [one.as_json(number) for number, one in enumerate(kept, 1)]


def compliance_status(findings: Iterable[Finding]) -> str:
    """What the findings make of the content: incomplete, ready_with_warnings or ready."""
    levels = {one.level for one in findings}
    if ERROR in levels:
        return "incomplete"
    return "ready_with_warnings" if WARNING in levels else "ready"
