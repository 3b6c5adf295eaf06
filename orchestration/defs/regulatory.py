"""Filings in Dagster: ways round a broken link, the marts' job, and the packages of every provider for an as-of date.

Not here: the marts (dbt), what is in a package (orchestration.regulatory), states after draft.
"""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import psycopg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from orchestration.access.audit import begin_run
from orchestration.analytics.redundancy import link_redundancy
from orchestration.analytics.topology import Element, Link
from orchestration.defs.filing_dates import (
    FILING_DATES,
    PERIOD_START_TAG,
    PROVIDER_TAG,
    REPORT_TAG,
    dates_of_run,
    newest_regular_date,
)
from orchestration.defs.replacing import replace_rows
from orchestration.defs.resources import WarehouseResource
from orchestration.regulatory.content import REPORT_TYPES, Filing
from orchestration.regulatory.gathering import providers
from orchestration.regulatory.generating import Generated, code_version, generate_all
from orchestration.regulatory.layouts import FilingError
from orchestration.regulatory.tracts import load_shipped
from orchestration.warehouse.settings import ROOT

GROUP = "regulatory"
JOB_NAME = "filings"
MARTS = (
    "form477_connections", "form477_fixed_broadband", "form477_fixed_voice", "form477_mobile_broadband",
    "form477_mobile_voice", "form477_in_service", "form477_rule_totals", "filing_due_dates", "census_block_deployment",
    "bdc_availability", "emergency_readiness", "outage_reportability",
)  # fmt: skip
_UNKNOWN = "00000000-0000-0000-0000-000000000000"
_REDUNDANCY_COLUMNS = ("as_of_date", "element_id", "provider_id", "zone_id", "has_path_to_core", "survives_any_link")
_ELEMENTS = f"""
    select element.element_id::text, element.provider_id, element.zone_id, element.element_type,
        element.operational_status, element.parent_element_id::text
    from core.dim_network_element as element
    inner join core.dim_provider as provider on provider.provider_id = element.provider_id
    cross join lateral (
        select (%(day)s::date + 1)::timestamp at time zone provider.time_zone - interval '1 microsecond' as closing_at
    ) as closing
    where element.element_id <> '{_UNKNOWN}' and element.valid_from <= closing.closing_at
        and element.valid_to > closing.closing_at and element.operational_status not in ('planned', 'retired')
        and coalesce(element.installed_on <= %(day)s::date, true)
    order by 1"""
_LINKS = """
    select link_id::text, source_element_id::text, target_element_id::text from core.dim_network_link
    where link_status not in ('retired', 'failed') order by 1"""


@dg.asset(
    key=["analytics", "link_redundancy"],
    group_name=GROUP,
    kinds={"python", "postgres"},
    partitions_def=FILING_DATES,
    deps=[["core", "dim_network_element"], ["core", "dim_network_link"], ["core", "dim_provider"]],
)
def link_redundancy_asset(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per as-of date and element: whether it keeps a path to the core when any single link fails."""
    rows = 0
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        for day in dates_of_run(context.run.tags):
            rows += fill_redundancy(connection, date.fromisoformat(day))
    return dg.MaterializeResult(metadata={"rows": rows})


# (The decorator warns of its parameter at each import.)
link_redundancy_asset = link_redundancy_asset.with_attributes(backfill_policy=dg.BackfillPolicy.single_run())


def fill_redundancy(connection: psycopg.Connection, day: date) -> int:
    """Computes a date's rows anew; returns how many there are."""
    elements = connection.execute(_ELEMENTS.encode(), {"day": day}).fetchall()
    links = [Link(*row) for row in connection.execute(_LINKS)]
    working = [Element(row[0], row[3] == "core", part_of=row[5]) for row in elements if row[4] != "failed"]
    found = link_redundancy(working, links)
    rows = [(day, row[0], row[1], row[2], *found.get(row[0], (False, False))) for row in elements]
    replace_rows(connection, "analytics.link_redundancy", _REDUNDANCY_COLUMNS, rows, within={"as_of_date": day})
    return len(rows)


@dg.asset(
    key=["regulatory", "filing_packages"],
    group_name=GROUP,
    kinds={"python"},
    partitions_def=FILING_DATES,
    deps=[["regulatory", name] for name in MARTS],
)
def filing_packages(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """A package per provider and report type; none where the newest one holds the same data. Always drafts."""
    tags, settings = context.run.tags, warehouse.settings()
    as_of, made = warehouse.as_of(dict(tags)), list[tuple[Filing, Generated]]()
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, context.run.run_id)
        for day in dates_of_run(tags):
            try:
                made += _generate(connection, settings.exports_dir, date.fromisoformat(day), as_of, dict(tags))
            except FilingError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
    for filing, result in made:
        said = f"package {result.number} is {'new' if result.is_new else 'the same as before'}"
        context.log.info(f"{filing.provider.name}, {filing.report_type}, {filing.period_end}: {said}, {result.status}")
    return dg.MaterializeResult(metadata={"packages": len(made), "made": dg.MetadataValue.md(table_of(made))})


filing_packages = filing_packages.with_attributes(backfill_policy=dg.BackfillPolicy.single_run())


def _generate(
    connection: psycopg.Connection, exports: Path, day: date, as_of: datetime, tags: dict[str, str]
) -> list[tuple[Filing, Generated]]:
    chosen = [tags[PROVIDER_TAG]] if PROVIDER_TAG in tags else None
    reports = [tags[REPORT_TAG]] if REPORT_TAG in tags else list(REPORT_TYPES)
    start = date.fromisoformat(tags[PERIOD_START_TAG]) if PERIOD_START_TAG in tags else None
    return generate_packages_of(connection, exports, day, as_of, chosen, reports, start)


def generate_packages_of(
    connection: psycopg.Connection, exports: Path, day: date, as_of: datetime, chosen: Sequence[str] | None,
    reports: Sequence[str], period_start: date | None,
) -> list[tuple[Filing, Generated]]:  # fmt: skip
    """The packages of the chosen providers (None: all), from the marts as they are."""
    load_shipped(connection)
    provider_ids = chosen or [identity for identity, _ in providers(connection)]
    connection.commit()
    return generate_all(connection, exports, day, as_of, code_version(ROOT), provider_ids, reports, period_start)


def table_of(made: Sequence[tuple[Filing, Generated]]) -> str:
    """The packages as a Markdown table."""
    head = (
        "| provider | report | as of | number | new | status | errors | warnings |\n|---|---|---|---|---|---|---|---|"
    )
    lines = [
        f"| {filing.provider.name} | {filing.report_type} | {filing.period_end} | {one.number} |"
        f" {'yes' if one.is_new else 'no'} | {one.status} | {one.errors} | {one.warnings} |"
        for filing, one in made
    ]
    return "\n".join([head, *lines])


def due_date_of_run(warehouse: WarehouseResource, as_of: datetime) -> date | None:
    """The newest June 30 or December 31 that is over, if no package of it exists yet: made once, then when asked for.

    A new package takes the place of one that compliance is about to approve, so nothing but a person asks for the next.
    """
    day = newest_regular_date(as_of, warehouse.settings().reporting_time_zone)
    with psycopg.connect(warehouse.url) as connection:
        if connection.execute("select to_regclass('regulatory.packages') is null").fetchone() == (True,):
            return None
        found = connection.execute(
            "select exists (select from regulatory.packages where period_end = %s)", [day]
        ).fetchone()
    return None if found == (True,) else day


def build_filings_job() -> UnresolvedAssetJobDefinition:
    """The job `filings`: marts and packages of the dates that are chosen."""
    return dg.define_asset_job(
        JOB_NAME, selection=dg.AssetSelection.groups(GROUP),
        description="Marts and packages of filings, for June 30 or December 31.",
    )  # fmt: skip
