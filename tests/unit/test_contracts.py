"""The contracts are complete and consistent, and a mistake in one is told plainly."""

import pytest

from ingestion.contract import ContractError, contract, contracts, load_contract


def test_every_feed_of_this_release_has_a_contract():
    assert set(contracts()) == {
        "providers", "service_zones", "census_blocks", "serviceable_locations", "network_elements", "network_topology",
        "maintenance_events", "service_plans", "customers", "customer_services", "devices", "service_orders",
        "campaign_contacts", "usage_records", "network_performance", "service_quality", "bills", "bill_charges",
        "payments", "support_tickets", "outages",
    }  # fmt: skip


def test_versioned_feeds_are_identified_by_key_and_updated_at():
    assert contract("bills").identity == ("bill_id", "bill_version", "updated_at")
    assert contract("usage_records").identity == ("usage_id", "usage_timestamp")


def test_an_unknown_feed_names_the_known_ones():
    with pytest.raises(ContractError, match=r"no contract for feed 'usage'; known feeds: bill_charges, .*usage"):
        contract("usage")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("type: uuid", "type: guid"), "type"),
        (("key: [provider_id]", "key: [id]"), "id is no column"),
        (("feed: providers", "feed: provider"), "expected feed: providers"),
        (("expected_every: 7 days", "expected_every: weekly"), "expected a duration"),
        (("required: true, description: Identifies", "description: Identifies"), "must be required"),
        (("feed: providers", "feed: providers\nspeed: 3"), "speed"),
    ],
)
def test_a_wrong_contract_is_refused_with_its_place(tmp_path, change, message):
    from ingestion.contract import CONTRACTS_FOLDER

    path = tmp_path / "providers.yml"
    text = (CONTRACTS_FOLDER / "providers.yml").read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
    with pytest.raises(ContractError, match=message) as caught:
        load_contract(path)
    assert str(path) in str(caught.value)
