"""What lies in the landing folder and is not loaded is said: a warning, or an error where data may be missing."""

import dagster as dg
import pytest

from orchestration.definitions import build_defs
from tests.integration.landing import land, usage


@pytest.fixture
def ingest(make_database, postgres_server, tmp_path):
    """Runs the ingest stage over a landing folder; returns its checks by asset and name."""
    landing = tmp_path / "landing"
    overrides = {
        "WAREHOUSE_URL": make_database(),
        "DAGSTER_STORAGE_URL": postgres_server.url("dagster"),
        "WAREHOUSE_FOLDER": str(tmp_path / "warehouse"),
        "LANDING_DIR": str(landing),
        "PII_KEY_FILE": str(tmp_path / "pii.key"),
        "LANDING_QUIET_SECONDS": "0.1",
    }
    job = build_defs(overrides).resolve_job_def("stage_ingest")

    def run() -> tuple[bool, dict[tuple[str, str], dg.AssetCheckEvaluation]]:
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, raise_on_error=False)
        checks = result.get_asset_check_evaluations()
        return result.success, {(check.asset_key.path[-1], check.check_name): check for check in checks}

    return landing, run


def test_findings_are_warnings_once_per_run_and_data_out_of_reach_is_an_error(ingest, monkeypatch):
    landing, run = ingest
    path = land(landing, "usage_records", "a.csv", [usage(1)])
    land(landing, "usage_records", "a|b\n<i>.csv", [usage(2)])
    (landing / "usage_record").mkdir()
    (path.parent / "notes.txt").write_text("x")
    is_ok, checks = run()
    assert is_ok
    stray = checks["landing_findings", "every_folder_has_a_contract"]
    assert (stray.passed, stray.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert stray.description.startswith("usage_record: a folder that no feed's contract knows")
    left = checks["usage_records", "nothing_left_behind"]
    assert (left.passed, left.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert left.description == (
        "notes.txt: expected a name that ends in .csv, .csv.gz, .jsonl, .jsonl.gz, .parquet; not loaded"
    )
    assert all(check.passed for (_, name), check in checks.items() if name == "no_refused_files")
    said = [check for check in checks.values() if not check.passed and "usage_record:" in (check.description or "")]
    assert len(said) == 1

    def unreadable(folder):
        if folder.name == "usage_records":
            raise PermissionError(13, "Permission denied", str(folder))
        return original(folder)

    original = type(path).iterdir
    monkeypatch.setattr(type(path), "iterdir", unreadable)
    is_ok, checks = run()
    left = checks["usage_records", "nothing_left_behind"]
    assert (left.passed, left.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "the folder cannot be read (Permission denied)" in left.description
    assert checks["customers", "nothing_left_behind"].passed
    monkeypatch.undo()
    (path.parent / "notes.txt").unlink()
    (landing / "usage_record").rmdir()
    _, checks = run()
    assert checks["landing_findings", "every_folder_has_a_contract"].passed
    assert checks["usage_records", "nothing_left_behind"].passed
