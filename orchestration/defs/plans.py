"""The Python asset of plan advice: read core, call the mathematics, write the result.

Not here: the mathematics (orchestration.analytics.plan_advice), what is read (plan_inputs), the table's contract (dbt's
sources of schema analytics).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import dagster as dg
import psycopg

from orchestration.access.audit import begin_run, record_run
from orchestration.analytics.plan_advice.everybody import advise_all
from orchestration.analytics.plan_advice.hindsight import MODEL_NAME, Hindsight
from orchestration.analytics.plan_advice.rows import COLUMNS, MODEL_VERSION, values_of
from orchestration.apart import FIRST
from orchestration.defs.plan_inputs import count_in_force, read_lines, read_subjects
from orchestration.defs.plan_use import UseReader
from orchestration.defs.replacing import replace_rows
from orchestration.defs.resources import WarehouseResource

EVALUATION_COLUMNS = ("metric", "metric_value", "baseline_name", "baseline_value", "cases_count", "events_count")
TABLE = "analytics.plan_recommendations"
_KEPT = f"""
    select service_id::text, expected_savings, tested_periods_count from {TABLE}
    where as_of_at = %s and advice_kind = 'saving'"""
# Of days before, those of the first of a month stay, as features do.
_FORGET = f"""
    delete from {TABLE}
    where as_of_date < %(day)s and (extract(day from as_of_date) <> 1 or as_of_date < %(oldest)s)"""


@dg.asset(
    key=["analytics", "plan_recommendations"],
    group_name="analytics",
    kinds={"python", "postgres"},
    deps=[
        *(["core", name] for name in ("dim_service", "dim_service_pii", "dim_customer", "dim_provider",
                                      "dim_service_plan", "dim_serviceable_location", "fct_bill",
                                      "fct_service_quality")),
        *(["intermediate", name] for name in ("int_usage__records", "int_usage__provider_days")),
        ["reference", "plan_advice_parameters"],
        ["reference", "customer_classes"],
    ],
    # The models of churn, the longest work, wait for it.
    op_tags=FIRST,
)  # fmt: skip
def plan_recommendations(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per service and kind of advice: the plan it should have, its line's faults, a bundle; with the saving."""
    as_of = warehouse.as_of(dict(context.run.tags))
    time_zone = warehouse.settings().reporting_time_zone
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        return dg.MaterializeResult(metadata=fill_plan_recommendations(connection, as_of, time_zone))


def fill_plan_recommendations(connection: psycopg.Connection, as_of: datetime, time_zone: str) -> dict[str, int | str]:
    """Computes AS_OF's rows anew; returns how many there are of each kind and action, and how many were written."""
    as_of_date = as_of.astimezone(ZoneInfo(time_zone)).date()
    subjects = read_subjects(connection, as_of)
    records, is_tested = UseReader(connection).records(subjects)
    advised = advise_all(subjects, records, is_tested, read_lines(connection, subjects, as_of, as_of_date))
    advice = advised.rows
    rows = [[*values_of(one), as_of_date, as_of, MODEL_VERSION] for one in advice]
    columns = (*COLUMNS, "as_of_date", "as_of_at", "model_version")
    changed, removed = replace_rows(connection, TABLE, columns, rows, within={"as_of_date": as_of_date})
    _write_evaluations(connection, advised.hindsight, as_of_date)
    oldest = as_of_date - timedelta(days=subjects.parameters.history_days)
    forgotten = connection.execute(_FORGET.encode(), {"day": as_of_date, "oldest": oldest}).rowcount
    record_run(connection, TABLE, forgotten)
    return {
        "rows": len(rows),
        "rows_changed": changed,
        "rows_removed": removed,
        "rows_forgotten": forgotten,
        "services": len(subjects.services),
        "services_without_advice": count_in_force(connection, as_of) - len(subjects.services),
        "plans_not_rated": "; ".join(subjects.not_rated) or "none",
        "records": len(records.service),
        **Counter(f"{one.advice_kind}_{one.recommended_action}" for one in advice),
    }


def plan_fits(connection: psycopg.Connection, instants: Iterable[datetime]) -> dict[datetime, dict[str, Decimal]]:
    """At each instant, of each service with a month of use, what a better plan would save it in a year (0: none would).

    For models: it reads no use, version or price from the instant on. What the table holds for one is taken from it.
    """
    first = connection.execute("select min(usage_date) from intermediate.int_usage__provider_days").fetchone()
    (first_used,) = first or (None,)
    use, found = UseReader(connection), dict[datetime, dict[str, Decimal]]()
    for instant in sorted(instants):
        kept = connection.execute(_KEPT.encode(), [instant]).fetchall()
        if kept or first_used is None or instant.date() <= first_used:
            found[instant] = {service_id: saving for service_id, saving, tested in kept if tested}
            continue
        subjects = read_subjects(connection, instant)
        rows = advise_all(subjects, *use.records(subjects), {}).rows
        found[instant] = {row.service_id: row.expected_savings for row in rows
                          if row.advice_kind == "saving" and row.tested_periods_count}  # fmt: skip
    return found


def _write_evaluations(connection: psycopg.Connection, hindsight: Hindsight, as_of_date: date) -> None:
    """How advice on the older half of the tested months turned out in the newer, into analytics.model_evaluations."""
    fixed = {"model_name": MODEL_NAME, "model_version": MODEL_VERSION, "segment": "all", "period": "all",
             "lower_95": None, "upper_95": None, "as_of_date": as_of_date}  # fmt: skip
    rows = [[*fixed.values(), *evaluation] for evaluation in hindsight.evaluations()]
    columns = (*fixed, *EVALUATION_COLUMNS)
    replace_rows(connection, "analytics.model_evaluations", columns, rows, within={"model_name": MODEL_NAME})
