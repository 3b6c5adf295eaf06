"""When the pipeline runs: every quarter of an hour, every night, on the first of a month; and who must wait for whom.

Not here: what is built how often (cadence); the overdue check's own schedule (freshness).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.cadence import CADENCE_TAG, DAILY, MONTHLY, QUARTER_HOURLY, assets_of
from orchestration.defs.freshness import as_of_tick
from orchestration.defs.resources import AS_OF_TAG, WarehouseResource
from orchestration.runs import runs_in_the_way


@dataclass(frozen=True)
class Timetable:
    """A cadence's schedule. `due` is the part of a local tick that names what is requested once (strftime)."""

    cadence: str
    name: str
    cron: str
    due: str
    description: str


# The night's and the month's runs try again for an hour where a run was in their way; the quarters leave the hour's
# round minutes to them.
TIMETABLES = (
    Timetable(
        QUARTER_HOURLY, "quarter_hourly_warehouse", "5,20,35,50 * * * *", "%Y-%m-%dT%H:%M%z",
        "New files, the facts of their days, and the models tagged quarter_hourly, as of now.",
    ),
    Timetable(
        DAILY, "daily_warehouse", "0,15,30,45 3 * * *", "%Y-%m-%d",
        "The whole pipeline but what is monthly, every night, as of the end of the day before.",
    ),
    Timetable(
        MONTHLY, "monthly_warehouse", "0,15,30,45 4 1 * *", "%Y-%m",
        "The models tagged monthly and what they need, on the first of every month.",
    ),
)  # fmt: skip


def _as_of(timetable: Timetable, warehouse: WarehouseResource, at: datetime) -> datetime:
    """Quarters speak of now, the others of the day that has ended; a fixed AS_OF wins."""
    settings = warehouse.settings()
    return as_of_tick(at, settings.as_of) if timetable.cadence == QUARTER_HOURLY else settings.as_of_at(at)


def _schedule(
    timetable: Timetable, job: dg.JobDefinition, inner: dg.Definitions, warehouse: WarehouseResource
) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if held_up := runs_in_the_way(context.instance, assets_of(inner, timetable.cadence), ignored=("freshness",)):
            return dg.SkipReason(f"run {held_up[0].run_id} of {held_up[0].job_name} is still active")
        at = context.scheduled_execution_time
        as_of = _as_of(timetable, warehouse, at.astimezone(UTC))
        return dg.RunRequest(
            run_key=f"{timetable.cadence} {at.strftime(timetable.due)}",
            tags={AS_OF_TAG: as_of.isoformat(), CADENCE_TAG: timetable.cadence},
        )

    return dg.ScheduleDefinition(
        name=timetable.name,
        job=job,
        cron_schedule=timetable.cron,
        execution_timezone=warehouse.settings().reporting_time_zone,
        execution_fn=tick,
        description=timetable.description,
    )


def build_schedules(
    job: dg.JobDefinition, inner: dg.Definitions, warehouse: WarehouseResource
) -> list[dg.ScheduleDefinition]:
    """One schedule per cadence, all of the parent job."""
    return [_schedule(timetable, job, inner, warehouse) for timetable in TIMETABLES]
