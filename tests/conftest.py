"""One disposable PostgreSQL for the session, and databases by template copy.

Not here: anything that mocks the database.
"""

import functools
import itertools
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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
            # Nobody may be connected to a template, and dbt leaves connections open in this process.
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and backend_type = 'client backend'",
                [template],
            )
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


@functools.cache
def shared_warehouse(module: Path) -> str | None:
    """Which of the warehouses that a session builds once a module's tests use."""
    found = re.search(r"\b(any|built|small)_warehouse\b", module.read_text())
    return found and ("small" if found[1] == "small" else "built")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The modules that share the session's warehouses begin: on two processes they are the longest pieces."""
    order = {"built": 0, "small": 1}
    items.sort(key=lambda item: order.get(shared_warehouse(item.path) or "", len(order)))


class WholeModules(LoadScopeScheduling):
    """Keeps a module's tests in one process, and those of all modules that share the session's warehouses."""

    def _split_scope(self, nodeid: str) -> str:
        module, _, _ = nodeid.partition("::")
        return shared_warehouse(self.config.rootpath / module) or module


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeModules:
    """Takes the place of `--dist loadgroup`, which does not see its groups since pytest 9.2."""
    return WholeModules(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where the time went: by process, and the modules that took most of it."""
    seconds: Counter[tuple[str, str]] = Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[getattr(report, "worker_id", "main"), report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("seconds by process and module")
    for process in sorted({process for process, _ in seconds}):
        terminalreporter.line(f"{sum(s for (p, _), s in seconds.items() if p == process):7.0f} {process}")
    for (process, module), spent in seconds.most_common(25):
        terminalreporter.line(f"{spent:7.0f} {process} {module}")
