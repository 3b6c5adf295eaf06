"""Whether anything could be different from the last build that went well: files, settings, project, instant, tables.

Not here: what is done about it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import psycopg

from orchestration.dbt_runner import project_fingerprint
from orchestration.warehouse.settings import Settings

_TABLE = """
    create table if not exists raw.built_state (
        is_only boolean primary key default true check (is_only),
        state text not null,
        run_id text not null,
        built_at timestamptz not null default clock_timestamp()
    )
"""
_LOADED = """
    select (select array[count(*), sum(rows_loaded), sum(rows_duplicate), max(delivery_sequence)]
            from raw.load_ledger)::text,
        (select max(loaded_at) from raw.load_ledger)::text,
        (select array_agg(n.nspname || '.' || c.relname || c.relkind::text order by 1)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('reference', 'staging', 'intermediate', 'core', 'analytics', 'dashboards')
            and c.relkind in ('r', 'v', 'p'))::text
"""


def build_state(url: str, settings: Settings, as_of: datetime, cadence: str) -> str:
    """A hash of everything that a build depends on and of what it has built."""
    with psycopg.connect(url) as connection:
        parts = connection.execute(_LOADED.encode()).fetchone() or ()
    settings_used = (settings.reporting_time_zone, settings.reporting_currency)
    own = (project_fingerprint(), *settings_used, as_of.isoformat(), cadence)
    return hashlib.sha256(repr((*parts, *own)).encode()).hexdigest()


def last_good_build(url: str, state: str) -> str | None:
    """The run that built exactly this state, if the last good one did."""
    with psycopg.connect(url) as connection:
        connection.execute(_TABLE)
        row = connection.execute("select run_id from raw.built_state where state = %s", [state]).fetchone()
    return str(row[0]) if row else None


def forget_good_build(url: str) -> None:
    """To be called before tables change: a build that breaks off leaves no state that was ever good."""
    with psycopg.connect(url) as connection:
        connection.execute(_TABLE)
        connection.execute("delete from raw.built_state")


def remember_good_build(url: str, state: str, run_id: str) -> None:
    """To be called when everything was built and nothing failed."""
    with psycopg.connect(url) as connection:
        connection.execute(_TABLE)
        connection.execute(
            "insert into raw.built_state (state, run_id) values (%s, %s) on conflict (is_only) do update"
            " set state = excluded.state, run_id = excluded.run_id, built_at = clock_timestamp()",
            [state, run_id],
        )
