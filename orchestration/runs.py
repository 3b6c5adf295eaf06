"""Runs and the processes that carry them: which runs are at work, which have lost their process, how one keeps house.

Not here: starting either.
"""

from __future__ import annotations

import functools
import gc
import os
import socket
from collections.abc import Collection, Set

import dagster as dg
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from sqlalchemy import create_engine, make_url

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


def collect_rarely() -> None:
    """Lets Python look for lost cycles of objects less often, and not among those that stay for the whole process.

    A run makes some hundred thousand objects that live as long as it does, and by default a sixth of its work would be
    to look through them again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def active_runs(instance: dg.DagsterInstance, job_name: str) -> list[dg.DagsterRun]:
    """The job's runs that are at work or waiting for it."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=ACTIVE))
    return [run for run in runs if not _has_lost_its_process(run)]


def runs_in_the_way(
    instance: dg.DagsterInstance, assets: Set[dg.AssetKey], ignored: Collection[str] = ()
) -> list[dg.DagsterRun]:
    """Living runs that build any of these assets; a run that names no assets is taken to, unless its job is ignored."""
    return [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE))
        if not _has_lost_its_process(run)
        and run.job_name not in ignored
        and (not run.asset_selection or not assets.isdisjoint(run.asset_selection))
    ]


def reap_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Fails runs whose process is gone and frees the slots of all that have ended; returns the ids of the failed.

    A killed process leaves its runs as started for good, and their slots taken.
    """
    reaped = []
    for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE)):
        if _has_lost_its_process(run):
            instance.report_run_failed(run, "its process is gone; the next run does its work")
            reaped.append(run.run_id)
    free_slots_of_ended_runs(instance)
    return reaped


def free_slots_of_ended_runs(instance: dg.DagsterInstance) -> None:
    """Frees slots that no living run holds: of runs that ended without giving them back, or that are gone."""
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        info = storage.get_concurrency_info(pool)
        for run_id in {*info.active_run_ids, *info.pending_run_ids, *info.assigned_run_ids}:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                storage.free_concurrency_slots_for_run(run_id)


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Lets a run's storage hold its connections, and remember which tables and columns there are.

    Dagster logs in for every query and asks for the columns before many: a third of a small run's time.
    """
    log = instance.event_log_storage
    for storage in (instance.run_storage, log):
        if isinstance(storage, PostgresRunStorage | PostgresEventLogStorage):
            storage._engine = create_engine(
                storage.postgres_url, isolation_level="AUTOCOMMIT", pool_size=4, pool_recycle=3600,
                connect_args={"options": _options(storage.postgres_url)},
            )  # fmt: skip
    for name in ("has_table", "has_asset_key_col"):
        setattr(log, name, functools.cache(getattr(log, name)))


def _options(url: str) -> str:
    """The URL's own server settings, and no waiting for the disk: an event lost with a server is lost with its run."""
    own = make_url(url).query.get("options", "")
    return f"{own if isinstance(own, str) else ' '.join(own)} -c synchronous_commit=off".strip()
