"""Windows: a version that comes late repairs the facts of its interval, and only their days are built again."""

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingestion.contract import contract
from orchestration.windows import (
    WINDOWED_FACTS,
    Window,
    close_window,
    days_of,
    from_text,
    open_windows,
    spans_of,
    to_text,
    touched_days,
)
from tests.integration.landing import land, usage
from tests.pipeline.windowed import FACTS, contents, copy_of, dbt_run, load

PARENTS = (
    "stg_customer_services_versions",
    "stg_network_elements_versions",
    "dim_census_block",
    "dim_service",
    "int_services__calendar",
    "dim_network_element",
    "fct_usage_event",
    "int_performance__samples",
)
NEWEST_ROW = "select to_jsonb(t)::text from raw.{feed} t where {key} = %s order by updated_at desc limit 1"


@pytest.fixture(scope="module")
def warehouse(built_warehouse, make_database, tmp_path_factory):
    """A copy whose files were all built, and whose facts are those of one whole build."""
    return copy_of(built_warehouse, make_database, tmp_path_factory.mktemp("windows"))


def close(warehouse) -> dict[str, Window]:
    """Opens the windows and takes them for built."""
    windows = open_windows(warehouse.url)
    for window in windows.values():
        close_window(warehouse.url, window)
    return windows


def days_around(times: list[datetime], zone: ZoneInfo, first: datetime, after: datetime) -> set[date]:
    """The UTC days of the local days in which something happened and that overlap [first, after)."""
    days = set()
    for day in {at.astimezone(zone).date() for at in times}:
        begin = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone).astimezone(UTC)
        if begin < after and end > first:
            days |= {begin.date(), (end - timedelta(microseconds=1)).date()}
    return days


def land_late_version(warehouse, feed: str, entity_id: str, updated_at: datetime, **changes: object) -> None:
    """A version like the entity's newest one, but for what it changes, written in the source at `updated_at`."""
    key = contract(feed).key[0]
    newest = json.loads(warehouse.ask(NEWEST_ROW.format(feed=feed, key=key), entity_id)[0][0])
    row = {column.name: newest[column.name] for column in contract(feed).columns if newest[column.name] is not None}
    # JSON in a column is text in a file.
    row = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()}
    land(warehouse.landing, feed, f"late_{entity_id}.csv", [{**row, "updated_at": updated_at.isoformat(), **changes}])
    load(warehouse, feed)


def interval(warehouse, feed: str, entity_id: str, first: datetime) -> datetime:
    """When the version that begins at `first` ends."""
    key = contract(feed).key[0]
    query = f"select min(updated_at) from raw.{feed} where {key} = %s and updated_at > %s"
    return warehouse.ask(query, entity_id, first)[0][0] or datetime.max.replace(tzinfo=UTC)


def test_nothing_new_opens_no_window_and_a_change_of_no_meaning_neither(warehouse):
    assert all(window.is_empty for window in open_windows(warehouse.url).values())
    # The same versions delivered again, under another name and as other bytes.
    rows = warehouse.ask("select to_jsonb(t)::text from raw.network_elements t limit 5")
    for (text,) in rows:
        row = json.loads(text)
        updated_at = datetime.fromisoformat(row["updated_at"])
        land_late_version(warehouse, "network_elements", row["element_id"], updated_at) if row == json.loads(
            warehouse.ask(NEWEST_ROW.format(feed="network_elements", key="element_id"), row["element_id"])[0][0]
        ) else None
    dbt_run(warehouse, PARENTS, {})
    assert all(window.is_empty for window in open_windows(warehouse.url).values())


def test_a_late_version_of_a_service_repairs_its_own_days_only(warehouse):
    ((service_id, zone, customer_id),) = warehouse.ask(
        "select service_id::text, time_zone, customer_id::text from core.dim_service where service_id ="
        " (select service_id from raw.usage_records group by 1 order by count(*) desc, 1 limit 1) limit 1"
    )
    times = [
        row[0]
        for row in warehouse.ask("select usage_timestamp from raw.usage_records where service_id = %s", service_id)
    ]
    first = datetime.combine((min(times) + (max(times) - min(times)) / 2).date(), datetime.min.time(), UTC) + timedelta(
        hours=18
    )
    ((other,),) = warehouse.ask(
        "select customer_id::text from raw.customers where customer_id <> %s order by 1 limit 1", customer_id
    )
    before = contents(warehouse)
    land_late_version(warehouse, "customer_services", service_id, first, customer_id=other)
    after = interval(warehouse, "customer_services", service_id, first)
    dbt_run(warehouse, PARENTS, {})
    windows = open_windows(warehouse.url)
    assert windows["network_performance"].is_empty
    expected = days_around(times, ZoneInfo(zone), first, after)
    assert 10 < len(expected) < len(days_around(times, ZoneInfo(zone), min(times), max(times)))
    assert windows["usage_records"].spans == spans_of(expected)
    built_by_window(warehouse, windows, before)


def test_a_late_version_of_an_element_repairs_its_own_days_only(warehouse):
    ((element_id, zone),) = warehouse.ask(
        "select element_id::text, time_zone from core.dim_network_element where is_current and element_id ="
        " (select element_id from raw.network_performance group by 1 order by count(*) desc, 1 limit 1)"
    )
    times = [
        row[0]
        for row in warehouse.ask(
            "select measurement_timestamp from raw.network_performance where element_id = %s", element_id
        )
    ]
    first = datetime.combine((min(times) + (max(times) - min(times)) / 2).date(), datetime.min.time(), UTC) + timedelta(
        hours=18
    )
    before = contents(warehouse)
    land_late_version(warehouse, "network_elements", element_id, first, zone_id=None)
    after = interval(warehouse, "network_elements", element_id, first)
    dbt_run(warehouse, PARENTS, {})
    windows = open_windows(warehouse.url)
    expected = days_around(times, ZoneInfo(zone), first, after)
    assert len(expected) > 10
    assert windows["network_performance"].spans == spans_of(expected)
    built_by_window(warehouse, windows, before)


def test_a_block_that_goes_over_to_another_zone_repairs_the_days_of_its_services_only(warehouse):
    """Usage without an element stands in its service's zone."""
    ((geoid, zone_id, other, service_ids),) = warehouse.ask(
        "select block_geoid, block.zone_id::text, min(other.zone_id::text), array_agg(distinct service_id)"
        " from core.dim_service_pii as service join core.dim_census_block as block using (block_geoid, zone_id)"
        " join core.dim_service_zone as other"
        " on other.provider_id = block.provider_id and other.zone_id <> block.zone_id"
        " where service_id in (select service_id from raw.usage_records) group by 1, 2 order by 1, 2 limit 1"
    )
    at = datetime(2026, 9, 15, 12, tzinfo=UTC)
    land(warehouse.landing, "usage_records", "no_element.csv", [
        usage(f"{service_id} {day}", (at - timedelta(days=day)).isoformat(), service_id=service_id)
        for service_id in service_ids for day in range(0, 20, 4)
    ])  # fmt: skip
    load(warehouse, "usage_records")
    dbt_run(warehouse, FACTS, dict.fromkeys(WINDOWED_FACTS, "all"))
    close(warehouse)
    before = contents(warehouse)
    block = {"block_geoid": geoid, "zone_id": zone_id}
    blocks = [{**block, "is_deleted": "true"}, {**block, "zone_id": other}]
    land(warehouse.landing, "census_blocks", "late_block.csv", blocks)
    load(warehouse, "census_blocks")
    dbt_run(warehouse, PARENTS, {})
    windows = open_windows(warehouse.url)
    assert windows["network_performance"].is_empty
    days = "select distinct day_start_at from core.fct_usage_daily where service_id = any(%s)"
    starts = [row[0] for row in warehouse.ask(days, service_ids)]
    ends = [start + timedelta(hours=24) - timedelta(microseconds=1) for start in starts]
    assert windows["usage_records"].spans == spans_of({instant.date() for instant in starts + ends})
    built_by_window(warehouse, windows, before)
    assert warehouse.ask(
        "select count(*) filter (where zone_id = %s), count(*) filter (where zone_id = %s) from core.fct_usage_daily"
        " where service_id = any(%s) and element_id = '00000000-0000-0000-0000-000000000000'",
        zone_id, other, service_ids,
    ) == [(0, 5 * len(service_ids))]  # fmt: skip


def built_by_window(warehouse, windows: dict[str, Window], before: dict[str, list[tuple]]) -> None:
    """Built by these windows the facts differ from before and are those of a whole build; nothing is due then."""
    facts = tuple(fact for feed in windows for fact in WINDOWED_FACTS[feed] if not windows[feed].is_empty)
    dbt_run(warehouse, facts, {feed: window.spans for feed, window in windows.items()})
    for window in windows.values():
        close_window(warehouse.url, window)
    repaired = contents(warehouse)
    assert repaired != before
    assert all(window.is_empty for window in open_windows(warehouse.url).values())
    dbt_run(warehouse, FACTS, dict.fromkeys(WINDOWED_FACTS, "all"))
    assert contents(warehouse) == repaired


def test_a_window_that_was_not_built_stays_open(warehouse):
    ((element_id, first),) = warehouse.ask(
        "select element_id::text, min(measurement_timestamp) from raw.network_performance group by 1 order by 1 limit 1"
    )
    land_late_version(warehouse, "network_elements", element_id, first + timedelta(days=3), zone_id=None)
    dbt_run(warehouse, PARENTS, {})
    windows = open_windows(warehouse.url)
    assert not windows["network_performance"].is_empty
    again = open_windows(warehouse.url)
    assert again == windows
    close_window(warehouse.url, windows["network_performance"])
    # One feed's facts do not take the change away from the other's.
    assert open_windows(warehouse.url)["usage_records"] == windows["usage_records"]
    close(warehouse)


def test_windows_as_text_and_as_days():
    windows = [Window("usage_records", "all", 7, 3), Window("network_performance", [("2026-01-01", "2026-01-03")], 9)]
    assert list(from_text(to_text(windows)).values()) == windows
    assert days_of([("2026-02-27", "2026-03-02"), ("2026-03-05", "2026-03-06")]) == [
        "2026-02-27", "2026-02-28", "2026-03-01", "2026-03-05"
    ]  # fmt: skip


def test_all_days_of_a_feed_are_those_that_deliveries_touched(warehouse):
    ((newest, days),) = warehouse.ask(
        "select max(touched_id), count(distinct day) from raw.touched_days where feed = 'usage_records'"
    )
    found = touched_days(warehouse.url, Window("usage_records", "all", newest))
    assert len(found) == days > 80
    assert found == sorted(found)
