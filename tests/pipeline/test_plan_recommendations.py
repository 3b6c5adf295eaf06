"""Plan advice of built warehouses: held against brute force, its function, its readers, and what has no bills or plan.

Not here: the mathematics of single parts (unit tests).
"""

from collections import defaultdict
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from orchestration.defs import plans as plans_asset
from tests.pipeline.people import People
from tests.second_road.plans import saving_rows

UNKNOWN = "00000000-0000-0000-0000-000000000000"
FUNCTION = "select * from analytics.recommend_service_plans(%s)"
COLUMNS = ("current_plan", "recommended_plan", "recommendation_reason", "expected_savings",
           "expected_quality_improvement", "confidence_score")  # fmt: skip


def fill(connection, warehouse):
    settings = warehouse.settings
    return plans_asset.fill_plan_recommendations(connection, settings.as_of, settings.reporting_time_zone)


@pytest.fixture(scope="module")
def people(built_warehouse):
    rows = built_warehouse.ask("select provider_id::text from core.dim_provider where provider_id <> %s", UNKNOWN)
    found = People(built_warehouse.url, {"provider": [rows[0][0]]})
    yield found
    found.leave()


def test_every_saving_is_that_of_brute_force(any_warehouse, any_world):
    with psycopg.connect(any_warehouse.url) as connection:
        fill(connection, any_warehouse)
        found = connection.execute(
            "select service_id::text, recommended_plan, expected_savings, tested_periods_count, confidence_score"
            " from analytics.plan_recommendations where advice_kind = 'saving'"
        ).fetchall()
        connection.rollback()
    expected = {
        service_id: (plan, round(saving) / 100, months, None if share is None else round(float(share), 4))
        for service_id, (plan, saving, months, share) in saving_rows(any_world).items()
    }
    ours = {
        service_id: (plan, float(saving), months, None if share is None else float(share))
        for service_id, plan, saving, months, share in found
    }
    assert {key: (ours.get(key), one) for key, one in expected.items() if ours.get(key) != one} == {}
    assert set(ours) == set(expected)
    changes = sum(1 for plan, saving, *_ in expected.values() if saving)
    assert changes > 0 or len(expected) < 300
    assert changes < len(expected) / 4


def test_nothing_new_changes_nothing(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        done = fill(connection, built_warehouse)
        assert done["rows"] > 100
        assert (done["rows_changed"], done["rows_removed"], done["rows_forgotten"]) == (0, 0, 0)


def test_advice_of_days_before_goes_but_for_the_first_of_a_month(built_warehouse):
    copied = (
        "insert into analytics.plan_recommendations select (jsonb_populate_record(advice,"
        " jsonb_build_object('as_of_date', %s::text))).* from analytics.plan_recommendations as advice"
        " where as_of_date = '2026-10-01'"
    )
    with psycopg.connect(built_warehouse.url) as connection:
        days = ["2026-09-01", "2026-09-17", "2020-01-01", "2027-01-05"]
        for day in days:
            connection.execute(copied, [day])
        fill(connection, built_warehouse)
        kept = connection.execute("select distinct as_of_date::text from analytics.plan_recommendations").fetchall()
        connection.rollback()
    assert {day for (day,) in kept} == {"2026-09-01", "2026-10-01", "2027-01-05"}


def test_the_function_has_the_sources_columns_and_the_tables_rows(built_warehouse):
    ((customer_id, count),) = built_warehouse.ask(
        "select customer_id, count(*) from analytics.plan_recommendations group by 1 order by 2 desc, 1 limit 1"
    )
    with psycopg.connect(built_warehouse.url) as connection:
        answer = connection.execute(FUNCTION, [customer_id])
        assert tuple(column.name for column in answer.description) == COLUMNS
        assert answer.rowcount == count
        types = connection.execute(
            "select pg_get_function_result('analytics.recommend_service_plans(uuid)'::regprocedure)"
        ).fetchone()
    assert types[0].count("character varying") == 4
    assert types[0].count("numeric") == 2


def test_what_was_not_computed_is_an_error_that_says_what_exists(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        with pytest.raises(psycopg.errors.NoData, match="no plan advice for customer") as raised:
            connection.execute(FUNCTION, [uuid4()])
        assert "2026-10-01 exists for" in raised.value.diag.message_detail
        connection.rollback()
        connection.execute("delete from analytics.plan_recommendations")
        with pytest.raises(psycopg.errors.NoData, match="has been computed") as raised:
            connection.execute(FUNCTION, [uuid4()])
        assert "make run" in raised.value.diag.message_hint
        connection.rollback()


def test_who_may_ask(built_warehouse, people):
    (provider_id,) = people.scopes["provider"]
    rows = built_warehouse.ask(
        "select customer_id, array_agg(provider_id::text) from analytics.plan_recommendations group by 1"
    )
    inside = next(customer for customer, providers in rows if set(providers) == {provider_id})
    outside = next(customer for customer, providers in rows if provider_id not in providers)
    for role in ("analyst", "support", "admin", "data_engineer"):
        assert people.ask(role, FUNCTION, outside)
    assert people.ask("analyst_by_provider", FUNCTION, inside)
    assert "not yours to see" in people.refusal("analyst_by_provider", FUNCTION.replace("%s", f"'{outside}'"))
    consenting = {
        row[0] for row in built_warehouse.ask(
            "select customer_id from core.dim_customer_current where marketing_consent and cpni_consent")
    }  # fmt: skip
    seen = {row[0] for row in people.ask("marketing", "select customer_id from analytics.plan_recommendations")}
    assert seen
    assert seen <= consenting
    for role in ("network_engineer", "dashboard_reader", "billing"):
        assert people.refusal(role, FUNCTION.replace("%s", f"'{inside}'")).startswith("42501")


def test_amounts_of_a_bundle_sum_and_flags_agree_with_reasons(any_warehouse):
    with psycopg.connect(any_warehouse.url) as connection:
        fill(connection, any_warehouse)
        rows = connection.execute(
            "select advice_kind, recommended_action, current_plan_id = recommended_plan_id, expected_savings,"
            " is_actionable, not_actionable_reason, bundle_group_id, confidence_score"
            " from analytics.plan_recommendations"
        ).fetchall()
        connection.rollback()
    bundles = defaultdict(list)
    for kind, action, stays, saving, is_actionable, obstacle, group, confidence in rows:
        assert stays is (action in ("stay", "repair_line"))
        assert is_actionable is (obstacle is None and action != "stay")
        assert (group is not None) is (kind == "bundle")
        assert confidence is None or 0 <= confidence <= 1
        assert saving == 0 if stays else True
        if group:
            bundles[group].append(saving)
    assert all(len(savings) > 1 and sum(savings) > 12 for savings in bundles.values())


def test_without_bills_and_without_a_plan(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        before = fill(connection, built_warehouse)
        (service_id,), (other,) = connection.execute(
            "select service_id from analytics.plan_recommendations where advice_kind = 'saving' order by 1 limit 2"
        ).fetchall()
        connection.execute(
            "delete from core.fct_bill where customer_id ="
            " (select customer_id from core.dim_service_current where service_id = %s)", [service_id])  # fmt: skip
        connection.execute("update core.dim_service set plan_id = %s where service_id = %s", [uuid4(), other])
        after = fill(connection, built_warehouse)
        kept = connection.execute(
            "select count(*) filter (where service_id = %s), count(*) filter (where service_id = %s)"
            " from analytics.plan_recommendations", [service_id, other]).fetchone()  # fmt: skip
        connection.rollback()
    assert (before["services_without_advice"], after["services_without_advice"]) == (0, 1)
    assert kept[0] >= 1
    assert kept[1] == 0


def test_a_plan_that_cannot_be_rated_costs_nobody_elses_advice(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        before = fill(connection, built_warehouse)
        (plan_id, on_it) = connection.execute(
            "select current_plan_id, count(*) from analytics.plan_recommendations where advice_kind = 'saving'"
            " group by 1 order by 2 desc, 1 limit 1"
        ).fetchone()
        rules = '{"data": {"tiers": [{"up_to": 5, "unit_price": 1}]}}'
        connection.execute("update core.dim_service_plan set rating_rules = %s where plan_id = %s", [rules, plan_id])
        after = fill(connection, built_warehouse)
        connection.rollback()
    assert before["plans_not_rated"] == "none"
    assert str(plan_id) in after["plans_not_rated"]
    assert "the last one ends at 5" in after["plans_not_rated"]
    assert after["services"] == before["services"] - on_it
    assert after["services_without_advice"] == on_it


def test_the_fit_of_plans_for_models_is_the_tables(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        fill(connection, built_warehouse)
        rows = connection.execute(
            "select service_id::text, expected_savings from analytics.plan_recommendations"
            " where advice_kind = 'saving' and tested_periods_count > 0"
        ).fetchall()
        as_of, long_ago = built_warehouse.settings.as_of, built_warehouse.settings.as_of - timedelta(days=3650)
        assert len(rows) > 0
        assert plans_asset.plan_fits(connection, [as_of]) == {as_of: dict(rows)}
        # The table's rows gone, they are computed.
        connection.execute("delete from analytics.plan_recommendations")
        assert plans_asset.plan_fits(connection, [as_of, long_ago]) == {long_ago: {}, as_of: dict(rows)}
        connection.rollback()


def test_use_read_for_one_instant_serves_the_next(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        connection.execute("delete from analytics.plan_recommendations")
        instants = [built_warehouse.settings.as_of - timedelta(days=days) for days in (60, 30, 0)]
        together = plans_asset.plan_fits(connection, instants)
        assert together == {instant: plans_asset.plan_fits(connection, [instant])[instant] for instant in instants}
        assert len([instant for instant, own in together.items() if own]) > 1
        connection.rollback()
