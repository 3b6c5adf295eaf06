"""The as-of dates of filings as partitions, and which of them a run is for.

Not here: what is built for a date (regulatory), when it is due (dbt's filing_due_dates).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

# Of a run with a choice of what is packaged.
PERIOD_START_TAG = "telecom/filing_period_start"
PROVIDER_TAG = "telecom/filing_provider"
REPORT_TAG = "telecom/filing_report_type"
PARTITION_TAG = "dagster/partition"
_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

# June 30 and December 31; a date is there from its own beginning.
FILING_DATES = dg.TimeWindowPartitionsDefinition(
    start="2022-06-30", fmt="%Y-%m-%d", cron_schedule="0 0 30,31 6,12 *", exclusions=["0 0 30 12 *"], end_offset=1
)


def is_regular(day: date) -> bool:
    """Whether a date is a June 30 or December 31."""
    return (day.month, day.day) in ((6, 30), (12, 31))


def newest_regular_date(as_of: datetime, time_zone: str) -> date:
    """The last June 30 or December 31 that is over at AS_OF."""
    day = as_of.astimezone(ZoneInfo(time_zone)).date() - timedelta(days=1)
    while not is_regular(day):
        day -= timedelta(days=1)
    return day


def dates_of_run(tags: Mapping[str, str]) -> list[str]:
    """The as-of dates of a run, by its partitions.

    Raises:
        dg.Failure: nothing says for which date.
    """
    if day := tags.get(PARTITION_TAG):
        return [day]
    first, last = (tags.get(name) for name in _RANGE_TAGS)
    if first and last:
        return list(FILING_DATES.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))
    raise dg.Failure(
        "no as-of date, so nothing was changed; choose a partition (June 30 or December 31), or run:"
        " python -m orchestration filings generate --as-of DATE",
        allow_retries=False,
    )


def date_tags(day: date, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The tags of a run for a date that is a partition, and those of `more` that have a value."""
    return {PARTITION_TAG: day.isoformat()} | {name: value for name, value in (more or {}).items() if value}
