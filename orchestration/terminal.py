"""The run's progress on the terminal: a line a step, and dbt's steps gathered, with rows and seconds.

Not here: what goes into Dagster's own event log.
"""

from __future__ import annotations

import logging
import os
import sys
import time

import dagster as dg


class TerminalHandler(logging.Handler):
    """Prints what a person wants to know of Dagster's events, and times the stages."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        # A copy: Dagster points the descriptor itself at a file while a step runs.
        self._stream = os.fdopen(os.dup(sys.stderr.fileno()), "w")
        self._detail: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._dbt: dict[str, set[dg.AssetKey]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None:
            if record.levelno == logging.WARNING:
                print(meta.get("orig_message") or record.getMessage(), file=self._stream, flush=True)
            return
        step, kind = event.step_key or "", event.event_type
        if kind is dg.DagsterEventType.STEP_START:
            self._started[f"{event.job_name} {step}"] = time.monotonic()
        elif kind in (dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE):
            self._finished(event, step, kind is dg.DagsterEventType.STEP_SUCCESS)
        elif kind is dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._materialized(event, step)

    def _materialized(self, event: dg.DagsterEvent, step: str) -> None:
        if step == "dbt_models":
            # A fact that is built by windows says so once a day.
            self._dbt.setdefault(event.job_name, set()).add(event.materialization.asset_key)
            return
        metadata = event.materialization.metadata
        if "rows_loaded" in metadata:
            loaded, bad, twice = (
                int(str(metadata[name].value)) for name in ("rows_loaded", "rows_quarantined", "rows_duplicate")
            )
            note = "".join(
                f", {count:,} {what}" for count, what in ((bad, "quarantined"), (twice, "duplicate")) if count
            )
            self._detail[step] = f"{loaded:,} rows{note}" if metadata["files_loaded"].value else "nothing new"
        elif "rows" in metadata:
            self._detail[step] = f"{metadata['rows'].value:,} rows"

    def _finished(self, event: dg.DagsterEvent, step: str, is_success: bool) -> None:
        seconds = time.monotonic() - self._started.pop(f"{event.job_name} {step}", time.monotonic())
        if not event.job_name.startswith("stage_"):
            self.seconds[step] = seconds
            return
        detail = self._detail.pop(step, "")
        if step == "dbt_models":
            step, detail = (
                f"dbt {event.job_name.removeprefix('stage_')}",
                f"{len(self._dbt.get(event.job_name, ()))} models",
            )
        mark = "ok  " if is_success else "FAIL"
        print(
            f"  {mark} {step.removeprefix('raw__'):<32} {seconds:6.1f} s  {detail}".rstrip(),
            file=self._stream,
            flush=True,
        )


def terminal_logger(handler: TerminalHandler) -> dg.LoggerDefinition:
    """A logger definition that writes to the handler."""

    @dg.logger
    def terminal(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("terminal", logging.DEBUG)
        logger.addHandler(handler)
        return logger

    return terminal
