"""The windows of a run: which days it builds of which facts, by its partitions or by its tag, and what it reports.

Not here: which windows are open (orchestration.windows), and who asks for a run (stages, touched_windows).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, generate_event_batch_id

from orchestration.windows import (
    FIRST_DAY,
    WINDOWED_FACTS,
    Spans,
    Window,
    close_window,
    feed_of,
    from_text,
    range_windows,
    touched_days,
)

WINDOWS_TAG = "telecom/windows"
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
# A partition is a UTC day; today and, where a clock runs ahead, tomorrow are among them.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="UTC", end_offset=2)


@dataclass(frozen=True)
class RunWindows:
    """The spans per feed that a run's facts are built for; `open` are those that it closes when they were built."""

    spans: dict[str, Spans]
    open: dict[str, Window]


def windows_of_run(tags: dict[str, str], facts: Sequence[str]) -> RunWindows:
    """The windows of a run of these facts; none are needed where no fact is among what it builds.

    Raises:
        dg.Failure: there are facts, and nothing says for which days.
    """
    feeds = sorted({feed for fact in facts if (feed := feed_of(fact))})
    if not feeds:
        return RunWindows({}, {})
    if WINDOWS_TAG in tags:
        windows = {feed: window for feed, window in from_text(tags[WINDOWS_TAG]).items() if feed in feeds}
        spans: dict[str, Spans] = {feed: window.spans for feed, window in windows.items()}
        missing = [fact for fact in facts if feed_of(fact) not in windows]
    else:
        first = tags.get(_PARTITION) or tags.get(_RANGE_START)
        last = tags.get(_PARTITION) or tags.get(_RANGE_END)
        windows, spans = {}, dict(range_windows(feeds, first, last)) if first and last else {}
        missing = [] if spans else list(facts)
    if missing:
        raise dg.Failure(
            f"{', '.join(missing)}: no window of days, so nothing was changed; choose partitions (Materialize,"
            " one run for a range of days), or run the job warehouse, which builds the days that are due",
            allow_retries=False,
        )
    return RunWindows(spans, windows)


def close_windows(url: str, windows: RunWindows, built: Iterable[str]) -> None:
    """Remembers the windows of the feeds all of whose facts were built."""
    for feed, window in windows.open.items():
        if set(built).issuperset(WINDOWED_FACTS[feed]):
            close_window(url, window)


def report_days(
    context: dg.AssetExecutionContext, url: str, windows: RunWindows, built: dict[dg.AssetKey, str]
) -> None:
    """Marks the days of a run by windows as built (a run by partitions does so by itself), in one write a fact."""
    for key, fact in built.items():
        window = windows.open.get(feed_of(fact) or "")
        if window is None:
            continue
        days = [day for day in touched_days(url, window) if DAYS.has_partition_key(day)]
        batch = generate_event_batch_id()
        for i, day in enumerate(days):
            DagsterEvent.asset_materialization(
                context.get_step_execution_context(),
                dg.AssetMaterialization(key, partition=day),
                DagsterEventBatchMetadata(batch, i == len(days) - 1),
            )
