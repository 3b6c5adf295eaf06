"""dbt in this process: the parsed project, kept while its files are the same, and invocations that yield their events.

Not here: Dagster, and what is built when.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ingestion.contract import CONTRACTS_FOLDER
from orchestration.warehouse.settings import ROOT

PROJECT_FOLDER = ROOT / "dbt_project"
_SOURCES = ("*.sql", "*.yml", "*.csv")


class DbtError(RuntimeError):
    """dbt could not do what was asked; the message is dbt's own."""


@dataclass(frozen=True)
class ParsedProject:
    """A parsed project. Relation names hold the database's name, so there is one for each."""

    target_folder: Path

    @property
    def manifest_file(self) -> Path:
        return self.target_folder / "manifest.json"

    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        return content


def connection_environment(url: str) -> dict[str, str]:
    """The variables that profiles.yml reads, from a connection URL."""
    parts = urlsplit(url)
    return {
        "DBT_HOST": parts.hostname or "127.0.0.1",
        "DBT_PORT": str(parts.port or 5432),
        "DBT_USER": unquote(parts.username or ""),
        "DBT_ENV_SECRET_PASSWORD": unquote(parts.password or ""),
        "DBT_DATABASE": parts.path.lstrip("/") or "warehouse",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def project_fingerprint() -> str:
    """A hash of the project and of the feeds' contracts, whose cadences the models read."""
    digest = hashlib.sha256()
    for folder, patterns in ((PROJECT_FOLDER, _SOURCES), (CONTRACTS_FOLDER, ("*.yml",))):
        for path in sorted(path for pattern in patterns for path in folder.rglob(pattern)):
            if "target" not in path.relative_to(folder).parts:
                digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def _arguments(*arguments: str, target_folder: Path) -> list[str]:
    folders = ["--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER)]
    quiet = ["--target-path", str(target_folder), "--log-path", str(target_folder / "logs"), "--log-level", "none"]
    return [*arguments, *folders, *quiet]


def parse_project(folder: Path, database: str) -> ParsedProject:
    """Parses the project for a database if its files changed since; needs no connection.

    Args:
        folder: where parsed projects are kept, one folder per database.
        database: the database's name.
    """
    from dbt.cli.main import dbtRunner

    project = ParsedProject(folder / database)
    stamp, fingerprint = project.target_folder / "fingerprint", project_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint and project.manifest_file.exists():
        return project
    project.target_folder.mkdir(parents=True, exist_ok=True)
    os.environ["DBT_DATABASE"] = database
    result = dbtRunner().invoke(_arguments("parse", target_folder=project.target_folder))
    if not result.success:
        raise DbtError(f"dbt cannot read the project: {result.exception}")
    stamp.write_text(fingerprint)
    return project


def invoke(
    project: ParsedProject, url: str, arguments: list[str], variables: dict[str, object]
) -> Iterator[dict[str, Any]]:
    """Runs dbt on a thread and yields its events (as its JSON log has them) as they come.

    Raises:
        DbtError: dbt broke off; models and tests that failed are events, not an error.
    """
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from google.protobuf.json_format import MessageToDict

    os.environ.update(connection_environment(url))
    parsed = Manifest.from_msgpack((project.target_folder / "partial_parse.msgpack").read_bytes())
    parsed.build_flat_graph()
    events: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue()

    def run() -> None:
        try:
            runner = dbtRunner(
                manifest=parsed,
                callbacks=[lambda event: events.put(MessageToDict(event, preserving_proto_field_name=True))],
            )
            command = _arguments(*arguments, "--vars", json.dumps(variables), target_folder=project.target_folder)
            result = runner.invoke(command)
            events.put(DbtError(f"dbt broke off: {result.exception}") if result.exception else None)
        except BaseException as error:
            events.put(error)

    thread = threading.Thread(target=run, name="dbt", daemon=True)
    thread.start()
    while (event := events.get()) is not None:
        if isinstance(event, BaseException):
            raise event
        yield event
    thread.join()
