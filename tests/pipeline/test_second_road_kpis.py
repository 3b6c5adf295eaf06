"""Every row and column of kpi_monthly equals the one recomputed from the landed files by other code."""

import math
from datetime import date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from orchestration.dbt_runner import invoke, parse_project
from orchestration.defs import geography as geography_assets
from tests.pipeline.test_second_road_billing_landed import land
from tests.second_road.comparing import row_differences, table_rows
from tests.second_road.kpis import OF_COVERAGE, Kpis
from tests.second_road.world import World, newest_bills, read_world

TABLE, KEY = "dashboards.kpi_monthly", ("provider_id", "month_start_date", "line_of_business", "customer_class")
EVERYTHING = ("all", "all")


@pytest.fixture(scope="module")
def longer(make_sample, build_models):
    """An operator with a year and more of bills and lines, and with what the sample lacks: lines that take another's
    place (of the same customer, by the same number, too late), charges and contacts without a service."""
    landing, manifest = make_sample(seed=5, customers=200, history_months=15)
    world = read_world(landing, datetime.fromisoformat(manifest["as_of"]), "America/Chicago")
    ended = sorted((s for s in world.services.values() if s["deactivated_at"] and s["deactivated_at"].year == 2026),
                   key=lambda s: (s["deactivated_at"], s["service_id"]))  # fmt: skip
    stranger = next(c for c in sorted(world.customers) if c != ended[1]["customer_id"])
    changes = ({"service_number": None}, {"customer_id": stranger}, {"service_number": None})
    land(landing, "customer_services", [
        {**old, "service_id": UUID(int=0xC0 + n), "activated_at": at, "created_at": at, "updated_at": at,
         "deactivated_at": None, "deactivation_reason": None, "service_status": "active", **changed}
        for n, (old, changed, days) in enumerate(zip(ended, changes, (10, 30, 32), strict=False))
        for at in [old["deactivated_at"] + timedelta(days=days)]
    ])  # fmt: skip
    bill = min((b for b in newest_bills(world) if b["bill_status"] == "paid"), key=lambda b: b["bill_id"])
    charge = {"bill_id": bill["bill_id"], "bill_version": bill["bill_version"], "amount": "31.07"}
    land(landing, "bill_charges", [
        {**charge, "charge_type": kind, "charge_id": UUID(int=0xF0 + n)} for n, kind in enumerate(("recurring", "fee"))
    ])  # fmt: skip
    contacts = world.feeds["campaign_contacts"].newest()
    contact = min((c for c in contacts if c["outcome"] == "accepted"), key=lambda c: c["contact_id"])
    land(landing, "campaign_contacts", [{**contact, "contact_id": UUID(int=0xAC), "service_id": None}])
    return build_models(landing, manifest)


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


def expected_rows(kpis: Kpis, columns: set[str]) -> dict[tuple, dict]:
    """The second road's rows; what it does not name has no value."""
    rows = kpis.rows()
    assert {name for row in rows.values() for name in row} <= columns
    return {key: dict.fromkeys(columns) | row for key, row in rows.items()}


def differences(url: str, world: World, covered_since: date = date.min) -> list[str]:
    """All that differs; areas, by strips against polygons, by more than their tolerance."""
    found = table_rows(url, TABLE, KEY)
    expected = expected_rows(Kpis(world, covered_since), set(next(iter(found.values()))))
    wrong = []
    for key in found.keys() & expected.keys():
        if key[1] < covered_since:
            expected[key] |= {name: found[key][name] for name in OF_COVERAGE}
        one, other = (rows[key].pop("covered_area_percentage") for rows in (found, expected))
        if (one is None) != (other is None) or (one is not None and not math.isclose(one, other, rel_tol=2e-3)):
            wrong.append(f"{key}: covered area {one}, by strips {other}")
    return wrong + row_differences(TABLE, found, expected)


def test_equal_to_the_second_road(any_warehouse, any_world):
    cover(any_warehouse)
    assert differences(any_warehouse.url, any_world)[:20] == []


def test_equal_over_a_year(longer):
    cover(longer)
    settings = longer.settings
    world = read_world(settings.landing_dir, settings.as_of, settings.reporting_time_zone)
    assert differences(longer.url, world, date(2026, 8, 1))[:20] == []
    with psycopg.connect(longer.url, row_factory=dict_row) as connection:
        rows = connection.execute(f"table {TABLE}").fetchall()
    # Every column has a value somewhere: nothing is equal since it is empty on both sides.
    assert [name for name in rows[0] if all(row[name] is None for row in rows)] == []
    whole = [row for row in rows if (row["line_of_business"], row["customer_class"]) == EVERYTHING]
    assert sum(row["reconnected_lines"] for row in whole) == 2
    assert sum(row["ended_lines"] for row in whole) > 5
    assert len({row["days_sales_outstanding"] for row in whole}) > 5
    assert any(row["expected_lifetime_months"] < 55 for row in whole)
    assert {row["is_final"] for row in whole if row["month_start_date"] < date(2026, 9, 1)} == {True}
    assert {row["is_final"] for row in whole if row["month_start_date"] == date(2026, 9, 1)} == {False}
