"""Spans of outage records: put together, cut to days and windows.

Not here: what is concluded from them (checking).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pandas as pd

Span: TypeAlias = tuple[pd.Timestamp, pd.Timestamp]


def merged(outages: pd.DataFrame) -> list[Span]:
    """The time that any of the outages covers, as spans that do not touch.

    Args:
        outages: outage_start, ended_at; one that ends before it begins covers nothing.
    """
    found: list[Span] = []
    for begin, end in sorted(zip(outages["outage_start"], outages["ended_at"], strict=True)):
        if end <= begin:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def covered_seconds(spans: Sequence[Span], begin: pd.Timestamp, end: pd.Timestamp) -> float:
    """Seconds of a window that the spans cover."""
    return float(sum(max((min(last, end) - max(first, begin)).total_seconds(), 0) for first, last in spans))


def day_seconds(days: pd.DataFrame, spans: Mapping[str, Sequence[Span]]) -> pd.DataFrame:
    """What the spans cover of each day: element_id, availability_date, seconds; days without any are left out.

    Args:
        days: element_id, availability_date, day_start_at, day_end_at.
        spans: by element.
    """
    parts = []
    for name, own in days[days["element_id"].isin(list(spans))].groupby("element_id"):
        for begin, end in spans[str(name)]:
            near = own[(own["day_start_at"] < end) & (own["day_end_at"] > begin)]
            last = near["day_end_at"].where(near["day_end_at"] < end, end)
            first = near["day_start_at"].where(near["day_start_at"] > begin, begin)
            seconds = (last - first).dt.total_seconds()
            parts.append(near[["element_id", "availability_date"]].assign(seconds=seconds))
    if not parts:
        return pd.DataFrame(columns=["element_id", "availability_date", "seconds"])
    whole = pd.concat(parts).groupby(["element_id", "availability_date"])["seconds"].sum()
    return whole.reset_index()
