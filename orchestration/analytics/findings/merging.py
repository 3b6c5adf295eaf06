"""What becomes of findings from one run to the next.

Not here: their identity; who may mute one (analytics.mute_finding).
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd

OPEN, RESOLVED, MUTED = "open", "resolved", "muted"
# What a run does not find but keeps: the life of the finding, and what a person said of it.
_MUTING = ("muted_by", "muted_at", "muted_until", "mute_reason")
_TIMES = ("first_seen_at", "last_seen_at", "resolved_at", "judged_at", "muted_at", "muted_until")
LIFE_COLUMNS = ("finding_status", "resolved_at", "reopened_count", "judged_at", *_MUTING)


def merge_findings(
    previous: pd.DataFrame, found: pd.DataFrame, as_of: datetime, judged: pd.Series | None = None
) -> pd.DataFrame:
    """All findings after a run, one row per finding_id in its order.

    What is found again keeps the beginning of its first time, is open again if it was resolved, and muted while its
    muting lasts. What is not found again although it was looked for is resolved. The same run twice changes nothing.

    Args:
        previous: the table's rows: finding_id, first_seen_at, last_seen_at, LIFE_COLUMNS and any others.
        found: the same columns without LIFE_COLUMNS, one row per finding_id.
        as_of: the run's instant; no row of `previous` may have been judged after it.
        judged: per row of `previous` whether this run would have found it, were it still there; None: all.

    Raises:
        ValueError: two found rows have one id, or a row was judged after `as_of`.
    """
    twice = found["finding_id"][found["finding_id"].duplicated()]
    if len(twice):
        raise ValueError(
            f"{len(twice)} findings have an id that another one has, as {twice.iloc[0]}; expected one each"
        )
    if (previous["judged_at"] > as_of).any():
        latest = previous["judged_at"].max()
        raise ValueError(f"findings were judged as of {latest}, after {as_of}; judge them as of then or later")
    before = previous.set_index("finding_id").astype(dict.fromkeys(_TIMES, "datetime64[us, UTC]"))
    now = found.set_index("finding_id")
    gone = before.loc[before.index.difference(now.index)]
    if judged is not None:
        looked_for = pd.Series(judged.to_numpy(), index=before.index).reindex(gone.index).astype(bool)
    else:
        looked_for = pd.Series(True, index=gone.index)
    parts = [_seen(before, now, as_of), _left(gone, looked_for, as_of)]
    merged = pd.concat([part for part in parts if len(part)] or parts[:1])
    return merged.sort_index().rename_axis("finding_id").reset_index()[list(previous.columns)]


def _seen(before: pd.DataFrame, now: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Rows found in this run, with what earlier runs and people knew of them."""
    known = before.reindex(now.index)
    rows = now.copy()
    rows["first_seen_at"] = pd.concat([now["first_seen_at"], known["first_seen_at"]], axis=1).min(axis=1)
    rows["last_seen_at"] = pd.concat([now["last_seen_at"], known["last_seen_at"]], axis=1).max(axis=1)
    again = known["finding_status"].eq(RESOLVED)
    rows["reopened_count"] = pd.to_numeric(known["reopened_count"]).fillna(0).astype(int) + again.astype(int)
    for name in _MUTING:
        rows[name] = known[name]
    is_muted = known["muted_at"].notna() & (known["muted_until"].isna() | (known["muted_until"] > as_of))
    rows["finding_status"] = is_muted.map({True: MUTED, False: OPEN})
    rows["resolved_at"] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    rows["judged_at"] = as_of
    return rows


def _left(gone: pd.DataFrame, looked_for: pd.Series, as_of: datetime) -> pd.DataFrame:
    """Rows that this run did not find: resolved if it looked for them."""
    rows = gone.copy()
    ends = looked_for & rows["finding_status"].ne(RESOLVED)
    rows.loc[ends, "resolved_at"] = as_of
    rows.loc[ends, "finding_status"] = RESOLVED
    rows.loc[looked_for, "judged_at"] = as_of
    return rows
