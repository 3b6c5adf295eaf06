"""From settings to a warehouse that can be worked on: the embedded server or another one, checked before any change.

Not here: tables, and what is checked (preflight).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from orchestration.access.applying import prepare_access
from orchestration.access.pipeline_login import give_database, pipeline_url
from orchestration.warehouse.preflight import (
    WarehouseError,
    check_dagster_storage,
    check_warehouse,
    with_database,
    without_password,
)
from orchestration.warehouse.server import EmbeddedServer
from orchestration.warehouse.settings import Settings

__all__ = ["Warehouse", "WarehouseError", "open_warehouse", "without_password"]

DAGSTER_DATABASE = "dagster"


@dataclass(frozen=True)
class Warehouse:
    """Where the warehouse and Dagster's storage are, and what the user should know about how they were found."""

    url: str
    dagster_storage_url: str
    notice: list[str] = field(default_factory=list)


def _start_embedded(settings: Settings) -> tuple[str, list[str]]:
    """The embedded server's URL, and what happened to it since the last run."""
    server = EmbeddedServer(settings.warehouse_folder)
    report = server.start()
    notice = []
    if report.recovered:
        notice.append(f"The server had not been shut down; PostgreSQL recovered in {report.seconds:.1f} s.")
    if report.moved_to_port:
        notice.append(f"Another program has the server's port; it listens on port {report.moved_to_port} from now on.")
    administrator_url = server.url("warehouse")
    url = pipeline_url(administrator_url, settings.warehouse_folder / "pipeline_password", "warehouse")
    give_database(administrator_url, DAGSTER_DATABASE)
    prepare_access(url, administrator_url)
    return url, notice


def administrator_url(settings: Settings) -> str:
    """A connection that may make roles: the embedded server's own user, else whatever WAREHOUSE_URL's login may."""
    return settings.warehouse_url or EmbeddedServer(settings.warehouse_folder).url("warehouse")


def _dagster_database(warehouse_url: str) -> str:
    """Database `dagster` on the warehouse's server, made if it is not there and the role may."""
    url = with_database(warehouse_url, DAGSTER_DATABASE)
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [DAGSTER_DATABASE]).fetchone():
            return url
        try:
            connection.execute("set role none")
            name = sql.Identifier(DAGSTER_DATABASE)
            connection.execute(sql.SQL("create database {} template template0").format(name))
            connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        except psycopg.errors.DuplicateDatabase:
            return url
        except psycopg.Error as error:
            raise WarehouseError(
                f"{without_password(warehouse_url)}: there is no database {DAGSTER_DATABASE!r} for Dagster's runs, and"
                f" this role cannot make one ({str(error).splitlines()[0]});"
                " set DAGSTER_STORAGE_URL to a database that it may write to"
            ) from None
    return url


def open_warehouse(settings: Settings) -> Warehouse:
    """Starts the embedded server where no other is given, checks the server, and finds Dagster's storage.

    Raises:
        WarehouseError: something is wrong; nothing was changed.
        ServerError: the embedded server did not start.
    """
    notice: list[str] = []
    url = settings.warehouse_url
    if not url:
        url, notice = _start_embedded(settings)
    check_warehouse("WAREHOUSE_URL", url)
    if settings.dagster_storage_url:
        check_dagster_storage("DAGSTER_STORAGE_URL", settings.dagster_storage_url)
    storage = settings.dagster_storage_url or _dagster_database(url)
    if not settings.dagster_storage_url:
        check_dagster_storage("DAGSTER_STORAGE_URL is empty, so", storage)
    return Warehouse(url, storage, [*notice, *prepare_access(url)])
