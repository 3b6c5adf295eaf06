"""What assets work with: the settings and the warehouse, opened when first needed.

Not here: anything that is done with them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from orchestration.warehouse.connection import Warehouse, open_warehouse
from orchestration.warehouse.secrets import read_or_make_pii_key
from orchestration.warehouse.settings import Settings, read_settings

AS_OF_TAG = "telecom/as_of"

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
