"""How far each feed has come per provider, and what is overdue, from raw rows alone."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from expectations.newest import update_freshness
from expectations.suites import suites
from orchestration.defs.freshness import describe
from tests.integration.guarding import Border, row
from tests.integration.landing import identifier, usage

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NORTH, SOUTH = identifier("north"), identifier("south")


@pytest.fixture
def border(make_database, tmp_path):
    """Two providers, the northern in Denver's time, each with a plan, a customer, a service, a zone, an element."""
    border = Border(make_database(), tmp_path, as_of=AS_OF)
    sides = {"north": "America/Denver", "south": None}
    border.load("providers", [
        row("providers", side, provider_name=f"{side} wireless", time_zone=zone) for side, zone in sides.items()
    ])  # fmt: skip
    border.load("service_plans", [
        row("service_plans", f"{side} plan", provider_id=identifier(side), currency="USD", includes=["data"])
        for side in sides
    ])  # fmt: skip
    border.load("customer_services", [
        row("customer_services", f"{side} service", customer_id=identifier(f"{side} customer"),
            plan_id=identifier(f"{side} plan"), service_status="pending")
        for side in sides
    ])  # fmt: skip
    border.load("service_zones", [
        row("service_zones", f"{side} zone", provider_id=identifier(side)) for side in sides])  # fmt: skip
    border.load("network_elements", [
        row("network_elements", f"{side} element", provider_id=identifier(side)) for side in sides])  # fmt: skip
    border.load("bills", [
        row("bills", f"{side} bill", provider_id=identifier(side), bill_version=1, currency="USD",
            billing_period_start="2026-04-01", billing_period_end="2026-05-01", issued_on="2026-05-02")
        for side in sides
    ])  # fmt: skip
    return border


def newest(border, feed: str, as_of: datetime = AS_OF) -> dict[str, datetime]:
    with psycopg.connect(border.url, autocommit=True) as connection:
        return {
            str(state.provider_id): state.newest_event_at.astimezone(UTC)
            for state in update_freshness(connection, suites()[feed], as_of)
        }


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# A row of each feed that has events: what leads to the provider, and when it happened.
EVENTS = {
    "usage_records": ({"service_id": "service"}, {"usage_timestamp": "2026-05-20T10:00:00Z"}),
    "network_performance": ({"element_id": "element"}, {"measurement_timestamp": "2026-05-20T10:00:00Z"}),
    "support_tickets": ({"service_id": "service"},
                        {"created_at": "2026-05-19T10:00:00Z", "updated_at": "2026-05-20T10:00:00Z"}),
    "payments": ({"bill_id": "bill"}, {"payment_date": "2026-05-20T10:00:00Z"}),
    "service_orders": ({"customer_id": "customer"},
                       {"requested_at": "2026-05-19T10:00:00Z", "updated_at": "2026-05-20T10:00:00Z"}),
    "campaign_contacts": ({"customer_id": "customer"}, {"contacted_at": "2026-05-20T10:00:00Z"}),
    "maintenance_events": ({"element_id": "element"},
                           {"scheduled_at": "2026-07-01T10:00:00Z", "updated_at": "2026-05-20T10:00:00Z"}),
    "outages": ({"provider_id": ""}, {"outage_start": "2026-05-19T10:00:00Z", "updated_at": "2026-05-20T10:00:00Z"}),
}  # fmt: skip


@pytest.mark.parametrize("feed", sorted(EVENTS))
def test_an_event_speaks_for_its_provider(border, feed):
    leads, times = EVENTS[feed]

    other = {"currency": "USD"} if feed == "payments" else {}

    def event(side: str, name: str, **values: object) -> dict[str, object]:
        ids = {column: identifier(f"{side} {what}".strip()) for column, what in leads.items()}
        return row(feed, name, **ids, **other, **{**times, **values})

    later = dict.fromkeys(times, "2026-05-25T10:00:00Z")
    too_late = dict.fromkeys(times, "2026-06-01T10:00:00Z")
    border.load(feed, [event("north", "a"), event("south", "b"), event("south", "c", **later),
                       event("north", "d", **too_late)])  # fmt: skip
    if "provider_id" not in leads:
        border.load(feed, [event("nobody", "e", **later)])
    assert newest(border, feed) == {NORTH: at("2026-05-20T10:00:00Z"), SOUTH: at("2026-05-25T10:00:00Z")}


def test_every_feed_is_tried():
    dated = {"bills", "bill_charges", "service_quality"}
    delivered = {feed for feed, suite in suites().items() if suite.newest.delivery}
    assert set(EVENTS) | dated | delivered == set(suites())


def test_a_local_day_begins_at_the_providers_midnight(border):
    assert newest(border, "bills") == {NORTH: at("2026-05-02T00:00-06:00"), SOUTH: at("2026-05-02T00:00-05:00")}
    border.load("service_quality", [
        row("service_quality", side, service_id=identifier(f"{side} service"), assessment_date="2026-05-20")
        for side in ("north", "south")
    ])  # fmt: skip
    assert newest(border, "service_quality")[NORTH] == at("2026-05-20T00:00-06:00")
    # At five in Denver's morning the day has begun in Chicago, an hour before in Denver it has in Chicago only.
    assert newest(border, "service_quality", at("2026-05-20T05:30Z")) == {SOUTH: at("2026-05-20T00:00-05:00")}


def test_a_charge_is_as_new_as_its_bill(border):
    border.load("bill_charges", [
        row("bill_charges", "charge", bill_id=identifier("south bill"), bill_version=1)])  # fmt: skip
    assert newest(border, "bill_charges") == {SOUTH: at("2026-05-02T00:00-05:00")}


def test_a_feed_of_states_is_heard_of_by_its_deliveries(border):
    """Plans that have not changed for months are no silence as long as files come."""
    found = newest(border, "service_plans")
    (delivered,) = border.ask("select max(discovered_at) from raw.deliveries where feed = 'service_plans'")[0]
    assert found == {NORTH: delivered.astimezone(UTC), SOUTH: delivered.astimezone(UTC)}
    with psycopg.connect(border.url, autocommit=True) as connection:
        (state, _) = update_freshness(connection, suites()["service_plans"], delivered + timedelta(days=9))
        assert not state.is_overdue
        (state, _) = update_freshness(connection, suites()["service_plans"], delivered + timedelta(days=9, seconds=1))
        assert state.is_overdue
    # The same plans in another file: nothing new is loaded, and yet the source has been heard.
    border.load("service_plans", [
        row("service_plans", "north plan", provider_id=NORTH, currency="USD", includes=["data"])])  # fmt: skip
    assert newest(border, "service_plans")[NORTH] > delivered
    assert newest(border, "service_plans")[SOUTH] == delivered.astimezone(UTC)


def test_one_provider_is_overdue_while_the_other_is_not(border):
    for side, day in (("north", "2026-03-01"), ("south", "2026-05-31")):
        border.load("usage_records", [
            usage(side, f"{day}T00:00:00Z", service_id=identifier(f"{side} service"))])  # fmt: skip
    with psycopg.connect(border.url, autocommit=True) as connection:
        states = {str(s.provider_id): s for s in update_freshness(connection, suites()["usage_records"], AS_OF)}
        # Known from then on, the silent provider is looked for in all of the past, not only in the last days.
        again = {str(s.provider_id): s for s in update_freshness(connection, suites()["usage_records"], AS_OF)}
    assert again == states
    assert (states[NORTH].is_overdue, states[SOUTH].is_overdue) == (True, False)
    assert border.ask("select provider_id::text, newest_event_at, expected_by_at, is_overdue, as_of_at"
                      " from quality.freshness where feed = 'usage_records' and is_overdue") == [
        (NORTH, at("2026-03-01T00:00Z"), at("2026-03-03T00:00Z"), True, AS_OF)]  # fmt: skip
    said = describe([states[NORTH]], {states[NORTH].provider_id: "north wireless"}, ["dashboards.operations_dashboard"])
    assert said == (
        f"north wireless ({NORTH}): nothing after 2026-03-01 00:00 UTC, expected by 2026-03-03 00:00 UTC,"
        " overdue for 90 days 0 hours. Stands on it: dashboards.operations_dashboard."
    )


def test_an_earlier_instant_knows_nothing_of_later_events(border):
    border.load("usage_records", [
        usage(day, f"{day}T00:00:00Z", service_id=identifier("north service")) for day in ("2026-05-01", "2026-05-31")
    ])  # fmt: skip
    assert newest(border, "usage_records")[NORTH] == at("2026-05-31T00:00Z")
    assert newest(border, "usage_records", at("2026-05-02T00:00Z")) == {NORTH: at("2026-05-01T00:00Z")}
    assert newest(border, "usage_records", at("2026-04-02T00:00Z")) == {}
    assert border.ask("select count(*) from quality.freshness where feed = 'usage_records'") == [(0,)]
