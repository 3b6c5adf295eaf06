"""A copy of the session's warehouse that a module may change, and its facts built by windows without Dagster.

Not here: tests.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import psycopg

from ingestion.loader import load_feed
from orchestration.dbt_runner import invoke, parse_project
from orchestration.windows import WINDOWED_FACTS, Spans, facts_of
from tests.conftest import database_name
from tests.pipeline.conftest import BuiltWarehouse

FACTS = facts_of(WINDOWED_FACTS)


def _left_alone(url: str) -> str:
    """The database's name, once nobody is connected: dbt leaves a connection open in this process."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    return database_name(url)


def copy_of(built: BuiltWarehouse, make_database, folder: Path) -> BuiltWarehouse:
    """The same warehouse in a database and a landing folder of its own."""
    shutil.copytree(built.landing, folder / "landing")
    (folder / "dbt").mkdir()
    (folder / "dbt" / "parsed").symlink_to((built.settings.warehouse_folder / "dbt" / "parsed").resolve())
    settings = replace(
        built.settings,
        warehouse_url=make_database(_left_alone(built.url)),
        warehouse_folder=folder,
        landing_dir=folder / "landing",
    )
    return BuiltWarehouse(settings, built.manifest, None)


def load(warehouse: BuiltWarehouse, *feeds: str) -> None:
    for feed in feeds:
        report = load_feed(
            feed,
            landing=warehouse.landing,
            warehouse_url=warehouse.url,
            pii_key=warehouse.settings.pii_key_file.read_bytes(),
            quiet_seconds=0,
        )
        assert [file.refusal_reason for file in report.files if file.refusal_reason] == []


def dbt_run(warehouse: BuiltWarehouse, models: tuple[str, ...], spans: dict[str, Spans]) -> None:
    """Builds models as the pipeline does, with these windows."""
    settings = warehouse.settings
    project = parse_project(settings.warehouse_folder / "dbt", database_name(warehouse.url))
    variables = {
        "as_of": settings.as_of.isoformat(),
        "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency,
        "windows": json.loads(json.dumps(spans)),
    }
    events = invoke(project, warehouse.url, ["run", "--select", *models], variables)
    failed = [e["info"]["msg"] for e in events if e["info"]["name"] in ("RunResultError", "RunResultFailure")]
    assert failed == []


def contents(warehouse: BuiltWarehouse) -> dict[str, list[tuple]]:
    """Every row of every fact of the windows."""
    return {fact: warehouse.ask(f"select to_jsonb(t)::text from core.{fact} t order by 1") for fact in FACTS}
