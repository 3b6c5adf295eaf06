"""The tutorial "bring your own data", carried out on its real file."""

import csv
import re
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.pipeline.test_second_road import differences
from tests.second_road.operations import operations_dashboard
from tests.second_road.world import read_world

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials"


@pytest.fixture(scope="module")
def telco(tmp_path_factory, build_warehouse):
    landing = tmp_path_factory.mktemp("telco") / "landing"
    script = TUTORIAL / "telco_churn" / "map_to_feeds.py"
    subprocess.run([sys.executable, script, landing, "--last-day", "2026-09-30"], check=True)
    return build_warehouse(landing, datetime.fromisoformat("2026-10-01T00:00-07:00"))


def test_the_dashboard_is_as_the_page_says(telco):
    assert telco.result.problem is None
    (row,) = telco.ask(
        "select total_customers, active_customers, monthly_revenue, overdue_bills, total_data_tb_24h, open_tickets,"
        " missing_inputs from dashboards.operations_dashboard"
    )
    assert row[:4] == (7043, 7043 - 1869, Decimal("456116.60"), 7043)
    assert row[4:6] == (None, None)
    assert "avg_download_speed_mbps" in row[6]
    page = (TUTORIAL / "bring-your-own-data.md").read_text()
    shown = re.search(r"\| (\d+) \| (\d+) \| ([\d.]+) \| (\d+) \|", page).groups()
    assert tuple(map(Decimal, shown)) == row[:4]


def test_every_cent_and_every_blank(telco):
    with (TUTORIAL / "telco_churn" / "Telco-Customer-Churn.csv").open() as stream:
        table = list(csv.DictReader(stream))
    bills = telco.ask("select total_amount from core.fct_bill order by 1")
    assert [row[0] for row in bills] == sorted(Decimal(row["MonthlyCharges"]) for row in table)
    assert telco.ask("select count(*) from core.dim_customer_current where lifetime_value is null"
                     " and customer_type is not null") == [(11,)]  # fmt: skip
    assert telco.ask("select count(*) from core.dim_customer_current where account_status = 'closed'") == [(1869,)]
    assert telco.ask("select count(*) from raw.quarantine") == [(0,)]


def test_the_second_road_agrees(telco):
    world = read_world(telco.landing, telco.settings.as_of, telco.settings.reporting_time_zone)
    assert differences(telco.url, operations_dashboard(world)) == []
