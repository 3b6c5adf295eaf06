"""Landing folders for the daily run: one operator with a long and with a short history, and the next days' files.

Not here: running and timing.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from ingestion.contract import contract

# Feeds whose files of a month hold what happened in it; the others' history is needed to know the operator at all.
_EVENTS = (
    "bill_charges", "bills", "campaign_contacts", "maintenance_events", "network_performance", "outages", "payments",
    "service_orders", "service_quality", "support_tickets", "usage_records",
)  # fmt: skip
# The feeds that bring something every day, with the column that names a row.
_DAILY = {
    "network_performance": None,
    "service_quality": "assessment_id",
    "support_tickets": "ticket_id",
    "usage_records": "usage_id",
}
_CUSTOMERS_CHANGED = 200
WEEK = timedelta(days=7)


def with_history_since(landing: Path, first_month: str, to: Path) -> Path:
    """The same operator's landing folder without the events of the months before `first_month` ("2026-10")."""
    for path in sorted(landing.glob("*/*")):
        month = re.search(r"_(\d{4}-\d{2})", path.name)
        if path.parent.name in _EVENTS and month and month[1] < first_month:
            continue
        kept = to / path.parent.name / path.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, kept)
    return to


def _same_day_a_week_ago(feed: str, own_id: str | None) -> sql.Composed:
    """The rows of a day as a query, moved a week on; each gets an id of its own."""
    moved = []
    for column in contract(feed).columns:
        name = sql.Identifier(column.name)
        if column.type in ("timestamptz", "date"):
            day = sql.SQL("::date") if column.type == "date" else sql.SQL("")
            moved.append(sql.SQL("({} + interval '7 days'){} as {}").format(name, day, name))
        elif column.name == own_id:
            moved.append(sql.SQL("md5({}::text || 'a week later')::uuid as {}").format(name, name))
        else:
            moved.append(name)
    return sql.SQL("select {} from raw.{} where {} >= {} and {} < {}").format(
        sql.SQL(", ").join(moved), sql.Identifier(feed), sql.Identifier(contract(feed).touched_by or ""),
        sql.Placeholder("first"), sql.Identifier(contract(feed).touched_by or ""), sql.Placeholder("last"),
    )  # fmt: skip


def _changed_customers() -> sql.Composed:
    """Versions of customers who changed at the day's noon."""
    names = [column.name for column in contract("customers").columns]
    shown = [
        sql.SQL("{}::timestamptz + interval '12 hours' as updated_at").format(sql.Placeholder("day"))
        if name == "updated_at" else sql.Identifier(name) for name in names
    ]  # fmt: skip
    return sql.SQL(
        "select {} from (select distinct on (customer_id) * from raw.customers order by customer_id, updated_at desc)"
        " newest order by md5(customer_id::text || {}::text) limit {}"
    ).format(sql.SQL(", ").join(shown), sql.Placeholder("day"), sql.Literal(_CUSTOMERS_CHANGED))


def write_day(url: str, day_begins: datetime, to: Path) -> int:
    """Writes the files of the 24 hours from `day_begins`, made from the rows of the week before; rows written."""
    queries = {feed: _same_day_a_week_ago(feed, own_id) for feed, own_id in _DAILY.items()}
    queries["customers"] = _changed_customers()
    values = {"day": day_begins, "first": day_begins - WEEK, "last": day_begins - WEEK + timedelta(days=1)}
    rows = 0
    with psycopg.connect(url) as connection:
        connection.execute("set timezone to 'UTC'")
        for feed, query in queries.items():
            path = to / feed / f"{feed}_{day_begins:%Y-%m-%d}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            chosen = _inlined(query, values)
            (count,) = connection.execute(sql.SQL("select count(*) from ({}) chosen").format(chosen)).fetchone() or (0,)
            copy = sql.SQL("copy ({}) to stdout (format csv, header)").format(chosen)
            with connection.cursor() as cursor, cursor.copy(copy) as copied, path.open("wb") as stream:
                for block in copied:
                    stream.write(block)
            rows += count
    return rows


def _inlined(query: sql.Composed, values: dict[str, datetime]) -> sql.Composed:
    """COPY takes no parameters."""
    return sql.Composed(
        [sql.Literal(values[part._obj]) if isinstance(part, sql.Placeholder) else part for part in _flat(query)]
    )


def _flat(query: sql.Composed) -> list[sql.Composable]:
    return [one for part in query for one in (_flat(part) if isinstance(part, sql.Composed) else [part])]


def land(day: Path, landing: Path) -> None:
    """Copies a day's files into a landing folder."""
    shutil.copytree(day, landing, dirs_exist_ok=True)
