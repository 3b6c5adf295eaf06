"""What a package consists of before it is written: tables as bytes, findings, accounts, and the provider that files.

Not here: queries (gathering), the folder (package_writer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from orchestration.regulatory.findings import Finding
from orchestration.regulatory.layouts import Layout, bytes_to_rows
from orchestration.regulatory.reconciling import Account

REPORT_TYPES = ("fcc_form477", "census_block", "emergency_readiness")
REQUIRED_FILINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "fcc_form477": (
        ("Form 477 subscription", "Fixed and mobile, broadband and voice, through the Broadband Data Collection"),
    ),
    "census_block": (
        ("BDC availability", "Fixed broadband availability by location"),
        ("Form 477 deployment", "Blocks; for corrections of data as of 2022-06-30 or earlier only"),
    ),
    "emergency_readiness": (
        ("NORS", "Reports of outages that must be reported, each by its own clock"),
        ("911 reliability certification", "Yearly, due October 15"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Provider:
    """Who files."""

    provider_id: str
    name: str
    frn: str | None
    bdc_provider_id: int | None
    form499_id: str | None
    brand_name: str | None
    is_ilec: bool | None


@dataclass(frozen=True)
class Filing:
    """One filing: of whom, what, for which period, and when it is due."""

    report_type: str
    provider: Provider
    period_start: date
    period_end: date
    due_date: date | None
    is_regular: bool
    rule_sets: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The folder of its packages, relative to EXPORTS_DIR."""
        return f"{self.report_type}/{self.provider.provider_id}/{self.period_end}"


@dataclass(frozen=True)
class Content:
    """All of a filing's content; `files` are the bytes of the tables by layout."""

    filing: Filing
    layouts: Mapping[str, Layout]
    files: Mapping[str, bytes]
    findings: Sequence[Finding] = ()
    accounts: Sequence[Account] = ()
    report_data: Mapping[str, object] = field(default_factory=dict)

    def rows(self, layout: str) -> list[list[str]]:
        """The rows of a table as they stand in its file."""
        return bytes_to_rows(self.layouts[layout], self.files[layout]) if layout in self.files else []

    def total(self, layout: str) -> int:
        """The sum of a table's total column."""
        place = self.layouts[layout].places("total")[0]
        return sum(int(row[place]) for row in self.rows(layout) if row[place].isdigit())
