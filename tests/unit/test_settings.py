"""Settings are read once and a wrong one says what was expected."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.warehouse.preflight import check_locks, check_version, without_password
from orchestration.warehouse.settings import ROOT, SETTINGS, SettingsError, read_settings


def test_defaults():
    settings = read_settings({})
    assert settings.warehouse_url == ""
    assert settings.warehouse_folder == ROOT / ".warehouse"
    assert settings.pii_key_file == ROOT / ".warehouse" / "pii.key"
    assert settings.max_bad_row_share == 0.2


def test_the_end_of_yesterday_is_the_start_of_today_also_when_the_clock_changes():
    settings = read_settings({"REPORTING_TIME_ZONE": "America/Chicago"})
    now = datetime(2026, 11, 1, 18, tzinfo=UTC)
    assert settings.as_of_at(now) == datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert settings.as_of_at(datetime(2026, 11, 2, 18, tzinfo=UTC)) == datetime(2026, 11, 2, 6, tzinfo=UTC)


def test_as_of_wins():
    settings = read_settings({"AS_OF": "2026-10-01T00:00-07:00"})
    assert settings.as_of_at() == datetime(2026, 10, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AS_OF", "yesterday", "expected an instant in ISO 8601"),
        ("AS_OF", "2026-10-01T00:00", "expected an offset"),
        ("REPORTING_TIME_ZONE", "Chicago", "expected an IANA time zone"),
        ("REPORTING_CURRENCY", "usd", "expected an ISO 4217 code"),
        ("MAX_BAD_ROW_SHARE", "20 %", "expected a share from 0 to 1"),
        ("MAX_BAD_ROW_SHARE", "20", "expected a share from 0 to 1"),
        ("WAREHOUSE_URL", "mysql://x", "expected postgresql://"),
    ],
)
def test_wrong_values(name, value, expected):
    with pytest.raises(SettingsError, match=expected) as caught:
        read_settings({name: value})
    assert name in str(caught.value)


def test_a_url_with_a_password_is_never_repeated():
    with pytest.raises(SettingsError) as caught:
        read_settings({"WAREHOUSE_URL": "http://me:secret@host/db"})
    assert "secret" not in str(caught.value)
    assert without_password("postgresql://me:secret@host:5432/db") == "postgresql://me@host:5432/db"


def test_every_setting_has_a_meaning():
    assert all(meaning for _, _, meaning in SETTINGS)


def test_versions_and_locks():
    assert check_version(140_012).startswith("the server is PostgreSQL 14; expected 15 or newer: upgrade it")
    assert check_version(150_000) is None
    assert check_locks(64, 100, 0) is None
    assert "set max_locks_per_transaction = 320" in check_locks(64, 20, 0)


def test_relative_paths_lie_in_the_project_and_the_short_scheme_becomes_the_long_one():
    settings = read_settings({"LANDING_DIR": "~/files", "PII_KEY_FILE": "keys/pii", "WAREHOUSE_URL": "postgres://h/d"})
    assert settings.landing_dir == Path.home() / "files"
    assert settings.pii_key_file == ROOT / "keys" / "pii"
    assert settings.warehouse_url == "postgresql://h/d"


@pytest.mark.parametrize(
    "value", ["'; drop table core.dim_date; --", '"$(touch hostile)"', "`id`", "{{ 7 }}", "../../x\n%s"]
)
def test_hostile_values_are_refused_or_are_only_names_of_files(value):
    files = {"WAREHOUSE_FOLDER", "LANDING_DIR", "EXPORTS_DIR", "PII_KEY_FILE"}
    for name, _, _ in SETTINGS:
        if name in files:
            folder = read_settings({name: value}).landing_dir if name == "LANDING_DIR" else None
            assert folder in (None, ROOT / value)
            continue
        with pytest.raises(SettingsError, match=name):
            read_settings({name: value})
