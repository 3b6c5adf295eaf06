"""The Python asset of revenue assurance: reads the judged months, calls the mathematics, keeps the findings.

Not here: the mathematics (orchestration.analytics.revenue_assurance), queries (revenue_inputs), the table's contract.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime

import dagster as dg
import pandas as pd
import psycopg

from orchestration.access.audit import begin_run
from orchestration.analytics.findings import adopt_overlapping
from orchestration.analytics.revenue_assurance import find_billing, find_fraud, find_usage, finding_rows
from orchestration.apart import apart
from orchestration.defs.findings import keep_findings, read_findings
from orchestration.defs.resources import WarehouseResource
from orchestration.defs.revenue_inputs import read_inputs, read_parameters

TABLE = "analytics.revenue_assurance_findings"
# So far apart what a line does is still the same finding.
_SAME_WITHIN = pd.Timedelta(days=31)
_DEPS = [
    *(["core", name] for name in ("dim_service", "dim_service_plan", "dim_provider", "dim_network_element", "fct_bill",
                                  "fct_bill_charge", "fct_payment", "fct_service_order")),
    *(["intermediate", name] for name in ("int_usage__records", "int_usage__provider_days")),
    *(["reference", name] for name in ("revenue_assurance_parameters", "revenue_assurance_rules", "fraud_countries")),
]  # fmt: skip


@dg.asset(
    key=["analytics", "revenue_assurance_findings"],
    group_name="analytics",
    kinds={"python", "postgres"},
    deps=_DEPS,
    op_tags=apart("revenue"),
)
def revenue_assurance_findings(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per billing error, implausible usage or suspected fraud; those of earlier months stay as they are."""
    as_of, time_zone = warehouse.as_of(dict(context.run.tags)), warehouse.settings().reporting_time_zone
    return dg.MaterializeResult(metadata=warehouse.apart(_fill)(warehouse.url, context.run.run_id, as_of, time_zone))


def _fill(url: str, run_id: str, as_of: datetime, time_zone: str) -> dict[str, int | float | str]:
    with psycopg.connect(url) as connection:
        begin_run(connection, run_id)
        return dict(fill_revenue_assurance_findings(connection, as_of, time_zone))


def fill_revenue_assurance_findings(
    connection: psycopg.Connection, as_of: datetime, time_zone: str
) -> Mapping[str, int | float | str]:
    """Judges the months of parameter judged_months anew; returns what was judged and found, and what was not judged."""
    parameters, rules = read_parameters(connection)
    not_rated: list[str] = []
    inputs = read_inputs(connection, as_of, time_zone, parameters, not_rated)
    result = find_billing(inputs, parameters) + find_usage(inputs, parameters) + find_fraud(inputs, parameters)
    found = finding_rows(result.found, rules, parameters)
    kept = keep_findings(
        connection,
        TABLE,
        _with_known_ids(connection, found),
        as_of,
        lambda rows: judged_again(rows, inputs.judged_from),
    )
    said = {**result.said, "plans_not_rated": "; ".join(not_rated) or "none"}
    return {**said, **kept, **Counter(f"found_{one.finding_kind}" for one in result.found)}


def _with_known_ids(connection: psycopg.Connection, found: pd.DataFrame) -> pd.DataFrame:
    """What a line does has the id of the earlier finding that it continues: its first day leaves the judged months."""
    previous = read_findings(connection, TABLE)
    is_line = found["finding_class"] != "billing"
    for name in ("first_seen_at", "last_seen_at"):
        found[name] = pd.to_datetime(found[name], utc=True)
    lines = adopt_overlapping(
        previous[previous["finding_class"] != "billing"].astype({"service_id": str}), found[is_line],
        ["finding_kind", "service_id"], _SAME_WITHIN,
    )  # fmt: skip
    return pd.concat([found[~is_line], lines]).sort_values("finding_id", ignore_index=True)


def judged_again(rows: pd.DataFrame, judged_from: date) -> pd.Series:
    """Which findings lie in the judged months with all that they stand on."""
    begins = pd.to_datetime(rows["billing_period_start"], utc=True)
    is_billing = rows["finding_class"].eq("billing")
    begins = begins.where(is_billing & begins.notna(), rows["first_seen_at"])
    return begins >= pd.Timestamp(judged_from, tz="UTC")
