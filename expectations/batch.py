"""The rows that a suite judges: those of the touched days, and of new loads where a row has no day.

Not here: what is expected of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ingestion.contract import Contract, contract

_MOST_SPANS = 12


@dataclass(frozen=True)
class Batch:
    """Touched days of a feed and its loads after `loaded_after`; up to the touch `touched_after` all was good."""

    feed: str
    days: tuple[date, ...]
    touched_after: int = 0
    loaded_after: datetime | None = None


def day_of(contract: Contract) -> str:
    """SQL of a row's touched day, in UTC as `raw.touched_days` has it."""
    column = contract.touched_by
    if column is None:
        return "null::date"
    return column if contract.column(column).type == "date" else f"({column} at time zone 'UTC')::date"


def _spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as half-open spans without gaps."""
    spans: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if spans and spans[-1][1] == day:
            spans[-1] = (spans[-1][0], day + timedelta(days=1))
        else:
            spans.append((day, day + timedelta(days=1)))
    return spans


def _in_days(contract: Contract, days: tuple[date, ...]) -> list[str]:
    """Conditions on the column itself, so that partitions serve them; scattered days are looked up in a hash."""
    column = contract.touched_by
    spans = _spans(days)
    if column is None or not spans:
        return []
    moment = "{}" if contract.column(column).type == "date" else "{} 00:00:00+00"

    def between(first: date, end: date) -> str:
        return f"{column} >= '{moment.format(first.isoformat())}' and {column} < '{moment.format(end.isoformat())}'"

    if len(spans) <= _MOST_SPANS:
        return [between(first, end) for first, end in spans]
    listed = ",".join(day.isoformat() for day in sorted(set(days)))
    return [f"{between(spans[0][0], spans[-1][1])} and {day_of(contract)} = any('{{{listed}}}'::date[])"]


def batch_query(batch: Batch, columns: str = "*") -> str:
    """SQL of the batch's rows."""
    chosen = contract(batch.feed)
    conditions = _in_days(chosen, batch.days)
    if chosen.touched_by not in chosen.identity:
        after = f" and loaded_at > '{batch.loaded_after.isoformat()}'" if batch.loaded_after else ""
        new_loads = f"_load_id in (select load_id from raw.load_ledger where feed = '{batch.feed}'{after})"
        conditions.append(f"{chosen.touched_by} is null and {new_loads}" if chosen.touched_by else new_loads)
    return f"select {columns} from raw.{batch.feed} where " + (" or ".join(conditions) or "false")
