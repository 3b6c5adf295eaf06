"""Runs and the processes that carry them: which runs are at work, and which have lost their process.

Not here: starting either.
"""

from __future__ import annotations

import os
import socket

import dagster as dg

PROCESS_TAG = "telecom/process"
ACTIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED]


def this_process() -> str:
    """The machine and process that a run belongs to, as "host:pid"."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_alive(process: str) -> bool:
    """Whether "host:pid" still lives; one on another machine is taken to."""
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _has_lost_its_process(run: dg.DagsterRun) -> bool:
    process = run.tags.get(PROCESS_TAG)
    return process is not None and not is_alive(process)


def active_runs(instance: dg.DagsterInstance, job_name: str) -> list[dg.DagsterRun]:
    """The job's runs that are at work or waiting for it."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=ACTIVE))
    return [run for run in runs if not _has_lost_its_process(run)]


def reap_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Fails runs whose process is gone and frees their slots; returns their ids.

    A killed process leaves its runs as started for good, and their slots taken.
    """
    reaped = []
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if _has_lost_its_process(run):
            instance.report_run_failed(run, "its process is gone; the next run does its work")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            reaped.append(run.run_id)
    return reaped


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Lets the run storage hold its connections: Dagster opens one per query, a third of a small run's time."""
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=8)
