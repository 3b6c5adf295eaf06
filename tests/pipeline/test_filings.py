"""Packages: what a run leaves, golden files, the same data again, other data, kills, full disks, and who reads them."""

import csv
import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest

from orchestration.commands.filings import Choice, generate_packages, main
from orchestration.regulatory.content import REPORT_TYPES
from orchestration.regulatory.layouts import FilingError
from orchestration.regulatory.package_files import PackageFiles
from tests.pipeline.filing_packages import DAY, FULL_DISK, KILLED_AT_FILE, copy_of
from tests.pipeline.people import People

GOLDEN = Path(__file__).parents[1] / "golden" / "filings"
GOLDEN_PROVIDERS = ("Magnolia Connect", "Peachtree Wireless")


@pytest.fixture(scope="module")
def providers(built_warehouse) -> dict[str, str]:
    query = "select provider_name, provider_id::text from core.dim_provider where provider_name <> 'unknown' order by 1"
    return dict(built_warehouse.ask(query))


@pytest.fixture
def filings(built_warehouse, make_database, tmp_path):
    return copy_of(built_warehouse, make_database, tmp_path / "exports")


def packages(warehouse) -> list[PackageFiles]:
    rows = warehouse.ask("select folder, manifest, manifest_sha256 from regulatory.packages order by package_id")
    return [PackageFiles(warehouse.settings.exports_dir, *row) for row in rows]


def test_a_run_leaves_a_draft_of_every_report_of_every_provider(built_warehouse, providers):
    rows = built_warehouse.ask(
        "select report_type, provider_id::text, period_start, period_end, package_number, state"
        " from regulatory.packages"
    )
    starts = {"emergency_readiness": date(DAY.year, 1, 1)}
    assert sorted(rows) == sorted(
        (report, provider, starts.get(report, DAY), DAY, 1, "draft")
        for report in REPORT_TYPES for provider in providers.values()
    )  # fmt: skip
    for package in packages(built_warehouse):
        assert package.problems() == []
        manifest = json.loads((package.path / "manifest.json").read_text())
        assert manifest == package.manifest
        described = json.loads((package.path / "datapackage.json").read_text())
        for resource in described["resources"]:
            entry = package.entry(resource["path"])
            assert resource["hash"] == f"sha256:{entry['sha256']}"
            assert [field["name"] for field in resource["schema"]["fields"]] == entry["columns"]
        assert json.loads((package.path / "provenance.json").read_text())["generated_at"]


@pytest.mark.parametrize("name", GOLDEN_PROVIDERS)
def test_golden_files_byte_for_byte(built_warehouse, providers, name):
    """UPDATE_GOLDEN=1 writes them anew: to be read before they are committed."""
    folder = built_warehouse.settings.exports_dir / "fcc_form477" / providers[name] / str(DAY) / "1"
    found = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    golden = GOLDEN / name.lower().replace(" ", "_")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.mkdir(parents=True, exist_ok=True)
        for file, content in found.items():
            (golden / file).write_bytes(content)
    assert {path.name: path.read_bytes() for path in golden.iterdir()} == found


def test_no_residual_and_every_row_has_its_connections(built_warehouse):
    rows = built_warehouse.ask(
        "select package_id, report_type, reconciliation, manifest, folder from regulatory.packages"
    )
    forms = 0
    for package_id, report, reconciliation, manifest, folder in rows:
        for account in reconciliation:
            forms += 1
            left_out = {one["reason"]: one["connections"] for one in account["left_out"]}
            assert account["residual"] == 0
            assert account["in_service"] == account["in_file"] + sum(left_out.values()) > 0
            if report != "fcc_form477":
                continue
            linked = dict(built_warehouse.ask(
                "select coalesce(left_out_reason, ''), sum(connections)::bigint from regulatory.filing_connection"
                " where package_id = %s and file = %s group by 1", package_id, account["file"],
            ))  # fmt: skip
            assert linked == {"": account["in_file"], **left_out}
            (entry,) = (one for one in manifest["files"] if one["name"] == account["file"])
            content = (built_warehouse.settings.exports_dir / folder / account["file"]).read_text()
            place = next(i for i, name in enumerate(entry["columns"]) if name.startswith("total"))
            totals = {number: int(row[place]) for number, row in enumerate(csv.reader(content.splitlines()), 1)}
            by_row = built_warehouse.ask(
                "select row_number, sum(connections)::bigint from regulatory.filing_connection"
                " where package_id = %s and file = %s and row_number is not null group by 1",
                package_id, account["file"],
            )  # fmt: skip
            assert dict(by_row) == totals
    assert forms >= 8


def test_the_same_data_make_no_new_package_and_the_same_bytes(filings, providers):
    provider = providers["Magnolia Connect"]
    before = {path: path.read_bytes() for path in filings.exports.rglob("*") if path.is_file()}
    for report in REPORT_TYPES:
        again = filings.generate(provider, report)
        assert (again.number, again.is_new) == (1, False)
    assert {path: path.read_bytes() for path in filings.exports.rglob("*") if path.is_file()} == before
    # Without the database's memory the same package is written once more, to the byte.
    with psycopg.connect(filings.url) as connection:
        connection.execute("set session_replication_role to replica")
        connection.execute(
            "truncate regulatory.packages, regulatory.acknowledgements, regulatory.filing_status,"
            " regulatory.filing_connection"
        )
    assert filings.generate(provider).is_new
    assert filings.folders(provider) == [".1.unregistered.1", "1"]
    one, other = (filings.exports / "fcc_form477" / provider / str(DAY) / name for name in (".1.unregistered.1", "1"))
    for path in one.iterdir():
        assert path.name == "provenance.json" or path.read_bytes() == (other / path.name).read_bytes()


def change_a_row(filings, provider: str) -> None:
    """A row more, one gone, one other, as from other data."""
    with psycopg.connect(filings.url) as connection:
        for change in (
            "update regulatory.form477_connections set connections = connections + 5 where (service_id, form) ="
            " (select service_id, form from regulatory.form477_connections where provider_id = %(p)s"
            " and form = 'fixed_broadband' and row_number = 1 limit 1)",
            "update regulatory.form477_fixed_broadband set total_connections = total_connections + 5"
            " where provider_id = %(p)s and row_number = 1",
            "update regulatory.form477_parts set connections = connections + 5 where (service_id, plan_id) ="
            " (select service_id, plan_id from regulatory.form477_connections where provider_id = %(p)s"
            " and form = 'fixed_broadband' and row_number = 1 and connections > 5 limit 1)",
        ):
            connection.execute(change, {"p": provider})


def test_other_data_get_the_next_number_and_what_is_different(filings, providers):
    provider = providers["Magnolia Connect"]
    change_a_row(filings, provider)
    result = filings.generate(provider)
    assert (result.number, result.is_new, result.errors) == (2, True, 0)
    assert filings.folders(provider) == ["1", "2"]
    ((difference, state),) = filings.ask(
        "select difference, (select state from regulatory.packages old where old.package_number = 1 and"
        " old.report_type = new.report_type and old.provider_id = new.provider_id"
        " and old.period_end = new.period_end) from regulatory.packages new"
        " where package_id = %s", result.package_id,
    )  # fmt: skip
    assert state == "superseded"
    assert difference["package_number"] == 1
    counts = {one["file"]: (one["added"], one["gone"], one["changed"]) for one in difference["files"]}
    assert counts.pop("fbs.csv") == (0, 0, 1)
    assert set(counts.values()) == {(0, 0, 0)}
    rows = list(csv.DictReader((result.folder / "difference.csv").read_text().splitlines()))
    assert [(row["file"], row["change"]) for row in rows] == [("fbs.csv", "changed")]
    assert int(rows[0]["after"].split(",")[-2]) == int(rows[0]["before"].split(",")[-2]) + 5


def test_a_kill_leaves_no_half_package(filings, providers):
    provider = providers["Magnolia Connect"]
    change_a_row(filings, provider)
    first = filings.exports / "fcc_form477" / provider / str(DAY) / "1"
    whole = {path: path.read_bytes() for path in first.iterdir()}
    written = len(whole)
    # In the first file, in the middle, after the last, and between the rename and the database's word.
    for count in (1, written // 2, written + 1, written + 2):
        done = filings.generate_apart(provider, KILLED_AT_FILE.format(count=count))
        assert done.returncode == -9, done.stderr
        assert filings.ask("select count(*) from regulatory.packages where package_number > 1") == [(0,)]
        assert {path: path.read_bytes() for path in whole} == whole
        assert all(name in ("1", "2") or name.startswith(".") for name in filings.folders(provider))
    result = filings.generate(provider)
    assert (result.number, result.is_new) == (2, True)
    names = filings.folders(provider)
    assert [name for name in names if not name.startswith(".")] == ["1", "2"]
    assert not [name for name in names if name.endswith(".partial")]


def test_a_full_disk_is_an_error_that_leaves_the_last_one_whole(filings, providers):
    provider = providers["Magnolia Connect"]
    change_a_row(filings, provider)
    done = filings.generate_apart(provider, FULL_DISK.format(size=200))
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "the last package is whole" in done.stderr
    assert filings.folders(provider) == ["1"]
    assert filings.ask("select count(*) from regulatory.packages where package_number > 1") == [(0,)]


def test_an_altered_package_stops_the_next(filings, providers):
    provider = providers["Magnolia Connect"]
    change_a_row(filings, provider)
    file = filings.exports / "fcc_form477" / provider / str(DAY) / "1" / "fbs.csv"
    file.write_bytes(file.read_bytes().replace(b",50,", b",40,", 1))
    with pytest.raises(FilingError, match="is not as it was written"):
        filings.generate(provider)
    assert filings.folders(provider) == ["1"]


def test_what_does_not_exist_is_an_error_that_lists_what_does(filings, providers):
    with pytest.raises(FilingError, match="known are fcc_form477, census_block, emergency_readiness"):
        filings.generate(providers["Magnolia Connect"], "form_499")
    with pytest.raises(FilingError, match=r"known are .*Magnolia Connect"):
        filings.generate("00000000-0000-0000-0000-00000000dead")
    with pytest.raises(FilingError, match="make filings AS_OF_DATE=2021-06-30"):
        filings.generate(providers["Magnolia Connect"], day=date(2021, 6, 30))


def test_the_sources_function(built_warehouse, providers):
    people = People(built_warehouse.url, {})
    ask = "select * from regulatory.generate_regulatory_report(%s, %s, null, %s)"
    try:
        for report in REPORT_TYPES:
            ((data, status, deadline, required, errors),) = people.ask(
                "compliance", ask, providers["Magnolia Connect"], report, DAY
            )
            assert data["provider_info"]["name"] == "Magnolia Connect"
            assert status in ("ready", "ready_with_warnings")
            assert (deadline, errors) == (
                date(2026, 7, 15) if report == "emergency_readiness" else date(2026, 9, 1),
                [],
            )
            assert {"form", "description"} <= required[0].keys()
        refusals = {
            "fcc_form499": "report type 'fcc_form499': there is none such",
            "fcc_form477": "has not been generated",
        }
        for report, said in refusals.items():
            values = f"'{providers['Magnolia Connect']}', '{report}', null, '2020-06-30'"
            refusal = people.refusal("compliance", f"select regulatory.generate_regulatory_report({values})")
            assert said in refusal
            assert "Known are fcc_form477" in refusal or "make filings AS_OF_DATE=2020-06-30" in refusal
        unknown = people.refusal(
            "compliance", "select regulatory.generate_regulatory_report(gen_random_uuid(), 'census_block')"
        )
        assert "Known are" in unknown
        assert "Magnolia Connect" in unknown
        assert people.refusal("analyst", "table regulatory.filing_connection").startswith("42501")
        assert people.refusal("data_engineer", "table regulatory.filing_connection").startswith("42501")
        assert people.ask("compliance", "select count(*) > 0 from regulatory.filing_connection") == [(True,)]
    finally:
        people.leave()


def test_a_file_of_somebody_else_is_checked(built_warehouse, tmp_path, monkeypatch, capsys):
    settings = built_warehouse.settings
    for name, value in (
        ("WAREHOUSE_URL", settings.warehouse_url), ("WAREHOUSE_FOLDER", settings.warehouse_folder),
        ("EXPORTS_DIR", settings.exports_dir), ("AS_OF", settings.as_of.isoformat()),
    ):  # fmt: skip
        monkeypatch.setenv(name, str(value))
    path = tmp_path / "theirs.csv"
    path.write_bytes(b"01001020100,50,100,20,4,2\r\n01001020100,41,100,20,4,5\r\n")
    assert main(["validate", str(path), "--layout", "fbs"]) == 1
    said = capsys.readouterr()
    assert "Row 2: invalid technology code 41: expected one of 0, 10, 40" in said.out
    assert "Row 2: 5 is over the total of 4" in said.out
    assert "2 errors, 0 warnings" in said.err
    path.write_bytes(b"01001020100,50,100,20,4,2\r\n")
    assert main(["validate", str(path), "--layout", "fbs"]) == 0
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("draft") == len(packages(built_warehouse))
    number = listed.split()[0]
    assert main(["validate", number]) == 0
    assert main(["diff", number, number]) == 0


def test_any_other_date_keeps_those_that_were_filed(built_warehouse, filings, providers, tmp_path):
    kept = "select count(*), sum(connections) from regulatory.form477_connections where as_of_date = %s"
    before = filings.ask(kept, DAY)
    settings = replace(
        built_warehouse.settings, warehouse_url=filings.url, exports_dir=filings.exports, warehouse_folder=tmp_path
    )
    odd = date(2026, 8, 15)
    said = generate_packages(settings, Choice(odd, providers["Magnolia Connect"], "fcc_form477"))
    assert "| Magnolia Connect | fcc_form477 | 2026-08-15 | 1 | yes | ready_with_warnings | 0 |" in said
    assert filings.ask(kept, DAY) == before
    assert filings.ask(kept, odd)[0][0] > 0
    ((findings, due),) = filings.ask(
        "select validation, manifest ->> 'due_date' from regulatory.packages where period_end = %s", odd
    )
    assert "not_regular_date" in {one["check"] for one in findings}
    assert due == "2027-03-01"
    with pytest.raises(FilingError, match="nothing is known of that day yet; the last that is over is 2026-09-30"):
        generate_packages(settings, Choice(date(2026, 10, 1)))
