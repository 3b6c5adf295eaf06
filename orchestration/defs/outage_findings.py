"""The Python asset that holds the outage feed against the network.

Not here: what is read (outage_reading), the mathematics (orchestration.analytics.outage_checks), the table's contract.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import psycopg

from orchestration.access.audit import begin_run
from orchestration.analytics.outage_checks import check_outages
from orchestration.defs.findings import keep_findings
from orchestration.defs.outage_reading import read_numbers, read_outage_inputs
from orchestration.defs.resources import WarehouseResource

GROUP = "analytics"
TABLE = "analytics.outage_findings"
_DEPS = [
    *(["core", name] for name in ("fct_outage", "fct_element_availability_daily", "dim_network_element",
                                  "dim_network_link", "dim_service")),
    ["reference", "outage_finding_parameters"],
]  # fmt: skip


@dg.asset(key=["analytics", "outage_findings"], group_name=GROUP, kinds={"python", "postgres"}, deps=_DEPS)
def outage_findings(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per outage record that the network does not explain, and per downtime that no record covers."""
    as_of = warehouse.as_of(dict(context.run.tags))
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        time_zone = warehouse.settings().reporting_time_zone
        return dg.MaterializeResult(metadata=dict(fill_outage_findings(connection, as_of, time_zone)))


def fill_outage_findings(connection: psycopg.Connection, as_of: datetime, time_zone: str) -> Mapping[str, int | str]:
    """Looks at the days of the seed's look-back and merges what is found; earlier findings stay as they are."""
    parameters = read_numbers(connection, "outage_finding_parameters")
    last_day = (as_of - timedelta(microseconds=1)).astimezone(ZoneInfo(time_zone)).date()
    first_day = last_day - timedelta(days=int(parameters["lookback_days"]))
    inputs = read_outage_inputs(connection, as_of, time_zone, parameters, first_day)
    found = check_outages(inputs)
    # What began before the first day that was read, in any time zone, cannot be found in whole any more.
    first_seen = pd.Timestamp(first_day, tz="UTC") + pd.Timedelta(days=2)
    counts = keep_findings(
        connection, TABLE, found, as_of, judged=lambda previous: previous["first_seen_at"] >= first_seen
    )
    kinds = {f"found_{name}": int(count) for name, count in found["finding_kind"].value_counts().sort_index().items()}
    return {**counts, **kinds}
