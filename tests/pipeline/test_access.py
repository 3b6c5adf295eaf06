"""Every role logs in and tries every relation of the warehouse: which rows it reads, and what else it may not."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestration.access.logins import drop_login
from orchestration.access.matrix import page_of, read_matrix
from orchestration.access.rules import read_rules
from orchestration.access.statements import SCHEMAS
from orchestration.commands.demo import ANALYST, QUESTIONS, analysts_url
from tests.pipeline.people import People

RULES = read_rules()
KEYS = ("provider_id", "zone_id", "element_id", "customer_id", "service_id")
ONE_OF = "select {0}_id::text from core.{1} where {0}_id <> '00000000-0000-0000-0000-000000000000' order by 1 limit 1"
RELATIONS = """
    select nspname || '.' || relname, relkind::text,
        array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped)
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname = any(%s) and relkind in ('r', 'p', 'v') and not relispartition order by 1
"""
OWNED = "customer_id = '{customer}'"
CONSENTING = (
    "customer_id in (select customer_id from core.dim_customer where valid_to = 'infinity' and marketing_consent{})"
)


@pytest.fixture(scope="module")
def relations(built_warehouse) -> dict[str, tuple[str, list[str]]]:
    return {name: (kind, columns) for name, kind, columns in built_warehouse.ask(RELATIONS, list(SCHEMAS))}


@pytest.fixture(scope="module")
def scopes(built_warehouse) -> dict[str, list[str]]:
    # The unknown member is the one that nobody's scope holds.
    (provider,), (zone,) = (built_warehouse.ask(ONE_OF.format(*names))[0] for names in (
        ("provider", "dim_provider"), ("zone", "dim_service_zone")))  # fmt: skip
    return {"provider": [provider], "zone": [zone]}


@pytest.fixture(scope="module")
def people(built_warehouse, scopes) -> Iterator[People]:
    found = People(built_warehouse.url, scopes)
    yield found
    found.leave()


@pytest.fixture(scope="module")
def customer(built_warehouse) -> tuple[str, str, str]:
    """A customer with two services or more, and two of them."""
    return built_warehouse.ask(
        "select customer_id::text, min(service_id::text), max(service_id::text) from core.dim_service_current"
        " group by customer_id having count(*) > 1 order by 1 desc limit 1"
    )[0]


def class_of(relation: str) -> str | None:
    named = {table: name for name, tables in RULES.classes.items() for table in tables}
    return named.get(relation) or named.get(f"{relation.partition('.')[0]}.*")


def condition(relation: str, columns: list[str], row_filter: str, scopes, customer) -> str | None:
    """Which rows a filter shall leave, apart from how the database says it; None: none, and no grant."""
    keys = set(columns) & set(KEYS)
    if row_filter == "all" or (class_of(relation) in RULES.open_classes and not keys):
        return "true"
    if relation in ("access.provider_scopes", "access.zone_scopes"):
        return "login = current_setting('test.login')"
    if row_filter == "by_provider":
        mine = f"provider_id = '{scopes['provider'][0]}'"
        of_customers = f"customer_id in (select customer_id from core.bridge_customer_provider where {mine})"
        return mine if "provider_id" in keys else of_customers if "customer_id" in keys else None
    if row_filter == "by_zone":
        return f"zone_id = '{scopes['zone'][0]}'" if "zone_id" in keys else None
    if "customer_id" not in keys:
        return None
    if row_filter == "customer":
        return OWNED.format(customer=customer[0])
    both = " and cpni_consent" if row_filter == "cpni_marketing" else ""
    if relation == "core.dim_customer":
        return f"valid_to = 'infinity' and marketing_consent{both}"
    return CONSENTING.format(both)


@pytest.mark.parametrize("role", RULES.roles)
def test_a_role_reads_what_its_rules_say_and_nothing_else(role, built_warehouse, people, relations, scopes, customer):
    reads, opened = RULES.roles[role].reads, 0
    with people.session(role) as session, psycopg.connect(built_warehouse.url) as owner:
        session.execute("select set_config('app.customer_id', %s, false)", [customer[0]])
        owner.execute("select set_config('test.login', %s, false)", [f"one {role}"])
        for relation, (_, columns) in relations.items():
            row_filter = reads.get(class_of(relation) or "")
            expected = condition(relation, columns, row_filter, scopes, customer) if row_filter else None
            withheld = RULES.roles[role].withheld.get(relation, ())
            shown = [name for name in columns if name not in withheld]
            query = f"select count(*), count({shown[0]}) from {relation}"
            if expected is None:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(f"select 1 from {relation} limit 1")
                continue
            opened += 1
            assert session.execute(query).fetchone() == owner.execute(f"{query} where {expected}").fetchone(), relation
            for name in withheld:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(f"select {name} from {relation} limit 1")
    assert opened > 5


def test_scopes_and_settings_show_some_rows_and_not_all(people, built_warehouse, customer):
    for relation in ("core.fct_usage_daily", "core.fct_bill", "core.dim_customer", "dashboards.operations_dashboard"):
        (everything,) = built_warehouse.ask(f"select count(*) from {relation}")[0]
        (some,) = people.ask("analyst_by_provider", f"select count(*) from {relation}")[0]
        assert 0 < some < everything, relation
    (zones,) = people.ask("analyst_by_zone", "select count(*) from core.fct_usage_daily")[0]
    assert 0 < zones < built_warehouse.ask("select count(*) from core.fct_usage_daily")[0][0]
    # Rows of another provider than the login's own never show, whatever the login sets.
    statement = "select count(distinct provider_id) from core.fct_usage_daily"
    with people.session("analyst_by_provider") as session:
        for setting in ("app.provider_id", "app.customer_id", "app.user_role"):
            session.execute("select set_config(%s, %s, false)", [setting, customer[0]])
        assert session.execute(statement).fetchone() == (1,)


def test_the_customers_app_sees_one_customer(people, built_warehouse, customer):
    query = "select count(*), count(distinct customer_id) from core.dim_service"
    usage = "select distinct service_id::text from core.fct_usage_daily order by 1"
    mine, first, second = customer
    with people.session("customer_app") as session:
        assert session.execute(query).fetchone() == (0, 0)
        for wrong in ("", "admin", mine + "0", "' or true --", "00000000-0000-0000-0000-00000000000g", "*" * 10_000):
            session.execute("select set_config('app.customer_id', %s, false)", [wrong])
            assert session.execute(query).fetchone() == (0, 0), wrong
        session.execute("select set_config('app.customer_id', %s, false)", [mine.upper()])
        assert session.execute(query).fetchone()[1] == 1
        whole = [row[0] for row in session.execute(usage)]
        assert whole == [
            row[0] for row in built_warehouse.ask(usage.replace("order", f"where customer_id = '{mine}' order"))
        ]
        (bills,) = session.execute("select count(*) from core.fct_bill").fetchone()
        assert bills > 0
        for service in (first, second):
            session.execute("select set_config('app.service_id', %s, false)", [service])
            assert session.execute("select distinct service_id::text from core.dim_service").fetchall() == [(service,)]
            assert set(session.execute(usage).fetchall()) <= {(service,)}
            # A bill is for all services, so one service alone has none.
            assert session.execute("select count(*) from core.fct_bill").fetchone() == (0,)
        session.execute("select set_config('app.service_id', 'x', false)")
        assert session.execute(query).fetchone() == (0, 0)
        (foreign,) = built_warehouse.ask(
            "select service_id::text from core.dim_service_current"
            f" where customer_id <> '{mine}' order by 1 desc limit 1"
        )[0]
        session.execute("select set_config('app.service_id', %s, false)", [foreign])
        assert session.execute(query).fetchone() == (0, 0)
    # The settings mean nothing to anybody else.
    with people.session("support") as session:
        session.execute("select set_config('app.customer_id', %s, false)", [mine])
        assert session.execute("select count(distinct customer_id) from core.dim_service").fetchone()[0] > 50


@pytest.mark.parametrize("role", RULES.roles)
def test_nobody_writes_or_becomes_somebody_else(role, people, relations):
    writes = [
        "insert into core.dim_date (date_day) values (now())", "update core.dim_customer set state = 'XX'",
        "delete from reference.charge_types", "truncate core.fct_bill", "insert into audit.audit_log default values",
        "update access.rules set row_filter = 'all'",
        "insert into access.provider_scopes select session_user, gen_random_uuid()",
        "create table public.mine (n int)", "create table core.mine (n int)", "create temporary table mine (n int)",
        "create schema mine", "drop table core.dim_date", "alter table core.dim_customer disable row level security",
        "create policy mine on core.dim_customer using (true)", "copy core.dim_customer from program 'true'",
        "copy (select 1) to program 'true'", "select pg_read_file('postgresql.conf')", "create role mine superuser",
        "alter role session_user superuser", "select lo_import('/etc/passwd')", "create extension citext schema core",
        "create function public.f() returns int language sql as 'select 1'",
        "select access.protect('core.dim_customer')",
        "select audit.seal()", "set session_replication_role = replica", "alter system set work_mem = '1GB'",
        "comment on table core.dim_date is 'mine'", "begin; lock table core.dim_customer",
    ]  # fmt: skip
    for statement in writes:
        refusal = people.refusal(role, statement)
        assert refusal.startswith("42501 "), f"{role}: {statement}: {refusal}"
    others = [*(one.name for one in RULES.group_roles if one.name != role), "warehouse"]
    for other in others:
        assert re.match("42501|22023", people.refusal(role, f'set role "{other}"')), other
        assert re.match("42501|22023", people.refusal(role, f'set session authorization "{other}"')), other
        assert people.refusal(role, f'grant "{other}" to "one {role}"').startswith("42501"), other


def test_leaf_partitions_and_new_tables_are_closed(people, built_warehouse):
    leaves = [name for (name,) in built_warehouse.ask(
        "select oid::regclass::text from pg_class where relispartition and relkind = 'r'"
        " and relnamespace = any(array['core', 'raw']::regnamespace[]) order by 1")]  # fmt: skip
    assert len(leaves) > 10
    for role in RULES.roles:
        with people.session(role) as session:
            readable = session.execute(
                "select leaf from unnest(%s::text[]) as leaf"
                " where has_schema_privilege(session_user, split_part(leaf, '.', 1), 'USAGE')"
                " and has_any_column_privilege(session_user, leaf, 'SELECT')", [leaves]
            ).fetchall()  # fmt: skip
            assert readable == [], role
    with psycopg.connect(built_warehouse.url, autocommit=True) as owner:
        owner.execute("create table core.brand_new as select 1 as provider_id")
        try:
            for role in RULES.roles:
                assert people.refusal(role, "select * from core.brand_new").startswith("42501"), role
        finally:
            owner.execute("drop table core.brand_new")


def test_every_keyed_table_has_row_security_and_every_table_a_class(built_warehouse, relations):
    secured = dict(built_warehouse.ask(
        "select nspname || '.' || relname, relrowsecurity from pg_class join pg_namespace n on n.oid = relnamespace"
        " where relkind in ('r', 'p') and not relispartition"))  # fmt: skip
    served = ("core", "dashboards", "analytics", "regulatory", "reference")
    for relation, (kind, columns) in relations.items():
        if relation.partition(".")[0] not in served:
            continue
        assert class_of(relation) is not None, f"{relation} stands in no class of roles.yml"
        keys = set(columns) & set(KEYS)
        if keys and kind in ("r", "p"):
            assert secured[relation], relation
        # An element or a zone alone would be open to every provider's people.
        assert not keys or keys & {"provider_id", "customer_id"}, relation
    named = [table for tables in RULES.classes.values() for table in tables if not table.endswith(".*")]
    assert set(named) <= set(relations), set(named) - set(relations)


def test_public_has_nothing(built_warehouse):
    assert built_warehouse.ask(
        "select oid::regclass from pg_class, aclexplode(relacl) where grantee = 0"
        " and relnamespace::regnamespace::text = any(%s)", [*SCHEMAS, "audit"]) == []  # fmt: skip
    for name in (*SCHEMAS, "public", "audit"):
        found = built_warehouse.ask(
            "select privilege_type from pg_namespace, aclexplode(nspacl) where nspname = %s and grantee = 0", name
        )
        assert found == [], name
    assert built_warehouse.ask(
        "select privilege_type from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))"
        " where datname = current_database() and grantee = 0") == []  # fmt: skip
    assert built_warehouse.ask(
        "select p.oid::regprocedure from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner)))"
        " where grantee = 0 and pronamespace::regnamespace::text = any(%s)", [*SCHEMAS, "audit"]) == []  # fmt: skip


def test_the_page_is_what_the_database_has_and_the_database_what_the_file_says(built_warehouse):
    with psycopg.connect(built_warehouse.url) as connection:
        matrix = read_matrix(connection)
    assert page_of(matrix) == (Path(__file__).parents[2] / "docs" / "access_matrix.md").read_text(encoding="utf-8")
    assert len(matrix) > 60
    for relation, roles in matrix.items():
        name = class_of(relation)
        assert name is not None
        for role, sign in roles.items():
            assert name in RULES.roles[role].reads, (relation, role)
            assert not set("W?") & set(sign), (relation, role)


def test_who_reads_a_dashboard_may_read_what_its_views_stand_on(people, built_warehouse):
    views = [
        name
        for (name,) in built_warehouse.ask(
            "select oid::regclass::text from pg_class where relkind = 'v' and relnamespace = 'dashboards'::regnamespace"
        )
    ]
    assert {"dashboards.network_performance_hourly", "dashboards.freshness", "dashboards.data_quality"} <= set(views)
    for role in RULES.roles:
        for view in views:
            refusal = people.refusal(role, f"select * from {view} limit 1")
            allowed = built_warehouse.ask(f"select has_table_privilege('{role}', '{view}', 'SELECT')") == [(True,)]
            assert (refusal == "") == allowed, (role, view, refusal)


def test_the_demo_hands_out_an_analysts_login(built_warehouse):
    url = analysts_url(built_warehouse.settings, built_warehouse.url)
    with psycopg.connect(url, autocommit=True) as session:
        assert session.execute("select session_user, current_user").fetchone() == (ANALYST, ANALYST)
        for question, query in QUESTIONS:
            assert session.execute(query).fetchall(), question
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select * from core.dim_customer_pii limit 1")
    with psycopg.connect(built_warehouse.url, autocommit=True) as administrator:
        administrator.execute("set role none")
        drop_login(administrator, ANALYST)
