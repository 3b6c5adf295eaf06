"""Searching for names, what row security means for indexes and for what a session can find out besides rows."""

import json
import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.pipeline.people import People

SEARCH = "select * from core.search_customers(%s, %s)"
SEARCHERS = ("admin", "support", "billing", "marketing")


@pytest.fixture(scope="module")
def people(built_warehouse) -> Iterator[People]:
    (provider,), (zone,) = (
        built_warehouse.ask(
            f"select {column}::text from core.dim_service group by 1 having count(*) > 5 order by count(*), 1 limit 1"
        )[0]
        for column in ("provider_id", "zone_id")
    )
    found = People(built_warehouse.url, {"provider": [provider], "zone": [zone]})
    yield found
    found.leave()


@pytest.fixture(scope="module")
def surnames(built_warehouse) -> list[str]:
    """Words that name several customers."""
    return [name for (name,) in built_warehouse.ask(
        "select last_name from core.dim_customer_pii where last_name is not null group by 1"
        " order by count(*) desc, 1 limit 12")]  # fmt: skip


def found_by(people, role, words) -> set:
    return {row[0] for row in people.ask(role, SEARCH, words, "a test")}


def test_searchers_find_names_and_others_may_not_ask(people, built_warehouse, surnames):
    name = surnames[0]
    everybody = {row[0] for row in built_warehouse.ask(
        "select customer_id from core.dim_customer_pii where lower(%s) = any(regexp_split_to_array(lower(concat_ws(' ',"
        " first_name, last_name, company_name)), '[^a-z]+'))", name)}  # fmt: skip
    assert len(everybody) > 1
    for role in ("admin", "support", "billing"):
        assert found_by(people, role, name.upper()) == everybody
    for role in ("analyst", "analyst_by_provider", "data_engineer", "network_engineer", "auditor", "customer_app"):
        assert people.refusal(role, f"select * from core.search_customers('{name}', 'why not')").startswith("42501"), (
            role
        )
    assert people.refusal("support", f"select * from core.search_customers('{name}', ' ')").startswith("22023")
    assert people.ask("support", "select * from core.search_customers(%s, 'a test', 1)", name)[0][0] in everybody


def test_a_search_stays_within_scope_and_consent(people, built_warehouse, surnames):
    provider, zone = people.scopes["provider"][0], people.scopes["zone"][0]
    seen = {"provider": 0, "zone": 0, "consent": 0, "all": 0}
    of_provider = {row[0] for row in built_warehouse.ask(
        "select customer_id from core.bridge_customer_provider where provider_id = %s", provider)}  # fmt: skip
    of_zone = {
        row[0] for row in built_warehouse.ask("select customer_id from core.dim_customer_pii where zone_id = %s", zone)
    }
    consenting = {row[0] for row in built_warehouse.ask(
        "select customer_id from core.dim_customer where is_current and marketing_consent")}  # fmt: skip
    for name in surnames:
        whole = found_by(people, "support", name)
        for key, role, allowed in (
            ("provider", "support_by_provider", of_provider), ("zone", "billing_by_zone", of_zone),
            ("consent", "marketing", consenting),
        ):  # fmt: skip
            found = found_by(people, role, name)
            assert found == whole & allowed, (role, name)
            seen[key] += len(found)
        seen["all"] += len(whole)
    assert 0 < seen["zone"] < seen["all"]
    assert 0 < seen["provider"] < seen["all"]
    assert 0 < seen["consent"] < seen["all"]


def test_a_role_that_is_taken_on_counts_and_the_caller_cannot_change_the_function(people, built_warehouse, surnames):
    call = f"select count(*) from core.search_customers('{surnames[0]}', 'a test')"
    with psycopg.connect(built_warehouse.url, autocommit=True) as owner:
        owner.execute("set role none")
        owner.execute("set role analyst")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(call)
    with people.session("support_by_zone") as session:
        before = session.execute(call).fetchone()
        # Names in a schema of the caller's own would come first, if the function's path were his.
        session.execute("set search_path = pg_temp, public, core")
        session.execute("select set_config('app.customer_id', '*', false)")
        assert session.execute(call).fetchone() == before


def test_every_search_is_in_the_access_log(people, built_warehouse, surnames):
    (found,) = people.ask("support", "select count(*) from core.search_customers(%s, 'ticket 4711')", surnames[0])[0]
    with psycopg.connect(built_warehouse.url, autocommit=True) as administrator:
        administrator.execute("set role none")
        rows = administrator.execute(
            "select user_id, what, rows_read from audit.access_log where reason = 'ticket 4711'"
        ).fetchall()
    assert rows == [("one support", "core.search_customers", found)]


def plan_of(people, role: str, query: str) -> str:
    with people.session(role) as session:
        session.execute("set enable_seqscan = off")
        session.execute("select set_config('app.customer_id', gen_random_uuid()::text, false)")
        (plan,) = session.execute(f"explain (format json) {query}").fetchone()
    return json.dumps(plan)


@pytest.mark.parametrize("role", ["analyst", "analyst_by_provider", "analyst_by_zone", "support", "marketing"])
def test_indexes_serve_equality_under_row_security(people, role):
    plan = plan_of(people, role, "select * from core.fct_usage_daily where service_id = gen_random_uuid()"
                                 " and usage_date >= '2026-09-01'")  # fmt: skip
    assert re.search("Index Scan|Bitmap Index Scan", plan)


def test_the_customers_app_goes_by_its_customers_index(people):
    plan = plan_of(people, "customer_app", "select * from core.dim_service")
    assert "app_customer_id" in plan or "current_setting" in plan
    assert re.search(r'"Index Cond": "\(customer_id = ', plan)


def test_operators_that_are_not_leakproof_wait_for_the_policy(people):
    search = "select customer_id from core.dim_customer_pii where name_search @@ to_tsquery('simple', 'smith')"
    # Where a policy says true there is nothing to wait for; under a scope the index stays unused: hence the function.
    assert "Bitmap Index Scan" in plan_of(people, "support", search)
    assert "name_search @@" not in "".join(
        re.findall(r'"Index Cond": "[^"]*"', plan_of(people, "support_by_provider", search))
    )


def test_errors_estimates_and_statistics_tell_nothing_of_hidden_rows(people, built_warehouse):
    (hidden,) = built_warehouse.ask(
        "select customer_id::text from core.dim_customer_pii where email is not null"
        " and customer_id not in (select customer_id from"
        " core.bridge_customer_provider where provider_id = %s) limit 1", people.scopes["provider"][0])[0]  # fmt: skip
    role = "support_by_provider"
    with people.session(role) as session:
        # An expression that fails on a hidden row is never reached by it.
        probe = (
            "select count(*) from core.dim_customer_pii where customer_id = %s"
            " and 1 / (length(email) - length(email)) > 1"
        )
        assert session.execute(probe, [hidden]).fetchone() == (0,)
        for view in ("pg_stats", "pg_stats_ext"):
            rows = session.execute(
                f"select count(*) from {view} where schemaname in ('core', 'dashboards') and tablename in"
                " ('dim_customer_pii', 'fct_bill', 'dim_service_pii')"
            ).fetchone()
            assert rows == (0,), view
        for catalogue in ("pg_statistic", "pg_authid", "pg_shadow", "pg_file_settings"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"select * from {catalogue}")
        with psycopg.connect(built_warehouse.url) as other:
            other.execute("select 'somebody else asks'")
            seen = session.execute("select count(*) from pg_stat_activity where query like 'select ''somebody%%'")
            assert seen.fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("copy raw.customers to stdout")
