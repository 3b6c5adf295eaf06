"""The dbt project as assets: every model an asset, every test a check, built in this process.

Not here: SQL; which windows there are (orchestration.windows).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from expectations.newest import update_every_freshness
from orchestration.dbt_runner import ParsedProject, invoke, parse_project
from orchestration.defs.resources import WarehouseResource
from orchestration.test_results import TestResult, keep_results, result_of
from orchestration.windows import WINDOWED_FACTS, close_window, open_windows

POOL = "dbt"


class Translator(DagsterDbtTranslator):
    """Keys are [schema, name], as in the database; groups are the project's folders."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_tests_as_checks=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        schema = dbt_resource_props.get("schema") or dbt_resource_props["source_name"]
        return dg.AssetKey([schema, dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["schema"])


def _database(warehouse: WarehouseResource) -> str:
    """The database's name, without opening it."""
    url = warehouse.settings().warehouse_url
    return url.rpartition("/")[2].partition("?")[0] if url else "warehouse"


def parsed_project(warehouse: WarehouseResource) -> ParsedProject:
    """The project as parsed for the warehouse's database."""
    return parse_project(warehouse.settings().warehouse_folder / "dbt", _database(warehouse))


def _problem(event: dict[str, Any]) -> str | None:
    """A model that could not be built, in one line."""
    node = event["data"].get("node_info", {})
    is_result = event["info"]["name"] in ("LogModelResult", "LogSeedResult")
    if is_result and node.get("node_status") == "error":
        return str(node.get("unique_id", "")).rpartition(".")[2]
    return None


def _messages(event: dict[str, Any]) -> str | None:
    """Dbt's own words on what went wrong."""
    return str(event["info"]["msg"]) if event["info"]["name"] in ("RunResultError", "RunResultFailure") else None


def build_dbt_assets(project: ParsedProject, translator: Translator) -> dg.AssetsDefinition:
    """All models, seeds and tests as one multi-asset that can be run in parts."""
    manifest = project.manifest()

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="dbt_models", pool=POOL)
    def dbt_models(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Any]:
        current = parsed_project(warehouse)
        settings, windows = warehouse.settings(), open_windows(warehouse.url)
        names = sorted(key.path[-1] for key in context.selected_asset_keys)
        as_of = warehouse.as_of(dict(context.run.tags))
        update_every_freshness(warehouse.url, as_of)
        variables: dict[str, object] = {
            "as_of": as_of.isoformat(),
            "reporting_time_zone": settings.reporting_time_zone,
            "reporting_currency": settings.reporting_currency,
            "windows": {feed: window.spans for feed, window in windows.items()},
        }
        context.log.info(f"windows: {variables['windows']}")
        arguments = ["build", "--select", *names, "--indirect-selection", "buildable",
                     "--exclude-resource-type", "unit_test"]  # fmt: skip
        built, failed, said, tests = set[str](), list[str](), list[str](), list[TestResult]()
        for event in invoke(current, warehouse.url, arguments, variables):
            if (message := _messages(event)) is not None:
                said.append(message)
            if (problem := _problem(event)) is not None:
                failed.append(problem)
            if (result := result_of(event, manifest)) is not None:
                tests.append(result)
            for output in DbtCoreCliEventMessage(event, {}).to_default_asset_events(manifest, translator, context):
                if isinstance(output, dg.Output):
                    built.add(str(output.metadata["unique_id"].value).rpartition(".")[2])
                yield output
        keep_results(warehouse.url, context.run.run_id, tests)
        for feed, facts in WINDOWED_FACTS.items():
            if built.issuperset(facts):
                close_window(warehouse.url, windows[feed])
        if failed:
            raise dg.Failure(f"dbt could not build {', '.join(failed)}: {' '.join(said)}", allow_retries=False)

    return dbt_models
