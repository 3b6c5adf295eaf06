"""A copy of the session's warehouse that a module may change, and its facts built by windows without Dagster.

Not here: tests.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from ingestion.loader import load_feed
from orchestration.dbt_runner import invoke, parse_project
from orchestration.windows import WINDOWED_FACTS, Spans, facts_of
from tests.conftest import database_name
from tests.pipeline.conftest import BuiltWarehouse

FACTS = facts_of(WINDOWED_FACTS)


def copy_of(built: BuiltWarehouse, make_database, folder: Path) -> BuiltWarehouse:
    """The same warehouse in a database and folders of its own."""
    shutil.copytree(built.landing, folder / "landing")
    for kept in (built.settings.exports_dir, built.settings.warehouse_folder / "data_docs"):
        if kept.exists():
            shutil.copytree(kept, folder / kept.name, symlinks=True)
    (folder / "dbt").mkdir()
    (folder / "dbt" / "parsed").symlink_to((built.settings.warehouse_folder / "dbt" / "parsed").resolve())
    settings = replace(
        built.settings,
        warehouse_url=make_database(database_name(built.url)),
        warehouse_folder=folder,
        landing_dir=folder / "landing",
        exports_dir=folder / built.settings.exports_dir.name,
    )
    return BuiltWarehouse(settings, built.manifest, built.result)


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
