"""Ten typical queries as analysts, beside the same queries by the owner with the conditions written out.

Not here: the warehouse (demo), the rules (orchestration.access).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import psycopg

from benchmarks import report
from orchestration.access.logins import judge, lift, make_login
from orchestration.access.rules import read_rules
from orchestration.warehouse.preflight import with_login

MEAN_BAR, WORST_BAR = 1.15, 1.4
ROUNDS = 7
# {alias} is where a table's condition goes.
QUERIES = {
    "data by provider and day": "select provider_id, usage_date, sum(data_usage_bytes)"
    " from core.fct_usage_daily as usage where {usage} group by 1, 2",
    "one service's months": "select date_trunc('month', usage_date), sum(data_usage_bytes), sum(voice_seconds)"
    " from core.fct_usage_daily as usage where {usage} and service_id = '{one_service}' group by 1",
    "usage by plan": "select plan.plan_name, sum(usage.data_usage_bytes) from core.fct_usage_daily as usage"
    " inner join core.dim_service as service using (service_key)"
    " inner join core.dim_service_plan_current as plan on plan.plan_id = service.plan_id"
    " where {usage} and {service} and {plan} group by 1",
    "busy hours": "select extract(hour from usage_hour_at), sum(data_usage_bytes) from core.fct_usage_hourly as hour"
    " where {hour} group by 1",
    "revenue by charge": "select charge_type, sum(amount) from core.fct_bill_charge as charge where {charge}"
    " group by 1",
    "overdue bills": "select count(*), sum(total_amount) from core.fct_bill as bill where {bill}"
    " and paid_on is null and due_date < '2026-09-01'",
    "tickets by category": "select category, count(*), avg(customer_satisfaction_rating)"
    " from core.fct_support_ticket as ticket where {ticket} group by 1",
    "latency of elements": "select element_id, max(max_latency_ms) from core.fct_network_performance_hourly as hour"
    " where {hour} group by 1",
    "customers by state": "select state, count(*) from core.dim_service as service"
    " inner join core.dim_customer as customer on customer.customer_id = service.customer_id and customer.is_current"
    " where {service} and service.is_current and {customer} group by 1",
    "key figures": "select month_start_date, line_of_business, arpu_reporting from dashboards.kpi_monthly as kpi"
    " where {kpi}",
}  # fmt: skip
_ALIASES = ("usage", "service", "plan", "hour", "charge", "bill", "ticket", "kpi")


def _written_out(query: str, providers: list[str], one_service: str) -> str:
    """The query with its tables' conditions: none for an analyst, those of the scope for a limited one."""
    ids = ", ".join(f"'{one}'" for one in providers)
    conditions = {name: f"{name}.provider_id in ({ids})" if ids else "true" for name in _ALIASES}
    of_customers = f"select customer_id from core.bridge_customer_provider where provider_id in ({ids})"
    conditions["customer"] = f"customer.customer_id in ({of_customers})" if ids else "true"
    return query.format(**conditions, one_service=one_service)


def _seconds(connection: psycopg.Connection, query: str) -> tuple[float, list[tuple[object, ...]]]:
    begun = time.perf_counter()
    rows = connection.execute(query.encode()).fetchall()
    return time.perf_counter() - begun, sorted(rows, key=repr)


def _person(url: str, role: str, providers: list[str]) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        if not lift(connection):
            raise RuntimeError("the benchmark's own server lets it make no roles")
        login = judge(read_rules(), f"bench {role} {len(providers)}", role, {"provider": providers})
        password, _ = make_login(connection, read_rules(), login, is_allowed=True)
    return with_login(url, login.name, password)


def measure(url: str, say: Callable[[str], None] = print) -> dict[str, dict[str, tuple[float, float]]]:
    """Best seconds of person and owner per query, for an analyst and for one limited to two providers.

    Raises:
        RuntimeError: the two do not get the same rows.
    """
    with psycopg.connect(url) as connection:
        providers = [str(row[0]) for row in connection.execute(
            "select provider_id from core.fct_usage_daily group by 1 order by count(*) desc limit 2")]  # fmt: skip
        # The one with the longest history of the largest provider.
        (service,) = connection.execute(
            "select service_id::text from core.fct_usage_daily where provider_id = %s"
            " group by 1 order by count(*) desc, 1 limit 1", [providers[0]]).fetchone() or ("",)  # fmt: skip
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, scope in (("analyst", []), ("limited analyst", providers)):
        person = _person(url, "analyst", scope)
        found[name] = {}
        with psycopg.connect(person) as asking, psycopg.connect(url) as owner:
            for title, query in QUERIES.items():
                mine, whole = _written_out(query, [], service), _written_out(query, scope, service)
                times: list[tuple[float, float]] = []
                for _ in range(ROUNDS):
                    (first, rows), (second, same_rows) = _seconds(asking, mine), _seconds(owner, whole)
                    if rows != same_rows:
                        raise RuntimeError(f"{title}: {name} and owner get different rows")
                    times.append((first, second))
                found[name][title] = (min(one for one, _ in times), min(one for _, one in times))
                say(f"{name}: {title} {found[name][title]}")
    return found


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def write(found: dict[str, dict[str, tuple[float, float]]], size: str) -> None:
    """Writes the part of docs/benchmarks.md."""
    lines = []
    for name, times in found.items():
        ratios = [person / owner for person, owner in times.values()]
        lines.append([f"**{name}, geometric mean** (bar {MEAN_BAR})", "", "", f"{geometric_mean(ratios):.2f}"])
        lines += [
            [f"{name}: {title}", f"{person * 1000:.1f}", f"{owner * 1000:.1f}", f"{person / owner:.2f}"]
            for title, (person, owner) in times.items()
        ]
    said = (
        f"{size} A limited analyst has two providers in scope. Each query in turn as the person and as the owner"
        f" with the same conditions written out, best of {ROUNDS}; both get the same rows. No ratio is to be over"
        f" {WORST_BAR}."
    )
    head = ["query", "person, ms", "owner, ms", "ratio"]
    report.write_part("security", "What row security costs", f"{said}\n\n{report.table(head, lines)}")
