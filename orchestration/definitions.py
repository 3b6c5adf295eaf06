"""The code location: assembles what orchestration/defs defines.

Not here: anything else; loading it opens no database and no connection.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from orchestration.defs.analytics import provider_daily_summary
from orchestration.defs.dbt import Translator, build_dbt_assets, parsed_project
from orchestration.defs.freshness import build_freshness_job, build_hourly_schedule, build_overdue_checks, published_on
from orchestration.defs.guards import guards
from orchestration.defs.ingest import feed_assets
from orchestration.defs.pipeline import build_daily_schedule, build_pipeline_job
from orchestration.defs.resources import WarehouseResource
from orchestration.defs.stages import stage_jobs


def build_defs(
    overrides: Mapping[str, str] | None = None, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """All definitions; `overrides` are settings that win over the environment."""
    warehouse = WarehouseResource(overrides=dict(overrides or {}))
    dbt_models = build_dbt_assets(parsed_project(warehouse), Translator())
    assets = [*feed_assets(), dbt_models, provider_daily_summary]
    graph = dg.Definitions(assets=assets)
    overdue = build_overdue_checks(lambda feed: published_on(graph, feed))
    freshness = build_freshness_job(overdue)
    inner = dg.Definitions(
        assets=assets,
        asset_checks=[*guards(), overdue],
        jobs=[*stage_jobs(apart=[overdue]), freshness],
        resources={"warehouse": warehouse},
        executor=dg.in_process_executor,
        loggers=loggers,
    )
    job = build_pipeline_job(inner, warehouse)
    schedules = [build_daily_schedule(job, warehouse), build_hourly_schedule(freshness, warehouse)]
    outer = dg.Definitions(jobs=[job], schedules=schedules)
    return dg.Definitions.merge(inner, outer)


@dg.definitions
def defs() -> dg.Definitions:
    """What `make ui` loads."""
    return build_defs()
