"""Money in other currencies than the reporting one: to the cent where there is a rate, a stop that says why where not.

Not here: money in the reporting currency (test_second_road_billing, test_second_road_billing_landed).
"""

from datetime import datetime
from uuid import UUID

import psycopg
import pytest

from orchestration.dbt_runner import invoke, parse_project
from orchestration.warehouse.settings import read_settings
from orchestration.windows import WINDOWED_FACTS
from tests.pipeline.conftest import BuiltWarehouse, build_directly
from tests.pipeline.test_second_road_billing import differences
from tests.pipeline.test_second_road_billing_landed import MARCH, PERIOD, a_bill_with_service, land
from tests.pipeline.windowed import copy_of
from tests.second_road.world import read_world

EURO_BILL, LOOSE_PAYMENT, EARLY_PAYMENT, LATE_PAYMENT = (str(UUID(int=n)) for n in (0xB7, 0xA7, 0xA8, 0xA9))
# The bill's day is the end of its period; the 10th and the 12th of March are Saturday's and Monday's rates.
RATES = [
    {"from_currency": source, "to_currency": "USD", "rate_date": day, "rate": rate}
    for source, day, rate in (
        ("EUR", "2026-02-13", "1.0811"), ("EUR", "2026-02-27", "1.0837"), ("EUR", "2026-03-10", "1.0902"),
        ("GBP", "2026-02-27", "1.2644"),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def landed(make_sample, make_database, make_folder):
    """A bill, charges and payments in euros, a payment in pounds; and what a build without rates said."""
    landing, manifest = make_sample(seed=7, until=MARCH)
    as_of = datetime.fromisoformat(manifest["as_of"])
    bill, service = a_bill_with_service(read_world(landing, as_of, "America/Chicago"))
    euros = {
        **bill,
        "bill_id": EURO_BILL,
        "bill_version": 1,
        "currency": "EUR",
        "subtotal_amount": "41.11",
        "discount_amount": "0",
        "tax_amount": "3.37",
        "total_amount": "44.48",
        "issued_on": "2026-03-02",
        **PERIOD,
    }
    land(landing, "bills", [euros])
    charge = {"bill_id": EURO_BILL, "bill_version": 1, "service_id": service["service_id"]}
    land(landing, "bill_charges", [
        {**charge, **PERIOD, "charge_id": UUID(int=0xE7), "charge_type": "fee", "amount": "41.11"},
        {**charge, "charge_id": UUID(int=0xE8), "charge_type": "tax", "amount": "3.37"},
    ])  # fmt: skip
    payment = {
        "bill_id": EURO_BILL,
        "customer_id": bill["customer_id"],
        "currency": "EUR",
        "payment_method": "cash",
        "is_auto_pay": "false",
        "payment_status": "settled",
        "updated_at": "2026-03-20T18:00:00Z",
    }
    land(landing, "payments", [
        # The last rate before, the day before it changes by local time (04:30 in UTC is still the 9th), the new rate.
        {**payment, "payment_id": EARLY_PAYMENT, "payment_date": "2026-03-10T04:30:00Z", "amount": "10.10"},
        {**payment, "payment_id": LATE_PAYMENT, "payment_date": "2026-03-10T18:00:00Z", "amount": "34.38"},
        {**payment, "payment_id": LOOSE_PAYMENT, "payment_date": "2026-03-30T18:00:00Z", "amount": "7.77",
         "bill_id": None, "currency": "GBP"},
    ])  # fmt: skip
    settings = read_settings({
        "WAREHOUSE_URL": make_database(), "WAREHOUSE_FOLDER": str(make_folder()),
        "LANDING_DIR": str(landing), "AS_OF": manifest["as_of"],
    })  # fmt: skip
    return BuiltWarehouse(settings, manifest, None), build_directly(settings)


@pytest.fixture(scope="module")
def rated(landed):
    """The same warehouse once the rates are there, as if they stood in the seed."""
    warehouse, _ = landed
    with psycopg.connect(warehouse.url) as connection:
        connection.cursor().executemany(
            "insert into reference.exchange_rates (from_currency, to_currency, rate_date, rate)"
            " values (%(from_currency)s, %(to_currency)s, %(rate_date)s::text::date, %(rate)s::text::numeric)", RATES,
        )  # fmt: skip
    settings = warehouse.settings
    project = parse_project(settings.warehouse_folder / "dbt", settings.warehouse_url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": settings.as_of.isoformat(), "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency, "windows": dict.fromkeys(WINDOWED_FACTS, "all"),
    }  # fmt: skip
    without = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed"]
    events = list(invoke(project, settings.warehouse_url, ["build", *without], variables))
    assert [e["info"]["msg"] for e in events if e["info"]["name"] in ("RunResultError", "RunResultFailure")] == []
    return warehouse


def test_a_missing_rate_stops_the_build_and_the_error_names_the_pair_and_the_date(landed):
    warehouse, said = landed
    (bills,) = {message for message in said if "no exchange rate" in message}
    assert "no exchange rate of that day or the 31 before it: EUR to USD on 2026-03-01 (rows: 1)." in bills
    # What stands on the bills is not built: neither the charges nor any mart has a figure without its euros.
    for table in ("core.fct_bill_charge", "core.fct_payment", "dashboards.operations_dashboard"):
        assert warehouse.ask("select to_regclass(%s)::text", table) == [(None,)]


def test_money_in_other_currencies_is_equal_to_the_cent(rated):
    settings = rated.settings
    world = read_world(rated.landing, settings.as_of, settings.reporting_time_zone)
    assert differences(rated.url, world, RATES) == []


def test_a_payment_has_the_last_rate_of_its_local_day(rated):
    found = rated.ask(
        "select payment_id::text, currency, reporting_currency, paid_date::text, reporting_rate::text,"
        " round(amount_reporting, 2)::text from core.fct_payment where currency <> 'USD' order by payment_id"
    )
    assert found == [
        (LOOSE_PAYMENT, "GBP", "USD", "2026-03-30", "1.2644", "9.82"),
        (EARLY_PAYMENT, "EUR", "USD", "2026-03-09", "1.0837", "10.95"),
        (LATE_PAYMENT, "EUR", "USD", "2026-03-10", "1.0902", "37.48"),
    ]
    assert rated.ask(
        "select reporting_rate::text, round(total_amount_reporting, 2)::text from core.fct_bill where bill_id = %s",
        EURO_BILL,
    ) == [("1.0837", "48.20")]  # fmt: skip


def test_a_rate_that_is_32_days_old_is_none(rated):
    """Of a payment alone: the bills have their rates, so the build comes as far as the payments."""
    with psycopg.connect(rated.url) as connection:
        connection.execute("update reference.exchange_rates set rate_date = '2026-02-26' where from_currency = 'GBP'")
    settings = rated.settings
    project = parse_project(settings.warehouse_folder / "dbt", settings.warehouse_url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": settings.as_of.isoformat(), "reporting_currency": settings.reporting_currency,
        "windows": dict.fromkeys(WINDOWED_FACTS, "all"),
    }  # fmt: skip
    events = list(invoke(project, settings.warehouse_url, ["build", "--select", "fct_payment"], variables))
    (said,) = {e["info"]["msg"] for e in events if e["info"]["name"] == "RunResultError"}
    assert "GBP to USD on 2026-03-30 (rows: 1)" in said


def test_the_pipeline_says_which_rate_is_missing(small_warehouse, make_database, tmp_path):
    warehouse = copy_of(small_warehouse, make_database, tmp_path)
    world = read_world(warehouse.landing, warehouse.settings.as_of, "America/Chicago")
    paid = min(world.feeds["payments"].newest(), key=lambda payment: payment["payment_id"])
    # Of no bill: the guards demand a bill's currency of its payments.
    strange = {"payment_id": LOOSE_PAYMENT, "bill_id": None, "currency": "CHF", "payment_date": "2026-09-20T18:00:00Z"}
    land(warehouse.landing, "payments", [{**paid, **strange}])
    problem = warehouse.run().problem
    assert "no exchange rate of that day or the 31 before it: CHF to USD on 2026-09-20 (rows: 1)" in problem
