"""Findings in their tables: kept over runs, muted by those who may, written down."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import psycopg
import pytest

from orchestration.analytics.findings import LIFE_COLUMNS, finding_id
from orchestration.defs.findings import keep_findings, read_findings

TABLES = {
    "analytics.security_findings": ("security_analyst", "network_engineer", "admin", "data_engineer"),
    "analytics.revenue_assurance_findings": ("billing", "admin", "data_engineer"),
    "analytics.outage_findings": ("network_engineer", "field_technician", "security_analyst", "analyst"),
}
STRANGERS = {
    "analytics.security_findings": ("billing", "analyst", "marketing", "customer_app"),
    "analytics.revenue_assurance_findings": ("network_engineer", "security_analyst", "analyst", "support"),
    "analytics.outage_findings": ("billing", "marketing", "auditor"),
}
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def connection(built_warehouse) -> Iterator[psycopg.Connection]:
    """Everything is taken back at the end."""
    with psycopg.connect(built_warehouse.url) as connection:
        yield connection
        connection.rollback()


def found(connection: psycopg.Connection, table: str, names: str) -> pd.DataFrame:
    frame = read_findings(connection, table).iloc[:0].drop(columns=list(LIFE_COLUMNS))
    (provider,) = connection.execute("select min(provider_id::text) from core.dim_service").fetchone()
    rows = [
        {"finding_id": finding_id("test", name), "finding_kind": "test", "provider_id": uuid.UUID(provider),
         "severity": "low", "confidence_score": 0.5, "first_seen_at": NOW - timedelta(days=2),
         "last_seen_at": NOW - timedelta(days=1), "description": name, "recommended_action": "look",
         "evidence": {"seen": 3}}
        for name in names
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=frame.columns).astype({"first_seen_at": "datetime64[us, UTC]"})


@contextmanager
def role(connection: psycopg.Connection, name: str) -> Iterator[None]:
    connection.execute(f"set local role {name}")
    yield
    connection.execute("reset role")


@pytest.mark.parametrize("table", TABLES)
def test_findings_are_kept_over_runs_and_muted_by_those_who_read_them(connection, table):
    keep_findings(connection, table, found(connection, table, "ab"), NOW)
    one = finding_id("test", "a")
    ask = f"select finding_status, muted_by, mute_reason, muted_until, evidence from {table} where finding_id = %s"
    for stranger in STRANGERS[table]:
        with pytest.raises(psycopg.Error) as refused, connection.transaction(), role(connection, stranger):
            connection.execute("select analytics.mute_finding(%s, 'not mine')", [one])
        assert refused.value.sqlstate in ("42501", "P0002"), stranger
        assert connection.execute(ask, [one]).fetchone()[:2] == ("open", None)
    for reader in TABLES[table]:
        with connection.transaction(), role(connection, reader):
            assert connection.execute("select analytics.mute_finding(%s, 'a test')", [one]).fetchone() == ("muted",)
            if reader != TABLES[table][-1]:
                connection.execute("select analytics.unmute_finding(%s, 'heard again')", [one])
    said = keep_findings(connection, table, found(connection, table, "ac"), NOW + timedelta(days=1))
    assert (said["findings_new"], said["findings_open"], said["findings_muted"]) == (1, 1, 1)
    login = connection.execute("select session_user").fetchone()[0]
    assert connection.execute(ask, [one]).fetchone() == ("muted", login, "a test", None, {"seen": 3})
    other = connection.execute(ask, [finding_id("test", "b")]).fetchone()
    assert other[0] == "resolved"
    with role(connection, "auditor"):
        written = connection.execute(
            "select count(*) from audit.audit_log where table_name = %s and new_values ->> 'mute_reason' = 'a test'"
            " and old_values ->> 'mute_reason' is null",
            [table],
        ).fetchone()
    assert written[0] == len(TABLES[table])


def test_muting_needs_a_reason_an_instant_to_come_and_a_finding(connection):
    keep_findings(connection, "analytics.security_findings", found(connection, "analytics.security_findings", "a"), NOW)
    for call, state in (
        ("analytics.mute_finding(%s, ' ')", "22023"),
        ("analytics.mute_finding(%s, 'why', '2001-01-01')", "22023"),
        ("analytics.unmute_finding(%s, null)", "22023"),
    ):
        with pytest.raises(psycopg.Error) as refused, connection.transaction():
            connection.execute(f"select {call}", [finding_id("test", "a")])
        assert refused.value.sqlstate == state, call
    with pytest.raises(psycopg.Error) as refused, connection.transaction():
        connection.execute("select analytics.mute_finding(%s, 'why')", [finding_id("test", "nobody")])
    assert refused.value.sqlstate == "P0002"


def test_a_run_as_of_an_earlier_day_leaves_findings_alone(connection):
    table = "analytics.security_findings"
    keep_findings(connection, table, found(connection, table, "a"), NOW)
    said = keep_findings(connection, table, found(connection, table, "b"), NOW - timedelta(days=1))
    assert "as of" in said["left_as_they_are"]
    assert finding_id("test", "b") not in set(read_findings(connection, table)["finding_id"])
