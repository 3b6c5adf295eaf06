"""dbt in this process: the parsed project, kept while its files are the same, and invocations that yield their events.

Not here: Dagster, and what is built when.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import queue
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ingestion.contract import CONTRACTS_FOLDER
from orchestration.warehouse.settings import ROOT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import BaseEvent

PROJECT_FOLDER = ROOT / "dbt_project"
_SOURCES = ("*.sql", "*.yml", "*.csv")


class DbtError(RuntimeError):
    """dbt could not do what was asked; the message is dbt's own."""


# Parsed relations stand in a database of this name, until they are moved to the one that is built.
_NOWHERE = "no_database_yet"
# Nodes of an invocation's own choice bear this tag.
_CHOSEN = "chosen"


@dataclass(frozen=True)
class ParsedProject:
    """A parsed project, the same for every database, and where dbt puts what it makes of it for one of them."""

    parsed_folder: Path
    target_folder: Path
    database: str

    def manifest(self) -> dict[str, Any]:
        """The manifest as dbt writes it, of this database."""
        text = (self.parsed_folder / "manifest.json").read_text(encoding="utf-8")
        content: dict[str, Any] = json.loads(text.replace(_NOWHERE, self.database))
        return content

    def semantic_manifest(self) -> str:
        """The semantic models as dbt writes them, of this database."""
        text = (self.parsed_folder / "semantic_manifest.json").read_text(encoding="utf-8")
        return text.replace(_NOWHERE, self.database)

    def nodes(self, chosen: Collection[str]) -> Manifest:
        """The manifest for an invocation, in this database; nodes of the chosen names bear the tag."""
        from dbt.contracts.graph.manifest import Manifest

        parsed = Manifest.from_msgpack((self.parsed_folder / "partial_parse.msgpack").read_bytes())
        for node in (*parsed.nodes.values(), *parsed.sources.values()):
            node.database = self.database
            if node.relation_name:
                node.relation_name = node.relation_name.replace(_NOWHERE, self.database)
        for node in parsed.nodes.values():
            if node.name in chosen:
                node.tags.append(_CHOSEN)
        parsed.build_flat_graph()
        return parsed


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


def _arguments(*arguments: str, target_folder: Path, project_folder: Path = PROJECT_FOLDER) -> list[str]:
    folders = ["--project-dir", str(project_folder), "--profiles-dir", str(project_folder)]
    quiet = ["--target-path", str(target_folder), "--log-path", str(target_folder / "logs"), "--log-level", "none"]
    return [*arguments, *folders, *quiet]


def parse_files(project_folder: Path, parsed_folder: Path) -> None:
    """Parses a dbt project, for whatever database; needs no connection.

    Raises:
        DbtError: dbt cannot read it; in its words.
    """
    from dbt.cli.main import dbtRunner

    spare_work()
    parsed_folder.mkdir(parents=True, exist_ok=True)
    os.environ["DBT_DATABASE"] = _NOWHERE
    result = dbtRunner().invoke(_arguments("parse", target_folder=parsed_folder, project_folder=project_folder))
    if not result.success:
        raise DbtError(f"dbt cannot read the project: {result.exception}")


def parse_project(folder: Path, database: str) -> ParsedProject:
    """Parses the project if its files changed since.

    Args:
        folder: where the parsed project is kept, and what dbt makes for each database.
        database: the database's name.
    """
    project = ParsedProject(folder / "parsed", folder / database, database)
    parsed, fingerprint = project.parsed_folder, project_fingerprint()
    stamp = parsed / "fingerprint"
    if stamp.exists() and stamp.read_text() == fingerprint and (parsed / "manifest.json").exists():
        return project
    parse_files(PROJECT_FOLDER, parsed)
    stamp.write_text(fingerprint)
    return project


def spare_work() -> None:
    """Lets dbt leave out what nobody hears of.

    Messages for its own debugging are a tenth of its work. And each adapter looks through the whole stack, and for each
    frame through all modules, for where its behaviour flags come from; their list grows with every invocation, so that
    after a hundred of them in a process each begins with seconds of it.
    """
    from dbt.events.types import NodeFinished
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.events.base_types import DebugLevel
    from dbt_common.events.event_manager import EventManager

    if hasattr(EventManager.fire_event, "__wrapped__"):
        return
    fire = EventManager.fire_event

    @functools.wraps(fire)
    def fire_others(manager: EventManager, e: BaseEvent, *given: Any, **named: Any) -> None:
        if not isinstance(e, DebugLevel) or isinstance(e, NodeFinished):
            fire(manager, e, *given, **named)

    EventManager.fire_event = fire_others  # type: ignore[method-assign,assignment]
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters")  # type: ignore[method-assign]


def invoke(
    project: ParsedProject, url: str, arguments: list[str], variables: dict[str, object], chosen: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Runs dbt on a thread and yields its events (as its JSON log has them) as they come.

    Args:
        project: of the database of `url`.
        url: the connection.
        arguments: command and options, as ["build", "--select", "fct_bill"].
        variables: dbt's vars.
        chosen: names of the models, seeds and tests that are selected: these and no others. For hundreds of them that
            takes seconds less than as many arguments.

    Raises:
        DbtError: dbt broke off; models and tests that failed are events, not an error.
    """
    from dbt.cli.main import dbtRunner
    from google.protobuf.json_format import MessageToDict

    from orchestration.dbt_connections import keep_connections

    keep_connections()
    spare_work()
    os.environ.update(connection_environment(url))
    parsed = project.nodes(chosen)
    selection = ["--select", f"tag:{_CHOSEN}", "--indirect-selection", "empty"] if chosen else []
    events: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue()

    def run() -> None:
        try:
            runner = dbtRunner(
                manifest=parsed,
                callbacks=[lambda event: events.put(MessageToDict(event, preserving_proto_field_name=True))],
            )
            options = [*arguments, *selection, "--vars", json.dumps(variables)]
            command = _arguments(*options, target_folder=project.target_folder)
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
