"""The Python assets of churn: models trained where due, scores of customers and services, results of campaigns.

Not here: what is read (churn_reading), the mathematics (orchestration.analytics), contracts (dbt's sources).
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import psycopg

from orchestration.access.audit import begin_run
from orchestration.apart import apart
from orchestration.defs.churn_filling import Told, fill_retention, fill_scores, fill_service_scores
from orchestration.defs.churn_reading import Reader, read_seeds
from orchestration.defs.churn_training import fit_apart
from orchestration.defs.frames import picture
from orchestration.defs.resources import WarehouseResource

GROUP = "analytics"
# The re-rated plan fit is a feature, too.
_PLAN_FIT = ["analytics", "plan_recommendations"]
MODELS, SCORES, SERVICE_SCORES, RETENTION = (
    dg.AssetKey(["analytics", name])
    for name in ("churn_models", "churn_scores", "churn_scores_service", "retention_results")
)
_FEATURES = [
    *(["core", name] for name in ("feature_customer", "feature_service", "fct_service_departure", "dim_service",
                                  "dim_service_plan")),
    ["intermediate", "int_usage__provider_days"],
    _PLAN_FIT,
]  # fmt: skip
_SEEDS = [["reference", name] for name in ("churn_parameters", "churn_rules", "churn_segments", "churn_silences",
                                           "customer_classes", "kpi_parameters")]  # fmt: skip
_WORDS = [["reference", "churn_factors"], ["reference", "churn_interventions"]]
_PROMOTED, _DRIFT = "every_new_model_took_over", "features_and_scores_as_in_training"


def _as_of_day(as_of: datetime, warehouse: WarehouseResource) -> datetime:
    """The last local instant that AS_OF knows."""
    return (as_of - pd.Timedelta(microseconds=1)).astimezone(ZoneInfo(warehouse.settings().reporting_time_zone))


def _reader(connection: psycopg.Connection, entity: str, as_of: datetime) -> Reader:
    return Reader(connection, entity, as_of, read_seeds(connection))


@dg.asset(
    key=MODELS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[*_FEATURES, *_SEEDS],
    check_specs=[
        dg.AssetCheckSpec(
            _PROMOTED, asset=MODELS, description="No new model was worse than the last one on the same months."
        )
    ],
    op_tags=apart("churn"),
)
def churn_models(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Models per segment, trained when there are none or another month's leavers are known; else nothing happens."""
    as_of = warehouse.as_of(dict(context.run.tags))
    day = _as_of_day(as_of, warehouse).date()
    fitted = fit_apart(warehouse.url, context.run.run_id, as_of, day)
    for one in fitted:
        context.log.info(one.said)
    metadata: dict[str, dg.MetadataValue] = {f"{one.entity}s": dg.MetadataValue.md(one.said) for one in fitted}
    for one in fitted:
        metadata |= {f"{one.entity}s_{name}": picture(chart, name) for name, chart in one.charts.items()}
    refused = [said for one in fitted for said in one.refused]
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            # A warning: the last model goes on, and what stands on the scores is built.
            dg.AssetCheckResult(check_name=_PROMOTED, passed=not refused, severity=dg.AssetCheckSeverity.WARN,
                                description="; ".join(refused) or None)
        ],
    )  # fmt: skip


def _drift_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        _DRIFT, asset=key, description="No feature and no score is spread otherwise than when its model was trained."
    )


def _told(counts: dict[str, int], reasons: dict[str, str], drifted: list[str]) -> dg.MaterializeResult:
    said = "; ".join(f"{segment}: {reason}" for segment, reason in sorted(reasons.items()))
    return dg.MaterializeResult(
        metadata={**counts, "segments_by_rules": said or "none", "drifted": ", ".join(drifted) or "none"},
        check_results=[
            # A warning: customers may really have changed, and the scores stay the best there are.
            dg.AssetCheckResult(check_name=_DRIFT, passed=not drifted, severity=dg.AssetCheckSeverity.WARN,
                                description=f"drifted: {', '.join(drifted)}" if drifted else None)
        ],
    )  # fmt: skip


@dg.asset(
    key=SCORES,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[MODELS, *_FEATURES, *_SEEDS, *_WORDS, ["core", "dim_customer"], ["core", "fct_subscription_monthly"],
          ["core", "fct_campaign_contact"], ["reference", "margin_shares"], ["reference", "exchange_rates"]],
    check_specs=[_drift_check(SCORES)],
    op_tags=apart("churn_scores"),
)  # fmt: skip
def churn_scores(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per customer with a service in force and as-of date: who may leave, why, at what loss, what to do."""
    as_of = warehouse.as_of(dict(context.run.tags))
    day, currency = _as_of_day(as_of, warehouse).date(), warehouse.settings().reporting_currency
    return _told(*warehouse.apart(_score_customers)(warehouse.url, context.run.run_id, as_of, day, currency))


def _score_customers(url: str, run_id: str, as_of: datetime, day: date, currency: str) -> Told:
    with psycopg.connect(url) as connection:
        begin_run(connection, run_id)
        return fill_scores(_reader(connection, "customer", as_of), day, currency)


@dg.asset(
    key=SERVICE_SCORES,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[MODELS, *_FEATURES, *_SEEDS, *_WORDS],
    check_specs=[_drift_check(SERVICE_SCORES)],
    op_tags=apart("churn"),
)
def churn_scores_service(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per service in force and as-of date: the probability that it is left, and why."""
    as_of = warehouse.as_of(dict(context.run.tags))
    day = _as_of_day(as_of, warehouse).date()
    return _told(*warehouse.apart(_score_services)(warehouse.url, context.run.run_id, as_of, day))


def _score_services(url: str, run_id: str, as_of: datetime, day: date) -> Told:
    with psycopg.connect(url) as connection:
        begin_run(connection, run_id)
        return fill_service_scores(_reader(connection, "service", as_of), day)


@dg.asset(
    key=RETENTION,
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[["core", "fct_campaign_contact"], ["reference", "exchange_rates"], *_FEATURES, *_SEEDS],
)
def retention_results(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per retention campaign, and one over all: who left of those contacted and of those held out."""
    as_of = warehouse.as_of(dict(context.run.tags))
    day = _as_of_day(as_of, warehouse).date()
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        counts = fill_retention(connection, as_of, day, warehouse.settings().reporting_currency)
    return dg.MaterializeResult(metadata=counts)


CHURN_ASSETS = (churn_models, churn_scores, churn_scores_service, retention_results)
