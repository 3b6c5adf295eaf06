"""MetricFlow's answers are those of kpi_monthly, and of plain SQL where kpi_monthly has no such figure."""

from datetime import date
from decimal import Decimal

import pytest

from orchestration.dbt_runner import parse_project
from tests.pipeline.metrics import Metrics

MONTH, PROVIDER = "metric_time__month", "provider"
# Metric and the column of kpi_monthly, by the entity of the semantic model whose dimensions it has.
OF_LINES = {
    "line_month": {"arpu": "arpu_reporting", "service_revenue": "earned_service_amount_reporting"},
    "kpi_month": {
        "churn_rate": "gross_churn_percentage", "net_churn_rate": "net_churn_percentage",
        "voluntary_churn_rate": "voluntary_churn_percentage", "involuntary_churn_rate": "involuntary_churn_percentage",
        "ended_lines": "ended_lines", "added_lines": "added_lines", "opening_lines": "opening_lines",
        "closing_lines": "closing_lines",
    },
}  # fmt: skip
AVAILABILITY = {"availability": "availability_percentage"}


@pytest.fixture(scope="module")
def metrics(built_warehouse):
    project = parse_project(built_warehouse.settings.warehouse_folder / "dbt", built_warehouse.url.rpartition("/")[2])
    return Metrics(project, built_warehouse.url)


def month_of(value: object) -> date:
    return date.fromisoformat(str(value)[:10])


def stated(warehouse, columns: list[str], where: str) -> dict[tuple, tuple]:
    rows = warehouse.ask(
        f"select provider_id::text, month_start_date, line_of_business, {', '.join(columns)}"
        f" from dashboards.kpi_monthly where customer_class = 'all' and {where}"
    )
    return {row[:3]: row[3:] for row in rows}


def compare(warehouse, answers: dict[tuple, dict], pairs: dict[str, str], where: str) -> None:
    """Every closed month's answer, exactly; the running one has no row in kpi_monthly."""
    expected = stated(warehouse, list(pairs.values()), where)
    closed = {key[1] for key in expected}
    found = {
        (str(provider), month_of(month), *(line or ["all"])): tuple(row[name] for name in pairs)
        for (provider, month, *line), row in answers.items()
        if month_of(month) in closed
    }
    assert found == expected
    assert len(found) > 5


@pytest.mark.parametrize("entity", OF_LINES)
def test_by_provider_and_month(built_warehouse, metrics, entity):
    pairs = OF_LINES[entity]
    compare(built_warehouse, metrics.ask(list(pairs), [PROVIDER, MONTH]), pairs, "line_of_business = 'all'")


@pytest.mark.parametrize("entity", OF_LINES)
def test_by_line_of_business(built_warehouse, metrics, entity):
    pairs = {**OF_LINES[entity], **({"revenue": "earned_amount_reporting"} if entity == "line_month" else {})}
    answers = metrics.ask(list(pairs), [PROVIDER, MONTH, f"{entity}__line_of_business"])
    compare(built_warehouse, answers, pairs, "line_of_business <> 'all'")


def test_availability(built_warehouse, metrics):
    answers = metrics.ask(["availability"], [PROVIDER, MONTH])
    compare(built_warehouse, answers, AVAILABILITY, "line_of_business = 'all' and availability_percentage is not null")


def test_usage_and_bills_by_the_providers_name(built_warehouse, metrics):
    asked = {
        ("data_usage_bytes", "voice_seconds", "sms_count"): (
            "sum(data_usage_bytes), sum(voice_seconds), sum(sms_count) from core.fct_usage_daily"),
        ("billed_revenue",): "sum(revenue_amount_reporting) from core.fct_bill",
    }  # fmt: skip
    for names, query in asked.items():
        drafts = " where bill_status <> 'draft'" if "fct_bill" in query else ""
        plain = built_warehouse.ask(
            f"select provider_name, {query} join core.dim_provider using (provider_id){drafts} group by 1"
        )
        answers = metrics.ask(list(names), ["provider__provider_name"])
        assert {key[0]: tuple(row.values()) for key, row in answers.items()} == {row[0]: row[1:] for row in plain}
        assert len(plain) > 1


def test_a_day_and_a_condition(built_warehouse, metrics):
    answers = metrics.ask(
        ["data_usage_gb"], ["metric_time__day"], "{{ TimeDimension('metric_time', 'day') }} >= '2026-09-01'"
    )
    plain = built_warehouse.ask(
        "select usage_date, sum(data_usage_bytes) / power(2::numeric, 30) from core.fct_usage_daily"
        " where usage_date >= '2026-09-01' group by 1"
    )
    assert {month_of(key[0]): row["data_usage_gb"] for key, row in answers.items()} == dict(plain)
    assert all(isinstance(row["data_usage_gb"], Decimal) for row in answers.values())


def test_every_metric_has_an_answer(metrics):
    assert len(metrics.names) > 15
    for name in metrics.names:
        assert metrics.ask([name], [PROVIDER]), name
