"""How things are said on the pages: states in a sign and a word, days until a date, sizes, times.

Not here: what is shown where (templates).
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
# A sign and a word each: nothing is told by colour alone.
STATES = {
    "draft": ("○", "draft"), "validated": ("◔", "validated"), "approved": ("◑", "approved"), "filed": ("●", "filed"),
    "superseded": ("⊘", "superseded"),
}  # fmt: skip
CONTENT = {
    "ready": ("✓", "ready"),
    "ready_with_warnings": ("▲", "ready, with warnings"),
    "incomplete": ("✗", "incomplete: it has errors or no data"),
}
REPORTS = {
    "fcc_form477": "FCC Form 477 subscriptions",
    "census_block": "Census blocks and availability",
    "emergency_readiness": "Emergency readiness",
}
_SOON_DAYS = 14


def countdown(due: date | None, today: date) -> str:
    """Days until a due date, in words."""
    if due is None:
        return "no due date"
    days = (due - today).days
    if days == 0:
        return "due today"
    many = f"{abs(days):,} day{'' if abs(days) == 1 else 's'}"
    return f"{many} left" if days > 0 else f"{many} overdue"


def urgency(due: date | None, today: date, state: str) -> str:
    """How pressing a filing is: done, overdue, soon or later."""
    if state == "filed":
        return "done"
    if due is None:
        return "later"
    days = (due - today).days
    return "overdue" if days < 0 else "soon" if days <= _SOON_DAYS else "later"


def size(count: int | None) -> str:
    """Bytes, as people read them."""
    if count is None:
        return ""
    number = float(count)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1024
    return f"{number:,.1f} GiB"


def title(report_type: str) -> str:
    """A report type's name for people."""
    return REPORTS.get(report_type, report_type.replace("_", " "))


def pages_of(count: int, per_page: int) -> int:
    """Number of pages, at least one."""
    return max(1, -(-count // per_page))


def make_environment(time_zone: str) -> Environment:
    """Templates with these words; every value is escaped, and a name that is not there is an error.

    Args:
        time_zone: IANA name of the zone that times and today are told in.
    """
    zone = ZoneInfo(time_zone)

    def moment(at: datetime | None) -> str:
        return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"

    def today() -> date:
        return datetime.now(zone).date()

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"moment": moment, "size": size, "title_of": title}
    words: dict[str, Any] = {
        "STATES": STATES, "CONTENT": CONTENT, "countdown": countdown, "urgency": urgency, "today": today,
        "pages_of": pages_of,
    }  # fmt: skip
    environment.globals |= words
    return environment
