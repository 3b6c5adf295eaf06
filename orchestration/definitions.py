"""The code location: assembles what orchestration/defs defines.

Not here: anything else; loading it opens no database and no connection.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from orchestration.apart import let_steps_work_apart
from orchestration.defs.dbt import Translator, build_dbt_assets, parsed_project
from orchestration.defs.freshness import build_freshness_job, build_hourly_schedule, build_overdue_checks, published_on
from orchestration.defs.guards import guards
from orchestration.defs.ingest import feed_assets
from orchestration.defs.pipeline import build_pipeline_job
from orchestration.defs.python_assets import PYTHON_ASSETS
from orchestration.defs.regulatory import build_filings_job
from orchestration.defs.resources import WarehouseResource
from orchestration.defs.schedules import build_schedules
from orchestration.defs.security import seal_audit_log
from orchestration.defs.stages import stage_jobs
from orchestration.defs.touched_windows import build_sensor


def build_defs(
    overrides: Mapping[str, str] | None = None, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """All definitions; `overrides` are settings that win over the environment."""
    let_steps_work_apart()
    warehouse = WarehouseResource(overrides=dict(overrides or {}))
    dbt_models = build_dbt_assets(parsed_project(warehouse), Translator())
    base = dg.Definitions(
        assets=[*feed_assets(), dbt_models, *PYTHON_ASSETS],
        asset_checks=guards(),
        resources={"warehouse": warehouse},
        executor=dg.in_process_executor,
        loggers=loggers,
    )
    # A stage takes every check of its assets with it, so the overdue checks are not among what the stages know.
    inner = dg.Definitions.merge(base, dg.Definitions(jobs=stage_jobs()))
    overdue = build_overdue_checks(lambda feed: published_on(inner, feed))
    job, freshness = build_pipeline_job(inner, warehouse), build_freshness_job(overdue)
    outer = dg.Definitions(
        asset_checks=[overdue],
        jobs=[job, freshness, build_filings_job(), *stage_jobs(apart=[overdue])],
        schedules=[*build_schedules(job, inner, warehouse), build_hourly_schedule(freshness, warehouse)],
        sensors=[build_sensor(inner, warehouse), seal_audit_log],
    )
    return dg.Definitions.merge(base, outer)


@dg.definitions
def defs() -> dg.Definitions:
    """What `make ui` loads."""
    return build_defs()
