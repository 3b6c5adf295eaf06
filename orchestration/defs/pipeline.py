"""The parent job `warehouse`: its stages one after the other, and a verdict at the end.

Not here: what a stage builds (stages), what is built how often (cadence) and when (schedules).
"""

from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg
import psycopg

from orchestration.access.audit import remember_settings, seal
from orchestration.defs.cadence import assets_of, cadence_of
from orchestration.defs.filing_dates import date_tags
from orchestration.defs.regulatory import due_date_of_run
from orchestration.defs.resources import AS_OF_TAG, PipelineLock, WarehouseResource
from orchestration.defs.stages import FACTS_STAGE, FILINGS_STAGE, PARENT_TAG, STAGES, StageOutcome, run_stage
from orchestration.defs.windowed import WINDOWS_TAG
from orchestration.runs import PROCESS_TAG, collect_rarely, keep_connections, reap_orphans, this_process
from orchestration.unchanged import build_state, forget_good_build, last_good_build, remember_good_build
from orchestration.windows import facts_of, open_windows, to_text

JOB_NAME = "warehouse"
FIRST_STAGE = STAGES[0]
# Without it a child run does not show on its job's page.
REPOSITORY_TAG = ".dagster/repository"


@dataclass(frozen=True)
class Progress:
    """What the stages hand on: the run's AS_OF and cadence, and what the stages before did."""

    as_of: str
    cadence: str
    outcomes: tuple[StageOutcome, ...] = ()
    same_as_run: str | None = None


def _state(warehouse: WarehouseResource, progress: Progress) -> str:
    return build_state(warehouse.url, warehouse.settings(), datetime.fromisoformat(progress.as_of), progress.cadence)


def _same_as_run(warehouse: WarehouseResource, progress: Progress) -> str | None:
    """The last good run, if the loads brought nothing that it had not; else it counts no more."""
    same = last_good_build(warehouse.url, _state(warehouse, progress))
    if same is None:
        forget_good_build(warehouse.url)
    return same


def _due(
    stage: str, warehouse: WarehouseResource, within: set[dg.AssetKey], as_of: datetime
) -> tuple[set[dg.AssetKey], dict[str, str]]:
    """What a stage has to build, and its run's own tags: of the facts those with a window, all windows in one run.

    Filings are due once for each as-of date.
    """
    if stage == FILINGS_STAGE and within:
        day = due_date_of_run(warehouse, as_of)
        return (within, date_tags(day)) if day else (set(), {})
    if stage != FACTS_STAGE:
        return within, {}
    windows = {feed: window for feed, window in open_windows(warehouse.url).items() if not window.is_empty}
    due = {dg.AssetKey(["core", fact]) for fact in facts_of(windows)}
    return within & due, {WINDOWS_TAG: to_text(windows.values())}


def _stage_op(inner: dg.Definitions, stage: str) -> dg.OpDefinition:
    @dg.op(name=stage, description=f"Child run of stage {stage}.")
    def run(context: dg.OpExecutionContext, progress: Progress, warehouse: WarehouseResource) -> Progress:
        if progress.same_as_run:
            context.log.info(f"nothing new since run {progress.same_as_run}")
            return replace(progress, outcomes=(*progress.outcomes, StageOutcome(stage, None)))
        tags = {AS_OF_TAG: progress.as_of, PARENT_TAG: context.run_id, PROCESS_TAG: this_process()}
        tags |= {name: value for name, value in context.run.tags.items() if name == REPOSITORY_TAG}
        failed = [key for outcome in progress.outcomes for key in outcome.failed]
        within, own_tags = _due(
            stage, warehouse, assets_of(inner, progress.cadence), datetime.fromisoformat(progress.as_of)
        )
        outcome = run_stage(
            inner, stage, instance=context.instance, tags=tags | own_tags, failed_before=failed, within=within
        )
        for failure in outcome.failures:
            context.log.error(str(failure))
        is_asked = stage == FIRST_STAGE and not outcome.failures
        same_as_run = _same_as_run(warehouse, progress) if is_asked else None
        return replace(progress, outcomes=(*progress.outcomes, outcome), same_as_run=same_as_run)

    return run


@dg.op(description="Opens the warehouse, sees to it that no other run is at work, and fixes AS_OF for all stages.")
def start(context: dg.OpExecutionContext, warehouse: WarehouseResource, pipeline_lock: PipelineLock) -> Progress:
    collect_rarely()
    keep_connections(context.instance)
    for notice in warehouse.open().notice:
        context.log.warning(notice)
    pipeline_lock.take(warehouse.url)
    with psycopg.connect(warehouse.url) as connection:
        remember_settings(connection, warehouse.settings().shown())
    context.instance.add_run_tags(context.run_id, {PROCESS_TAG: this_process()})
    for run_id in reap_orphans(context.instance):
        context.log.warning(f"Run {run_id} had lost its process; it is marked as failed.")
    tags = dict(context.run.tags)
    return Progress(warehouse.as_of(tags).isoformat(), cadence_of(tags))


@dg.op(description="Red when anything failed; says what was therefore not built.")
def verdict(context: dg.OpExecutionContext, progress: Progress, warehouse: WarehouseResource) -> None:
    failures = [str(failure) for outcome in progress.outcomes for failure in outcome.failures]
    not_built = [name for outcome in progress.outcomes for name in outcome.not_built]
    context.log.info(f"{seal(warehouse.url)} entries of the audit log sealed")
    context.log.info(f"stages: {', '.join(f'{o.stage} {o.run_id}' for o in progress.outcomes)}")
    if failures or not_built:
        consequence = f" Not built because of it: {', '.join(not_built)}." if not_built else ""
        raise dg.Failure(
            f"{'; '.join(failures)}.{consequence}",
            metadata={"failures": failures, "not_built": not_built},
            allow_retries=False,
        )
    if not progress.same_as_run:
        remember_good_build(warehouse.url, _state(warehouse, progress), context.run_id)


def build_pipeline_job(inner: dg.Definitions, warehouse: WarehouseResource) -> dg.JobDefinition:
    """The parent job over the definitions whose assets it builds."""
    stages = [_stage_op(inner, stage) for stage in STAGES]

    @dg.job(
        name=JOB_NAME,
        description="Files to dashboards: every stage as a child run, then the verdict.",
        executor_def=dg.in_process_executor,
        resource_defs={"io_manager": dg.mem_io_manager, "warehouse": warehouse, "pipeline_lock": PipelineLock()},
    )
    def warehouse_job() -> None:
        progress = start()
        for stage in stages:
            progress = stage(progress)
        verdict(progress)

    return warehouse_job
