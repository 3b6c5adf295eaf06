"""The features equal those recomputed from the landed files, and know nothing of what comes after their as-of date."""

from tests.second_road.comparing import table_differences
from tests.second_road.feature_elements import feature_element
from tests.second_road.feature_rows import feature_customer, feature_service
from tests.second_road.features import Past


def feature_differences(url, world):
    """Every feature table against its second road; each must have rows at several as-of dates."""
    past, wrong = Past(world), []
    for table, key, expected in (
        ("core.feature_service", ("service_id", "as_of_date"), feature_service(world, past)),
        ("core.feature_customer", ("customer_id", "as_of_date"), feature_customer(world, past)),
        ("core.feature_element", ("element_id", "as_of_date"), feature_element(world)),
    ):
        assert len({day for _, day in expected}) > 2, table
        wrong += table_differences(url, table, key, expected)
    return wrong


def test_features(any_warehouse, any_world):
    assert feature_differences(any_warehouse.url, any_world) == []
