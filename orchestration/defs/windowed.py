"""The windows of a run: which days it builds of which facts, by its partitions or by its tag, and what it reports.

Not here: which windows are open (orchestration.windows), and who asks for a run (stages, touched_windows).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
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


def materializations(
    context: dg.AssetExecutionContext, url: str, windows: RunWindows, fact: str, output: dg.Output
) -> Iterator[dg.Output | dg.AssetMaterialization]:
    """A built model's events: of a fact with open windows one per day, since only a run by partitions has them itself.

    All but the last, which carries what dbt said, go to the event log in one write.
    """
    window = windows.open.get(feed_of(fact) or "")
    if window is None:
        yield output
        return
    key = context.asset_key_for_output(output.output_name)
    days = [day for day in touched_days(url, window) if DAYS.has_partition_key(day)]
    batch = generate_event_batch_id()
    for i, day in enumerate(days[:-1]):
        DagsterEvent.asset_materialization(
            context.get_step_execution_context(),
            dg.AssetMaterialization(key, partition=day),
            DagsterEventBatchMetadata(batch, i == len(days) - 2),
        )
    yield dg.AssetMaterialization(key, partition=days[-1] if days else None, metadata=dict(output.metadata))


def check_event(
    context: dg.AssetExecutionContext, windows: RunWindows, result: dg.AssetCheckResult
) -> dg.AssetCheckResult | dg.AssetCheckEvaluation:
    """A check's event: Dagster finds the materialization that it judges for a run by partitions only."""
    key = result.asset_key
    if key is None or result.check_name is None or feed_of(key.path[-1]) not in windows.open:
        return result
    judged = context.instance.fetch_materializations(key, limit=1).records
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            run_id=judged[0].run_id, storage_id=judged[0].storage_id, timestamp=judged[0].timestamp
        )
        if judged
        else None,
    )
