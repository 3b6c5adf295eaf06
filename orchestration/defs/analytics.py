"""The Python assets of schema `analytics`: read core, call the mathematics, write the result.

Not here: the mathematics (orchestration.analytics).
"""

import dagster as dg
import pandas as pd
import psycopg

from orchestration.access.audit import begin_run, record_run
from orchestration.analytics.daily_summary import MEASURES, MODEL_VERSION, plot_data_per_day, summarise_days
from orchestration.defs.frames import picture, read_frame
from orchestration.defs.resources import WarehouseResource

GROUP = "analytics"
BYTES_PER_GB = 2**30
_COLUMNS = (*MEASURES, "data_gb_trend")

_TABLE = f"""
    create schema if not exists analytics;
    create table if not exists analytics.provider_daily_summary (
        provider_id uuid not null,
        provider_day date not null,
        {", ".join(f"{name} double precision" for name in _COLUMNS)},
        as_of_date date not null,
        model_version text not null,
        computed_at timestamptz not null default clock_timestamp(),
        primary key (provider_id, provider_day)
    );
    comment on table analytics.provider_daily_summary is
        'One row per provider and local day: data, voice, services with usage, billed amount and tickets opened.';
"""

_QUERIES = {
    "usage": f"""
        select provider_id::text, usage_date as day, (data_usage_bytes / {BYTES_PER_GB}.0)::float8 as data_gb,
            (voice_seconds / 60.0)::float8 as voice_minutes, services_with_usage::float8 as services_with_usage
        from intermediate.int_usage__provider_days where usage_date <= %(day)s""",
    "bills": """
        select provider_id::text, issued_on as day, sum(total_amount_reporting)::float8 as billed_amount
        from core.fct_bill where bill_status <> 'draft' and issued_on <= %(day)s group by 1, 2""",
    "tickets": """
        select provider_id::text, created_date as day, count(*)::float8 as tickets_opened
        from core.fct_support_ticket where created_date <= %(day)s group by 1, 2""",
}


def _write(connection: psycopg.Connection, summary: pd.DataFrame, as_of_date: object) -> tuple[int, int]:
    """Applies the differences only: rows changed or added, rows removed."""
    connection.execute(
        "create temporary table computed (like analytics.provider_daily_summary including defaults) on commit drop"
    )
    names = ("provider_id", "provider_day", *_COLUMNS)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy computed ({', '.join(names)}, as_of_date, model_version) from stdin".encode()) as copy,
    ):
        for row in summary[list(names)].itertuples(index=False):
            values = [None if pd.isna(value) else value for value in row]
            copy.write_row([*values, as_of_date, MODEL_VERSION])
    compared = ", ".join((*_COLUMNS, "as_of_date", "model_version"))
    old, new = (", ".join(f"{side}.{name}" for name in compared.split(", ")) for side in ("kept", "excluded"))
    changed = connection.execute(
        "insert into analytics.provider_daily_summary as kept select * from computed"
        " on conflict (provider_id, provider_day) do update"
        f" set ({compared}, computed_at) = ({new}, excluded.computed_at)"
        f" where ({old}) is distinct from ({new})".encode()
    ).rowcount
    removed = connection.execute(
        "delete from analytics.provider_daily_summary kept where not exists (select 1 from computed"
        " where computed.provider_id = kept.provider_id and computed.provider_day = kept.provider_day)"
    ).rowcount
    return changed, removed


@dg.asset(
    key=["analytics", "provider_daily_summary"],
    group_name=GROUP,
    kinds={"python", "postgres"},
    deps=[
        ["intermediate", "int_usage__provider_days"],
        ["core", "fct_bill"],
        ["core", "fct_support_ticket"],
        ["core", "dim_provider"],
    ],
)
def provider_daily_summary(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per provider and local day: data, voice, services with usage, billed amount and tickets opened."""
    as_of_date = (warehouse.as_of(dict(context.run.tags)) - pd.Timedelta(microseconds=1)).date()
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        connection.execute(_TABLE)
        frames = {name: read_frame(connection, query, {"day": as_of_date}) for name, query in _QUERIES.items()}
        names: dict[str, str] = dict(
            connection.execute("select provider_id::text, provider_name from core.dim_provider").fetchall()
        )
        summary = summarise_days(**frames)
        chart = plot_data_per_day(summary, names)
        changed, removed = _write(connection, summary, as_of_date)
        record_run(connection, "analytics.provider_daily_summary", changed + removed)
    return dg.MaterializeResult(
        metadata={
            "rows": len(summary),
            "rows_changed": changed,
            "rows_removed": removed,
            "data_per_day": picture(chart, "GB a day by provider")
            if chart
            else dg.MetadataValue.md("No provider has seven days yet."),
        }
    )
