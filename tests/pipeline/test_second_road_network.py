"""The network's facts and dashboards equal those recomputed from the landed files by other code."""

import math
from decimal import Decimal

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.second_road import network
from tests.second_road.centre import noc_dashboard
from tests.second_road.world import UNKNOWN, World

# Columns that come from the build and not from the files, or that have a test of their own.
APART = {"element_key", "affected_box"}


def _same(one: object, other: object) -> bool:
    if isinstance(one, Decimal | float) and isinstance(other, Decimal | float | int):
        # Division is exact to PostgreSQL's 16 digits; everything else is equal to the last digit.
        return one == other or math.isclose(one, other, rel_tol=1e-12)
    return one == other


def _plain(value: object) -> object:
    return str(value) if type(value).__name__ == "UUID" else value


def rows_of(url: str, table: str, key: tuple[str, ...], where: str = "true") -> dict[object, dict[str, object]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("set timezone to 'UTC'")
        rows = [
            {c: _plain(v) for c, v in row.items()} for row in connection.execute(f"select * from {table} where {where}")
        ]
    found = {tuple(row.pop(column) for column in key): row for row in rows}
    assert len(found) == len(rows)
    return {k[0] if len(key) == 1 else k: row for k, row in found.items()}


def differences(url: str, world: World, name: str) -> list[str]:
    """Every row and column in which a table is not as recomputed."""
    table, key, recompute, more = TABLES[name]
    return compare(table, recompute(world), rows_of(url, table, key), more)


def compare(table: str, expected: dict, found: dict, more: set[str]) -> list[str]:
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


ELEMENT_HOUR = ("element_id", "performance_hour_at")
TABLES = {
    "hours": ("core.fct_network_performance_hourly", ELEMENT_HOUR, network.network_performance_hourly, set()),
    "days": (
        "core.fct_network_performance_daily", ("element_id", "performance_date"), network.network_performance_daily,
        set(),
    ),
    "outages": ("core.fct_outage", ("outage_id",), network.outages, set()),
    "maintenance": ("core.fct_maintenance", ("maintenance_id",), network.maintenance, set()),
    "availability": (
        "core.fct_element_availability_daily", ("element_id", "availability_date"), network.availability, set(),
    ),
    "centre": (
        "dashboards.noc_dashboard", ("provider_id",), noc_dashboard, set(),
    ),
    "cells": (
        "dashboards.cell_quality_daily", ("element_id", "measurement_date"), network.cell_quality, set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_equal_to_the_second_road(any_warehouse, any_world, name):
    assert differences(any_warehouse.url, any_world, name)[:20] == []


def test_the_view_equals_the_second_road(any_warehouse, any_world):
    """For two elements with element-hours: the whole view would take a minute."""
    elements = sorted({element_id for element_id, _ in network.network_performance_hourly(any_world)})[:2]
    where = f"element_id in ('{elements[0]}', '{elements[1]}')"
    found = rows_of(any_warehouse.url, "dashboards.network_performance_hourly", ("element_id", "hour"), where)
    assert compare("view", network.performance_view(any_world, set(elements)), found, set())[:20] == []
    assert len({row["latency_p95_ms_24h"] for row in found.values()}) > 20


# Of each fact the instant whose version its key names.
HELD_AT = {
    "fct_network_performance_hourly": "performance_hour_at + interval '1 hour' - interval '1 microsecond'",
    "fct_element_availability_daily": (
        "(availability_date + 1)::timestamp at time zone coalesce((select newest.time_zone from"
        " core.dim_network_element newest where newest.element_id = fact.element_id and newest.is_current),"
        " 'America/Chicago') - interval '1 microsecond'"
    ),
    "fct_network_performance_daily": (
        "(performance_date + 1)::timestamp at time zone coalesce((select newest.time_zone from"
        " core.dim_network_element newest where newest.element_id = fact.element_id and newest.is_current),"
        " 'America/Chicago') - interval '1 microsecond'"
    ),
    "fct_outage": "outage_start",
    "fct_maintenance": "coalesce(started_at, scheduled_at)",
}


@pytest.mark.parametrize("table", HELD_AT)
def test_element_keys_are_those_of_the_version_that_held(any_warehouse, table):
    """The version of the fact's own element; the unknown one only where there is none."""
    held = f"version.valid_from <= {HELD_AT[table]} and {HELD_AT[table]} < version.valid_to"
    rows, right, unknown = any_warehouse.ask(
        f"select count(*), count(*) filter (where version.element_id = fact.element_id and {held}),"
        " count(*) filter (where version.element_id = %s and not exists ("
        "select from core.dim_network_element known where known.element_id = fact.element_id))"
        f" from core.{table} fact join core.dim_network_element version using (element_key)",
        UNKNOWN,
    )[0]
    assert rows == right + unknown
    assert right > 0


def test_seconds_in_service_are_told_apart(any_warehouse):
    """Some days have downtime and some have time that nobody measured: the comparison is not of full days only."""
    down, unmeasured = any_warehouse.ask(
        "select count(*) filter (where seconds_down > 0), count(*) filter (where seconds_not_measured > 0)"
        " from core.fct_element_availability_daily"
    )[0]
    assert down > 0
    assert unmeasured > 0
