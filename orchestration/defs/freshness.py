"""The overdue check: whether a feed's next data is late, per provider. Waits for no load; has its own schedule.

Not here: how freshness is computed (expectations.newest), and the suites that judge what a load brought (guards).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import dagster as dg
import psycopg

from expectations.newest import Freshness, update_freshness
from expectations.results import Connection
from expectations.suites import suites
from ingestion.raw_tables import create_raw_tables
from orchestration.defs.ingest import feed_key
from orchestration.defs.resources import AS_OF_TAG, WarehouseResource
from orchestration.defs.stages import downstream_of
from orchestration.runs import active_runs

CHECK_NAME = "overdue"
JOB_NAME = "freshness"
SCHEDULE_NAME = "hourly_freshness"
HOURLY_CRON = "0 * * * *"
# What a late feed makes late for people: the groups of dashboards and filings.
PUBLISHED_GROUPS = ("dashboards", "regulatory")


def published_on(definitions: dg.Definitions, feed: str) -> list[str]:
    """The dashboards and filings that stand on a feed in the asset graph."""
    graph = definitions.resolve_asset_graph()
    found = downstream_of(definitions, [feed_key(feed)])
    return sorted(".".join(key.path) for key in found if graph.get(key).group_name in PUBLISHED_GROUPS)


def _duration(length: timedelta) -> str:
    days, hours = length.days, length.seconds // 3600
    return f"{days} days {hours} hours" if days else f"{hours} hours {length.seconds % 3600 // 60} minutes"


def describe(late: Sequence[Freshness], names: dict[UUID, str], published: Sequence[str]) -> str:
    """Who is late, since when and for how long, and what stands on the feed."""
    said = [
        f"{names.get(state.provider_id, 'provider')} ({state.provider_id}): nothing after"
        f" {state.newest_event_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, expected by"
        f" {state.expected_by_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC,"
        f" overdue for {_duration(state.as_of_at - state.expected_by_at)}"
        for state in late
    ]
    return f"{'; '.join(said)}. Stands on it: {', '.join(published) or 'no dashboard or filing'}."


def _provider_names(connection: Connection) -> dict[UUID, str]:
    rows = connection.execute(
        "select distinct on (provider_id) provider_id, coalesce(provider_name, '') from raw.providers"
        " order by provider_id, updated_at desc"
    )
    return dict(rows.fetchall())


def _check_result(
    feed: str, states: Sequence[Freshness], names: dict[UUID, str], published: Callable[[str], list[str]]
) -> dg.AssetCheckResult:
    late = [state for state in states if state.is_overdue]
    newest = max((state.newest_event_at for state in states), default=None)
    metadata: dict[str, Any] = {"providers": len(states), "providers_overdue": len(late)}
    if newest:
        metadata["newest_event"] = dg.MetadataValue.timestamp(newest)
    if late:
        metadata["stands_on_it"] = published(feed)
    return dg.AssetCheckResult(
        check_name=CHECK_NAME,
        asset_key=feed_key(feed),
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=describe(late, names, published(feed)) if late else None,
        metadata=metadata,
    )


def build_overdue_checks(published: Callable[[str], list[str]]) -> dg.AssetChecksDefinition:
    """One check per feed; `published` names the dashboards and filings that stand on it."""

    @dg.multi_asset_check(
        name=CHECK_NAME,
        specs=[
            dg.AssetCheckSpec(
                CHECK_NAME,
                asset=feed_key(feed),
                description=f"Every provider's newest data is at most {suite.contract.expected_every} and"
                f" {suite.contract.grace} of grace old.",
            )
            for feed, suite in suites().items()
        ],
    )
    def overdue(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        as_of = warehouse.as_of(dict(context.run.tags))
        with psycopg.connect(warehouse.url, autocommit=True) as connection:
            create_raw_tables(connection)
            names = _provider_names(connection)
            for feed, suite in suites().items():
                with connection.transaction():
                    states = update_freshness(connection, suite, as_of)
                yield _check_result(feed, states, names, published)

    return overdue


def build_freshness_job(checks: dg.AssetChecksDefinition) -> "dg.UnresolvedAssetJobDefinition":
    """The overdue checks alone."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.checks(checks),
        description="Which feeds and providers are overdue, whether or not anything was loaded.",
    )


def as_of_tick(tick: datetime, fixed: datetime | None) -> datetime:
    """The tick itself is "now" for what is late, unless AS_OF is fixed."""
    return fixed or tick.astimezone(UTC)


def build_hourly_schedule(
    job: "dg.UnresolvedAssetJobDefinition", warehouse: WarehouseResource
) -> dg.ScheduleDefinition:
    """Every hour, whatever the pipeline does; a tick is skipped only while the check itself is at work."""

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if active := active_runs(context.instance, JOB_NAME):
            return dg.SkipReason(f"run {active[0].run_id} of {JOB_NAME} is still active")
        at = context.scheduled_execution_time
        as_of = as_of_tick(at, warehouse.settings().as_of)
        return dg.RunRequest(run_key=at.astimezone(UTC).isoformat(), tags={AS_OF_TAG: as_of.isoformat()})

    return dg.ScheduleDefinition(
        name=SCHEDULE_NAME,
        job=job,
        cron_schedule=HOURLY_CRON,
        execution_timezone=warehouse.settings().reporting_time_zone,
        execution_fn=tick,
        description="Which feeds and providers are overdue, every hour.",
    )
