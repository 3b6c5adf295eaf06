"""One disposable PostgreSQL for the session, and databases by template copy.

Not here: anything that mocks the database.
"""

import itertools
import re
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from ingestion.raw_tables import create_raw_tables
from orchestration.warehouse.server import EmbeddedServer

RAW_TEMPLATE = "raw_template"


@pytest.fixture(scope="session")
def postgres_server():
    """The session's server, in a temporary folder; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="warehouse-tests-"))
    server = EmbeddedServer(folder, durable=False)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {RAW_TEMPLATE}")
    with psycopg.connect(server.url(RAW_TEMPLATE), autocommit=True) as connection:
        create_raw_tables(connection)
    yield server
    server.remove()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def make_database(postgres_server):
    """Makes a database by copying a template (default: one with the raw tables) and returns its URL."""
    numbers = itertools.count()

    def make(template: str = RAW_TEMPLATE) -> str:
        name = f"{template}_{next(numbers)}"
        with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}")
        return postgres_server.url(name)

    return make


@pytest.fixture(scope="module")
def database_url(make_database):
    """A database with the raw tables for one test module."""
    return make_database()


def database_name(url: str) -> str:
    """The database that a URL names."""
    return re.sub(r".*/", "", url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For tests on two processes: modules that share the session's warehouses stay together, and begin first."""
    shared = {"any_warehouse", "built_warehouse"}
    modules = {item.path for item in items if shared & set(getattr(item, "fixturenames", ()))}
    for item in items:
        item.add_marker(pytest.mark.xdist_group("warehouses" if item.path in modules else item.path.stem))
    items.sort(key=lambda item: item.path not in modules)
