"""The checks of a whole package: who files, when, whether it reconciles, and what looks odd beside its neighbours.

Not here: the checks of one file (file_checks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from orchestration.regulatory.content import Content, Filing
from orchestration.regulatory.findings import Finding, finding
from orchestration.regulatory.layouts import read_seed
from orchestration.regulatory.voice_states import Figures, splits_that_fail

LAST_BLOCK_DATE = date(2022, 6, 30)


@dataclass(frozen=True)
class Surroundings:
    """What a package is held against besides itself.

    Attributes:
        totals_before: total by file of the filing before.
        speeds_changed: (plan, what its speed was and became) since the as-of date before.
        rules_read_on: by set of rules the day on which its rules were last compared with their source, if ever.
        date_before: the as-of date before.
        today: the day of AS_OF.
    """

    date_before: date
    today: date
    totals_before: Mapping[str, int] = field(default_factory=dict)
    speeds_changed: Sequence[tuple[str, str]] = ()
    rules_read_on: Mapping[str, date | None] = field(default_factory=dict)


def parameter(name: str) -> float:
    """A threshold of the seed filing_parameters."""
    return next(float(row["value"]) for row in read_seed("filing_parameters") if row["parameter"] == name)


def check_filing(filing: Filing, around: Surroundings) -> Iterator[Finding]:
    """Who files and when."""
    provider = filing.provider
    if not provider.frn:
        yield finding("frn_missing")
    elif not re.fullmatch(r"\d{10}", provider.frn):
        yield finding("frn_invalid", value=provider.frn)
    if filing.report_type == "fcc_form477" and not provider.form499_id:
        yield finding("form499_missing")
    if filing.report_type == "census_block":
        if provider.bdc_provider_id is None:
            yield finding("bdc_provider_missing")
        if filing.period_end > LAST_BLOCK_DATE:
            yield finding("not_fileable", file="fbd.csv")
    if not filing.is_regular and filing.report_type != "emergency_readiness":
        yield finding("not_regular_date", value=filing.period_end)
    if filing.due_date and filing.due_date < around.today:
        yield finding("due_date_past", value=filing.due_date, expected=around.today)
    for name, read_on in around.rules_read_on.items():
        if read_on is None or read_on < around.date_before:
            yield finding("rules_unread", value=name, expected=around.date_before)


def check_accounts(content: Content) -> Iterator[Finding]:
    """That everything in service is somewhere, and that little is left out for want of a place."""
    if not any(content.rows(name) for name in content.files):
        yield finding("no_data")
    for one in content.accounts:
        if one.residual:
            yield finding("residual", file=one.file, value=one.residual)
        if lost := one.left_out.get("no_tract", 0):
            is_much = lost > parameter("no_tract_error_share") * one.in_service
            yield finding("no_tract" if is_much else "no_tract_few", file=one.file, value=lost, expected=one.in_service)
        if lost := one.left_out.get("no_state", 0):
            yield finding("no_state", file=one.file, value=lost, expected=one.in_service)


def _tracts(content: Content, name: str) -> dict[str, tuple[int, int]]:
    """Total and consumer connections by tract; rows that are no numbers are the file's own check's."""
    layout, found = content.layouts[name], dict[str, tuple[int, int]]()
    tract, total, part = (layout.places(kind)[0] for kind in ("tract", "total", "part"))
    for row in content.rows(name):
        if row[total].isdigit() and row[part].isdigit():
            whole, consumer = found.get(row[tract], (0, 0))
            found[row[tract]] = (whole + int(row[total]), consumer + int(row[part]))
    return found


def check_shape(content: Content, around: Surroundings) -> Iterator[Finding]:
    """What is odd: one share everywhere, tiny tracts, totals that moved, plans whose speed changed."""
    for name, layout in content.layouts.items():
        if name not in content.files or not layout.places("total"):
            continue
        if layout.places("tract"):
            tracts = _tracts(content, name)
            shares = {Fraction(consumer, whole) for whole, consumer in tracts.values() if whole}
            if len(shares) == 1 and len(tracts) >= parameter("small_group_rows"):
                share = f"{float(next(iter(shares))):.0%}"
                yield finding("same_share", file=layout.file_name, value=share, expected=len(tracts))
            few = int(parameter("small_tract_connections"))
            if small := sum(whole < few for whole, _ in tracts.values()):
                yield finding("small_tracts", file=layout.file_name, value=small, expected=few)
        before, now = around.totals_before.get(layout.file_name), content.total(name)
        if before and abs(now - before) > parameter("moved_share") * before:
            yield finding("total_moved", file=layout.file_name, value=now, expected=before)
    for plan, change in around.speeds_changed:
        yield finding("plan_speed_changed", value=plan, expected=change)


def check_voice_states(content: Content, figures: Figures) -> Iterator[Finding]:
    """That every split adds up, and that each state's total is the sum of its tracts."""
    for state, service, total, found, expected in splits_that_fail(figures):
        yield finding(
            "state_split", file="fvs_state.csv", column="lines", value=f"of {state} {service} {total} ({found})",
            expected=expected,
        )  # fmt: skip
    tracts: dict[tuple[str, str], int] = {}
    for tract, service_type, total, _ in content.rows("fvs"):
        key = (tract[:2], "switched" if service_type == "0" else "voip")
        tracts[key] = tracts.get(key, 0) + int(total)
    totals = {"switched": ("end_user_lines",), "voip": ("over_the_top_subscriptions", "other_subscriptions")}
    for state, service in sorted({(s, v) for s, v, _ in figures} | tracts.keys()):
        whole = sum(figures.get((state, service, item), 0) for item in totals[service])
        if whole != tracts.get((state, service), 0):
            yield finding(
                "state_total", file="fvs_state.csv", column="lines", value=f"{whole} {service}",
                expected=tracts.get((state, service), 0),
            )  # fmt: skip
