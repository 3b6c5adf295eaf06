"""A warehouse that the whole pipeline built from a small sample, once for the session.

Not here: tests.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
import pytest

from ingestion.sample import write_sample
from orchestration.commands.run import PipelineResult, run_pipeline
from orchestration.warehouse.settings import Settings, read_settings

UNTIL = date(2026, 9, 30)


@dataclass(frozen=True)
class BuiltWarehouse:
    """A warehouse, the files that it was built from, and how the run went."""

    settings: Settings
    manifest: dict
    result: PipelineResult

    @property
    def url(self) -> str:
        return self.settings.warehouse_url

    @property
    def landing(self) -> Path:
        return self.settings.landing_dir

    def ask(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()

    def run(self) -> PipelineResult:
        return run_pipeline(self.settings)


@pytest.fixture(scope="session")
def build_warehouse(postgres_server, make_database, tmp_path_factory):
    """Runs the pipeline over a landing folder into a database of its own."""

    def build(landing: Path, as_of: datetime, manifest: dict | None = None, **overrides: str) -> BuiltWarehouse:
        folder = tmp_path_factory.mktemp("warehouse")
        environment = {
            "WAREHOUSE_URL": make_database(),
            "DAGSTER_STORAGE_URL": postgres_server.url("dagster"),
            "WAREHOUSE_FOLDER": str(folder),
            "PII_KEY_FILE": str(folder / "pii.key"),
            "LANDING_DIR": str(landing),
            "AS_OF": as_of.isoformat(),
        }
        settings = read_settings({**environment, **overrides})
        return BuiltWarehouse(settings, manifest or {}, run_pipeline(settings))

    return build


@pytest.fixture(scope="session")
def make_sample(tmp_path_factory):
    """A small sample's folder and manifest."""

    def make(**arguments: object) -> tuple[Path, dict]:
        folder = tmp_path_factory.mktemp("sample")
        write_sample(folder, **{"customers": 150, "months": 3, "seed": 1, "until": UNTIL, **arguments})
        return folder / "landing", json.loads((folder / "manifest.json").read_text())

    return make


@pytest.fixture(scope="session")
def built_warehouse(make_sample, build_warehouse):
    landing, manifest = make_sample()
    return build_warehouse(landing, datetime.fromisoformat(manifest["as_of"]), manifest)
