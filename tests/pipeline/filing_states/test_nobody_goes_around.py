"""A package's states in the database: nothing but its steps changes them, whoever tries."""

import psycopg
import pytest

from orchestration.access.applying import find_drift, prepare_access, protect_relations
from orchestration.access.rules import read_rules
from tests.pipeline.filing_states.steps import acknowledge, refused, state, step
from tests.pipeline.packages import PROVIDERS, WARNING

CHANGES = (
    "update regulatory.packages set state = 'validated' where package_id = {id}",
    "update regulatory.packages set validated_by = 'Bob', validated_at = now(), state = 'validated'",
    "update regulatory.packages set manifest = '{{}}' where package_id = {id}",
    "update regulatory.packages set compliance_status = 'ready'",
    "delete from regulatory.packages", "truncate regulatory.packages cascade", "drop table regulatory.packages cascade",
    "drop schema regulatory cascade", "alter table regulatory.packages disable trigger all",
    "alter table regulatory.packages disable row level security",
    "alter table regulatory.packages owner to current_user",
    "create or replace function regulatory.may_file() returns boolean language sql as 'select true'",
    "drop function regulatory.take_step() cascade", "create policy mine on regulatory.packages using (true)",
    "create trigger mine before update on regulatory.packages for each row execute function regulatory.refuse()",
    "insert into regulatory.acknowledgements (package_id, provider_id, finding_number, explanation, acknowledged_by)"
    " select package_id, provider_id, 1, 'fine', 'Bob' from regulatory.packages",
    "update regulatory.acknowledgements set explanation = 'other'", "delete from regulatory.acknowledgements",
    "update regulatory.filing_status set state = 'filed'", "delete from regulatory.filing_status",
    "insert into regulatory.packages (state, report_type) values ('filed', 'x')",
    "select regulatory.validate_package({id}, '{digest}')", "select regulatory.approve_package({id}, '{digest}')",
    "select regulatory.record_access('x', 'x', 1)", "set session_replication_role = replica", "set role audit_keeper",
    "set role compliance",
)  # fmt: skip


def test_nobody_goes_around_not_even_the_pipeline(fresh, pipeline, people, administrator):
    package = fresh(findings=(WARNING,))
    given = {"id": package.package_id, "digest": package.manifest_sha256}
    # On a server of its own the pipeline is no superuser; a login of the owner's, as there.
    administrator.execute("create role one_pipeline login in role warehouse_owner password 'one'")
    administrator.execute("alter role one_pipeline set role to warehouse_owner")
    try:
        with psycopg.connect(
            administrator.info.dsn, user="one_pipeline", password="one", autocommit=True
        ) as modest:  # fmt: skip
            assert modest.execute("select current_user").fetchone() == ("warehouse_owner",)
            for statement in CHANGES:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    modest.execute(statement.format(**given))
    finally:
        administrator.execute("drop role one_pipeline")
    for role in ("admin", "data_engineer", "analyst", "auditor", "support"):
        for statement in CHANGES:
            refusal = people.refusal(role, statement.format(**given))
            assert refusal.startswith("42501"), (role, statement, refusal)
    for statement in CHANGES[1:21]:
        refusal = people.refusal("compliance", statement.format(**given))
        assert refusal.startswith("42501"), (statement, refusal)
    # A superuser owns the server; by accident he does nothing either.
    for statement in ("delete from regulatory.packages", "truncate regulatory.acknowledgements"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="are kept"):
            administrator.execute(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="expected a login of compliance"):
        administrator.execute(
            "select regulatory.validate_package(%s, %s)", [package.package_id, package.manifest_sha256]
        )
    assert state(administrator, package) == "draft"


def test_functions_of_the_owner_beside_them_are_never_run_by_the_keeper(fresh, pipeline, ann, bob, administrator):
    # Whoever may create in a schema may overload its functions: were one of these the better match, the owner would act
    # as the keeper.
    others = {
        "may_file": ("boolean", ["variadic text[]"]), "require_filer": ("void", ["varchar", "name", "anyelement"]),
        "next_package_number": ("integer", ["varchar, uuid, date", "text, uuid, timestamptz"]),
        "open_warnings": ("integer[]", ["integer", "numeric", "anyelement"]),
        "findings_problem": ("text", ["json, text", "jsonb, varchar", "jsonb, anyelement"]),
        "require_package": ("void", ["integer, text", "numeric, text", "bigint, varchar"]),
    }  # fmt: skip
    for name, (result, signatures) in others.items():
        for arguments in signatures:
            pipeline.execute(
                f"create function regulatory.{name}({arguments}) returns {result} language plpgsql as"
                " $$ begin raise exception 'taken over by %', current_user; end $$"
            )
    try:
        package = fresh(1, findings=(WARNING,))
        acknowledge(ann, package, 1, "Seen.")
        step(ann, "validate", package)
        refused(ann, "55000", "validated by Ann", "approve", package)
        step(bob, "approve", package)
        fresh(2, rows=4)
        assert state(ann, package) == "superseded"
    finally:
        for name, (_, signatures) in others.items():
            for arguments in signatures:
                pipeline.execute(f"drop function regulatory.{name}({arguments})")


def test_the_database_decides_whatever_a_session_says_it_is(fresh, ann, administrator):
    package = fresh(findings=(WARNING,))
    ann.execute("select set_config('warehouse.run_id', 'a run', false), set_config('role', 'compliance', false)")
    ann.execute("update regulatory.packages set state = 'validated' where package_id = %s", [package.package_id])
    ann.execute(
        "insert into regulatory.acknowledgements (package_id, finding_number, explanation) values (%s, 1, 'Seen.')",
        [package.package_id],
    )
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="validated by Ann"):
        ann.execute("update regulatory.packages set state = 'approved' where package_id = %s", [package.package_id])
    entries = administrator.execute(
        "select user_id from audit.audit_log where table_name = 'regulatory.packages' and record_id = %s"
        " and operation = 'UPDATE'", [str(package.package_id)]
    ).fetchall()  # fmt: skip
    assert entries == [("Ann",)]


def test_a_scope_shows_and_moves_its_provider_only(fresh, people, url, ann):
    mine, other = fresh(end="2024-06-30", findings=(WARNING,)), fresh(end="2024-06-30", provider=PROVIDERS[1])
    with people.session("compliance_by_provider") as session:
        for table in ("packages", "filing_status"):
            found = session.execute(f"select distinct provider_id::text from regulatory.{table}").fetchall()
            assert found == [(PROVIDERS[0],)], table
        with pytest.raises(psycopg.errors.NoDataFound, match="there is no package"):
            step(session, "validate", other)
        session.execute("update regulatory.packages set state = 'validated' where package_id = %s", [other.package_id])
        assert state(ann, other) == "draft"
        acknowledge(session, mine, 1, "Seen.")
        step(session, "validate", mine)
        assert state(ann, mine) == "validated"
        assert session.execute("select count(distinct provider_id) from regulatory.acknowledgements").fetchone() == (1,)
    assert people.refusal("analyst", "select * from regulatory.packages").startswith("42501")
    assert people.ask("admin", "select count(distinct provider_id) from regulatory.packages") == [(2,)]


def test_who_may_file_and_what_is_read_is_written_down(people, administrator):
    assert people.ask("compliance", "select regulatory.may_file()") == [(True,)]
    assert administrator.execute("select regulatory.may_file()").fetchone() == (False,)
    assert people.refusal("data_engineer", "select regulatory.may_file()").startswith("42501")
    people.ask("compliance", "select regulatory.record_access('package 1 fbs.csv', 'download', 3)", name="Ann")
    assert administrator.execute(
        "select user_id, what, reason, rows_read from audit.access_log order by accessed_at desc limit 1"
    ).fetchone() == ("Ann", "filings: package 1 fbs.csv", "download", 3)
    assert {role.name for role in read_rules().filers} == {"compliance", "compliance_by_provider"}


def test_installing_again_changes_nothing_and_takes_added_rights_away(url, administrator, pipeline):
    query = (
        "select relname, relacl::text, relowner from pg_class where relnamespace = 'regulatory'::regnamespace union all"
        " select polname, pg_get_expr(polqual, polrelid), polrelid from pg_policy where polrelid::regclass::text"
        " like 'regulatory.%' union all select oid::regprocedure::text, proacl::text, proowner from pg_proc"
        " where pronamespace = 'regulatory'::regnamespace order by 1, 2, 3"
    )
    before = administrator.execute(query).fetchall()
    for harm in (
        "grant update on regulatory.packages to analyst", "grant select on regulatory.packages to support",
        "create policy mine on regulatory.packages for update to analyst using (true)",
        "grant execute on function regulatory.validate_package(bigint, text) to analyst",
    ):  # fmt: skip
        administrator.execute(harm)
    assert administrator.execute(query).fetchall() != before
    assert prepare_access(url, anew=True) == []
    assert administrator.execute(query).fetchall() == before
    assert protect_relations(pipeline) == []
    assert find_drift(pipeline) == []


def test_rows_behind_a_filing_are_the_owners_and_changes_by_hand_are_written_down(pipeline, administrator):
    pipeline.execute("create table regulatory.form (tract text primary key, provider_id uuid, total_connections int)")
    protect_relations(pipeline)
    pipeline.execute("insert into regulatory.form values ('01001020100', gen_random_uuid(), 3)")
    pipeline.execute("update regulatory.form set total_connections = 4")
    pipeline.execute("select set_config('warehouse.run_id', 'a run', false)")
    pipeline.execute("update regulatory.form set total_connections = 5")
    found = administrator.execute(
        "select operation, record_id, new_values ->> 'total_connections', data_sensitivity from audit.audit_log"
        " where table_name = 'regulatory.form' order by changed_at"
    ).fetchall()
    assert found == [
        ("INSERT", "01001020100", "3", "restricted"), ("UPDATE", "01001020100", "4", "restricted"),
    ]  # fmt: skip
    pipeline.execute("drop table regulatory.form")
