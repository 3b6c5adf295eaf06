"""The pipeline's stages as child runs: what each builds, what failed in it, and what therefore must not be built.

Not here: the parent job (pipeline), single assets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import RunFailureReason

from orchestration.windows import WINDOWED_FACTS, facts_of

PARENT_TAG = "telecom/parent_run"
GUARD_PREFIX = "guard_"
# Stages in order. Models that stand on the facts of the windows come after these.
STAGES = ("ingest", "transform", "facts", "derived", "analytics", "marts", "filing", "access")
FACTS_STAGE = "facts"
FILINGS_STAGE = "filing"
_MODELS = ("reference", "staging", "intermediate", "core")


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong: the asset (or stage), what it is, and what was said of it."""

    stage: str
    asset: str
    what: str

    def __str__(self) -> str:
        return f"{self.asset} ({self.stage}): {self.what}"


@dataclass(frozen=True)
class StageOutcome:
    """What a stage's child run did. `failed` are the assets that nothing may stand on."""

    stage: str
    run_id: str | None
    failures: tuple[Failure, ...] = ()
    failed: frozenset[dg.AssetKey] = field(default_factory=frozenset)
    not_built: tuple[str, ...] = ()


def facts_selection(feeds: Iterable[str] = WINDOWED_FACTS) -> dg.AssetSelection:
    """The facts that are built by windows, of these feeds."""
    return dg.AssetSelection.assets(*(dg.AssetKey(["core", fact]) for fact in facts_of(feeds)))


def stage_selection(stage: str) -> dg.AssetSelection:
    """The assets that a stage builds."""
    facts = facts_selection()
    models = dg.AssetSelection.groups(*_MODELS)
    selections = {
        "ingest": dg.AssetSelection.groups("ingest"),
        "transform": models - facts.downstream(),
        FACTS_STAGE: facts,
        "derived": (models & facts.downstream()) - facts,
        "analytics": dg.AssetSelection.groups("analytics"),
        "marts": dg.AssetSelection.groups("dashboards"),
        FILINGS_STAGE: dg.AssetSelection.groups("regulatory"),
        "access": dg.AssetSelection.groups("access"),
    }
    return selections[stage]


def stage_jobs(apart: Sequence[dg.AssetChecksDefinition] = ()) -> list[dg.UnresolvedAssetJobDefinition]:
    """A job per stage, for the UI and as the form of the child runs; the checks `apart` have a job of their own."""
    return [
        dg.define_asset_job(f"stage_{stage}", selection=stage_selection(stage) - dg.AssetSelection.checks(*apart))
        for stage in STAGES
    ]


def logger_config(definitions: dg.Definitions) -> dict[str, object]:
    """Run configuration that uses the definitions' own loggers, where they have any."""
    return {"loggers": {name: {} for name in definitions.loggers or {}}} if definitions.loggers else {}


def downstream_of(definitions: dg.Definitions, failed: Iterable[dg.AssetKey]) -> set[dg.AssetKey]:
    """Everything that stands on the failed assets, directly or not."""
    graph = definitions.resolve_asset_graph()
    found: set[dg.AssetKey] = set()
    waiting = list(failed)
    while waiting:
        for child in graph.get(waiting.pop()).child_keys:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _keys_of(definitions: dg.Definitions, stage: str) -> set[dg.AssetKey]:
    return set(stage_selection(stage).resolve(definitions.resolve_asset_graph()))


def _failures_of(stage: str, result: dg.ExecuteInProcessResult) -> tuple[list[Failure], set[dg.AssetKey]]:
    """Failed steps and failed checks of severity error, and the assets that they are about."""
    failures, failed = [], set[dg.AssetKey]()
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            message = (cause.message if cause else "failed").strip()
            user_failure = event.step_failure_data.user_failure_data
            if user_failure and user_failure.description:
                message = user_failure.description
            name = str(event.step_key)
            for prefix in ("raw__", GUARD_PREFIX):
                # Rows that could not be judged are no better than rows that failed.
                if name.startswith(prefix):
                    failed.add(dg.AssetKey(["raw", name.removeprefix(prefix)]))
            failures.append(Failure(stage, name.replace("__", ".", 1), message))
    for check in result.get_asset_check_evaluations():
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
            failed.add(check.asset_key)
            what = check.description or _rows_said(check.metadata)
            failures.append(Failure(stage, ".".join(check.asset_key.path), f"check {check.check_name} failed: {what}"))
    return failures, failed


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether somebody asked the run to end: the UI's Terminate, Ctrl-C, a machine that shuts down."""
    return any(
        event.event_type is dg.DagsterEventType.RUN_CANCELED
        or (
            event.event_type is dg.DagsterEventType.RUN_FAILURE
            and event.job_failure_data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
        )
        for event in result.all_events
    )


def _rows_said(metadata: Mapping[str, dg.MetadataValue]) -> str:
    count = metadata.get("dagster_dbt/failed_row_count")
    return f"{count.value} rows" if count else "see the run"


def run_stage(
    definitions: dg.Definitions,
    stage: str,
    *,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    failed_before: Iterable[dg.AssetKey],
    within: Set[dg.AssetKey] | None = None,
) -> StageOutcome:
    """Runs a stage (of it what is `within`) as a child run, without whatever stands on what failed before."""
    wanted = _keys_of(definitions, stage)
    wanted = wanted if within is None else wanted & within
    blocked = wanted & downstream_of(definitions, failed_before)
    not_built = tuple(sorted(".".join(key.path) for key in blocked))
    selected = wanted - blocked
    if not selected:
        return StageOutcome(stage, None, not_built=not_built)
    result = definitions.resolve_job_def(f"stage_{stage}").execute_in_process(
        instance=instance,
        tags=dict(tags),
        raise_on_error=False,
        asset_selection=sorted(selected),
        run_config=logger_config(definitions),
    )
    if _was_interrupted(result):
        # Dagster ends the child run only.
        raise DagsterExecutionInterruptedError(f"stage {stage} was interrupted; run again")
    failures, failed = _failures_of(stage, result)
    built = {event.asset_key for event in result.get_asset_materialization_events()}
    failed |= {key for key in selected - built if not result.success}
    missing = tuple(sorted(".".join(key.path) for key in selected - built - failed))
    return StageOutcome(stage, result.run_id, tuple(failures), frozenset(failed), (*not_built, *missing))
