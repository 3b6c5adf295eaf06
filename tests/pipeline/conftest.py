"""Warehouses built from small samples, each once for the session: one by the whole pipeline, others without Dagster.

Not here: tests.
"""

import json
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
import pytest

from expectations.newest import update_every_freshness
from ingestion.contract import contracts
from ingestion.loader import load_feed
from ingestion.sample import write_sample
from orchestration.access.applying import prepare_access, protect_relations
from orchestration.commands.run import PipelineResult, run_pipeline
from orchestration.dbt_runner import invoke, parse_project
from orchestration.warehouse.settings import Settings, read_settings
from orchestration.windows import WINDOWED_FACTS
from tests.pipeline.browsing import open_browser
from tests.pipeline.desks import run_desk
from tests.pipeline.packages import ERROR, FILING_CONNECTION, PROVIDERS, WARNING, register
from tests.pipeline.people import People
from tests.second_road.world import World, read_world

EVERY_PACKAGE = (
    "select md5(string_agg(to_jsonb(p)::text, '' order by package_id)),"
    " (select count(*) from regulatory.acknowledgements) from regulatory.packages p"
)
UNTIL = date(2026, 9, 30)
FIRST_SAMPLE = (1, 150, UNTIL)
# Seed, customers and last day: a clock is put forward within the second sample's months, and back within the third's.
SAMPLES = [
    (seed, int(os.environ.get("SECOND_ROAD_CUSTOMERS", customers)), until)
    for seed, customers, until in ((1, 150, UNTIL), (7, 600, date(2026, 3, 31)), (23, 150, date(2025, 11, 30)))
]


@dataclass(frozen=True)
class BuiltWarehouse:
    """A warehouse, the files that it was built from, and how the run went (None: built without Dagster)."""

    settings: Settings
    manifest: dict
    result: PipelineResult | None

    @property
    def url(self) -> str:
        return self.settings.warehouse_url

    @property
    def landing(self) -> Path:
        return self.settings.landing_dir

    def ask(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            # Without values a % in the query is a %.
            return connection.execute(query, values or None).fetchall()

    def run(self) -> PipelineResult:
        return run_pipeline(self.settings)


@pytest.fixture(scope="session")
def parsed_folder(tmp_path_factory) -> Path:
    """The project, parsed once for all warehouses of the session."""
    folder = tmp_path_factory.mktemp("project")
    return parse_project(folder, "warehouse").parsed_folder


@pytest.fixture(scope="session")
def make_folder(parsed_folder, tmp_path_factory):
    """Makes a warehouse's folder, which finds the project parsed."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("warehouse")
        (folder / "dbt").mkdir()
        (folder / "dbt" / parsed_folder.name).symlink_to(parsed_folder)
        return folder

    return make


@pytest.fixture(scope="session")
def build_warehouse(postgres_server, make_database, make_folder):
    """Runs the pipeline over a landing folder into a database of its own."""

    def build(landing: Path, as_of: datetime, manifest: dict | None = None, **overrides: str) -> BuiltWarehouse:
        folder = make_folder()
        environment = {
            "WAREHOUSE_URL": make_database(),
            "DAGSTER_STORAGE_URL": postgres_server.url("dagster"),
            "WAREHOUSE_FOLDER": str(folder),
            "PII_KEY_FILE": str(folder / "pii.key"),
            "LANDING_DIR": str(landing),
            "EXPORTS_DIR": str(folder / "exports"),
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


@pytest.fixture(scope="session")
def small_warehouse(make_sample, build_warehouse):
    """The smallest that the whole pipeline builds, to be copied by modules that run it again."""
    landing, manifest = make_sample(customers=40, months=2, seed=3)
    return build_warehouse(landing, datetime.fromisoformat(manifest["as_of"]), manifest)


def build_directly(settings: Settings) -> list[str]:
    """Loads every feed and builds and tests every model, all in this process; what went wrong."""
    for feed in contracts():
        load_feed(
            feed, landing=settings.landing_dir, warehouse_url=settings.warehouse_url, pii_key=b"k" * 32, quiet_seconds=0
        )
    update_every_freshness(settings.warehouse_url, settings.as_of)
    project = parse_project(settings.warehouse_folder / "dbt", settings.warehouse_url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": settings.as_of.isoformat(),
        "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency,
        "windows": dict.fromkeys(WINDOWED_FACTS, "all"),
    }
    events = invoke(project, settings.warehouse_url, ["build", "--exclude-resource-type", "unit_test"], variables)
    return [event["info"]["msg"] for event in events if event["info"]["name"] in ("RunResultError", "RunResultFailure")]


@pytest.fixture(scope="session")
def build_models(make_database, make_folder):
    """Loads a landing folder and builds the models into a database of its own, without Dagster and its guards."""

    def build(landing: Path, manifest: dict) -> BuiltWarehouse:
        environment = {
            "WAREHOUSE_URL": make_database(),
            "WAREHOUSE_FOLDER": str(make_folder()),
            "LANDING_DIR": str(landing),
            "AS_OF": manifest["as_of"],
        }
        warehouse = BuiltWarehouse(read_settings(environment), manifest, None)
        assert build_directly(warehouse.settings) == []
        return warehouse

    return build


@pytest.fixture(scope="session", params=SAMPLES, ids=lambda sample: f"seed_{sample[0]}_{sample[1]}_customers")
def any_warehouse(request, make_sample, build_models):
    """One of several operators' warehouses; the first is the one that the whole pipeline built."""
    seed, customers, until = request.param
    if request.param == FIRST_SAMPLE:
        return request.getfixturevalue("built_warehouse")
    return build_models(*make_sample(seed=seed, customers=customers, until=until))


@pytest.fixture(scope="session")
def any_world(any_warehouse) -> World:
    """The landed files of the same operator, read by code that shares nothing with the pipeline."""
    settings = any_warehouse.settings
    return read_world(settings.landing_dir, settings.as_of, settings.reporting_time_zone)


@pytest.fixture
def browser(tmp_path):
    with open_browser(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def desk(make_database, postgres_server, tmp_path_factory):
    """A running filing desk on a database of its own, without packages yet."""
    url = make_database()
    assert prepare_access(url) == []
    with psycopg.connect(url, autocommit=True) as owner:
        protect_relations(owner)
        owner.execute(FILING_CONNECTION)
    people = People(url, {"provider": [PROVIDERS[0]]})
    with run_desk(url, postgres_server.url("dagster"), tmp_path_factory.mktemp("desk"), people) as running:
        yield running
    people.leave()


@pytest.fixture(scope="module")
def packages(desk):
    """One to look at, one of another provider, one with an error."""
    with psycopg.connect(desk.url, autocommit=True) as pipeline:
        return [
            register(pipeline, desk.exports, 1, (WARNING,)),
            register(pipeline, desk.exports, 1, (), PROVIDERS[1], rows=120),
            register(pipeline, desk.exports, 1, (ERROR,), period_end="2025-12-31"),
        ]


@pytest.fixture
def fresh(desk):
    """Makes a package of a period that no other test has."""
    (taken,) = desk.ask("select count(*) from regulatory.packages")[0]

    def make(number: int = 1, findings: tuple = (), **options):
        with psycopg.connect(desk.url, autocommit=True) as pipeline:
            return register(pipeline, desk.exports, number, findings, period_end=f"{2030 + taken}-06-30", **options)

    return make


@pytest.fixture(scope="module")
def ann(desk):
    return desk.client("Ann")


@pytest.fixture(scope="module")
def bob(desk):
    return desk.client("Bob")


@pytest.fixture
def refusing(desk, packages):
    """Sends what shall be refused: with this status, one line in the log, and nothing changed."""

    def check(status: int, reason: str, act) -> None:
        before, logged = desk.ask(EVERY_PACKAGE), len(desk.events())
        answer = act()
        assert answer.status == status, answer.text[:500]
        assert desk.ask(EVERY_PACKAGE) == before
        lines = desk.events()[logged:]
        assert [(line["status"], reason in line["reason"]) for line in lines] == [(status, True)], lines
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "root:" not in answer.text

    return check
