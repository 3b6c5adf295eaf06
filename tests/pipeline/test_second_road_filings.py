"""The subscription files equal a recount of the landed files, connection by connection, by code that shares nothing."""

from datetime import date
from decimal import Decimal

import psycopg
import pytest

from orchestration.commands.filings import newest_day
from orchestration.dbt_runner import invoke, parse_project
from orchestration.defs.regulatory import fill_redundancy
from tests.conftest import database_name
from tests.pipeline.conftest import BuiltWarehouse
from tests.pipeline.windowed import copy_of
from tests.second_road.filing_blocks import availability_rows, block_rows, outage_measures
from tests.second_road.filing_emergency import COLUMNS, readiness
from tests.second_road.filings import Filings, filing_dates

MARTS = {
    "fbs": ("form477_fixed_broadband", "tract_geoid, fixed_technology_code, speed_mbps_down, speed_mbps_up",
            "consumer_connections"),
    "fvs": ("form477_fixed_voice", "tract_geoid, voice_service_type", "consumer_connections"),
    "mbs": ("form477_mobile_broadband", "state_fips, speed_mbps_down, speed_mbps_up", "consumer_connections"),
    "mvs": ("form477_mobile_voice", "state_fips", "direct_connections"),
}  # fmt: skip
FORMS = {"fixed_broadband": "fbs", "fixed_voice": "fvs", "mobile_broadband": "mbs", "mobile_voice": "mvs"}


@pytest.fixture(scope="module")
def recounted(any_warehouse, any_world) -> dict:
    dates = filing_dates(any_warehouse.settings.as_of, any_warehouse.settings.reporting_time_zone)
    return {day: Filings(any_world, day) for day in dates}


def _days(any_warehouse, recounted) -> list:
    """Those that the marts hold: the pipeline makes the newest date's only."""
    (held,) = any_warehouse.ask("select array_agg(distinct as_of_date) from regulatory.form477_connections")[0]
    assert held
    assert set(held) <= set(recounted)
    return held


def test_every_row_of_every_file(any_warehouse, recounted):
    for day in _days(any_warehouse, recounted):
        for file, (mart, keys, part) in MARTS.items():
            rows = any_warehouse.ask(
                f"select provider_id::text, total_connections, {part}, {keys} from regulatory.{mart}"
                " where as_of_date = %s", day,
            )  # fmt: skip
            found: dict[str, dict[tuple, list[int]]] = {}
            for provider, total, some, *key in rows:
                found.setdefault(provider, {})[tuple(key)] = [total, some]
            expected = {provider: dict(rows) for (name, provider), rows in recounted[day].rows.items() if name == file}
            assert found == expected, (day, file)
    assert sum(len(rows) for rows in recounted[day].rows.values()) > 20


def test_what_is_left_out_and_the_residual(any_warehouse, recounted):
    for day in _days(any_warehouse, recounted):
        rows = any_warehouse.ask(
            "select form, provider_id::text, left_out_reason, sum(connections)::bigint"
            " from regulatory.form477_connections where as_of_date = %s and left_out_reason is not null"
            " group by 1, 2, 3",
            day,
        )  # fmt: skip
        assert {(FORMS[form], provider, reason): n for form, provider, reason, n in rows} == dict(
            recounted[day].left_out
        )
        in_service = any_warehouse.ask(
            "select form, provider_id::text, connections from regulatory.form477_in_service where as_of_date = %s", day
        )
        whole: dict[tuple[str, str], int] = {}
        for (file, provider), counted in recounted[day].rows.items():
            whole[file, provider] = sum(total for total, _ in counted.values())
        for (file, provider, _), n in recounted[day].left_out.items():
            whole[file, provider] = whole.get((file, provider), 0) + n
        assert {(FORMS[form], provider): n for form, provider, n in in_service} == whole
        assert Decimal(sum(whole.values())) > 0


def test_blocks_and_locations(any_warehouse, any_world, recounted):
    for day in _days(any_warehouse, recounted):
        found = any_warehouse.ask(
            "select provider_id::text, block_geoid, brand_name, block_technology_code, is_consumer_offered,"
            " max_advertised_download_mbps, max_advertised_upload_mbps, is_business_offered"
            " from regulatory.census_block_deployment where as_of_date = %s", day,
        )  # fmt: skip
        assert set(found) == block_rows(any_world, day)
        found = any_warehouse.ask(
            "select provider_id::text, location_id, availability_technology_code, brand_name,"
            " max_advertised_download_mbps, max_advertised_upload_mbps, is_low_latency, business_residential_code"
            " from regulatory.bdc_availability where as_of_date = %s", day,
        )  # fmt: skip
        assert set(found) == availability_rows(any_world, day)
        assert len(found) > 100


@pytest.fixture(scope="module")
def last_day(any_warehouse, make_database, tmp_path_factory) -> tuple[BuiltWarehouse, date]:
    """A copy whose marts speak of the last day that is over, with months of outages and samples before it."""
    warehouse = copy_of(any_warehouse, make_database, tmp_path_factory.mktemp("copy"))
    settings = warehouse.settings
    day = newest_day(settings)
    with psycopg.connect(warehouse.url) as connection:
        fill_redundancy(connection, day)
    project = parse_project(settings.warehouse_folder / "dbt", database_name(warehouse.url))
    variables: dict[str, object] = {
        "as_of": settings.as_of.isoformat(), "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency, "filing_dates": [day.isoformat()],
    }  # fmt: skip
    events = invoke(project, warehouse.url, ["run", "--select", "path:models/regulatory"], variables)
    assert [one["info"]["msg"] for one in events if one["info"]["name"] in ("RunResultError", "RunResultFailure")] == []
    return warehouse, day


def test_outages_of_the_period(last_day, any_world):
    warehouse, day = last_day
    found = warehouse.ask(
        "select provider_id::text, total_outages, major_outages, average_restoration_hours::float8,"
        " coalesce(lost_customer_minutes, 0)::float8 from regulatory.emergency_readiness where as_of_date = %s", day,
    )  # fmt: skip
    expected = outage_measures(any_world, day)
    assert {row[0] for row in found} == set(expected)
    assert sum(row[1] for row in found) > 3
    for provider, *figures in found:
        close = [None if value is None else pytest.approx(value, rel=1e-5, abs=1e-3) for value in expected[provider]]
        assert figures == close


def test_readiness_for_emergencies(last_day, any_world):
    warehouse, day = last_day
    asked = ", ".join(f"{name}::float8" for name in COLUMNS)
    found = warehouse.ask(
        f"select provider_id::text, {asked} from regulatory.emergency_readiness where as_of_date = %s", day
    )
    expected = readiness(any_world, day)
    assert {row[0] for row in found} == set(expected)
    for provider, *figures in found:
        close = [None if x is None else pytest.approx(float(x), rel=1e-6, abs=2e-6) for x in expected[provider]]
        assert dict(zip(COLUMNS, figures, strict=True)) == dict(zip(COLUMNS, close, strict=True)), provider
    # Every measure says something of somebody; few outages hit 911, in one of the samples none.
    empty = {name for place, name in enumerate(COLUMNS, start=1) if not any(row[place] for row in found)}
    assert empty <= {"emergency_response_hours"}
