"""Every rule of every suite, on a real PostgreSQL: green on a row that keeps it, red on the one row that breaks it."""

import pytest

from expectations.suites import NEWEST, PARENTS, suites
from tests.integration.guarding import Border, row
from tests.integration.landing import identifier

LATER, NOON, EARLIER = "2026-01-20T12:00:00Z", "2026-01-15T12:00:00Z", "2026-01-10T12:00:00Z"
# What makes a row of the feed keep all rules, where the plain one does not.
GOOD = {
    "bills": {"billing_period_start": "2026-01-01", "billing_period_end": "2026-02-01", "subtotal_amount": 10,
              "discount_amount": 1, "tax_amount": 2, "total_amount": 11, "currency": "USD", "bill_status": "issued"},
    "bill_charges": {"charge_period_start": "2026-01-01", "charge_period_end": "2026-02-01"},
    "campaign_contacts": {"is_control": "true"},
    "census_blocks": {"block_geoid": "170310101001000", "households": 3, "housing_units": 4},
    "customer_services": {"service_status": "active", "activated_at": NOON},
    "devices": {"status": "assigned", "customer_id": identifier("customer"), "assigned_at": NOON},
    "maintenance_events": {"started_at": NOON, "completed_at": LATER, "outcome": "completed"},
    "network_elements": {"parent_element_id": identifier("site"), "installed_on": "2020-01-01",
                         "end_of_support_on": "2030-01-01"},
    "network_performance": {"interval_seconds": 3600, "availability_seconds": 3600, "throughput_mbps": 10},
    "network_topology": {"target_element_id": identifier("target")},
    "outages": {"outage_status": "restored", "actual_restoration": LATER, "discovered_at": NOON},
    "payments": {"bill_id": identifier("paid bill"), "amount": 11, "currency": "USD"},
    "service_orders": {"order_status": "completed", "completed_at": LATER, "to_plan_id": identifier("plan")},
    "service_plans": {"includes": ["data"], "currency": "USD", "available_to": "2026-02-01"},
    "service_quality": {"customer_rating": 4},
    "service_zones": {"households": 10, "population": 20},
    "serviceable_locations": {"block_geoid": "170310101001000", "location_id": 1000000000,
                              "max_advertised_download_mbps": 100, "max_advertised_upload_mbps": 100},
    "support_tickets": {"ticket_status": "resolved", "first_response_at": NOON, "resolved_at": LATER},
    "usage_records": {"usage_type": "data", "data_usage_bytes": 5, "voice_seconds": 0, "sms_count": 0},
}  # fmt: skip
# What breaks each rule, and nothing else.
BROKEN = {
    "bills": {
        "amounts_add_up": {"total_amount": 12},
        "period_is_not_empty": {"billing_period_end": "2026-01-01"},
        "due_after_issue": {"issued_on": "2026-01-16"},
        "paid_has_a_date": {"bill_status": "paid"},
        "paid_after_issue": {"bill_status": "paid", "paid_on": "2026-01-14"},
    },
    "bill_charges": {"period_is_not_empty": {"charge_period_end": "2026-01-01"}},
    "campaign_contacts": {"control_has_no_answer": {"outcome": "complained"}},
    "census_blocks": {"households_fit_the_units": {"block_geoid": "170310101001001", "households": 5}},
    "customers": {
        "won_before_the_version": {"acquisition_date": "2026-01-17"},
        "created_before_the_version": {"created_at": "2026-01-15T13:30:00Z"},
    },
    "customer_services": {
        "ends_after_it_began": {"deactivated_at": EARLIER},
        "in_force_has_a_date": {"activated_at": None},
        "terminated_has_a_date": {"service_status": "terminated"},
        "contract_ends_after_it_began": {"contract_start": "2026-01-02", "contract_end": "2026-01-01"},
        "percentage_discount_at_most_all": {"discount_type": "percentage", "discount_value": 101},
    },
    "devices": {
        "assigned_to_somebody": {"customer_id": None},
        "assigned_before_the_version": {"assigned_at": LATER},
    },
    "maintenance_events": {
        "completed_after_started": {"completed_at": EARLIER},
        "completed_has_a_time": {"completed_at": None},
    },
    "network_elements": {
        "not_its_own_parent": {"parent_element_id": identifier("not_its_own_parent")},
        "supported_after_installed": {"end_of_support_on": "2019-12-31"},
    },
    "network_performance": {
        "available_no_longer_than_the_interval": {"availability_seconds": 3601},
        "busy_hour_in_long_samples_only": {"busy_hour_throughput_mbps": 20},
        "busy_hour_not_below_the_mean": {"interval_seconds": 86400, "busy_hour_throughput_mbps": 9},
    },
    "network_topology": {"joins_two_elements": {"target_element_id": identifier("joins_two_elements")}},
    "outages": {
        "restored_after_start": {"actual_restoration": EARLIER},
        "restored_has_a_time": {"actual_restoration": None},
        "discovered_after_start": {"discovered_at": EARLIER},
        "restored_once_it_is_over": {"outage_status": "repairing"},
    },
    "payments": {
        "amount_is_positive": {"amount": 0},
        "currency_is_the_bills": {"currency": "EUR"},
        "not_far_over_the_bill": {"amount": 34},
    },
    "providers": {"has_a_name": {"provider_name": " "}},
    "service_orders": {
        "completed_after_requested": {"completed_at": EARLIER},
        "completed_has_a_time": {"completed_at": None},
        "plan_change_names_the_plan": {"order_type": "plan_change", "to_plan_id": None},
    },
    "service_plans": {
        "on_sale_for_a_while": {"available_to": "2026-01-01"},
        "allowance_of_what_is_sold": {"includes": ["data"], "sms_allowance": 100},
    },
    "service_quality": {"says_something": {"customer_rating": None}},
    "service_zones": {"people_for_the_households": {"population": 0}},
    "serviceable_locations": {
        "offered_for_a_while": {"location_id": 1000000001, "available_to": "2026-01-01"},
        "upload_not_above_download": {"location_id": 1000000002, "max_advertised_upload_mbps": 101},
    },
    "support_tickets": {
        "resolved_after_created": {"resolved_at": EARLIER},
        "response_after_created": {"first_response_at": EARLIER},
        "resolved_has_a_time": {"resolved_at": None},
        "open_has_no_resolution": {"ticket_status": "open"},
    },
    "usage_records": {
        "quantities_fit_the_kind": {"sms_count": 1},
        "no_call_longer_than_a_day": {"usage_type": "voice", "data_usage_bytes": 0, "voice_seconds": 86401},
    },
}  # fmt: skip
# What a rule of the feed looks up elsewhere.
LOOKED_UP = {"payments": {"bills": row("bills", "paid bill", **GOOD["bills"])}}
# Judged against a limit; tests of their own are in test_guards_limits.
TOLERATED = {"bill_charges": {"charges_add_up_to_the_bill"}}


@pytest.fixture(scope="module")
def border(make_database, tmp_path_factory):
    return Border(make_database(), tmp_path_factory.mktemp("landing"))


def test_every_rule_is_tried():
    assert {feed: set(BROKEN.get(feed, {})) | TOLERATED.get(feed, set()) for feed in suites()} == {
        feed: set(suite.rules) for feed, suite in suites().items()
    }


def red(judged) -> set[str]:
    """Failed checks of single rows; what is judged against a limit has tests of its own."""
    return {name for name, result in judged.items() if not result.success} - {PARENTS, NEWEST}


@pytest.mark.parametrize("feed", sorted(suites()))
def test_a_rule_is_red_on_the_row_that_breaks_it_and_on_no_other(border, feed):
    good = GOOD.get(feed, {})
    for other, found in LOOKED_UP.get(feed, {}).items():
        border.load(other, [found])
    border.load(feed, [row(feed, f"{feed} 0", **good)])
    assert red(border.judge(feed)) == set()
    broken = {name: row(feed, name, **{**good, **values}) for name, values in BROKEN[feed].items()}
    border.load(feed, list(broken.values()))
    judged = border.judge(feed)
    assert red(judged) == set(broken)
    identity = suites()[feed].contract.identity
    for name in broken:
        (key,) = border.keys(feed, name)
        assert set(key) == set(identity)
        assert key[identity[0]] == str(broken[name][identity[0]])
        assert judged[name].severity == suites()[feed].rules[name].severity
        assert judged[name].rows_failed == 1
