"""What assets work with: the settings, the warehouse, opened when first needed, and the lock of the whole pipeline.

Not here: anything that is done with them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import psycopg
from pydantic import Field, PrivateAttr

from orchestration.apart import Arguments, Result, in_own_process
from orchestration.warehouse.connection import Warehouse, open_warehouse
from orchestration.warehouse.secrets import read_or_make_pii_key
from orchestration.warehouse.settings import Settings, read_settings

AS_OF_TAG = "telecom/as_of"
_TRY_LOCK = "select pg_try_advisory_lock(hashtextextended('telecom warehouse pipeline', 0))"

# Of fewer services everything is computed before a process has begun.
_SERVICES_FOR_PROCESS = 10_000

_opened: dict[Settings, Warehouse] = {}


class WarehouseResource(dg.ConfigurableResource):
    """The warehouse that the environment names; `overrides` are settings that win over the environment."""

    overrides: dict[str, str] = Field(default_factory=dict)

    def settings(self) -> Settings:
        return read_settings({**os.environ, **self.overrides})

    def open(self) -> Warehouse:
        settings = self.settings()
        if settings not in _opened:
            _opened[settings] = open_warehouse(settings)
        return _opened[settings]

    @property
    def url(self) -> str:
        return self.open().url

    def pii_key(self) -> bytes:
        return read_or_make_pii_key(self.settings().pii_key_file)

    def as_of(self, tags: dict[str, str]) -> datetime:
        """The run's AS_OF: what its tag says, else the setting's, else the end of yesterday."""
        if AS_OF_TAG in tags:
            return datetime.fromisoformat(tags[AS_OF_TAG]).astimezone(UTC)
        return self.settings().as_of_at()

    def apart(self, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """The function, in a process of its own (see in_own_process) where there are many services, else as it is."""
        with psycopg.connect(self.url) as connection:
            (services_count,) = connection.execute("select count(*) from core.dim_service").fetchone() or (0,)
        return in_own_process(function) if services_count >= _SERVICES_FOR_PROCESS else function


class PipelineLock(dg.ConfigurableResource):
    """Only one run of the pipeline at a time works on a warehouse, however it was started; held until the run ends."""

    _connection: psycopg.Connection | None = PrivateAttr(default=None)

    def take(self, url: str) -> None:
        """Raises dg.Failure where another run holds the lock; a process that dies gives it up."""
        self._connection = psycopg.connect(url, autocommit=True)
        if self._connection.execute(_TRY_LOCK).fetchone() != (True,):
            raise dg.Failure(
                "another run of the pipeline is at work on this warehouse; wait for its end", allow_retries=False
            )

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        if self._connection is not None:
            self._connection.close()
