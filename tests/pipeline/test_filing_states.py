"""A package's states in the database: who takes which step, in which order, and that nothing else changes it."""

import psycopg
import pytest

from orchestration.access.applying import find_drift, prepare_access, protect_relations
from orchestration.access.audit import find_problems
from orchestration.access.rules import read_rules
from tests.pipeline.packages import ERROR, PROVIDERS, WARNING, register
from tests.pipeline.people import People


@pytest.fixture(scope="module")
def url(make_database):
    found = make_database()
    assert prepare_access(found) == []
    with psycopg.connect(found, autocommit=True) as owner:
        # Filings are open to their people from the first moment on, before any run.
        assert [line for line in find_drift(owner) if "regulatory" in line] == []
        protect_relations(owner)
        assert find_drift(owner) == []
    return found


@pytest.fixture
def pipeline(url):
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("select current_user").fetchone() == ("warehouse_owner",)
        yield connection


@pytest.fixture
def administrator(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set role none")
        yield connection


@pytest.fixture(scope="module")
def people(url):
    found = People(url, {"provider": [PROVIDERS[0]]})
    yield found
    found.leave()


@pytest.fixture
def fresh(pipeline, administrator, tmp_path):
    """Makes packages of a period that no other test has."""
    (taken,) = administrator.execute("select count(*) from regulatory.filing_status").fetchone()

    def make(number: int = 1, findings: tuple = (), provider: str = PROVIDERS[0], **options):
        end = f"20{40 + taken:02d}-06-30" if taken else "2026-06-30"
        return register(pipeline, tmp_path, number, findings, provider, period_end=options.pop("end", end), **options)

    return make


@pytest.fixture
def ann(people):
    with people.session("compliance", name="Ann") as session:
        yield session


@pytest.fixture
def bob(people):
    with people.session("compliance", name="Bob") as session:
        yield session


def state(session: psycopg.Connection, package) -> str:
    return session.execute(
        "select state from regulatory.packages where package_id = %s", [package.package_id]
    ).fetchone()[0]


def step(session: psycopg.Connection, name: str, package, *more: object) -> None:
    marks = ", ".join(["%s"] * (2 + len(more)))
    session.execute(f"select regulatory.{name}_package({marks})", [package.package_id, package.manifest_sha256, *more])


def refused(session: psycopg.Connection, code: str, said: str, name: str, package, *more: object) -> None:
    with pytest.raises(psycopg.Error, match=said) as found:
        step(session, name, package, *more)
    assert found.value.sqlstate == code


def acknowledge(session: psycopg.Connection, package, number: int, text: str) -> None:
    session.execute("select regulatory.acknowledge_warning(%s, %s, %s)", [package.package_id, number, text])


FILED = ("477-0001", "2026-07-15", "Ada Vice", "Vice president")


def test_the_whole_way_by_two_people(fresh, ann, bob, administrator):
    package = fresh(findings=(WARNING, WARNING), end="2026-06-30", provider=PROVIDERS[1])
    status = (
        "select state, compliance_status, submission_deadline::text, required_filings, validation_errors,"
        " filed_package_id, report_data from regulatory.filing_status where package_id = %s"
    )
    assert ann.execute(status, [package.package_id]).fetchone() == (
        "draft", "ready_with_warnings", "2026-09-01",
        [{"form": "FCC Form 477", "description": "Fixed broadband subscription"}], [], None, {"total_connections": 15},
    )  # fmt: skip
    refused(bob, "55000", "is draft: it cannot become approved", "approve", package)
    step(ann, "validate", package)
    refused(ann, "55000", "is validated: it cannot become validated", "validate", package)
    refused(ann, "55000", "validated by Ann: expected another person", "approve", package)
    refused(bob, "55000", "nobody acknowledged: 1, 2", "approve", package)
    acknowledge(ann, package, 2, "  A rural tract.\r\n")
    refused(bob, "55000", r"nobody acknowledged: 1\n", "approve", package)
    acknowledge(bob, package, 1, "Typo.")
    acknowledge(bob, package, 1, "Two houses, seen.")
    refused(ann, "55000", "validated by Ann: expected another person", "approve", package)
    refused(bob, "55000", "is validated: it cannot become filed", "file", package, *FILED)
    step(bob, "approve", package)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="before it is approved"):
        acknowledge(ann, package, 1, "Too late.")
    for place in range(4):
        refused(
            ann, "55000", "lacks something", "file", package, *(None if n == place else v for n, v in enumerate(FILED))
        )
    refused(ann, "55000", "expected a day from the end of its period", "file", package, "1", "2026-06-29", "A", "B")
    refused(ann, "55000", "expected a day from the end of its period", "file", package, "1", "2999-01-01", "A", "B")
    step(ann, "file", package, *FILED)
    assert ann.execute(
        "select state, validated_by, approved_by, filed_by, submission_id, filed_on::text, certifier_name,"
        " certifier_title from regulatory.packages where package_id = %s", [package.package_id]
    ).fetchone() == ("filed", "Ann", "Bob", "Ann", *FILED)  # fmt: skip
    assert ann.execute(status, [package.package_id]).fetchone()[5] == package.package_id
    entries = administrator.execute(
        "select operation, user_id, new_values ->> 'state', data_sensitivity, provider_id::text from audit.audit_log"
        " where table_name = 'regulatory.packages' and record_id = %s order by changed_at", [str(package.package_id)]
    ).fetchall()  # fmt: skip
    assert [entry[:3] for entry in entries] == [
        ("INSERT", "warehouse", "draft"), ("UPDATE", "Ann", "validated"), ("UPDATE", "Bob", "approved"),
        ("UPDATE", "Ann", "filed"),
    ]  # fmt: skip
    assert {entry[3:] for entry in entries} == {("restricted", PROVIDERS[1])}
    said = administrator.execute(
        "select user_id, new_values ->> 'explanation' from audit.audit_log"
        " where table_name = 'regulatory.acknowledgements' and (new_values ->> 'package_id')::int = %s"
        " order by changed_at", [package.package_id]
    ).fetchall()  # fmt: skip
    assert said == [("Ann", "A rural tract."), ("Bob", "Typo."), ("Bob", "Two houses, seen.")]
    assert find_problems(administrator) == []


def test_an_error_is_never_validated(fresh, ann, pipeline):
    package = fresh(findings=(WARNING, ERROR))
    refused(ann, "55000", "is incomplete: expected ready or ready_with_warnings", "validate", package)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=r"finding 2 of package .* is no warning"):
        acknowledge(ann, package, 2, "Never mind.")
    for number in (0, 3, -1):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="is no warning"):
            acknowledge(ann, package, number, "What?")
    for text in ("", "  ", " \r\n\t", None, "x" * 4001):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="a text of 1 to 4000"):
            acknowledge(ann, package, 1, text)
    errors = ann.execute(
        "select validation_errors from regulatory.filing_status where package_id = %s", [package.package_id]
    ).fetchone()[0]
    assert errors == [{"finding_number": 2} | ERROR]


def test_a_new_package_takes_the_place_of_drafts_and_the_same_makes_none(fresh, ann, bob, administrator):
    first = fresh(1)
    step(ann, "validate", first)
    step(bob, "approve", first)
    second = fresh(2, rows=4)
    assert [state(ann, one) for one in (first, second)] == ["superseded", "draft"]
    refused(ann, "55000", "is superseded: it cannot become filed", "file", first, *FILED)
    reason = ann.execute(
        "select superseded_reason, superseded_by from regulatory.packages where package_id = %s", [first.package_id]
    ).fetchone()
    assert reason == ("package 2 holds other data", "warehouse")
    assert administrator.execute(
        "select count(*) from audit.audit_log where record_id = %s and new_values ->> 'state' = 'superseded'",
        [str(first.package_id)],
    ).fetchone() == (1,)


def test_a_filed_package_gives_way_for_a_reason_only(fresh, ann, bob):
    end = "2025-12-31"
    first = fresh(1, end=end)
    for session, name, more in ((ann, "validate", ()), (bob, "approve", ()), (bob, "file", FILED)):
        step(session, name, first, *more)
    supersede = "select regulatory.supersede_package(%s, %s)"
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is the newest of its period"):
        ann.execute(supersede, [first.package_id, "wrong"])
    second = fresh(2, rows=4, end=end)
    assert [state(ann, one) for one in (first, second)] == ["filed", "draft"]
    step(ann, "validate", second)
    step(bob, "approve", second)
    refused(ann, "55000", "follows one that is filed: supersede that one first", "file", second, *FILED)
    for text in ("", " ", "\n", None):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="needs a reason"):
            ann.execute(supersede, [first.package_id, text])
    ann.execute(supersede, [first.package_id, "A tract was missing."])
    step(ann, "file", second, *FILED)
    status = "select package_id, filed_package_id from regulatory.filing_status where package_id = %s"
    assert ann.execute(status, [second.package_id]).fetchone() == (second.package_id, second.package_id)


def test_the_same_content_and_wrong_packages_are_refused(fresh, pipeline, ann, tmp_path):
    package = fresh(1)
    copied = (
        "select regulatory.register_package(report_type, provider_id, period_start, period_end, manifest, {digest},"
        " {validation}, reconciliation, null, {status}, {folder}, 'test') from regulatory.packages"
        " where package_id = {id}"
    )
    given = {
        "digest": f"'{'a' * 64}'", "validation": "'[]'", "status": "'ready'", "id": package.package_id,
        "folder": "left(folder, -1) || '2'",
    }  # fmt: skip
    warned = '\'[{"finding_number": 1, "level": "error", "message": "x"}]\''
    for change, code, said in (
        ({"digest": "manifest_sha256"}, "23505", "the same data make no new package"),
        ({"folder": "folder"}, "22023", "expected names with / between them and the number 2"),
        ({"folder": "'fcc/../2'"}, "22023", "expected names with /"),
        ({"folder": "'/fcc/2'"}, "22023", "expected names with /"),
        ({"validation": warned}, "22023", "a package with an error is incomplete, not ready"),
        ({"validation": warned.replace("1,", "2,"), "status": "'incomplete'"}, "22023", "findings are numbered"),
        ({"status": "'ready_with_warnings'"}, "22023", "it is ready_with_warnings with 0 findings"),
        ({"digest": "'xyz'"}, "23514", "manifest_sha256"),
    ):
        with pytest.raises(psycopg.Error, match=said) as found:
            pipeline.execute(copied.format(**given | change))
        assert found.value.sqlstate == code, change
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="its files were altered, or it is another package"):
        ann.execute("select regulatory.validate_package(%s, %s)", [package.package_id, "b" * 64])
    with pytest.raises(psycopg.errors.NoDataFound, match="there is no package 0"):
        ann.execute("select regulatory.validate_package(0, %s)", ["b" * 64])
    assert state(ann, package) == "draft"


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
