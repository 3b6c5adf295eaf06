"""Which UTC days of which feed are still to be transformed, and remembering that they were.

Not here: what is done with a window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg
from psycopg import sql

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
# The facts that are replaced by windows, by the feed whose touched days they follow.
WINDOWED_FACTS = {
    "usage_records": ("fct_usage_daily", "fct_usage_hourly"),
    "network_performance": ("fct_network_performance_daily", "fct_network_performance_hourly"),
}
# Per fact that names its parents: the day's column, the parent's id, its version key and its staging view.
_LATE_PARENTS = {
    "usage_records": (
        ("fct_usage_daily", "usage_date", "service_id", "service_key", "stg_customer_services"),
        ("fct_usage_daily", "usage_date", "element_id", "element_key", "stg_network_elements"),
    ),
    "network_performance": (
        ("fct_network_performance_daily", "performance_date", "element_id", "element_key", "stg_network_elements"),
    ),
}

_TRANSFORMED = """
    create table if not exists raw.transformed (
        feed text primary key,
        touched_id bigint not null,
        transformed_at timestamptz not null default clock_timestamp()
    )
"""


@dataclass(frozen=True)
class Window:
    """The days of one feed: "all" or half-open spans of UTC days; `newest_touched_id` is what they include."""

    feed: str
    spans: str | list[tuple[str, str]]
    newest_touched_id: int

    @property
    def is_empty(self) -> bool:
        return not self.spans


def spans_of(days: Iterable[date]) -> list[tuple[str, str]]:
    """Days as half-open spans without gaps: 1, 2 and 5 January are [1, 3) and [5, 6)."""
    spans: list[list[date]] = []
    for day in sorted(set(days)):
        if spans and spans[-1][1] == day:
            spans[-1][1] = day + timedelta(days=1)
        else:
            spans.append([day, day + timedelta(days=1)])
    return [(first.isoformat(), last.isoformat()) for first, last in spans]


def _exists(connection: psycopg.Connection, table: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [table]).fetchone() == (True,)


def _days_with_late_parents(connection: psycopg.Connection, feed: str) -> set[date]:
    """Days whose facts stand under the unknown member although their parent has come."""
    days: set[date] = set()
    for fact, day, parent_id, parent_key, staging in _LATE_PARENTS[feed]:
        if not _exists(connection, f"staging.{staging}"):
            continue
        query = sql.SQL(
            "select distinct fact.{day} from core.{fact} fact"
            " where fact.{key} = md5({unknown} || '|-Infinity')::uuid"
            " and exists (select 1 from staging.{staging} parent where parent.{id} = fact.{id})"
        ).format(
            day=sql.Identifier(day), fact=sql.Identifier(fact), key=sql.Identifier(parent_key),
            unknown=sql.Literal(UNKNOWN_ID), staging=sql.Identifier(staging), id=sql.Identifier(parent_id),
        )  # fmt: skip
        # A local day lies in its UTC day and a neighbour.
        for (found,) in connection.execute(query):
            days |= {found - timedelta(days=1), found, found + timedelta(days=1)}
    return days


def open_windows(url: str) -> dict[str, Window]:
    """What is to be transformed now, per feed. A fact that is not there yet is built whole."""
    windows = {}
    with psycopg.connect(url) as connection:
        connection.execute(_TRANSFORMED)
        for feed, facts in WINDOWED_FACTS.items():
            (newest,) = connection.execute(
                "select coalesce(max(touched_id), 0) from raw.touched_days where feed = %s", [feed]
            ).fetchone() or (0,)
            done = connection.execute("select touched_id from raw.transformed where feed = %s", [feed]).fetchone()
            if done is None or not all(_exists(connection, f"core.{fact}") for fact in facts):
                windows[feed] = Window(feed, "all", newest)
                continue
            days = {
                row[0]
                for row in connection.execute(
                    "select distinct day from raw.touched_days"
                    " where feed = %s and touched_id > %s and touched_id <= %s",
                    [feed, done[0], newest],
                )
            }
            days |= _days_with_late_parents(connection, feed)
            windows[feed] = Window(feed, spans_of(days), newest)
    return windows


def close_window(url: str, window: Window) -> None:
    """Remembers that a window was transformed; call it when its facts were all built."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into raw.transformed (feed, touched_id) values (%s, %s) on conflict (feed) do update"
            " set touched_id = greatest(transformed.touched_id, excluded.touched_id),"
            " transformed_at = clock_timestamp()",
            [window.feed, window.newest_touched_id],
        )
