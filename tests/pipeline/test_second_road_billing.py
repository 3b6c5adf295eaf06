"""Every row and column of the money's tables equals the one recomputed from the landed files by other code."""

from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.second_road.billing import Billing
from tests.second_road.money import Rows
from tests.second_road.world import World

KEYS = {
    "core.fct_bill": ("bill_id",),
    "core.fct_bill_charge": ("bill_id", "charge_id"),
    "core.fct_payment": ("payment_id",),
    "core.fct_subscription_monthly": ("service_id", "month_start_date"),
    "dashboards.customer_bill_summary": (
        "customer_id", "provider_id", "currency", "billing_period_start", "billing_period_end",
    ),
    "dashboards.billing_monthly": ("provider_id", "month_start_date", "breakdown", "item"),
}  # fmt: skip


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, UUID) else value


def found_rows(url: str, table: str) -> dict[tuple, dict]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("set timezone to 'UTC'")
        rows = [{name: _plain(value) for name, value in row.items()} for row in connection.execute(f"table {table}")]
    return {tuple(row[name] for name in KEYS[table]): row for row in rows}


def differences(url: str, world: World, rates: Rows | None = None) -> list[str]:
    """Every row and column that is not as recomputed; with these exchange rates instead of the seed's."""
    wrong = []
    for table, expected in Billing(world, rates=rates).tables().items():
        found = found_rows(url, table)
        assert expected, f"{table}: nothing to compare"
        wrong += [f"{table} {key}: only in the warehouse" for key in found.keys() - expected.keys()]
        wrong += [f"{table} {key}: only on the second road" for key in expected.keys() - found.keys()]
        for key in found.keys() & expected.keys():
            assert found[key].keys() == expected[key].keys(), table
            wrong += [
                f"{table} {key} {name}: warehouse {found[key][name]!r}, second road {value!r}"
                for name, value in expected[key].items()
                if found[key][name] != value
            ]
    return wrong


def test_money_is_equal_to_the_cent(any_warehouse, any_world):
    assert differences(any_warehouse.url, any_world) == []


def test_what_is_compared_is_there(any_warehouse):
    (row,) = any_warehouse.ask(
        "select count(*) filter (where is_added), count(*) filter (where is_ended),"
        " count(*) filter (where is_estimated), count(distinct line_of_business), sum(earned_amount_reporting) > 0"
        " from core.fct_subscription_monthly"
    )
    assert all(row)
    assert any_warehouse.ask("select count(distinct breakdown) from dashboards.billing_monthly") == [(5,)]
    assert any_warehouse.ask("select sum(payments_amount) > 0 from dashboards.customer_bill_summary") == [(True,)]
