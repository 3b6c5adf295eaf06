"""By what a finding is known again in the next run.

Not here: what becomes of it then (merging).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pandas as pd

_NAMESPACE = uuid.UUID("6f1d7a52-9a0c-4b1e-8f43-2f4d0c6b7e11")


def finding_id(kind: str, *parts: object) -> uuid.UUID:
    """The id of a finding: the same for the same kind and parts, in every run and on every machine.

    Args:
        kind: finding_kind.
        parts: what tells this finding from others of its kind, as ids, dates and names; None counts as a part.
    """
    return uuid.uuid5(_NAMESPACE, "\x1f".join([kind, *("\x00" if part is None else str(part) for part in parts)]))


def adopt_overlapping(
    previous: pd.DataFrame, found: pd.DataFrame, same: Sequence[str], gap: pd.Timedelta
) -> pd.DataFrame:
    """Found incidents under the ids of earlier ones that are the same: of equal columns `same`, overlapping in time.

    An incident's beginning moves when samples come late, so that it cannot be known by it. An earlier one gives its id
    to the found one that it overlaps longest; of two equally long ones to the earlier.

    Args:
        previous: finding_id, first_seen_at, last_seen_at (timestamps with zone) and the columns `same`.
        found: the same columns, one row per finding_id.
        same: columns that are equal in both, as finding_kind and element_id.
        gap: so far apart they still overlap.
    """
    if previous.empty or found.empty:
        return found
    names = [*same, "finding_id", "first_seen_at", "last_seen_at"]
    pairs = found[names].merge(previous[names], on=list(same), suffixes=("", "_before"))
    begins = pairs[["first_seen_at", "first_seen_at_before"]].max(axis=1)
    ends = pairs[["last_seen_at", "last_seen_at_before"]].min(axis=1)
    pairs["overlap"] = ends - begins
    pairs = pairs[pairs["overlap"] >= -gap].sort_values(
        ["overlap", "first_seen_at_before", "first_seen_at", "finding_id"], ascending=[False, True, True, True]
    )
    ids: dict[uuid.UUID, uuid.UUID] = {}
    taken: set[uuid.UUID] = set()
    for own, before in zip(pairs["finding_id"], pairs["finding_id_before"], strict=True):
        if own not in ids and before not in taken:
            ids[own] = before
            taken.add(before)
    kept = [ids.get(own) or _apart(own, taken) for own in found["finding_id"]]
    return found.assign(finding_id=pd.Series(kept, index=found.index, dtype=object))


def _apart(own: uuid.UUID, taken: set[uuid.UUID]) -> uuid.UUID:
    """An id of its own for a new incident, where an earlier, different one bears the one that it would have."""
    while own in taken:
        own = uuid.uuid5(own, "another")
    return own
