"""Every setting of the project, read from the environment in this one place.

Not here: what a setting does. A wrong value is an error that says what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ROOT = Path(__file__).resolve().parents[2]

# Name, default and meaning of every setting; `make help` and the docs print this table.
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("WAREHOUSE_URL", "", "postgresql://user:password@host:port/database; empty: the embedded server"),
    ("DAGSTER_STORAGE_URL", "", "where Dagster keeps its runs; empty: database dagster on the same server"),
    ("WAREHOUSE_FOLDER", ".warehouse", "the embedded server's data and everything that is made at run time"),
    ("LANDING_DIR", "landing", "the folder with one folder of files per feed"),
    ("EXPORTS_DIR", "exports", "the folder that regulatory packages are written to"),
    ("AS_OF", "", "the instant that every figure speaks of, ISO 8601; empty: the end of yesterday"),
    ("REPORTING_TIME_ZONE", "America/Chicago", "IANA time zone of the operator's own day"),
    ("REPORTING_CURRENCY", "USD", "ISO 4217 code of reported money"),
    ("PII_KEY_FILE", "", "key of the personal values' hashes, made at first use; empty: pii.key in WAREHOUSE_FOLDER"),
    ("MAX_BAD_ROW_SHARE", "0.20", "a file with a larger share of bad rows is refused whole"),
    ("MAX_VANISHING_SHARE", "0.05", "a full snapshot that would end a larger share of entities is refused"),
    ("LANDING_QUIET_SECONDS", "2", "a file that changed so recently is waited for, and left if it goes on changing"),
)


class SettingsError(ValueError):
    """A setting has a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """The settings of one run; `warehouse_url` is empty for the embedded server."""

    warehouse_url: str
    dagster_storage_url: str
    warehouse_folder: Path
    landing_dir: Path
    exports_dir: Path
    as_of: datetime | None
    reporting_time_zone: str
    reporting_currency: str
    pii_key_file: Path
    max_bad_row_share: float
    max_vanishing_share: float
    landing_quiet_seconds: float

    def shown(self) -> dict[str, str]:
        """What changes figures and is no secret: without addresses, which hold passwords, and without AS_OF."""
        return {
            "REPORTING_TIME_ZONE": self.reporting_time_zone,
            "REPORTING_CURRENCY": self.reporting_currency,
            "MAX_BAD_ROW_SHARE": str(self.max_bad_row_share),
            "MAX_VANISHING_SHARE": str(self.max_vanishing_share),
            "LANDING_QUIET_SECONDS": str(self.landing_quiet_seconds),
        }

    def as_of_at(self, now: datetime | None = None) -> datetime:
        """AS_OF in UTC; without it the end of yesterday, that is the start of today, in the reporting time zone."""
        if self.as_of is not None:
            return self.as_of
        zone = ZoneInfo(self.reporting_time_zone)
        today = (now or datetime.now(UTC)).astimezone(zone).date()
        return datetime.combine(today, time(), tzinfo=zone).astimezone(UTC)


def _instant(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{name}={text!r}: expected an instant in ISO 8601, such as 2026-11-01T00:00-05:00"
        ) from None
    if instant.tzinfo is None:
        raise SettingsError(f"{name}={text!r}: expected an offset from UTC, such as {text}-05:00 or {text}Z")
    return instant.astimezone(UTC)


def _share(name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingsError(f"{name}={text!r}: expected a share from 0 to 1, such as 0.2")
    return share


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise SettingsError(f"{name}={text!r}: expected seconds from 0 to 3600, such as 2")
    return seconds


def _time_zone(name: str, text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"{name}={text!r}: expected an IANA time zone, such as America/Chicago") from None
    return text


def _currency(name: str, text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha() or not text.isupper():
        raise SettingsError(f"{name}={text!r}: expected an ISO 4217 code, such as USD")
    return text


def _url(name: str, text: str) -> str:
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise SettingsError(f"{name}: expected postgresql://user:password@host:port/database, or nothing")
    # SQLAlchemy, which Dagster's storage uses, knows the long scheme only.
    return f"postgresql://{text.partition('://')[2]}" if text else ""


def _path(text: str) -> Path:
    return ROOT / Path(text).expanduser()


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads all settings. Relative paths are taken from the project's folder.

    Raises:
        SettingsError: a value cannot be used; the message names the setting and what was expected.
    """
    value = {name: environment.get(name, "").strip() or default for name, default, _ in SETTINGS}
    return Settings(
        warehouse_url=_url("WAREHOUSE_URL", value["WAREHOUSE_URL"]),
        dagster_storage_url=_url("DAGSTER_STORAGE_URL", value["DAGSTER_STORAGE_URL"]),
        warehouse_folder=_path(value["WAREHOUSE_FOLDER"]),
        landing_dir=_path(value["LANDING_DIR"]),
        exports_dir=_path(value["EXPORTS_DIR"]),
        as_of=_instant("AS_OF", value["AS_OF"]),
        reporting_time_zone=_time_zone("REPORTING_TIME_ZONE", value["REPORTING_TIME_ZONE"]),
        reporting_currency=_currency("REPORTING_CURRENCY", value["REPORTING_CURRENCY"]),
        pii_key_file=_path(value["PII_KEY_FILE"] or f"{value['WAREHOUSE_FOLDER']}/pii.key"),
        max_bad_row_share=_share("MAX_BAD_ROW_SHARE", value["MAX_BAD_ROW_SHARE"]),
        max_vanishing_share=_share("MAX_VANISHING_SHARE", value["MAX_VANISHING_SHARE"]),
        landing_quiet_seconds=_seconds("LANDING_QUIET_SECONDS", value["LANDING_QUIET_SECONDS"]),
    )
