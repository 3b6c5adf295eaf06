"""The sensor of the pages: asks for the facts of days that loads or changed versions touched.

Not here: which days these are (orchestration.windows), the schedules.
"""

import hashlib
import json

import dagster as dg

from orchestration.defs.resources import WarehouseResource
from orchestration.defs.stages import FACTS_STAGE, facts_selection
from orchestration.defs.windowed import WINDOWS_TAG
from orchestration.runs import runs_in_the_way
from orchestration.windows import Window, facts_of, open_windows, to_text

NAME = "touched_windows"
WINDOW_KEY_TAG = "telecom/window_key"
MOST_TRIES = 3


def window_key(windows: list[Window]) -> str:
    """Names what is asked for: the windows, and the newest touch and change that they include."""
    newest = ".".join(f"{window.newest_touched_id}-{window.newest_dirty_id}" for window in windows)
    spans = json.dumps([[window.feed, window.spans] for window in windows])
    return f"{hashlib.sha256(spans.encode()).hexdigest()[:16]}:{newest}"


def _request(context: dg.SensorEvaluationContext, windows: list[Window]) -> dg.RunRequest | dg.SkipReason:
    """A request of the next try; runs that went well have closed their windows, so earlier ones of this key failed."""
    key = window_key(windows)
    tries = len(context.instance.get_runs(dg.RunsFilter(tags={WINDOW_KEY_TAG: key})))
    if tries >= MOST_TRIES:
        return dg.SkipReason(f"the windows {key} failed {tries} times; mend the cause and run stage_{FACTS_STAGE}")
    facts = [dg.AssetKey(["core", fact]) for fact in facts_of(window.feed for window in windows)]
    return dg.RunRequest(
        run_key=f"{key}:{tries + 1}",
        asset_selection=facts,
        tags={WINDOWS_TAG: to_text(windows), WINDOW_KEY_TAG: key},
    )


def build_sensor(inner: dg.Definitions, warehouse: WarehouseResource) -> dg.SensorDefinition:
    """Off until it is switched on; the job warehouse builds the same windows by itself."""

    @dg.sensor(
        name=NAME,
        job_name=f"stage_{FACTS_STAGE}",
        minimum_interval_seconds=60,
        description="Builds the facts of touched days after feeds were loaded from the pages.",
    )
    def touched_windows(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        facts = set(facts_selection().upstream().resolve(inner.resolve_asset_graph()))
        if held_up := runs_in_the_way(context.instance, facts, ignored=("freshness",)):
            return dg.SkipReason(f"run {held_up[0].run_id} of {held_up[0].job_name} is still active")
        windows = [window for window in open_windows(warehouse.url).values() if not window.is_empty]
        return _request(context, windows) if windows else dg.SkipReason("no day was touched")

    return touched_windows
