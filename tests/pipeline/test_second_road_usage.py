"""Usage and the place of each service equal those recomputed from the landed files, also where a service moves."""

import json
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.integration.landing import land, usage
from tests.pipeline.test_second_road_customers import customer_differences
from tests.second_road.comparing import table_differences
from tests.second_road.provider_days import provider_days
from tests.second_road.usage import service_places, usage_daily, usage_hourly
from tests.second_road.world import UNKNOWN, World, read_world

WESTERN_BLOCK = "080310001001000"
MOVED_AT = datetime(2026, 9, 10, 15, tzinfo=UTC)
DAILY_KEY = ("service_id", "element_id", "usage_date")
HOURLY_KEY = ("usage_hour_at", "provider_id", "zone_id", "element_id")


def usage_differences(url, world):
    """Every row and column of usage, and the places of all services, against their second roads."""
    places = service_places(world)
    kept = next(iter(places.values())).keys()
    with psycopg.connect(url) as connection:
        names = connection.execute("select * from core.dim_service limit 0").description
    but = tuple({column.name for column in names} - kept)
    return [
        *table_differences(url, "core.dim_service", ("service_key",), places, but),
        *table_differences(url, "core.fct_usage_daily", DAILY_KEY, usage_daily(world)),
        *table_differences(url, "core.fct_usage_hourly", HOURLY_KEY, usage_hourly(world)),
    ]


def test_usage(any_warehouse, any_world):
    assert usage_differences(any_warehouse.url, any_world) == []
    # Some services lie elsewhere than their customer's account.
    accounts = {c["customer_id"]: c["service_zone_id"] for c in any_world.customers.values()}
    moved = [row for row in service_places(any_world).values() if row["zone_id"] != accounts.get(row["customer_id"])]
    assert any(row["zone_id"] != UNKNOWN for row in moved)


def test_days_of_providers(built_warehouse):
    settings = built_warehouse.settings
    expected = provider_days(read_world(settings.landing_dir, settings.as_of, settings.reporting_time_zone))
    names = sorted(next(iter(expected.values())))
    rows = built_warehouse.ask(
        f"select provider_id::text, provider_day, {', '.join(names)} from analytics.provider_daily_summary"
    )
    assert {row[:2] for row in rows} == set(expected)
    for provider_id, day, *values in rows:
        wanted = [expected[provider_id, day][name] for name in names]
        assert [value is None for value in values] == [value is None for value in wanted], (provider_id, day)
        assert [value or 0 for value in values] == pytest.approx([value or 0 for value in wanted], rel=1e-9)


def as_sent(row: dict) -> dict:
    """A row as it was read, as text for a file."""
    return {name: json.dumps(v) if isinstance(v, dict | list) else v for name, v in row.items()}


def other_zone(world: World, zone_id: str, time_zone: str | None = None) -> str:
    """Another zone of the zone's provider, in a time zone if one is named."""
    return min(
        zone["zone_id"]
        for zone in world.zones.values()
        if zone["provider_id"] == world.zones[zone_id]["provider_id"]
        and zone["zone_id"] != zone_id
        and time_zone in (None, zone["time_zone"])
    )


def chosen(world: World) -> tuple[dict, dict, dict]:
    """Two services in New York, and a block in which other services lie."""
    inforce = [s for s in world.services.values() if s["deactivated_at"] is None]
    eastern = [s for s in inforce if world.zone_of_service(s["service_id"]).key == "America/New_York"]
    mover, ended = sorted(eastern, key=lambda s: s["service_id"])[:2]
    lived_in = {(s["block_geoid"], world.zone_id_of_service(s)) for s in inforce if s not in (mover, ended)}
    blocks = world.feeds["census_blocks"].newest_events()
    return mover, ended, min((b for b in blocks if (b["block_geoid"], b["zone_id"]) in lived_in),
                             key=lambda b: b["block_geoid"])  # fmt: skip


@pytest.fixture(scope="module")
def moved(make_sample, build_models):
    """A service moves to another time zone, one is taken back while it is used, a block goes over to another zone."""
    landing, manifest = make_sample()
    as_of = datetime.fromisoformat(manifest["as_of"])
    world = read_world(landing, as_of, "America/Chicago")
    mover, ended, block = chosen(world)
    west = other_zone(world, world.zone_id_of_service(mover), "America/Denver")
    given_over = {**block, "zone_id": other_zone(world, block["zone_id"])}
    now = time.time()
    land(landing, "census_blocks", "zz_moved.csv", [
        {**block, "is_deleted": "true"}, given_over, {"block_geoid": WESTERN_BLOCK, "zone_id": west},
    ], now)  # fmt: skip
    land(landing, "customer_services", "zz_moved.csv", [
        {**as_sent(mover), "block_geoid": WESTERN_BLOCK, "updated_at": MOVED_AT},
        {**as_sent(ended), "is_deleted": "true", "updated_at": MOVED_AT},
    ], now)  # fmt: skip
    # An hour before and after, and either side of midnight in New York and in Denver.
    times = [MOVED_AT + timedelta(hours=hours) for hours in (-35, -34, -11.5, -10.5, -9.5, -8.5, -1, 1, 12.5, 13.5, 15)]
    land(landing, "usage_records", "zz_moved.csv", [
        usage(f"{service['service_id']} {at}", at.isoformat(), service_id=service["service_id"])
        for service in (mover, ended) for at in times
    ], now)  # fmt: skip
    world = read_world(landing, as_of, "America/Chicago")
    return build_models(landing, manifest), world, mover, ended, given_over


def test_equal_where_services_and_blocks_move(moved):
    warehouse, world, *_ = moved
    assert usage_differences(warehouse.url, world) == []
    assert customer_differences(warehouse.url, world) == []


def test_a_moved_service_keeps_one_calendar_and_has_two_zones(moved):
    warehouse, _, mover, ended, block = moved
    query = (
        "select count(distinct zone_id), array_agg(distinct time_zone) from core.dim_service"
        " where service_id = %s and valid_to > %s"
    )
    before = MOVED_AT - timedelta(days=1)
    assert warehouse.ask(query, mover["service_id"], before) == [(2, ["America/Denver"])]
    # What came after the end stands under the unknown member, in the local days that the service had.
    assert warehouse.ask(
        "select count(*), count(*) filter (where service_key <> (select service_key from core.dim_service"
        " where service_id = %s)), bool_and(extract(hour from day_start_at at time zone 'America/New_York') = 0)"
        " from core.fct_usage_daily where service_id = %s and element_id = %s"
        " and usage_date between '2026-09-10' and '2026-09-11'", UNKNOWN, ended["service_id"], UNKNOWN,
    ) == [(2, 0, True)]  # fmt: skip
    (zones,) = warehouse.ask(
        "select array_agg(distinct service.zone_id::text) from core.dim_service as service"
        " join core.dim_service_pii as place using (service_id) where service.is_current and place.block_geoid = %s"
        " and service.provider_id = (select provider_id from core.dim_service_zone where zone_id = %s)",
        block["block_geoid"], block["zone_id"],
    )  # fmt: skip
    assert zones == ([block["zone_id"]],)
