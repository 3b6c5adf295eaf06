"""Churn on the session's warehouses: departures, labels, rules, campaigns on a second road; the function; roles."""

import math
from collections.abc import Iterator
from datetime import UTC, date, timedelta

import psycopg
import pytest

from orchestration.defs import churn_training
from orchestration.defs.churn_filling import fill_retention, fill_scores, fill_service_scores
from orchestration.defs.churn_reading import HORIZONS, Reader, read_seeds
from orchestration.defs.churn_training import ENTITIES, Work, fill_all_models, find_work, fit_apart
from tests.pipeline.people import People
from tests.second_road.churn import campaign_counts, left_within, rule_score, service_departures
from tests.second_road.feature_rows import feature_customer
from tests.second_road.features import Past

LAST_DAY = date(2026, 9, 30)
ASK = "select * from analytics.predict_customer_churn(%s)"


@pytest.fixture(scope="module")
def past(any_world) -> Past:
    return Past(any_world)


def test_departures(any_warehouse, any_world, past):
    rows = any_warehouse.ask(
        "select service_id::text, silent_days, departed_at, departure_kind, returned_at from core.fct_service_departure"
    )
    found = {
        (service_id, days, at.astimezone(UTC)): {"departure_kind": kind, "returned_at": back and back.astimezone(UTC)}
        for service_id, days, at, kind, back in rows
    }
    assert found == service_departures(any_world, past)
    assert "left" in {row["departure_kind"] for row in found.values()}


def test_labels(any_warehouse, any_world):
    with psycopg.connect(any_warehouse.url) as connection:
        reader = Reader(connection, "service", any_world.as_of, read_seeds(connection))
        rows = reader.rows("true", {"from": date.min}, is_light=True)
        labels = reader.labels(rows)
    is_plain = rows["usage_to_at"].isna()
    assert is_plain.sum() > 100
    for place in rows.index[is_plain]:
        service_id, at = str(rows["service_id"][place]), rows["as_of_at"][place].astimezone(UTC)
        for days in HORIZONS:
            expected = left_within(any_world, service_id, at, days)
            value = labels[f"left_{days}d"][place]
            assert (None if math.isnan(value) else bool(value)) == expected, (service_id, at, days)


def test_rule_scores(built_warehouse, any_world, any_warehouse, past):
    if any_warehouse is not built_warehouse:
        pytest.skip("scores are computed by the whole pipeline, of which there is one")
    rows = built_warehouse.ask(
        "select customer_id::text, as_of_date, rule_score, rule_level, churn_probability, is_rule_fallback,"
        " fallback_reason from analytics.churn_scores"
    )
    latest = {key: row for key, row in feature_customer(any_world, past).items() if row["is_latest"]}
    assert {(row[0], row[1]) for row in rows} == set(latest)
    for customer_id, day, score, level, probability, is_fallback, reason in rows:
        expected = rule_score(latest[customer_id, day])
        assert float(score) == expected
        assert level == ("high" if expected >= 70 else "medium" if expected >= 40 else "low")
        assert float(probability) == min(expected / 100, 0.95)
        assert is_fallback
        assert "leavers are known, a model needs 200" in reason


def test_campaigns(any_warehouse, any_world):
    with psycopg.connect(any_warehouse.url) as connection:
        fill_retention(connection, any_world.as_of, LAST_DAY, "USD")
        names = [f"{name}_{days}d" for days in HORIZONS
                 for name in ("treated_customers", "treated_left", "control_customers", "control_left")]  # fmt: skip
        query = f"select campaign_id, {', '.join(names)} from analytics.retention_results"
        rows = connection.execute(query).fetchall()
        reasons = connection.execute(
            "select has_control_group, churn_reduction_percentage_30d, result_reason_30d"
            " from analytics.retention_results"
        ).fetchall()
        connection.rollback()
    assert len(rows) > 2
    for at, days in enumerate(HORIZONS):
        expected = campaign_counts(any_world, days)
        for campaign_id, *counts in rows:
            assert counts[4 * at : 4 * at + 4] == expected[campaign_id], (campaign_id, days)
    for has_control, reduction, reason in reasons:
        assert has_control or (reduction is None and reason)


def _models_of(connection):
    """What the churn models are, and their evaluations, but for when they were written."""
    models = connection.execute("select to_jsonb(own) - 'computed_at' - 'content' from analytics.trained_models as own"
                                " where model_name like 'churn%' order by model_name").fetchall()  # fmt: skip
    found = connection.execute("select to_jsonb(own) - 'computed_at' as own from analytics.model_evaluations as own"
                               " where model_name like 'churn%' order by own::text").fetchall()  # fmt: skip
    return [model for (model,) in models], [figure for (figure,) in found]


# Every other service that stays leaves ten days after one of its instants: real leavers of a small sample are few.
_PLANT = """
    insert into core.fct_service_departure
        (service_id, departure_kind, silent_days, departed_at, customer_id, provider_id)
    select chosen.service_id, 'left', silence.silent_days, chosen.departed_at, chosen.customer_id, chosen.provider_id
    from (
        select distinct on (service_id)
            service_id, as_of_at + interval '10 days' as departed_at, customer_id, provider_id
        from core.feature_service
        where not is_latest and hashtext(service_id::text) % 2 = 0
            and service_id not in (select service_id from core.fct_service_departure)
        order by service_id, md5(service_id::text || as_of_at::text)
    ) as chosen
    cross join reference.churn_silences as silence
    returning service_id"""

_FORGET_A_MONTH = """
    update analytics.trained_models set settings = jsonb_set(settings::jsonb, '{labelled_to_date}',
        to_jsonb(((settings ->> 'labelled_to_date')::date - 31)::text))
    where model_name like 'churn%'"""


def test_side_by_side_or_one_after_the_other_is_the_same(any_warehouse, built_warehouse, monkeypatch):
    if any_warehouse is built_warehouse or any_warehouse.manifest["customers"] < 600:
        pytest.skip("too few to train on, even with planted leavers")
    as_of = any_warehouse.settings.as_of
    asked = (any_warehouse.url, "a test", as_of, (as_of - timedelta(days=1)).date())
    parameter = "update reference.churn_parameters set value = %s where parameter = %s"
    with psycopg.connect(any_warehouse.url) as connection:
        planted = [service_id for (service_id,) in connection.execute(_PLANT)]
        connection.execute(parameter, [8, "minimum_leavers"])
        few = fill_all_models(connection, *asked)
        assert all("needs more" in one.said for one in few)
        connection.execute(parameter, [1, "test_months"])
        connection.commit()
        try:
            alone, models = fill_all_models(connection, *asked), _models_of(connection)
            connection.rollback()
            monkeypatch.setattr(churn_training, "_ROWS_FOR_PROCESSES", 0)
            assert fill_all_models(connection, *asked) == alone
            assert _models_of(connection) == models
            assert all("Models have seen" in one.said for one in fit_apart(*asked))
            connection.execute(_FORGET_A_MONTH)
            for entity in ENTITIES:
                assert isinstance(find_work(Reader(connection, entity, as_of, read_seeds(connection)), asked[-1]), Work)
        finally:
            connection.rollback()
            connection.execute(parameter, [200, "minimum_leavers"])
            connection.execute(parameter, [3, "test_months"])
            connection.execute("delete from core.fct_service_departure where service_id = any(%s)", [planted])
            for table in ("trained_models", "model_evaluations"):
                connection.execute(f"delete from analytics.{table} where model_name like 'churn%'")
    trained = {"_".join(model["model_name"].split("_")[:2]) for model in models[0]}
    assert trained == {"churn_customer", "churn_service"}, alone


def test_a_second_run_changes_nothing(built_warehouse):
    as_of = built_warehouse.settings.as_of
    with psycopg.connect(built_warehouse.url) as connection:
        seeds = read_seeds(connection)
        for entity, fill in (("customer", lambda r: fill_scores(r, LAST_DAY, "USD")),
                             ("service", lambda r: fill_service_scores(r, LAST_DAY))):  # fmt: skip
            reader = Reader(connection, entity, as_of, seeds)
            assert find_work(reader, LAST_DAY).said.startswith("The rules decide.")
            counts, reasons, _ = fill(reader)
            assert counts["rows"] > 100
            assert (counts["rows_changed"], counts["rows_removed"]) == (0, 0)
            assert set(reasons) >= {"postpaid", "fixed"}
        retained = fill_retention(connection, as_of, LAST_DAY, "USD")
        assert (retained["rows_changed"], retained["rows_removed"]) == (0, 0)
        connection.rollback()


def test_a_customer_without_bills_has_a_score_and_the_stored_value(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        (customer_id, stored), *_ = connection.execute(
            "select score.customer_id, customer.lifetime_value from analytics.churn_scores as score"
            " inner join core.dim_customer as customer on customer.customer_id = score.customer_id"
            " where customer.is_current and value_basis = 'bills' and lifetime_value is not null"
            " and churn_probability > 0"
        ).fetchall()
        connection.execute("delete from core.fct_subscription_monthly where customer_id = %s", [customer_id])
        reader = Reader(connection, "customer", built_warehouse.settings.as_of, read_seeds(connection))
        fill_scores(reader, LAST_DAY, "USD")
        row = connection.execute(
            "select value_basis, monthly_margin_amount_reporting, expected_lifetime_value_impact, churn_probability"
            " from analytics.churn_scores where customer_id = %s", [customer_id]
        ).fetchone()  # fmt: skip
        connection.rollback()
    assert row[:2] == ("stored_lifetime_value", None)
    assert row[2] == round(stored * row[3], 2)


def test_the_function_says_what_the_table_says(built_warehouse):
    columns = ("churn_probability, churn_risk_level, risk_factors, intervention_recommendations,"
               " expected_lifetime_value_impact, confidence_score")  # fmt: skip
    rows = built_warehouse.ask(f"select customer_id, {columns} from analytics.churn_scores limit 5")
    for customer_id, *expected in rows:
        assert list(built_warehouse.ask(ASK, customer_id)[0]) == expected
        assert expected[3], "every customer has an intervention"


def test_the_function_says_what_is_missing(built_warehouse):
    url, nobody = built_warehouse.url, "00000000-0000-4000-8000-000000000000"
    with psycopg.connect(url) as connection:
        with pytest.raises(psycopg.Error, match=r"has no churn score that .* may read; \d+ customers have one") as told:
            connection.execute(ASK, [nobody])
        assert "service in force" in told.value.diag.message_hint
        connection.rollback()
        (gone,) = connection.execute(
            "update analytics.churn_scores set as_of_date = as_of_date - 1"
            " where customer_id = (select min(customer_id::text)::uuid from analytics.churn_scores)"
            " returning customer_id"
        ).fetchone()
        with pytest.raises(psycopg.Error, match=r"was last scored as of .*; the newest scores are as of"):
            connection.execute(ASK, [gone])
        connection.rollback()
        connection.execute("delete from analytics.churn_scores")
        with pytest.raises(psycopg.Error, match="no customer has a churn score") as told:
            connection.execute(ASK, [nobody])
        assert "make run" in told.value.diag.message_hint
        connection.rollback()


@pytest.fixture(scope="module")
def people(built_warehouse) -> Iterator[People]:
    (provider,), (zone,) = (
        built_warehouse.ask(
            f"select {column}::text from analytics.churn_scores group by 1 order by count(*), 1 limit 1"
        )[0]
        for column in ("provider_id", "zone_id")
    )
    found = People(built_warehouse.url, {"provider": [provider], "zone": [zone]})
    yield found
    found.leave()


def test_roles(people, built_warehouse):
    rows = built_warehouse.ask("select customer_id, provider_id::text from analytics.churn_scores")
    agreed = built_warehouse.ask("select customer_id from core.dim_customer where is_current and marketing_consent"
                                 " and cpni_consent")  # fmt: skip
    everybody = {row[0] for row in rows}
    of_provider = {row[0] for row in rows if row[1] == people.scopes["provider"][0]}
    expected = {"admin": everybody, "data_engineer": everybody, "analyst": everybody,
                "analyst_by_provider": of_provider, "marketing": everybody & {row[0] for row in agreed}}  # fmt: skip
    for role, customers in expected.items():
        assert {row[0] for row in people.ask(role, "select customer_id from analytics.churn_scores")} == customers, role
        assert customers, role
        assert len(people.ask(role, ASK, min(customers))) == 1
    outside = min(everybody - of_provider)
    assert people.refusal("analyst_by_provider", ASK.replace("%s", f"'{outside}'")).startswith("P0002")
    for role in ("network_engineer", "support", "dashboard_reader", "customer_app"):
        assert people.refusal(role, "select * from analytics.churn_scores").startswith("42501"), role
        assert people.refusal(role, ASK.replace("%s", f"'{outside}'")).startswith("42501"), role
    assert people.ask("marketing", "select count(*) from analytics.retention_results")[0][0] > 0
