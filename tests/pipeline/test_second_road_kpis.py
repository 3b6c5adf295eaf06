"""Every row and column of kpi_monthly equals the one recomputed from the landed files by other code."""

import math
from datetime import date

import psycopg
import pytest
from psycopg.rows import dict_row

from orchestration.dbt_runner import invoke, parse_project
from orchestration.defs import geography as geography_assets
from tests.second_road.comparing import row_differences, table_rows
from tests.second_road.kpis import Kpis
from tests.second_road.world import World, read_world

TABLE, KEY = "dashboards.kpi_monthly", ("provider_id", "month_start_date", "line_of_business", "customer_class")
EVERYTHING = ("all", "all")


@pytest.fixture(scope="module")
def longer(make_sample, build_models):
    """An operator with a year and more of bills and lines: days outstanding, a life table over twelve months."""
    return build_models(*make_sample(seed=5, customers=200, history_months=15))


def cover(warehouse) -> None:
    """What the pipeline's asset computes, and the mart on it anew."""
    if warehouse.result is not None:
        return
    with psycopg.connect(warehouse.url) as connection:
        geography_assets.fill_zone_coverage(connection, warehouse.settings.as_of)
    project = parse_project(warehouse.settings.warehouse_folder / "dbt", warehouse.url.rpartition("/")[2])
    variables = {"as_of": warehouse.settings.as_of.isoformat(), "windows": {}}
    events = invoke(project, warehouse.url, ["run", "--select", "kpi_monthly"], variables)
    assert [e["info"]["msg"] for e in events if e["info"]["name"] == "RunResultError"] == []


def expected_rows(world: World, columns: set[str]) -> dict[tuple, dict]:
    """The second road's rows; what it does not name has no value."""
    rows = Kpis(world).rows()
    assert {name for row in rows.values() for name in row} <= columns
    return {key: dict.fromkeys(columns) | row for key, row in rows.items()}


def differences(url: str, world: World) -> list[str]:
    """All that differs; areas, by strips against polygons, by more than their tolerance."""
    found = table_rows(url, TABLE, KEY)
    expected = expected_rows(world, set(next(iter(found.values()))))
    wrong = []
    for key in found.keys() & expected.keys():
        one, other = (rows[key].pop("covered_area_percentage") for rows in (found, expected))
        if (one is None) != (other is None) or one is not None and not math.isclose(one, other, rel_tol=2e-3):
            wrong.append(f"{key}: covered area {one}, by strips {other}")
    return wrong + row_differences(TABLE, found, expected)


def test_equal_to_the_second_road(any_warehouse, any_world):
    cover(any_warehouse)
    assert differences(any_warehouse.url, any_world)[:20] == []


def test_equal_over_a_year(longer):
    cover(longer)
    settings = longer.settings
    world = read_world(settings.landing_dir, settings.as_of, settings.reporting_time_zone)
    assert differences(longer.url, world)[:20] == []
    with psycopg.connect(longer.url, row_factory=dict_row) as connection:
        rows = connection.execute(f"table {TABLE}").fetchall()
    # Every column has a value somewhere: nothing is equal since it is empty on both sides.
    assert [name for name in rows[0] if all(row[name] is None for row in rows)] == []
    whole = [row for row in rows if (row["line_of_business"], row["customer_class"]) == EVERYTHING]
    assert sum(row["ended_lines"] for row in whole) > 5
    assert len({row["days_sales_outstanding"] for row in whole}) > 5
    assert any(row["expected_lifetime_months"] < 55 for row in whole)
    assert {row["is_final"] for row in whole if row["month_start_date"] < date(2026, 9, 1)} == {True}
    assert {row["is_final"] for row in whole if row["month_start_date"] == date(2026, 9, 1)} == {False}
