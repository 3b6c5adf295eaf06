"""Which UTC days of which feed are still to be transformed, and remembering that they were.

Not here: what is done with a window; how changed versions are found (late_versions).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import psycopg

from orchestration.late_versions import TABLES, days_of_changed_versions, record_changed_versions

# The facts that are replaced by windows, by the feed whose touched days they follow.
WINDOWED_FACTS = {
    "usage_records": ("fct_usage_daily", "fct_usage_hourly"),
    "network_performance": ("fct_network_performance_daily", "fct_element_availability_daily"),
}
# Per feed the facts (with `day_start_at`) in which its days are looked up, and the parents that these name.
_PARENTS_OF = {
    "usage_records": (("fct_usage_daily", "service"), ("fct_usage_daily", "element")),
    "network_performance": (("fct_network_performance_daily", "element"),),
}
# Days that the facts can have as partitions; a contract refuses what lies before.
FIRST_DAY = date(2000, 1, 1)

_TRANSFORMED = """
    create table if not exists raw.transformed (
        feed text primary key,
        touched_id bigint not null,
        transformed_at timestamptz not null default clock_timestamp()
    );
    alter table raw.transformed add column if not exists dirty_id bigint not null default 0
"""
ALL = "all"
Spans = str | list[tuple[str, str]]


@dataclass(frozen=True)
class Window:
    """The days of one feed: "all" or half-open spans of UTC days, and the newest touch and change that they include."""

    feed: str
    spans: Spans
    newest_touched_id: int
    newest_dirty_id: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.spans


def to_text(windows: Iterable[Window]) -> str:
    """Windows as one line, for a run's tag."""
    return json.dumps([asdict(window) for window in windows])


def from_text(text: str) -> dict[str, Window]:
    """The windows that a run's tag speaks of, by feed."""
    windows = {}
    for item in json.loads(text):
        spans = item["spans"] if item["spans"] == ALL else [(first, last) for first, last in item["spans"]]
        windows[item["feed"]] = Window(item["feed"], spans, item["newest_touched_id"], item["newest_dirty_id"])
    return windows


def facts_of(feeds: Iterable[str]) -> tuple[str, ...]:
    """The facts that follow these feeds."""
    return tuple(fact for feed in feeds for fact in WINDOWED_FACTS[feed])


def feed_of(fact: str) -> str | None:
    """The feed whose windows a fact follows; None for a model that is built whole."""
    return next((feed for feed, facts in WINDOWED_FACTS.items() if fact in facts), None)


def spans_of(days: Iterable[date]) -> list[tuple[str, str]]:
    """Days as half-open spans without gaps: 1, 2 and 5 January are [1, 3) and [5, 6)."""
    spans: list[list[date]] = []
    for day in sorted(set(days)):
        if spans and spans[-1][1] == day:
            spans[-1][1] = day + timedelta(days=1)
        else:
            spans.append([day, day + timedelta(days=1)])
    return [(first.isoformat(), last.isoformat()) for first, last in spans]


def days_of(spans: Iterable[tuple[str, str]]) -> list[str]:
    """The days of half-open spans, in order."""
    days = []
    for first, last in spans:
        begin = date.fromisoformat(first)
        length = (date.fromisoformat(last) - begin).days
        days += [(begin + timedelta(days=n)).isoformat() for n in range(length)]
    return days


def _number(connection: psycopg.Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else 0


def _is_there(connection: psycopg.Connection, fact: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [f"core.{fact}"]).fetchone() == (True,)


def _open_window(connection: psycopg.Connection, feed: str, newest_dirty: int, *, is_comparable: bool) -> Window:
    newest = _number(connection, "select coalesce(max(touched_id), 0) from raw.touched_days where feed = %s", feed)
    done = connection.execute("select touched_id, dirty_id from raw.transformed where feed = %s", [feed]).fetchone()
    if done is None or not is_comparable or not all(_is_there(connection, fact) for fact in WINDOWED_FACTS[feed]):
        return Window(feed, ALL, newest, newest_dirty)
    touched, dirty = done
    query = "select distinct day from raw.touched_days where feed = %s and touched_id > %s and touched_id <= %s"
    days = {row[0] for row in connection.execute(query, [feed, touched, newest])}
    days |= days_of_changed_versions(connection, _PARENTS_OF[feed], dirty, newest_dirty)
    return Window(feed, spans_of(days), newest, newest_dirty)


def open_windows(url: str) -> dict[str, Window]:
    """What is to be transformed now, per feed: touched days and days whose parents' history changed.

    A fact that is not there yet is built whole.
    """
    with psycopg.connect(url) as connection:
        connection.execute(_TRANSFORMED.encode())
        connection.execute(TABLES.encode())
        is_comparable = record_changed_versions(connection)
        newest = _number(connection, "select coalesce(max(dirty_id), 0) from raw.dirty_windows")
        return {feed: _open_window(connection, feed, newest, is_comparable=is_comparable) for feed in WINDOWED_FACTS}


def touched_days(url: str, window: Window) -> list[str]:
    """The days that a window stands for: its own, or all that a delivery ever touched."""
    if not isinstance(window.spans, str):
        return days_of(window.spans)
    with psycopg.connect(url) as connection:
        query = "select distinct day from raw.touched_days where feed = %s and touched_id <= %s order by day"
        return [row[0].isoformat() for row in connection.execute(query, [window.feed, window.newest_touched_id])]


def close_window(url: str, window: Window) -> None:
    """Remembers that a window was transformed; call it when its facts were all built."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into raw.transformed (feed, touched_id, dirty_id) values (%s, %s, %s)"
            " on conflict (feed) do update set touched_id = greatest(transformed.touched_id, excluded.touched_id),"
            " dirty_id = greatest(transformed.dirty_id, excluded.dirty_id), transformed_at = clock_timestamp()",
            [window.feed, window.newest_touched_id, window.newest_dirty_id],
        )


def range_windows(feeds: Iterable[str], first: str, last: str) -> Mapping[str, list[tuple[str, str]]]:
    """The windows of a range of partitions, both days included."""
    after = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    return {feed: [(first, after)] for feed in feeds}
