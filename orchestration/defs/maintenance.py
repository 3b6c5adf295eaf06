"""The Python assets of predictive maintenance: models trained where due, risk of every element.

Not here: what is read (maintenance_reading) and written (maintenance_filling), the mathematics, contracts.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import psycopg

from orchestration.access.audit import begin_run
from orchestration.defs.frames import picture
from orchestration.defs.maintenance_filling import fill_maintenance_models, fill_maintenance_risk
from orchestration.defs.maintenance_reading import MaintenanceReader, read_maintenance_seeds
from orchestration.defs.resources import WarehouseResource

GROUP = "analytics"
MODELS, RISK = (dg.AssetKey(["analytics", name]) for name in ("maintenance_models", "maintenance_risk"))
_SEEDS = [["reference", name] for name in ("maintenance_parameters", "maintenance_base_rates", "maintenance_rules",
                                           "maintenance_levels", "maintenance_factors",
                                           "outage_finding_parameters")]  # fmt: skip
_KNOWN = [["core", name] for name in ("feature_element", "fct_outage", "dim_network_element")]
_PROMOTED = "the_new_model_took_over"


def _reader(connection: psycopg.Connection, as_of: datetime, warehouse: WarehouseResource) -> MaintenanceReader:
    time_zone = warehouse.settings().reporting_time_zone
    day = (as_of - pd.Timedelta(microseconds=1)).astimezone(ZoneInfo(time_zone)).date()
    return MaintenanceReader(connection, as_of, day, time_zone, read_maintenance_seeds(connection))


@dg.asset(
    key=MODELS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[*_KNOWN, *_SEEDS, ["core", "fct_element_availability_daily"], ["core", "dim_network_link"],
          ["core", "dim_service"]],
    check_specs=[
        dg.AssetCheckSpec(
            _PROMOTED, asset=MODELS, description="The new model was no worse than the last one on the same weeks."
        )
    ],
)  # fmt: skip
def maintenance_models(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Models of failure within 7 and 30 days, trained when there are none or another month's outcomes are known."""
    as_of = warehouse.as_of(dict(context.run.tags))
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        fitted = fill_maintenance_models(_reader(connection, as_of, warehouse))
    context.log.info(fitted.said)
    metadata: dict[str, dg.MetadataValue] = {"models": dg.MetadataValue.md(fitted.said)}
    metadata |= {name: picture(chart, name) for name, chart in fitted.charts.items()}
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            # A warning: the last model goes on, and what stands on the scores is built.
            dg.AssetCheckResult(check_name=_PROMOTED, passed=fitted.refused is None,
                                severity=dg.AssetCheckSeverity.WARN, description=fitted.refused)
        ],
    )  # fmt: skip


@dg.asset(
    key=RISK,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[MODELS, ["analytics", "topology_risk"], *_KNOWN, *_SEEDS, ["core", "fct_maintenance"],
          ["core", "fct_network_performance_hourly"], ["core", "fct_usage_hourly"], ["core", "dim_service_zone"]],
)  # fmt: skip
def maintenance_risk(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per element in service and as-of date: who may fail, why, who is at stake, when to go there."""
    as_of = warehouse.as_of(dict(context.run.tags))
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        return dg.MaterializeResult(metadata=fill_maintenance_risk(_reader(connection, as_of, warehouse)))


MAINTENANCE_ASSETS = (maintenance_models, maintenance_risk)
