"""Geography, devices, equipment, coverage and topology, each row recomputed from the landed files by other code."""

import math
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from orchestration.dbt_runner import invoke, parse_project
from orchestration.defs import geography as geography_assets
from tests.second_road import coverage, equipment, geography

# Strips against polygons.
AREA_TOLERANCE = {"rel_tol": 2e-3, "abs_tol": 0.5}


@pytest.fixture(scope="module")
def warehouse(any_warehouse):
    """One of several operators' warehouses; where it was built without the assets, they and the mart on them follow."""
    if any_warehouse.result is None:
        fill(any_warehouse)
    return any_warehouse


def fill(warehouse) -> None:
    with psycopg.connect(warehouse.url) as connection:
        geography_assets.fill_zone_coverage(connection, warehouse.settings.as_of)
        geography_assets.fill_topology_risk(connection, warehouse.settings.as_of)
    project = parse_project(warehouse.settings.warehouse_folder / "dbt", warehouse.url.rpartition("/")[2])
    variables = {"as_of": warehouse.settings.as_of.isoformat(), "windows": {}}
    events = invoke(project, warehouse.url, ["build", "--select", "network_coverage", "--exclude-resource-type",
                                             "unit_test"], variables)  # fmt: skip
    said = [event["info"]["msg"] for event in events if event["info"]["name"] in ("RunResultError", "RunResultFailure")]
    assert said == []


@pytest.fixture(scope="module")
def world(any_world):
    return any_world


def table(url: str, name: str, *key: str, where: str = "true", columns: str = "*") -> dict[tuple, dict]:
    """A table's rows by key; the unknown member of a dimension is left out."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("set timezone to 'UTC'")
        rows = [
            {column: _plain(value) for column, value in row.items()}
            for row in connection.execute(f"select {columns} from {name} where {where}")
        ]
    return {tuple(row[column] for column in key): row for row in rows}


def _plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"\([-+.e\d]+,[-+.e\d]+\)(,\(.*\))?", value):
        return tuple(float(number) for number in re.findall(r"[-+.e\d]+", value))
    return value


def _same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(
            math.isclose(a, b, rel_tol=1e-12) for a, b in zip(one, other, strict=True)
        )
    return one == other


def differences(found: dict[tuple, dict], expected: dict[tuple, dict]) -> list[str]:
    """Every row that only one side has, and every expected column that is not the same."""
    one_sided = [f"only in the warehouse: {key}" for key in found.keys() - expected.keys()]
    one_sided += [f"only on the second road: {key}" for key in expected.keys() - found.keys()]
    return one_sided + [
        f"{key}.{column}: warehouse {found[key][column]!r}, second road {value!r}"
        for key in found.keys() & expected.keys()
        for column, value in expected[key].items()
        if not _same(found[key][column], value)
    ]


KNOWN = "{} <> '00000000-0000-0000-0000-000000000000'"


def dimension_differences(url: str, world) -> list[str]:
    blocks, locations = geography.census_blocks(world), geography.serviceable_locations(world)
    links, devices = geography.network_links(world), geography.devices(world)
    found = differences(table(url, "core.dim_census_block", "block_geoid", "zone_id"), blocks)
    key = ("provider_id", "location_id", "technology_code")
    found += differences(table(url, "core.dim_serviceable_location", *key), locations)
    found += differences(table(url, "core.dim_network_link", "link_id"), links)
    found += differences(table(url, "core.dim_device", "device_id"), devices)
    for name, rows in {**geography.boxes(world), **geography.personal(world)}.items():
        key = {"dim_service_zone": "zone_id", "dim_network_element_current": "element_id"}.get(
            name, name.split("_")[1] + "_id"
        )
        assert len(rows) > 2, name
        columns = ", ".join({key: None, **next(iter(rows.values()))})
        own = table(url, f"core.{name}", key, where=KNOWN.format(key), columns=columns)
        found += [f"{name} {line}" for line in differences(own, rows)]
    assert min(len(blocks), len(locations), len(links), len(devices)) > 50
    return found


def zone_coverage_differences(url: str, world, months: list[int]) -> list[str]:
    """Counts exactly, areas by strips, for AS_OF and some of the month ends (all 24 would take minutes)."""
    found = table(url, "analytics.zone_coverage", "zone_id", "coverage_date", "provider_id")
    wrong, compared = [], Counter()
    for zone_id, zone in world.zones.items():
        time_zone = ZoneInfo(zone["time_zone"]) if zone["time_zone"] else world.zone_of_provider(zone["provider_id"])
        moments = coverage.moments(world.as_of, time_zone)
        own = {key for key in found if key[0] == zone_id}
        assert {key[1] for key in own} == {day for day, _, _ in moments}
        for day, at, is_as_of in (moments[index] for index in months):
            rows = {key[2]: found[key] for key in own if key[1] == day}
            wrong += _moment_differences(world, zone_id, rows, coverage.coverage_at(world, zone_id, day, at), compared)
            assert {row["is_as_of"] for row in rows.values()} == {is_as_of}
    assert compared["covered"] > 5, compared
    assert compared["overlap"] > 0, compared
    return wrong


def _moment_differences(world, zone_id, rows, expected, compared) -> list[str]:
    box = geography.box_of(world.zones[zone_id]["boundary"])
    circles = next(iter(expected.values()))["circles"]
    cover = coverage.rectangle_cover(box, circles)
    # An own row always, another provider's where it covers something.
    expected = {p: row for p, row in expected.items() if row["is_zone_provider"] or cover[p][0] > 0}
    if rows.keys() != expected.keys():
        return [f"{zone_id}: providers {rows.keys()} and {expected.keys()}"]
    wrong = []
    for provider, row in rows.items():
        counts = {k: v for k, v in expected[provider].items() if k not in ("circles", "is_known")}
        wrong += differences({(zone_id, provider): row}, {(zone_id, provider): counts})
        covered, overlap = cover.get(provider, (None, None))
        for column, value in (("covered_area_km2", covered), ("overlap_area_km2", overlap)):
            is_same = row[column] is None if value is None else math.isclose(row[column], value, **AREA_TOLERANCE)
            wrong += [] if is_same else [f"{zone_id} {provider} {column}: {row[column]}, by strips {value}"]
        compared["covered"] += bool(covered)
        compared["overlap"] += bool(overlap)
    return wrong


def topology_differences(url: str, world) -> list[str]:
    found = table(url, "analytics.topology_risk", "entity_type", "entity_id")
    expected = coverage.topology_risk(world)
    for row in found.values():
        ways = row["redundant_path_count"]
        row["has_no_second_way"] = None if ways is None else ways == 0
    assert sum(row["elements_cut_off_count"] or 0 for row in expected.values()) > 50
    assert {row["has_no_second_way"] for row in expected.values()} >= {True, False}
    assert any(row["customers_cut_off_count"] for row in expected.values())
    return differences(found, expected)


def network_coverage_differences(url: str, world) -> list[str]:
    """The mart's own arithmetic; coverage itself is compared above."""
    found = table(url, "dashboards.network_coverage", "zone_id", "provider_id")
    cover = table(url, "analytics.zone_coverage", "zone_id", "provider_id", "coverage_date")
    now = {key: row for key, row in cover.items() if row["is_as_of"]}
    locations = geography.serviceable_locations(world).values()
    named = {row["provider_id"] for row in locations}
    expected = {}
    for (zone_id, provider_id, day), row in now.items():
        offers = [
            o for o in locations
            if (o["zone_id"], o["provider_id"]) == (zone_id, provider_id) and o["available_from"] <= day
            and (o["available_to"] or date.max) >= day
        ]  # fmt: skip
        before = [k for k in cover if k[:2] == (zone_id, provider_id) and (day - k[2]).days >= 365]
        versions = [v["updated_at"] for vs in world.element_versions.values() for v in vs
                    if v["provider_id"] == provider_id and v["updated_at"] <= world.as_of
                    and not v["is_deleted"]]  # fmt: skip
        is_named = provider_id in named
        expected[zone_id, provider_id] = {
            **{k: v for k, v in row.items() if k in found[zone_id, provider_id]},
            "zone_name": world.zones[zone_id]["zone_name"], "zone_type": world.zones[zone_id]["zone_type"],
            "provider_name": world.providers[provider_id]["provider_name"], "as_of_at": world.as_of,
            "data_through_at": max(versions),
            "covered_area_km2_a_year_ago": cover[max(before)]["covered_area_km2"] if before else None,
            "overlap_area_percentage": _share(row["overlap_area_km2"], row["covered_area_km2"]),
            "households_covered_percentage": _share(row["households_covered_count"], row["households_count"]),
            "customers_covered_percentage": _share(row["customers_covered_count"], row["customers_located_count"]),
            "locations_offered_count": len({o["location_id"] for o in offers}) if is_named else None,
            "blocks_offered_count": len({o["block_geoid"] for o in offers}) if is_named else None,
            "highest_offered_download_mbps": max((o["max_advertised_download_mbps"] for o in offers), default=None),
        }  # fmt: skip
    assert sum(row["locations_offered_count"] or 0 for row in expected.values()) > 100
    return differences(found, expected)


def _share(part: object, whole: object) -> Decimal | None:
    if part is None or not whole:
        return None
    return equipment.rounded(100 * Decimal(part) / Decimal(whole))


def equipment_differences(url: str, world) -> list[str]:
    key = ("provider_id", "equipment_class", "equipment_type", "vendor", "model")
    expected = equipment.equipment_lifecycle(world)
    elements = [row for name, row in expected.items() if name[1] == "network_element"]
    assert sum(row["maintenance_done_count"] for row in elements) > 10
    assert sum(row["maintenance_due_count"] for row in elements) > 0
    return differences(table(url, "dashboards.equipment_lifecycle", *key), expected)


def test_calendar(built_warehouse):
    assert differences(table(built_warehouse.url, "core.dim_date", "date_day"), geography.calendar()) == []


def test_dimensions(warehouse, world):
    assert dimension_differences(warehouse.url, world) == []


def test_equipment_lifecycle(warehouse, world):
    assert equipment_differences(warehouse.url, world) == []


def test_zone_coverage(warehouse, world):
    assert zone_coverage_differences(warehouse.url, world, [0, 1, 3]) == []


def test_topology_risk(warehouse, world):
    assert topology_differences(warehouse.url, world) == []


def test_network_coverage(warehouse, world):
    assert network_coverage_differences(warehouse.url, world) == []


def test_nothing_new_changes_nothing(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        before = connection.execute("select zone_id, provider_id, coverage_date, xmin from analytics.zone_coverage")
        versions = set(before.fetchall())
        for fill_table in (geography_assets.fill_zone_coverage, geography_assets.fill_topology_risk):
            done = fill_table(connection, built_warehouse.settings.as_of)
            assert done["rows"] > 100
            assert (done["rows_changed"], done["rows_removed"]) == (0, 0)
        after = connection.execute("select zone_id, provider_id, coverage_date, xmin from analytics.zone_coverage")
        assert set(after.fetchall()) == versions


def test_only_differences_are_written(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        connection.execute("update analytics.topology_risk set entity_kind = 'wrong' where entity_type = 'link'")
        connection.execute("delete from analytics.topology_risk where entity_kind = 'core'")
        connection.execute(
            "insert into analytics.topology_risk select 'link', gen_random_uuid(), provider_id, zone_id, entity_kind"
            " from analytics.topology_risk where entity_kind = 'switch'"
        )
        by_kind = "select entity_kind, count(*) from analytics.topology_risk group by 1"
        before = dict(connection.execute(by_kind).fetchall())
        done = geography_assets.fill_topology_risk(connection, built_warehouse.settings.as_of)
        after = dict(connection.execute(by_kind).fetchall())
        assert done["rows_changed"] == before["wrong"] + after["core"]
        assert done["rows_removed"] == before["switch"] - after["switch"] == after["switch"]
        connection.rollback()


def test_the_analytics_tables_have_their_contract(built_warehouse):
    bare = built_warehouse.ask(
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'analytics'::regnamespace and c.relname in ('zone_coverage', 'topology_risk')"
        " and a.attnum > 0 and col_description(c.oid, a.attnum) is null"
    )
    assert bare == []
    tables = built_warehouse.ask(
        "select c.relname, obj_description(c.oid) like 'One row per%%', (select array_agg(a.attname::text"
        " order by array_position(k.conkey, a.attnum)) from pg_attribute a"
        " where a.attrelid = c.oid and a.attnum = any(k.conkey))"
        " from pg_class c join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'"
        " where c.relname = any(%s) order by 1",
        ["zone_coverage", "topology_risk"],
    )
    assert tables == [
        ("topology_risk", True, ["entity_type", "entity_id"]),
        ("zone_coverage", True, ["zone_id", "provider_id", "coverage_date"]),
    ]
