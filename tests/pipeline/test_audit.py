"""The audit trail: what is written when, by whom it can be altered (nobody), and where the chain shows a change."""

import hashlib
import json
import uuid

import psycopg
import pytest

from orchestration.access.applying import prepare_access
from orchestration.access.audit import find_problems, record_access, remember_settings, seal
from orchestration.access.logins import drop_login, judge, make_login
from orchestration.access.pipeline_login import pipeline_url
from orchestration.access.rules import read_rules
from tests.conftest import database_name
from tests.pipeline.people import People


@pytest.fixture(scope="module")
def warehouse(make_database, built_warehouse):
    """A copy of the built warehouse, to be changed by hand."""
    url = make_database(database_name(built_warehouse.url))
    assert prepare_access(url) == []
    return url


@pytest.fixture(scope="module")
def administrator(warehouse):
    """A session that PostgreSQL itself refuses nothing."""
    with psycopg.connect(warehouse, autocommit=True) as connection:
        connection.execute("set role none")
        yield connection


@pytest.fixture
def owner(warehouse):
    with psycopg.connect(warehouse, autocommit=True) as connection:
        assert connection.execute("select current_user").fetchone() == ("warehouse_owner",)
        yield connection


def entries(administrator, table: str) -> list[tuple]:
    return administrator.execute(
        "select operation, record_id, old_values, new_values, user_id, data_sensitivity from audit.audit_log"
        " where table_name = %s and operation <> 'RUN' order by changed_at", [table]
    ).fetchall()  # fmt: skip


def test_changes_by_hand_are_entries_with_old_and_new_values(owner, administrator):
    (name, amount) = owner.execute(
        "select charge_type, earned_on from reference.charge_types order by 1 limit 1"
    ).fetchone()
    owner.execute("update reference.charge_types set earned_on = 'by hand' where charge_type = %s", [name])
    owner.execute("update reference.charge_types set earned_on = earned_on where charge_type = %s", [name])
    owner.execute("insert into reference.charge_types (charge_type) values ('made up')")
    owner.execute("delete from reference.charge_types where charge_type = 'made up'")
    found = entries(administrator, "reference.charge_types")
    assert [row[0] for row in found] == ["UPDATE", "INSERT", "DELETE"]
    assert found[0][1] == name
    assert found[0][2]["earned_on"] == amount
    assert found[0][3]["earned_on"] == "by hand"
    assert found[1][1] == "made up"
    assert found[2][2]["charge_type"] == "made up"
    assert {row[4:] for row in found} == {("warehouse", "internal")}
    # With the change or not at all.
    with owner.transaction(force_rollback=True):
        owner.execute("delete from reference.charge_types where charge_type = %s", [name])
    assert len(entries(administrator, "reference.charge_types")) == 3


def test_of_a_person_only_names_of_columns_and_keys_are_kept(owner, administrator):
    (customer_id, email, _initial) = owner.execute(
        "select customer_id, email, first_name_initial from core.dim_customer_pii"
        " join core.dim_customer using (customer_id) where is_current and first_name_initial is not null limit 1"
    ).fetchone()
    owner.execute("update core.dim_customer_pii set email = 'new@example.org' where customer_id = %s", [customer_id])
    owner.execute("update core.dim_customer set state = 'ZZ' where customer_id = %s and is_current", [customer_id])
    (operation, key, old, new, _, sensitivity) = entries(administrator, "core.dim_customer_pii")[-1]
    assert (operation, key, sensitivity) == ("UPDATE", str(customer_id), "confidential")
    assert "email" in new
    assert set(old.values()) | set(new.values()) <= {
        None,
        str(customer_id),
        old["zone_id"],
        old["state"],
    }
    (_, _, old, new, _, _) = entries(administrator, "core.dim_customer")[-1]
    assert new["state"] == "ZZ"
    assert new["first_name_initial"] is None
    assert old["email_hmac"] is None
    everything = json.dumps(
        administrator.execute("select jsonb_agg(to_jsonb(a) - 'entry_hash') from audit.audit_log a").fetchone()
    )
    assert email not in everything
    assert "new@example.org" not in everything


def test_rows_of_bills_and_whole_tables_are_seen(owner, administrator):
    (bill,) = owner.execute("select bill_id from core.fct_bill limit 1").fetchone()
    owner.execute("update core.fct_bill set due_date = due_date + 1 where bill_id = %s", [bill])
    (operation, key, old, new, *_) = entries(administrator, "core.fct_bill")[-1]
    assert operation == "UPDATE"
    assert str(bill) in key
    assert new["due_date"] > old["due_date"]
    with owner.transaction(force_rollback=True):
        owner.execute("truncate reference.kpi_parameters")
        owner.execute("set local role none")
        assert owner.execute(
            "select operation, record_id from audit.audit_log where table_name = 'reference.kpi_parameters'"
            " and operation = 'TRUNCATE'"
        ).fetchall() == [("TRUNCATE", "*")]


def test_a_run_writes_one_summary_per_table_and_no_rows(administrator):
    found = administrator.execute(
        "select table_name, count(*), count(distinct record_id), min((new_values ->> 'rows_changed')::int)"
        " from audit.audit_log where operation = 'RUN' group by 1"
    ).fetchall()
    changed = {name: (count, runs, rows) for name, count, runs, rows in found}
    assert len(changed) > 60
    assert all(rows > 0 for _, _, rows in changed.values())
    for name in ("core.dim_customer", "dashboards.kpi_monthly", "analytics.zone_coverage", "reference.charge_types"):
        assert changed[name][:2] == (1, 1), name
    # A partitioned table's partitions are committed one by one, and so are their entries.
    partitions = administrator.execute(
        "select count(*) from pg_inherits where inhparent = 'core.fct_usage_daily'::regclass"
    ).fetchone()[0]
    assert 1 <= changed["core.fct_usage_daily"][0] <= partitions
    (rows,) = administrator.execute("select count(*) from core.dim_customer").fetchone()
    assert changed["core.dim_customer"][2] == rows


def test_settings_roles_and_logins_are_entries(owner, administrator, warehouse):
    remember_settings(owner, {"REPORTING_CURRENCY": "EUR", "REPORTING_TIME_ZONE": "America/Chicago"})
    (operation, key, old, new, *_) = entries(administrator, "access.settings")[-1]
    assert (operation, key, old["value"], new["value"]) == ("UPDATE", "REPORTING_CURRENCY", "USD", "EUR")
    # Not even with a run's id are rules changed silently.
    owner.execute("select set_config('warehouse.run_id', 'a run', false)")
    owner.execute("update access.rules set row_filter = 'all' where role_name = 'marketing' and class_name = 'usage'")
    assert entries(administrator, "access.rules")[-1][0] == "UPDATE"
    login = judge(read_rules(), "Ana", "support", {"provider": [str(uuid.uuid4())]})
    make_login(administrator, read_rules(), login, is_allowed=True)
    assert entries(administrator, "access.logins")[-1][3]["role_name"] == "support_by_provider"
    assert entries(administrator, "access.provider_scopes")[-1][0] == "INSERT"
    drop_login(administrator, "Ana")
    assert entries(administrator, "access.logins")[-1][0] == "DELETE"


def test_nobody_alters_an_entry_or_says_he_was_another(administrator, warehouse, tmp_path):
    statements = [
        "update audit.audit_log set user_id = 'nobody'", "delete from audit.audit_log", "truncate audit.audit_log",
        "drop table audit.audit_log", "alter table audit.audit_log disable trigger all",
        "select * from audit.audit_log",
        "insert into audit.audit_log (table_name, record_id, operation, data_sensitivity, user_id)"
        " values ('x', 'x', 'INSERT', 'public', 'somebody')",
        "insert into audit.audit_log (table_name, record_id, operation, data_sensitivity, changed_at)"
        " values ('x', 'x', 'INSERT', 'public', '2020-01-01')",
        "update audit.seals set seal_hash = ''", "delete from audit.sealed_entries", "set role audit_keeper",
        "create or replace function audit.hash_entry() returns trigger language plpgsql as 'begin return new; end'",
        "delete from audit.access_log", "drop schema audit cascade",
        "insert into audit.access_log (what, reason, rows_read, user_id) values ('x', 'x', 1, 'somebody')",
    ]  # fmt: skip
    pipeline = pipeline_url(warehouse, tmp_path / "password", warehouse.rpartition("/")[2])
    assert prepare_access(pipeline, warehouse) == []
    with psycopg.connect(pipeline, autocommit=True) as session:
        assert session.execute("select session_user, current_user").fetchone() == ("pipeline", "warehouse_owner")
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)
    members = administrator.execute(
        "select count(*) from pg_auth_members where roleid = 'audit_keeper'::regrole"
    ).fetchone()
    assert members == (0,)
    people = People(warehouse, {})
    assert people.ask("auditor", "select count(*) > 50 from audit.audit_log") == [(True,)]
    for statement in statements[:5]:
        assert people.refusal("auditor", statement).startswith("42501") == ("select" not in statement)
    people.leave()


def test_the_chain_shows_what_was_altered_removed_or_inserted(owner, administrator, warehouse):
    record_access(owner, "a page", "a test", 3)
    assert seal(warehouse) > 0
    assert seal(warehouse) == 0
    owner.execute("insert into reference.charge_types (charge_type) values ('sealed later')")
    assert seal(warehouse) == 1
    assert find_problems(administrator) == []
    harms = {
        "update audit.audit_log set user_id = 'nobody' where audit_id = (select min(audit_id::text)::uuid"
        " from audit.audit_log)":
            ["its content is not what its hash says"],
        "delete from audit.audit_log where audit_id = (select audit_id from audit.audit_log limit 1)": ["is gone"],
        "delete from audit.access_log": ["is gone"],
        "delete from audit.sealed_entries where entry_id ="
        " (select min(entry_id::text)::uuid from audit.sealed_entries)":
            ["its entries are not those"],
        "insert into audit.audit_log (table_name, record_id, operation, data_sensitivity, changed_at)"
        " values ('x', 'x', 'INSERT', 'public', now() - interval '30 days')": ["claims to be older"],
        "update audit.seals set entries_count = 7 where seal_number = 1": ["its content is not what its hash says"],
        "with gone as (delete from audit.sealed_entries where seal_number = 1)"
        " delete from audit.seals where seal_number = 1": ["on, are gone", "does not follow"],
    }  # fmt: skip
    for harm, said in harms.items():
        with administrator.transaction(force_rollback=True):
            administrator.execute("set constraints all deferred")
            administrator.execute(
                "alter table audit.sealed_entries drop constraint if exists sealed_entries_seal_number_fkey"
            )
            administrator.execute(harm)
            problems = find_problems(administrator)
        assert any(word in line for word in said for line in problems), (harm, problems)
    # Altered with a hash of its own, an entry still is not the one that was sealed.
    with administrator.transaction(force_rollback=True):
        administrator.execute(
            "update audit.audit_log as l set user_id = 'nobody', entry_hash = audit.hash_of((l.audit_id, l.table_name,"
            " l.record_id, l.operation, l.old_values, l.new_values, 'nobody', l.customer_id, l.provider_id,"
            " l.session_id, l.ip_address, l.user_agent, l.change_reason, l.data_sensitivity, l.changed_at,"
            " null)::audit.audit_log)"
        )
        problems = find_problems(administrator)
    assert problems
    assert all("is not the one in seal" in line for line in problems)
    assert find_problems(administrator) == []


def test_a_hash_is_what_another_road_computes(administrator):
    rows = administrator.execute(
        "select to_jsonb(l) - 'entry_hash' - 'ip_address' - 'changed_at', host(ip_address),"
        " (extract(epoch from changed_at) * 1000000)::bigint, old_values::text, new_values::text, entry_hash"
        " from audit.audit_log l limit 50"
    ).fetchall()
    for entry, address, microseconds, old, new, entry_hash in rows:
        parts = [
            json.dumps(entry["audit_id"]), *(json.dumps(entry[name], ensure_ascii=False) for name in
            ("table_name", "record_id", "operation")), old or "null", new or "null",
            *(json.dumps(entry[name], ensure_ascii=False) for name in
              ("user_id", "customer_id", "provider_id", "session_id")),
            json.dumps(address), *(json.dumps(entry[name], ensure_ascii=False) for name in
            ("user_agent", "change_reason", "data_sensitivity")), str(microseconds),
        ]  # fmt: skip
        assert hashlib.sha256(f"[{', '.join(parts)}]".encode()).digest() == entry_hash


def test_entries_of_a_transaction_in_flight_are_sealed_later(owner, administrator, warehouse):
    with psycopg.connect(warehouse) as slow:
        slow.execute("insert into reference.charge_types (charge_type) values ('slow')")
        owner.execute("insert into reference.charge_types (charge_type) values ('fast')")
        assert seal(warehouse) == 1
        slow.commit()
    assert seal(warehouse) == 1
    assert find_problems(administrator) == []
