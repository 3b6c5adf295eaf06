"""How far each feed has come per provider, in `quality.freshness`: its newest event, when more is expected, overdue.

Not here: who runs this when. Reads raw tables only; a row speaks for a provider if it can be no other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from expectations.results import Connection, create_quality_tables
from expectations.suites import Suite, suites

# The provider behind an id. A service belongs to its plan's provider.
_SERVICES = "raw.customer_services join raw.service_plans using (plan_id)"
PROVIDERS = {
    "plan_id": "select plan_id as id, provider_id from raw.service_plans",
    "service_id": f"select service_id as id, provider_id from {_SERVICES}",
    "customer_id": f"select customer_id as id, provider_id from {_SERVICES}",
    "element_id": "select element_id as id, provider_id from raw.network_elements",
    "source_element_id": "select element_id as id, provider_id from raw.network_elements",
    "zone_id": "select zone_id as id, provider_id from raw.service_zones",
    "bill_id": "select bill_id as id, provider_id from raw.bills",
}
_ONE_PROVIDER = """
    select id, (array_agg(provider_id))[1] as provider_id from ({}) as known
    where id in (select {} from heard) group by id having count(distinct provider_id) = 1
"""
_TIME_ZONES = """
    select distinct on (provider_id) provider_id, coalesce(time_zone, 'America/Chicago') as time_zone
    from raw.providers order by provider_id, updated_at desc
"""
# A file that was delivered again as it was is a sign of life too; its name has the newer time.
_DELIVERED = """
    select load_id as _load_id, greatest(deliveries.discovered_at,
        least(to_timestamp(max(files.modified_at_ns) / 1e9), clock_timestamp())) as event
    from raw.deliveries left join raw.landed_files as files using (load_id)
    where deliveries.feed = %(feed)s group by load_id, deliveries.discovered_at
"""


@dataclass(frozen=True)
class Freshness:
    """How far one provider's feed has come at AS_OF."""

    provider_id: UUID
    newest_event_at: datetime
    expected_by_at: datetime
    as_of_at: datetime

    @property
    def is_overdue(self) -> bool:
        return self.as_of_at > self.expected_by_at

    @property
    def age(self) -> timedelta:
        return self.as_of_at - self.newest_event_at


def _heard(suite: Suite, is_recent: bool) -> str:
    """SQL of the newest event per value of the columns that lead to a provider; of each day where it is a date."""
    columns = ", ".join(suite.provider_by)
    if suite.newest.delivery:
        delivered = f"raw.{suite.feed} join ({_DELIVERED}) as delivered using (_load_id)"
        return f"select {columns}, max(event) as event from {delivered} group by {columns}"
    source = f"raw.{suite.feed}"
    if suite.newest.through:
        source = f"{source} join raw.{suite.newest.through[0]} using ({suite.newest.through[1]})"
    if suite.newest.date:
        recent = f" where {suite.newest.date} >= %(since)s::date" if is_recent else ""
        return f"select distinct {columns}, {suite.newest.date} as event from {source}{recent}"
    event = suite.newest.event
    recent = f" and {event} >= %(since)s" if is_recent else ""
    return (
        f"select {columns}, max({event}) as event from {source} where {event} <= %(as_of)s{recent} group by {columns}"
    )


def _query(suite: Suite, is_recent: bool) -> str:
    joins, found = "", []
    for i, column in enumerate(suite.provider_by):
        if column == "provider_id":
            found.append("heard.provider_id")
        else:
            known = f"({_ONE_PROVIDER.format(PROVIDERS[column], column)}) as by_{i}"
            joins += f" left join {known} on by_{i}.id = heard.{column}"
            found.append(f"by_{i}.provider_id")
    provider = f"coalesce({', '.join(found)})"
    heard = f"with heard as materialized ({_heard(suite, is_recent)})"
    if not suite.newest.date:
        return f"{heard} select {provider}, max(event) from heard{joins} group by 1"
    return (
        f"{heard} select provider_id, max(event_at) from (select provider.provider_id,"
        f" heard.event::timestamp at time zone coalesce(time_zone, 'America/Chicago') as event_at"
        f" from heard{joins}"
        f" cross join lateral (select {provider} as provider_id) as provider"
        f" left join ({_TIME_ZONES}) as zones on zones.provider_id = provider.provider_id) as dated"
        " where event_at <= %(as_of)s group by 1"
    )


def _newest(connection: Connection, suite: Suite, as_of: datetime) -> dict[UUID, datetime]:
    """Newest event per provider. The last while is looked at first, and more only if a known provider is not in it."""
    cadence = suite.contract.expected_every + suite.contract.grace
    known = {row[0] for row in connection.execute(
        "select provider_id from quality.freshness where feed = %s", [suite.feed])}  # fmt: skip
    found: dict[UUID, datetime] = {}
    for reach in (2, 16, None) if known and not suite.newest.delivery else (None,):
        since = as_of - cadence * reach if reach else None
        rows = connection.execute(
            _query(suite, since is not None).encode(), {"as_of": as_of, "since": since, "feed": suite.feed}
        ).fetchall()
        found = {provider_id: newest for provider_id, newest in rows if provider_id and newest}
        if known and known <= set(found):
            break
    return found


def update_freshness(connection: Connection, suite: Suite, as_of: datetime) -> list[Freshness]:
    """Computes a feed's freshness per provider at AS_OF and writes it to quality.freshness.

    A provider is watched from its first delivery of the feed on.
    """
    create_quality_tables(connection)
    cadence = suite.contract.expected_every + suite.contract.grace
    states = [
        Freshness(provider_id, newest, newest + cadence, as_of)
        for provider_id, newest in sorted(_newest(connection, suite, as_of).items())
    ]
    connection.execute(
        "delete from quality.freshness where feed = %s and not provider_id = any(%s)",
        [suite.feed, [state.provider_id for state in states]],
    )
    for state in states:
        connection.execute(
            "insert into quality.freshness values (%s, %s, %s, %s, %s, %s) on conflict (feed, provider_id) do update"
            " set newest_event_at = excluded.newest_event_at, expected_by_at = excluded.expected_by_at,"
            " is_overdue = excluded.is_overdue, as_of_at = excluded.as_of_at, checked_at = clock_timestamp()",
            [suite.feed, state.provider_id, state.newest_event_at, state.expected_by_at, state.is_overdue, as_of],
        )
    return states


def update_every_freshness(url: str, as_of: datetime) -> None:
    """Brings quality.freshness up to date for every feed, each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for suite in suites().values():
            with connection.transaction():
                update_freshness(connection, suite, as_of)
