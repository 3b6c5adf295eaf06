"""The money's tables over another sample, with landed rows that the sample lacks: a reissue, late parents, a pause.

Not here: the comparison itself (test_second_road_billing).
"""

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.pipeline.test_second_road_billing import differences
from tests.second_road.files import read_contract
from tests.second_road.world import World, newest_bills, read_world

MARCH = date(2026, 3, 31)
NEW_BILL, NEW_SERVICE, NEW_PAYMENT = (str(UUID(int=n)) for n in (0xB1, 0x51, 0xA1))
PERIOD = {"billing_period_start": "2026-02-01", "billing_period_end": "2026-03-01"}


def land(landing: Path, feed: str, rows: list[dict]) -> None:
    """One more file of a feed; of a row as it was read only the sent columns."""
    sent = [column["name"] for column in read_contract(feed)["columns"]]
    with (landing / feed / "zz_more.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sent, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()})


def a_bill_with_service(world: World) -> tuple[dict, dict]:
    """A bill of February and a service on it that is still in force."""
    charges = [c for c in world.feeds["bill_charges"].newest_events() if c["charge_type"] == "recurring"]
    for bill in sorted(newest_bills(world), key=lambda b: b["bill_id"]):
        if bill["billing_period_start"] != date(2026, 2, 1) or bill["bill_status"] == "draft":
            continue
        for service_id in sorted(c["service_id"] for c in charges if c["bill_id"] == bill["bill_id"]):
            if world.services[service_id]["deactivated_at"] is None:
                return bill, world.services[service_id]
    raise AssertionError("the sample has no such bill")


@pytest.fixture(scope="module")
def landed(make_sample, build_models):
    landing, manifest = make_sample(seed=7, until=MARCH)
    as_of = datetime.fromisoformat(manifest["as_of"])
    world = read_world(landing, as_of, "America/Chicago")
    bill, service = a_bill_with_service(world)
    other = min(p for p in world.providers if p != bill["provider_id"])
    again = {"bill_id": bill["bill_id"], "bill_version": 2}
    at = datetime(2026, 3, 20, 18, tzinfo=UTC)
    reissue = {"issued_on": "2026-03-20", "subtotal_amount": "33.34", "discount_amount": "0", "tax_amount": "0",
               "total_amount": "33.34", "bill_status": "issued", "paid_on": None, "updated_at": at}  # fmt: skip
    # Another provider's first bill for the same customer, over a service that has not come.
    new = {"bill_id": NEW_BILL, "bill_version": 1, "provider_id": other, "previous_balance_amount": None,
           "subtotal_amount": "10", "total_amount": "10", "issued_on": "2026-03-02", **PERIOD}  # fmt: skip
    land(landing, "bills", [{**bill, **reissue, **again}, {**bill, **reissue, **new}])
    recurring = {"charge_type": "recurring", "charge_period_start": "2026-02-20", "charge_period_end": "2026-03-23"}
    land(landing, "bill_charges", [
        {**again, **recurring, "charge_id": UUID(int=0xE1), "service_id": service["service_id"], "amount": "32.00"},
        {**again, "charge_type": "fee", "charge_id": UUID(int=0xE2), "amount": "1.34"},
        {**new, **recurring, "charge_id": UUID(int=0xE3), "service_id": NEW_SERVICE, "amount": "10.00"},
    ])  # fmt: skip
    payment = {"customer_id": bill["customer_id"], "payment_date": at, "amount": "5", "currency": "USD",
               "payment_method": "cash", "is_auto_pay": "false", "updated_at": at}  # fmt: skip
    land(landing, "payments", [
        {**payment, "payment_id": NEW_PAYMENT, "payment_status": "settled"},
        {**payment, "payment_id": UUID(int=0xA2), "bill_id": NEW_BILL, "payment_status": "refunded"},
        {**payment, "payment_id": UUID(int=0xA3), "bill_id": NEW_BILL, "payment_status": "settled"},
    ])  # fmt: skip
    paused = {"service_status": "suspended", "discount_type": "amount", "discount_value": "3.33",
              "discount_end": "2026-03-27", "updated_at": at}  # fmt: skip
    land(landing, "customer_services", [{**service, **paused}])
    return build_models(landing, manifest), bill, service


def test_equal_to_the_cent_with_what_was_landed(landed):
    warehouse, _, _ = landed
    settings = warehouse.settings
    world = read_world(warehouse.landing, settings.as_of, settings.reporting_time_zone)
    assert differences(warehouse.url, world) == []


def test_a_reissue_replaces_the_bill_and_its_charges(landed):
    warehouse, bill, service = landed
    assert warehouse.ask(
        "select bill_version, issued_on, count(*), sum(amount)::text from core.fct_bill_charge"
        " where bill_id = %s group by bill_version, issued_on", bill["bill_id"],
    ) == [(2, date(2026, 3, 20), 2, "33.34")]  # fmt: skip
    # 32.00 over 31 days: 1.03 a day, 7 cents left for the first 7; 9 days in February.
    earned = warehouse.ask(
        "select month_start_date, earned_amount - coalesce(estimated_amount_reporting, 0), is_in_service_at_end,"
        " is_in_force_at_end, estimated_days from core.fct_subscription_monthly"
        " where service_id = %s and month_start_date >= '2026-03-01'", service["service_id"],
    )  # fmt: skip
    (march,) = earned
    assert float(march[1]) == pytest.approx(32.00 - (9 * 1.03 + 0.07))
    # Suspended on the 20th: in force, not in service; charged to the 22nd, the 9 days after are estimated.
    assert march[2:] == (False, True, 9)


def test_an_opening_balance_that_is_not_stated_is_null(landed):
    warehouse, bill, _ = landed
    assert warehouse.ask(
        "select previous_balance_amount, balance_amount, payments_amount::text, is_balance_unknown, service_ids::text"
        " from dashboards.customer_bill_summary where customer_id = %s and provider_id ="
        " (select provider_id from core.fct_bill where bill_id = %s)", bill["customer_id"], NEW_BILL,
    ) == [(None, None, "5.00", True, f"{{{NEW_SERVICE}}}")]  # fmt: skip


def test_late_parents_stand_under_the_unknown_member(landed):
    warehouse, _, _ = landed
    assert warehouse.ask(
        "select provider_id = '00000000-0000-0000-0000-000000000000' from core.fct_payment where payment_id = %s",
        NEW_PAYMENT,
    ) == [(True,)]
    assert warehouse.ask(
        "select count(*), bool_or(is_in_force_at_end), sum(billed_amount)::text from core.fct_subscription_monthly"
        " where service_id = %s", NEW_SERVICE,
    ) == [(2, False, "10.00")]  # fmt: skip
