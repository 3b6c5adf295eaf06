"""What is built how often: the assets of each cadence, by the tags of the dbt models.

Not here: when (schedules), and in which order (stages).
"""

import dagster as dg

from orchestration.defs.stages import facts_selection

CADENCE_TAG = "telecom/cadence"
EVERYTHING = "everything"
QUARTER_HOURLY, DAILY, MONTHLY = "quarter_hourly", "daily", "monthly"
CADENCES = (QUARTER_HOURLY, DAILY, MONTHLY)


def cadence_of(tags: dict[str, str]) -> str:
    """A run's cadence; one that nobody scheduled builds everything."""
    return tags.get(CADENCE_TAG, EVERYTHING)


def cadence_selection(cadence: str) -> dg.AssetSelection:
    """Every load and the facts of the windows, with the models of the cadence's tag and what these need.

    Daily is the rest: all but what is monthly. A model's tag is its `tags` in dbt.
    """
    monthly = dg.AssetSelection.tag(MONTHLY, "")
    if cadence == EVERYTHING:
        return dg.AssetSelection.all()
    if cadence == DAILY:
        return dg.AssetSelection.all() - monthly.downstream()
    tagged = dg.AssetSelection.tag(cadence, "")
    return dg.AssetSelection.groups("ingest", "access") | (facts_selection() | tagged).upstream()


def assets_of(definitions: dg.Definitions, cadence: str) -> set[dg.AssetKey]:
    """The assets that a run of the cadence builds."""
    return set(cadence_selection(cadence).resolve(definitions.resolve_asset_graph()))
