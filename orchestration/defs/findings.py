"""Findings of a run, put into their table beside those of earlier runs.

Not here: what is found; how findings are merged (orchestration.analytics.findings).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import pandas as pd
import psycopg

from orchestration.analytics.findings import LIFE_COLUMNS, merge_findings
from orchestration.defs.frames import plain_values, read_frame
from orchestration.defs.replacing import COMPUTED_AT, replace_rows

_TIMES = ("first_seen_at", "last_seen_at", "resolved_at", "judged_at", "muted_at", "muted_until")


def read_findings(connection: psycopg.Connection, table: str) -> pd.DataFrame:
    """The table's rows without computed_at, by finding_id; times in UTC."""
    rows = read_frame(connection, f"select * from {table} order by finding_id").drop(columns=COMPUTED_AT)
    for name in _TIMES:
        rows[name] = pd.to_datetime(rows[name], utc=True)
    return rows


def keep_findings(
    connection: psycopg.Connection,
    table: str,
    found: pd.DataFrame,
    as_of: datetime,
    judged: Callable[[pd.DataFrame], pd.Series] | None = None,
) -> Mapping[str, int | str]:
    """Merges a run's findings into the table; returns how many are new, open, muted and resolved by this run.

    A run as of an earlier instant than the last one leaves the table as it is and says so.

    Args:
        connection: in whose transaction it is done.
        table: as analytics.security_findings.
        found: the table's columns without computed_at and those of a finding's life, one row per finding_id.
        as_of: the run's instant.
        judged: which of the table's rows this run would have found, were they still there; without it all.

    Raises:
        ValueError: `found` has other columns than the table.
    """
    # One run at a time; a person's muting waits for it, or it for them.
    connection.execute(f"lock table {table} in share row exclusive mode".encode())
    previous = read_findings(connection, table)
    expected = [name for name in previous.columns if name not in LIFE_COLUMNS]
    if set(expected) != set(found.columns):
        raise ValueError(f"{table} wants the columns {sorted(expected)}, given were {sorted(found.columns)}")
    latest = previous["judged_at"].max()
    if len(previous) and latest > as_of:
        return {"left_as_they_are": f"they were judged as of {latest}, this run is as of {as_of}"}
    for name in ("first_seen_at", "last_seen_at"):
        found[name] = pd.to_datetime(found[name], utc=True)
    merged = merge_findings(previous, found[expected], as_of, None if judged is None else judged(previous))
    replace_rows(connection, table, list(previous.columns), plain_values(merged, list(previous.columns)))
    status = merged["finding_status"].value_counts()
    ended = (merged["finding_status"].eq("resolved") & merged["resolved_at"].eq(as_of)).sum()
    return {
        "findings_new": int((~merged["finding_id"].isin(previous["finding_id"])).sum()),
        "findings_open": int(status.get("open", 0)), "findings_muted": int(status.get("muted", 0)),
        "findings_resolved_now": int(ended),
    }  # fmt: skip
