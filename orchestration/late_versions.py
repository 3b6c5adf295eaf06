"""What changed in the history of a fact's parents since the windows were last computed, and the days that it changes.

Not here: days touched by deliveries, and what is done with the days (windows).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Parent:
    """A dimension with history: its table, id and version key, and all that the windowed facts take from a version."""

    entity: str
    table: str
    id: str
    key: str
    attributes: str


# A sample's local day is that of the element's current version, so this one speaks for every version.
_CURRENT_ZONE = "max(time_zone) filter (where is_current) over (partition by element_id)"
PARENTS = (
    Parent("service", "dim_service", "service_id", "service_key", "customer_id, provider_id, zone_id, time_zone"),
    Parent(
        "element", "dim_network_element", "element_id", "element_key",
        f"provider_id, zone_id, time_zone, installed_on, {_CURRENT_ZONE}",
    ),
)  # fmt: skip

TABLES = """
    create table if not exists raw.fact_parents (
        entity text not null,
        version_key uuid not null,
        entity_id uuid not null,
        attributes uuid not null,
        valid_from timestamptz not null,
        valid_to timestamptz not null,
        primary key (entity, version_key)
    );
    alter table raw.dirty_windows alter column load_id drop not null
"""
# A version whose end alone moved changes nothing but what lies between its two ends.
_CHANGED = """
    create temporary table changed_version on commit drop as
    with held as (
        select {key} as version_key, {id} as entity_id, md5(row({attributes})::text)::uuid as attributes,
            valid_from, valid_to
        from core.{table}
        where {id} <> {unknown}
    )
    select
        version_key,
        coalesce(held.entity_id, known.entity_id) as entity_id,
        case
            when held.attributes = known.attributes then least(held.valid_to, known.valid_to)
            else coalesce(held.valid_from, known.valid_from)
        end as dirty_from,
        greatest(held.valid_to, known.valid_to) as dirty_to,
        held.attributes,
        held.valid_from,
        held.valid_to
    from held
    full join (select * from raw.fact_parents where entity = {entity}) as known using (version_key)
    where (held.attributes, held.valid_to) is distinct from (known.attributes, known.valid_to)
"""
_REMEMBER = """
    delete from raw.fact_parents using changed_version
    where fact_parents.entity = {entity} and fact_parents.version_key = changed_version.version_key;
    insert into raw.fact_parents (entity, version_key, entity_id, attributes, valid_from, valid_to)
    select {entity}, version_key, entity_id, attributes, valid_from, valid_to
    from changed_version where attributes is not null
"""
_DAYS = """
    select distinct touched.day
    from raw.dirty_windows as dirty
    join core.{fact} as fact
        on fact.{id} = dirty.entity_id
        and fact.day_start_at < dirty.valid_to
        and fact.day_start_at + interval '25 hours' > dirty.valid_from
    cross join lateral (values
        ((fact.day_start_at at time zone 'UTC')::date),
        (((fact.day_start_at + interval '24 hours' - interval '1 microsecond') at time zone 'UTC')::date)
    ) as touched (day)
    where dirty.entity = {entity} and dirty.dirty_id > %s and dirty.dirty_id <= %s
"""


def _names(parent: Parent) -> dict[str, sql.Composable]:
    return {
        "entity": sql.Literal(parent.entity), "table": sql.Identifier(parent.table), "id": sql.Identifier(parent.id),
        "key": sql.Identifier(parent.key), "attributes": sql.SQL(parent.attributes),
        "unknown": sql.Literal(UNKNOWN_ID),
    }  # fmt: skip


def record_changed_versions(connection: psycopg.Connection) -> bool:
    """Writes what changed into raw.dirty_windows, once; False if there was nothing yet to compare a parent with.

    Found by comparing the dimensions with what they held last time: so a version that was added, taken back or
    corrected, out of any load, and a change of its provider's or zone's that facts take from it are all one.
    """
    connection.execute("lock table raw.fact_parents in exclusive mode")
    was_known = True
    for parent in PARENTS:
        if connection.execute("select to_regclass(%s)", [f"core.{parent.table}"]).fetchone() == (None,):
            continue
        names = _names(parent)
        known = connection.execute("select 1 from raw.fact_parents where entity = %s limit 1", [parent.entity])
        is_first = known.fetchone() is None
        connection.execute("drop table if exists pg_temp.changed_version")
        connection.execute(sql.SQL(_CHANGED).format(**names))
        if is_first:
            was_known = False
        else:
            connection.execute(
                "insert into raw.dirty_windows (entity, entity_id, valid_from, valid_to)"
                " select distinct %s, entity_id, dirty_from, dirty_to from changed_version",
                [parent.entity],
            )
        connection.execute(sql.SQL(_REMEMBER).format(**names))
    return was_known


def days_of_changed_versions(
    connection: psycopg.Connection, facts: tuple[tuple[str, str], ...], after: int, newest: int
) -> set[date]:
    """The UTC days in which these facts (table, parent entity) stand that a recorded change concerns."""
    parents = {parent.entity: parent for parent in PARENTS}
    days: set[date] = set()
    for fact, entity in facts:
        query = sql.SQL(_DAYS).format(fact=sql.Identifier(fact), **_names(parents[entity]))
        days |= {row[0] for row in connection.execute(query, [after, newest])}
    return days
