"""The parent job `warehouse`: its stages one after the other, a verdict at the end, and its daily schedule.

Not here: what a stage builds (stages).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.resources import AS_OF_TAG, PipelineLock, WarehouseResource
from orchestration.defs.stages import PARENT_TAG, STAGES, StageOutcome, run_stage
from orchestration.runs import PROCESS_TAG, active_runs, reap_orphans, this_process
from orchestration.unchanged import build_state, last_good_build, remember_good_build

JOB_NAME = "warehouse"
FIRST_STAGE = next(iter(STAGES))
SCHEDULE_NAME = "daily_warehouse"
DAILY_CRON = "0 3 * * *"
# Without it a child run does not show on its job's page.
REPOSITORY_TAG = ".dagster/repository"


@dataclass(frozen=True)
class Progress:
    """What the stages hand on: the run's AS_OF and what the stages before did."""

    as_of: str
    outcomes: tuple[StageOutcome, ...] = ()
    same_as_run: str | None = None


def _state(warehouse: WarehouseResource, as_of: str) -> str:
    return build_state(warehouse.url, warehouse.settings(), datetime.fromisoformat(as_of))


def _stage_op(inner: dg.Definitions, stage: str) -> dg.OpDefinition:
    @dg.op(name=stage, description=f"Child run of stage {stage}.")
    def run(context: dg.OpExecutionContext, progress: Progress, warehouse: WarehouseResource) -> Progress:
        if progress.same_as_run:
            context.log.info(f"nothing new since run {progress.same_as_run}")
            return replace(progress, outcomes=(*progress.outcomes, StageOutcome(stage, None)))
        tags = {AS_OF_TAG: progress.as_of, PARENT_TAG: context.run_id, PROCESS_TAG: this_process()}
        tags |= {name: value for name, value in context.run.tags.items() if name == REPOSITORY_TAG}
        failed = [key for outcome in progress.outcomes for key in outcome.failed]
        outcome = run_stage(inner, stage, instance=context.instance, tags=tags, failed_before=failed)
        for failure in outcome.failures:
            context.log.error(str(failure))
        same_as_run = None
        if stage == FIRST_STAGE and not outcome.failures:
            same_as_run = last_good_build(warehouse.url, _state(warehouse, progress.as_of))
        return Progress(progress.as_of, (*progress.outcomes, outcome), same_as_run)

    return run


@dg.op(description="Opens the warehouse, sees to it that no other run is at work, and fixes AS_OF for all stages.")
def start(context: dg.OpExecutionContext, warehouse: WarehouseResource, pipeline_lock: PipelineLock) -> Progress:
    for notice in warehouse.open().notice:
        context.log.warning(notice)
    pipeline_lock.take(warehouse.url)
    context.instance.add_run_tags(context.run_id, {PROCESS_TAG: this_process()})
    for run_id in reap_orphans(context.instance):
        context.log.warning(f"Run {run_id} had lost its process; it is marked as failed.")
    return Progress(warehouse.as_of(dict(context.run.tags)).isoformat())


@dg.op(description="Red when anything failed; says what was therefore not built.")
def verdict(context: dg.OpExecutionContext, progress: Progress, warehouse: WarehouseResource) -> None:
    failures = [str(failure) for outcome in progress.outcomes for failure in outcome.failures]
    not_built = [name for outcome in progress.outcomes for name in outcome.not_built]
    context.log.info(f"stages: {', '.join(f'{o.stage} {o.run_id}' for o in progress.outcomes)}")
    if failures or not_built:
        consequence = f" Not built because of it: {', '.join(not_built)}." if not_built else ""
        raise dg.Failure(
            f"{'; '.join(failures)}.{consequence}",
            metadata={"failures": failures, "not_built": not_built},
            allow_retries=False,
        )
    if not progress.same_as_run:
        remember_good_build(warehouse.url, _state(warehouse, progress.as_of), context.run_id)


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


def build_daily_schedule(job: dg.JobDefinition, warehouse: WarehouseResource) -> dg.ScheduleDefinition:
    """Every night; a tick speaks of the day that ended before it, and is skipped while a run is active."""

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if active := active_runs(context.instance, JOB_NAME):
            return dg.SkipReason(f"run {active[0].run_id} of {JOB_NAME} is still active")
        at = context.scheduled_execution_time.astimezone(UTC)
        return dg.RunRequest(run_key=at.isoformat(), tags={AS_OF_TAG: warehouse.settings().as_of_at(at).isoformat()})

    return dg.ScheduleDefinition(
        name=SCHEDULE_NAME,
        job=job,
        cron_schedule=DAILY_CRON,
        execution_timezone=warehouse.settings().reporting_time_zone,
        execution_fn=tick,
        description="The whole pipeline every night.",
    )
