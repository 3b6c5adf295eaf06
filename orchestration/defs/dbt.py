"""The dbt project as assets: every model an asset, every test a check, built in this process.

Not here: SQL; which windows there are (orchestration.windows).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from expectations.newest import update_every_freshness
from orchestration.dbt_runner import ParsedProject, invoke, parse_project, project_fingerprint
from orchestration.defs.filing_dates import FILING_DATES, PERIOD_START_TAG, dates_of_run
from orchestration.defs.resources import WarehouseResource
from orchestration.defs.windowed import DAYS, check_event, close_windows, materializations, windows_of_run
from orchestration.kept_results import DbtTestResult, keep_results, result_of
from orchestration.runs import PROCESS_TAG, this_process
from orchestration.windows import Spans, feed_of

POOL = "dbt"
FILINGS_SCHEMA = "regulatory"


class Translator(DagsterDbtTranslator):
    """Keys are [schema, name], as in the database; groups are the project's folders."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_tests_as_checks=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        schema = dbt_resource_props.get("schema") or dbt_resource_props["source_name"]
        return dg.AssetKey([schema, dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["schema"])

    def get_partitions_def(self, dbt_resource_props: Mapping[str, Any]) -> dg.PartitionsDefinition | None:
        if dbt_resource_props["resource_type"] == "model" and dbt_resource_props["schema"] == FILINGS_SCHEMA:
            return FILING_DATES
        return DAYS if feed_of(dbt_resource_props["name"]) else None


def _database(warehouse: WarehouseResource) -> str:
    """The database's name, without opening it."""
    url = warehouse.settings().warehouse_url
    return url.rpartition("/")[2].partition("?")[0] if url else "warehouse"


def parsed_project(warehouse: WarehouseResource) -> ParsedProject:
    """The project as parsed for the warehouse's database."""
    return parse_project(warehouse.settings().warehouse_folder / "dbt", _database(warehouse))


def _problem(event: dict[str, Any]) -> str | None:
    """A model that could not be built, or a test that could not be run (dagster-dbt makes no check of that)."""
    node = event["data"].get("node_info", {})
    is_result = event["info"]["name"] in ("LogModelResult", "LogSeedResult", "LogTestResult")
    if is_result and node.get("node_status") == "error":
        return str(node.get("node_name"))
    return None


def _messages(event: dict[str, Any]) -> str | None:
    """Dbt's own words on what went wrong."""
    return str(event["info"]["msg"]) if event["info"]["name"] in ("RunResultError", "RunResultFailure") else None


def _is_red(output: object) -> bool:
    """A failed check that nothing may stand on; its fact's days stay due, so that the next run asks again."""
    if not isinstance(output, dg.AssetCheckResult | dg.AssetCheckEvaluation):
        return False
    return not output.passed and output.severity is dg.AssetCheckSeverity.ERROR


def _variables(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, spans: Mapping[str, Spans]
) -> dict[str, object]:
    settings = warehouse.settings()
    context.log.info(f"windows: {spans}")
    tags = dict(context.run.tags)
    has_filings = any(key.path[0] == FILINGS_SCHEMA for key in context.selected_asset_keys)
    return {
        "filing_dates": dates_of_run(tags) if has_filings else [],
        "filing_period_start": tags.get(PERIOD_START_TAG, ""),
        "as_of": warehouse.as_of(tags).isoformat(),
        "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency,
        "windows": dict(spans),
        "project_fingerprint": project_fingerprint(),
        "run_id": context.run.run_id,
    }


def _tests_by_model(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of each model's and seed's tests, to be selected one by one.

    Choices of dbt leave out those that name a table which the model does not stand on (its date in dim_date), or
    take those of models that are not built yet.
    """
    found: dict[str, list[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            found.setdefault(node["attached_node"].rpartition(".")[2], []).append(node["name"])
    return found


def _models_on_freshness(manifest: Mapping[str, Any]) -> set[str]:
    """Models that read quality.freshness, which is brought up to date for them."""
    return {
        node["name"] for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and any(parent.endswith(".quality.freshness") for parent in node["depends_on"]["nodes"])
    }  # fmt: skip


def build_dbt_assets(project: ParsedProject, translator: Translator) -> dg.AssetsDefinition:
    """All models, seeds and tests as one multi-asset that can be run in parts."""
    manifest = project.manifest()
    tests_of, on_freshness = _tests_by_model(manifest), _models_on_freshness(manifest)

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=translator,
        name="dbt_models",
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def dbt_models(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Any]:
        # A run from the pages has no process of its own to be known by.
        context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: this_process()})
        names = sorted(key.path[-1] for key in context.selected_asset_keys)
        if not on_freshness.isdisjoint(names):
            update_every_freshness(warehouse.url, warehouse.as_of(dict(context.run.tags)))
        windows = windows_of_run(dict(context.run.tags), [name for name in names if feed_of(name)])
        variables = _variables(context, warehouse, windows.spans)
        chosen = {*names, *(test for name in names for test in tests_of.get(name, ()))}
        arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json"]
        built, red, failed = set[str](), set[str](), list[str]()
        said, tests = list[str](), list[DbtTestResult]()
        for event in invoke(parsed_project(warehouse), warehouse.url, arguments, variables, chosen):
            if (message := _messages(event)) is not None:
                said.append(message)
            if (problem := _problem(event)) is not None:
                failed.append(problem)
            if (result := result_of(event, manifest)) is not None:
                tests.append(result)
            for output in DbtCoreCliEventMessage(event, {}).to_default_asset_events(manifest, translator, context):
                if isinstance(output, dg.Output):
                    name = str(output.metadata["unique_id"].value).rpartition(".")[2]
                    built.add(name)
                    yield from materializations(context, warehouse.url, windows, name, output)
                    continue
                if _is_red(output) and output.asset_key:
                    red.add(output.asset_key.path[-1])
                yield check_event(context, windows, output) if isinstance(output, dg.AssetCheckResult) else output
        keep_results(warehouse.url, context.run.run_id, tests)
        red |= {found.table_name.partition(".")[2] for found in tests if found.rows_failed is None}
        close_windows(warehouse.url, windows, built - red)
        if failed:
            raise dg.Failure(f"dbt could not build {', '.join(failed)}: {' '.join(said)}", allow_retries=False)

    return dbt_models
