"""A package's states in the database: who takes which step, and in which order."""

import psycopg
import pytest

from orchestration.access.audit import find_problems
from tests.pipeline.filing_states.steps import FILED, acknowledge, refused, state, step
from tests.pipeline.packages import ERROR, PROVIDERS, WARNING


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
