"""The network's facts and dashboards equal those recomputed from the landed files by other code."""

import math
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.second_road import network
from tests.second_road.world import World

# Columns that come from the build and not from the files, or that have a test of their own.
APART = {"element_key", "affected_box"}


def _same(one: object, other: object) -> bool:
    if isinstance(one, Decimal | float) and isinstance(other, Decimal | float | int):
        # Division is exact to PostgreSQL's 16 digits; everything else is equal to the last digit.
        return one == other or math.isclose(one, other, rel_tol=1e-12)
    return one == other


def _plain(value: object) -> object:
    return str(value) if type(value).__name__ == "UUID" else value


def rows_of(url: str, table: str, key: tuple[str, ...]) -> dict[object, dict[str, object]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("set timezone to 'UTC'")
        rows = [{c: _plain(v) for c, v in row.items()} for row in connection.execute(f"table {table}")]
    found = {tuple(row.pop(column) for column in key): row for row in rows}
    assert len(found) == len(rows)
    return {k[0] if len(key) == 1 else k: row for k, row in found.items()}


def differences(url: str, world: World, name: str) -> list[str]:
    """Every row and column in which a table is not as recomputed."""
    table, key, recompute, more = TABLES[name]
    expected, found = recompute(world), rows_of(url, table, key)
    wrong = [f"{table} {k}: only in one" for k in expected.keys() ^ found.keys()]
    for k in expected.keys() & found.keys():
        assert found[k].keys() - APART - more == expected[k].keys(), table
        wrong += [
            f"{table} {k}.{column}: warehouse {found[k][column]!r}, second road {value!r}"
            for column, value in expected[k].items()
            if not _same(found[k][column], value)
        ]
    assert expected
    return wrong


HOURLY = network.network_performance_hourly
ELEMENT_HOUR = ("element_id", "performance_hour_at")
TABLES = {
    "hours": ("core.fct_network_performance_hourly", ELEMENT_HOUR, HOURLY, set()),
    "outages": ("core.fct_outage", ("outage_id",), network.outages, set()),
    "maintenance": ("core.fct_maintenance", ("maintenance_id",), network.maintenance, set()),
    "availability": (
        "core.fct_element_availability_daily", ("element_id", "availability_date"), network.availability, set(),
    ),
    "centre": (
        "dashboards.noc_dashboard", ("provider_id",), lambda world: network.noc_dashboard(world, HOURLY(world)), set(),
    ),
    "view": (
        "dashboards.network_performance_hourly", ("element_id", "hour"),
        lambda world: network.performance_view(HOURLY(world)), set(),
    ),
    "cells": (
        "dashboards.cell_quality_daily", ("element_id", "measurement_date"), network.cell_quality,
        {"as_of_at", "data_through_at"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_equal_to_the_second_road(any_warehouse, any_world, name):
    assert differences(any_warehouse.url, any_world, name)[:20] == []
