"""The Python asset of capacity planning: reads histories and the network, calls the mathematics, writes the result.

Not here: the mathematics (orchestration.analytics.capacity), the queries (capacity_inputs), the table's contract.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dagster as dg
import psycopg

from orchestration.access.audit import begin_run
from orchestration.analytics.capacity.charts import plot_zones
from orchestration.analytics.capacity.evaluation import figures
from orchestration.analytics.capacity.outlook import Outlook, Outlooks, held_out, outlooks
from orchestration.analytics.capacity.rows import COLUMNS, Key, forecast_rows
from orchestration.analytics.forecasting import METHOD_VERSION
from orchestration.defs.capacity_inputs import Parameters, read_inputs, read_parameters
from orchestration.defs.frames import picture
from orchestration.defs.replacing import replace_rows
from orchestration.defs.resources import WarehouseResource

GROUP = "analytics"
TABLE = "analytics.capacity_forecasts"
MODEL_NAME = "capacity_forecast"
# Series of elements, evenly among all, whose last year is held out; those of zones all are.
MOST_TESTED_ELEMENTS = 60
_KEPT = """
    select entity_type, entity_id::text, measure, projected_demand, lower_80, upper_80, lower_95, upper_95,
        forecast_method, fallback_reason, interval_method, backtest_skill
    from analytics.capacity_forecasts where history_sha256 = %s
    order by entity_type, entity_id, measure, planning_period
"""
EVALUATION_COLUMNS = (
    "model_name", "model_version", "segment", "period", "metric", "metric_value", "baseline_name", "baseline_value",
    "lower_95", "upper_95", "cases_count", "events_count", "as_of_date",
)  # fmt: skip
_DEPS = [
    *(["core", name] for name in ("fct_subscription_monthly", "fct_network_performance_daily", "dim_service_zone",
                                  "dim_network_element")),
    *(["reference", name] for name in ("capacity_parameters", "capacity_priorities", "capacity_actions",
                                       "capacity_element_types")),
]  # fmt: skip


@dg.asset(key=["analytics", "capacity_forecasts"], group_name=GROUP, kinds={"python", "postgres"}, deps=_DEPS)
def capacity_forecasts(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per zone or leaf element, measure and month ahead: demand against capacity, and what closes a gap."""
    settings = warehouse.settings()
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        as_of = warehouse.as_of(dict(context.run.tags))
        return dg.MaterializeResult(metadata=fill_capacity_forecasts(connection, as_of, settings.reporting_time_zone))


def fill_capacity_forecasts(connection: psycopg.Connection, as_of: datetime, time_zone: str) -> Mapping[str, Any]:
    """Computes the tables anew; returns what was done, and the pictures of the zones.

    Forecasts of a kind of measure are taken from the table while none of their histories is different.
    """
    parameters = read_parameters(connection)
    inputs = read_inputs(connection, as_of, time_zone, parameters)
    said: dict[Key, Outlooks] = {}
    hashes: dict[str, str] = {}
    computed = 0
    for kind, histories in inputs.histories_by_kind().items():
        hashes[kind] = _hash_of(histories, parameters, inputs.months)
        kept = _kept_outlooks(connection, hashes[kind], inputs.months)
        if kept.keys() == histories.keys():
            said |= kept
            continue
        said |= outlooks(histories, parameters.horizon, parameters.prior)
        computed += len(histories)
        evaluate(connection, histories, inputs.as_of_date, parameters)
    rows = forecast_rows(
        inputs.network, inputs.histories, said, inputs.months, inputs.rules, hashes, inputs.as_of_date, METHOD_VERSION
    )
    changed, removed = replace_rows(connection, TABLE, COLUMNS, rows)
    charts = plot_zones(inputs.network, inputs.histories, rows)
    return {
        "rows": len(rows), "rows_changed": changed, "rows_removed": removed, "series": len(said),
        "series_forecast_anew": computed, "leaves_without_history": inputs.unmeasured,
        **{name: picture(chart, name) for name, chart in charts.items()},
    }  # fmt: skip


def _hash_of(histories: Mapping[Key, Mapping[date, float]], parameters: Parameters, months: Sequence[date]) -> str:
    """Of everything that the forecasts of a kind depend on."""
    values = [
        [*key, sorted((str(month), value) for month, value in histories[key].items())] for key in sorted(histories)
    ]
    parts = [METHOD_VERSION, str(months[0]), len(months), parameters.forecasting(), values]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _kept_outlooks(connection: psycopg.Connection, history_hash: str, months: Sequence[date]) -> dict[Key, Outlooks]:
    """The forecasts that the table holds of exactly these histories; whole horizons only."""
    found: dict[Key, list[tuple[Any, ...]]] = {}
    for row in connection.execute(_KEPT.encode(), [history_hash]):
        found.setdefault((row[0], row[1], row[2]), []).append(row)
    return {
        key: Outlooks(tuple(Outlook(*row[3:8]) for row in rows), *rows[0][8:12])
        for key, rows in found.items()
        if len(rows) == len(months)
    }


def evaluate(
    connection: psycopg.Connection,
    histories: Mapping[Key, Mapping[date, float]],
    as_of_date: date,
    parameters: Parameters,
) -> None:
    """The forecasts of the last year, had they been made before it, by measure, into analytics.model_evaluations."""
    chosen = sorted(key for key in histories if key[0] == "element")
    step = max(len(chosen) // MOST_TESTED_ELEMENTS, 1)
    judged = {key for key in histories if key[0] == "zone"} | set(chosen[::step])
    tested = held_out({key: histories[key] for key in judged}, parameters.horizon, parameters.prior)
    for measure in sorted({key[2] for key in histories}):
        for entity_type in ("zone", "element"):
            own = [one for one in tested if one[0][::2] == (entity_type, measure)]
            segment = f"{entity_type} {measure}"
            rows = [
                [MODEL_NAME, METHOD_VERSION, segment, "all", figure.metric, figure.value,
                 None if figure.naive_value is None else "seasonal_naive", figure.naive_value, None, None,
                 figure.cases, None, as_of_date]
                for figure in figures(own)
            ]  # fmt: skip
            within = {"model_name": MODEL_NAME, "segment": segment}
            replace_rows(connection, "analytics.model_evaluations", EVALUATION_COLUMNS, rows, within)
