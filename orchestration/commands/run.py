"""`make run`: the pipeline over LANDING_DIR against the warehouse, with progress on the terminal.

Not here: what the stages do. Exit code 0 means that everything was built and every check passed.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.warehouse.connection import Warehouse, WarehouseError, open_warehouse
from orchestration.warehouse.settings import ROOT, Settings, read_settings

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class PipelineResult:
    """How a run ended: `problem` is the verdict's words, None if all went well; seconds by stage."""

    run_id: str
    problem: str | None
    seconds: dict[str, float]


def set_environment(settings: Settings, warehouse: Warehouse) -> None:
    """What Dagster's instance and the libraries read from the environment."""
    folder = settings.warehouse_folder / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        DAGSTER_HOME=str(ROOT),
        DAGSTER_STORAGE_URL=warehouse.dagster_storage_url,
        DAGSTER_LOCAL_FOLDER=str(folder),
        # The events of a range's partitions are written together.
        DAGSTER_EVENT_BATCH_SIZE="1000",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        GX_ANALYTICS_ENABLED="false",
    )


def overrides_of(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """The settings as the code location's overrides, so that all of it speaks of the same warehouse."""
    values = {
        "WAREHOUSE_URL": warehouse.url,
        "DAGSTER_STORAGE_URL": warehouse.dagster_storage_url,
        "WAREHOUSE_FOLDER": str(settings.warehouse_folder),
        "LANDING_DIR": str(settings.landing_dir),
        "EXPORTS_DIR": str(settings.exports_dir),
        "PII_KEY_FILE": str(settings.pii_key_file),
        **settings.shown(),
    }
    return values | ({"AS_OF": settings.as_of.isoformat()} if settings.as_of else {})


def problem_of(result: dg.ExecuteInProcessResult) -> str | None:
    """What went wrong in a run, in the words of its steps; None if nothing did."""
    if result.success:
        return None
    said = []
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data.user_failure_data
            error = event.step_failure_data.error
            said.append((failure and failure.description) or (error.message.strip() if error else "failed"))
    return "; ".join(said) or "the run failed before its first step; see the Dagster UI"


def run_pipeline(settings: Settings, cadence: str | None = None) -> PipelineResult:
    """Runs the parent job in this process and waits for its end.

    Args:
        settings: where the files and the warehouse are.
        cadence: builds what is due quarter_hourly, daily or monthly; None: everything.

    Raises:
        WarehouseError: the warehouse cannot be used; nothing was changed.
    """
    warehouse = open_warehouse(settings)
    for line in warehouse.notice:
        print(line, file=sys.stderr)
    set_environment(settings, warehouse)
    import dagster as dg

    from orchestration.definitions import build_defs
    from orchestration.defs.cadence import CADENCE_TAG
    from orchestration.defs.pipeline import JOB_NAME
    from orchestration.defs.stages import logger_config
    from orchestration.terminal import TerminalHandler, terminal_logger

    handler = TerminalHandler()
    with dg.DagsterInstance.get() as instance:
        definitions = build_defs(overrides_of(settings, warehouse), {"terminal": terminal_logger(handler)})
        result = definitions.resolve_job_def(JOB_NAME).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config=logger_config(definitions),
            tags={CADENCE_TAG: cadence} if cadence else {},
        )
    return PipelineResult(result.run_id, problem_of(result), handler.seconds)


def main(arguments: list[str]) -> int:
    """`python -m orchestration run [cadence]`."""
    from orchestration.defs.cadence import CADENCES

    if len(arguments) > 1 or not set(arguments) <= set(CADENCES):
        print(f"usage: python -m orchestration run [{'|'.join(CADENCES)}] (settings: environment)", file=sys.stderr)
        return 2
    settings, begun = read_settings(), time.monotonic()
    if not settings.landing_dir.is_dir():
        raise WarehouseError(
            f"{settings.landing_dir}: there is no such folder; set LANDING_DIR to the folder with one folder per feed"
        )
    result = run_pipeline(settings, *arguments)
    if result.problem:
        print(f"FAILED (run {result.run_id}): {result.problem}", file=sys.stderr)
        print("What was built stays. Mend the cause and run again; `make ui` shows the run.", file=sys.stderr)
        return 1
    print(f"Done in {time.monotonic() - begun:.1f} s (run {result.run_id}).", file=sys.stderr)
    return 0
