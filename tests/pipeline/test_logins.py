"""People's logins, whatever they are called; servers on which roles cannot be made; and drift from the rules."""

import re
import uuid

import psycopg
import pytest

from orchestration.__main__ import main
from orchestration.access.administering import administrators_statements
from orchestration.access.applying import (
    find_drift,
    install,
    prepare_access,
    protect_relations,
)
from orchestration.access.logins import drop_login, judge, make_login
from orchestration.access.rules import read_rules
from orchestration.access.statements import AccessError
from orchestration.warehouse.preflight import with_database, with_login

NAMES = [
    'Robert"); drop table core.dim_date; --', "o'neill", "ünïcödé 名", "UPPER lower", "select", "a" * 63, "-rf",
    "%s %(x)s", "name\nwith\nlines", "{braces}", "$$", "\\", "public", "none",
]  # fmt: skip


@pytest.fixture(scope="module")
def url(make_database):
    """A database with the rules and two small tables under them."""
    found = make_database()
    assert prepare_access(found) == []
    with psycopg.connect(found, autocommit=True) as owner:
        owner.execute("create schema core; create schema dashboards")
        owner.execute("create table core.dim_provider (provider_id uuid primary key, provider_name text)")
        owner.execute(
            "create table core.dim_customer (customer_id uuid, state text, is_current boolean,"
            " marketing_consent boolean, cpni_consent boolean, churn_risk_score numeric)"
        )
        owner.execute("insert into core.dim_provider select gen_random_uuid(), 'one' from generate_series(1, 3)")
        protect_relations(owner)
        assert find_drift(owner) == []
    return found


@pytest.fixture
def administrator(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set role none")
        yield connection


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("public", "none")])
def test_any_name_is_a_name(url, administrator, name):
    (provider,) = administrator.execute("select provider_id::text from core.dim_provider limit 1").fetchone()
    login = judge(read_rules(), name, "analyst", {"provider": [provider]})
    password, script = make_login(administrator, read_rules(), login, is_allowed=True)
    assert script is None
    with psycopg.connect(with_login(url, name, password)) as session:
        assert session.execute("select session_user").fetchone() == (name,)
        assert session.execute("select provider_id::text from core.dim_provider").fetchall() == [(provider,)]
    assert administrator.execute("select count(*) from core.dim_provider").fetchone() == (3,)
    drop_login(administrator, name)
    assert administrator.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone() is None


@pytest.mark.parametrize(
    "name", ["", "pg_mine", "a" * 64, "x\0y", "analyst", "warehouse_owner", "pipeline", "audit_keeper"]
)
def test_names_that_are_nobodys_are_refused(name):
    with pytest.raises(AccessError, match="NAME="):
        judge(read_rules(), name, "analyst", {})


def test_what_was_asked_for_wrongly_is_said():
    rules = read_rules()
    for role, scopes, said in (
        ("analysts", {}, "expected one of admin, .*analyst"),
        ("analyst_by_zone", {}, "expected one of"),
        ("warehouse_owner", {}, "expected one of"),
        ("marketing", {"zone": ["x"]}, "takes no zones; expected one of analyst"),
        ("analyst", {"provider": ["x"]}, "core.dim_provider"),
        ("analyst", {"provider": ["x"], "zone": ["y"]}, "expected one of PROVIDERS and ZONES"),
    ):
        with pytest.raises(AccessError, match=said):
            judge(rules, "Ana", role, scopes)


def test_a_new_role_takes_the_old_one_away_and_a_new_password_the_old_one(url, administrator):
    first, _ = make_login(administrator, read_rules(), judge(read_rules(), "Bea", "admin", {}), is_allowed=True)
    with psycopg.connect(with_login(url, "Bea", first)) as session:
        assert session.execute("select count(*) from core.dim_provider").fetchone() == (3,)
    login = judge(read_rules(), "Bea", "analyst", {"provider": [str(uuid.uuid4())]})
    second, _ = make_login(administrator, read_rules(), login, is_allowed=True)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(with_login(url, "Bea", first))
    with psycopg.connect(with_login(url, "Bea", second)) as session:
        assert session.execute("select count(*) from core.dim_provider").fetchone() == (0,)
    drop_login(administrator, "Bea")
    with pytest.raises(AccessError, match="no such login"):
        drop_login(administrator, "Bea")


def test_the_server_never_sees_a_password(url, administrator, postgres_server):
    administrator.execute("set log_statement = 'all'")
    password, _ = make_login(administrator, read_rules(), judge(read_rules(), "Cy", "support", {}), is_allowed=True)
    administrator.execute("reset log_statement")
    log = postgres_server.log_file.read_text()
    assert 'alter role "Cy" login password' in log
    assert password not in log
    (kept,) = administrator.execute("select rolpassword from pg_authid where rolname = 'Cy'").fetchone()
    assert kept.startswith("SCRAM-SHA-256$")
    drop_login(administrator, "Cy")


def test_drift_is_shown_and_mended(url, administrator, capsys, monkeypatch):
    login = judge(read_rules(), "Dee", "analyst", {})
    make_login(administrator, read_rules(), login, is_allowed=True)
    harms = [
        "grant select on core.dim_customer to public", "grant update on core.dim_provider to analyst",
        "grant select on core.dim_provider to \"Dee\"", "drop policy analyst on core.dim_provider",
        "alter policy analyst_by_zone on access.zone_scopes using (true)", "grant admin to analyst",
        "alter table core.dim_customer disable row level security", "alter role auditor createdb",
        "grant usage on schema core to public", "create policy everybody on core.dim_provider for select using (true)",
    ]  # fmt: skip
    for harm in harms:
        administrator.execute(harm)
    monkeypatch.setenv("WAREHOUSE_URL", url)
    assert main(["roles", "--check"]) == 1
    shown = capsys.readouterr().out
    for expected in (
        "revoke SELECT on core.dim_customer from public", "revoke UPDATE on core.dim_provider from analyst",
        'revoke SELECT on core.dim_provider from "Dee"', "access.make_policy('core.dim_provider', 'analyst', 'true')",
        "drop policy analyst_by_zone on access.zone_scopes", "revoke admin from analyst",
        "alter table core.dim_customer enable row level security", 'alter role "auditor" nologin nosuperuser',
        "revoke USAGE on schema core from public", "drop policy everybody on core.dim_provider",
    ):  # fmt: skip
        assert expected in shown, expected
    assert main(["roles"]) == 0
    assert "0 left" in capsys.readouterr().err
    administrator.execute('create role "stranger"')
    administrator.execute('grant analyst to "stranger"')
    assert main(["roles", "--check"]) == 1
    assert "stranger is a member of analyst" in capsys.readouterr().out
    administrator.execute('drop role "stranger"')
    assert main(["roles", "--check"]) == 0
    drop_login(administrator, "Dee")


def test_applying_twice_changes_nothing(url):
    query = "select xmin::text, oid from pg_class where relnamespace = 'access'::regnamespace order by oid"
    with psycopg.connect(url, autocommit=True) as owner:
        before = owner.execute(query).fetchall(), owner.execute("select oid from pg_policy order by 1").fetchall()
        install(owner, read_rules())
        assert protect_relations(owner) == []
        after = owner.execute(query).fetchall(), owner.execute("select oid from pg_policy order by 1").fetchall()
    assert before == after


def test_a_role_of_somebody_else_is_not_taken_over(make_database, administrator):
    administrator.execute("comment on role marketing is 'of the shop'")
    try:
        with pytest.raises(AccessError, match=r"'marketing' that this project did not make.*comment on role"):
            prepare_access(make_database())
    finally:
        description = read_rules().roles["marketing"].description
        administrator.execute(f"comment on role marketing is 'Telecom warehouse: {description}'")


@pytest.fixture
def modest(postgres_server):
    """The owner of a database of his own, who may not make roles."""
    name = f"modest_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as administrator:
        administrator.execute(f"create role {name} login password 'modest'")
        administrator.execute(f"create database {name} owner {name}")
        yield with_login(with_database(postgres_server.url(), name), name, "modest")
        administrator.execute(f"drop database {name} with (force)")
        administrator.execute(f"drop role {name}")


def test_where_roles_cannot_be_made_the_sql_is_printed_and_works(modest, postgres_server, capsys, monkeypatch):
    notice = prepare_access(modest)
    assert re.search(r"may not make roles here.*make roles SQL=yes", notice[0])
    name = modest.rpartition("/")[2]
    with psycopg.connect(modest, autocommit=True) as pipeline:
        pipeline.execute("create schema core; create table core.dim_provider (provider_id uuid)")
        # Closed to everybody else until then.
        assert pipeline.execute(
            "select count(*) from pg_class, aclexplode(relacl) where relnamespace = 'core'::regnamespace"
            " and grantee <> relowner").fetchone() == (0,)  # fmt: skip
        statements = administrators_statements(pipeline, read_rules(), name)
    script = ";\n".join(["begin", *statements, "commit"])
    with psycopg.connect(with_database(postgres_server.url(), name), autocommit=True) as administrator:
        administrator.execute(script.encode())
    assert prepare_access(modest) == []
    with psycopg.connect(modest, autocommit=True) as pipeline:
        assert pipeline.execute("select current_user").fetchone() == ("warehouse_owner",)
        protect_relations(pipeline)
        assert find_drift(pipeline) == []
        login = judge(read_rules(), f"{name} person", "analyst", {})
        password, script = make_login(pipeline, read_rules(), login, is_allowed=False)
    assert script is not None
    assert password not in script
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as administrator:
        administrator.execute(script.encode())
        try:
            with psycopg.connect(with_login(modest, login.name, password)) as session:
                assert session.execute("select count(*) from core.dim_provider").fetchone() == (0,)
        finally:
            administrator.execute(f'drop role "{login.name}"')
