"""What happens after an as-of date changes nothing in the features of that date: a future is planted and looked for."""

from datetime import date

import psycopg
import pytest

from orchestration.dbt_runner import invoke, parse_project
from orchestration.warehouse.settings import read_settings
from orchestration.windows import WINDOWED_FACTS
from tests.pipeline.conftest import build_directly

# The sample's AS_OF is 1 October 2026: everything that is planted lies in September.
LAST_PAST = date(2026, 9, 1)
TABLES = ("feature_customer", "feature_service", "feature_element")
SEPTEMBER = "timestamptz '2026-09-20 12:00Z'"
# Per feed: what is changed in copies of its rows, and which rows are copied. Each would show in a feature.
PLANTED = {
    "usage_records": ("usage_id = gen_random_uuid(), data_usage_bytes = data_usage_bytes * 1000 + 1000000000,"
                      " voice_seconds = 9999, is_roaming = true", "usage_timestamp >= '2026-09-03'"),
    "network_performance": ("measurement_timestamp = measurement_timestamp + interval '7 minutes', latency_ms = 9999,"
                            " error_rate_percentage = 99, temperature_celsius = 150, packet_loss_percentage = 99,"
                            " bandwidth_utilization_percentage = 100, busy_hour_throughput_mbps = 99999",
                            "measurement_timestamp >= '2026-09-03' and interval_seconds < 82800"),
    "bills": ("bill_id = gen_random_uuid(), issued_on = '2026-09-10', due_date = '2026-09-12', paid_on = null,"
              " total_amount = 99999, bill_status = 'issued'", "true"),
    "payments": (f"payment_id = gen_random_uuid(), payment_status = 'failed', payment_date = {SEPTEMBER}", "true"),
    "support_tickets": (f"ticket_id = gen_random_uuid(), created_at = {SEPTEMBER}, resolved_at = {SEPTEMBER},"
                        " customer_satisfaction_rating = 1", "true"),
    "service_quality": ("assessment_id = gen_random_uuid(), assessment_date = '2026-09-20',"
                        " speed_test_download_mbps = 0.01, customer_rating = 1", "true"),
    "service_orders": (f"order_id = gen_random_uuid(), order_type = 'port_out', requested_at = {SEPTEMBER}", "true"),
    "outages": (f"outage_id = gen_random_uuid(), outage_type = 'power', outage_start = {SEPTEMBER},"
                " actual_restoration = null", "true"),
    "maintenance_events": ("maintenance_id = gen_random_uuid(), maintenance_type = 'corrective',"
                           f" scheduled_at = {SEPTEMBER}, started_at = {SEPTEMBER}, completed_at = null,"
                           " outcome = 'pending'", "true"),
    "customers": (f"updated_at = {SEPTEMBER}, account_status = 'closed', auto_pay = not auto_pay", "true"),
    "customer_services": (f"updated_at = {SEPTEMBER}, service_status = 'suspended', contract_end = '2030-01-01'",
                          "true"),
    "service_plans": (f"updated_at = {SEPTEMBER}, data_allowance_gb = 0.001, speed_mbps_down = 99999", "true"),
    "network_elements": (f"updated_at = {SEPTEMBER}, operational_status = 'failed', software_version = 'new',"
                         " end_of_support_on = '2050-01-01'", "operational_status = 'active'"),
}  # fmt: skip


def _plant(url: str) -> None:
    """Copies rows of each feed into the future; of a versioned entity its newest version gets a later one."""
    with psycopg.connect(url) as connection:
        for feed, (change, condition) in PLANTED.items():
            key = {"customers": "customer_id", "customer_services": "service_id", "service_plans": "plan_id",
                   "network_elements": "element_id"}.get(feed)  # fmt: skip
            newest = f"distinct on ({key})" if key else ""
            order = f"order by {key}, updated_at desc" if key else ""
            connection.execute(
                f"create temp table planted as select {newest} * from raw.{feed} where {condition} {order}"
            )
            connection.execute(f"update planted set {change}")
            inserted = connection.execute(f"insert into raw.{feed} select * from planted on conflict do nothing")
            assert inserted.rowcount > 5, feed
            connection.execute("drop table planted")


def _features(url: str, table: str) -> dict[bool, list[tuple]]:
    """The rows as text, of the dates before what is planted (True) and of AS_OF (False)."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            f"select not is_latest, feature::text from core.{table} as feature"
            " where as_of_date <= %s or is_latest order by 1, 2",
            [LAST_PAST],
        ).fetchall()
    return {past: [row for row in rows if row[0] is past] for past in (True, False)}


@pytest.fixture(scope="module")
def features(make_sample, make_database, make_folder):
    """The features without and with the planted future."""
    landing, manifest = make_sample()
    environment = {
        "WAREHOUSE_URL": make_database(),
        "WAREHOUSE_FOLDER": str(make_folder()),
        "LANDING_DIR": str(landing),
        "AS_OF": manifest["as_of"],
    }
    settings = read_settings(environment)
    assert build_directly(settings) == []
    before = {table: _features(settings.warehouse_url, table) for table in TABLES}
    _plant(settings.warehouse_url)
    project = parse_project(settings.warehouse_folder / "dbt", settings.warehouse_url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": settings.as_of.isoformat(),
        "windows": dict.fromkeys(WINDOWED_FACTS, "all"),
    }
    selected = [f"+{table}" for table in TABLES]
    events = list(invoke(project, settings.warehouse_url, ["run", "--select", *selected], variables))
    assert [e["info"]["msg"] for e in events if e["info"]["name"] == "RunResultError"] == []
    return before, {table: _features(settings.warehouse_url, table) for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
def test_the_future_changes_nothing_before_it(features, table):
    before, after = features
    assert len(before[table][True]) > 200
    assert after[table][True] == before[table][True]
    # It was planted well: what is known at AS_OF is another world.
    unchanged = set(after[table][False]) & set(before[table][False])
    assert len(unchanged) < len(before[table][False]) / 5
