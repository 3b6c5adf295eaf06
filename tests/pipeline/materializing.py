"""A tiny dbt project on a database of its own, and readers that watch it change.

Not here: tests.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from orchestration.dbt_runner import PROJECT_FOLDER, ParsedProject, connection_environment, parse_files, spare_work
from tests.conftest import database_name

FOLDER = Path(__file__).with_name("materialization_project")
WORLD = """
    create schema world;
    create table world.things as
        select n::bigint as thing_id, 'thing ' || n as label, 1::numeric as weight,
            jsonb_build_object('n', n) as tags, '2026-01-01Z'::timestamptz + n * interval '1 hour' as seen_at
        from generate_series(1, 1000) as n;
    create table world.events as
        select n::bigint as thing_id, day::date as event_date,
            day::timestamp at time zone 'America/Chicago' as day_start_at, 1::numeric as amount
        from generate_series(1, 50) as n, generate_series('2026-06-01'::timestamp, '2026-08-31', '1 day') as day;
    create table world.statements as
        select n::bigint as statement_id, ('2026-06-01'::date + n % 3 * interval '1 month')::date as period_start,
            1::numeric as amount
        from generate_series(1, 900) as n;
"""


_parsed: dict[str, Path] = {}


def parsed_folder(folder: Path) -> Path:
    """Where dbt's reading of a project lies: made once for the same files, whatever the database and the variables."""
    digest, target = hashlib.sha256(), folder / "target"
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(target)):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    read = digest.hexdigest()
    if read not in _parsed:
        place = folder.with_name(f"{folder.name}_parsed_{read[:12]}")
        parse_files(folder, place)
        _parsed[read] = place
    return _parsed[read]


@dataclass(frozen=True)
class Project:
    """The project's copy in a folder, and its database."""

    folder: Path
    url: str

    def run(self, command: str, *select: str, windows: object = "all", **variables: object) -> dict[str, tuple]:
        """Runs dbt; every node's name with its status, its message and the rows that changed."""
        from dbt.cli.main import dbtRunner

        spare_work()
        target = self.folder / "target"
        parsed = ParsedProject(parsed_folder(self.folder), target, database_name(self.url))
        os.environ.update(connection_environment(self.url))
        given = f"{ {'windows': {'events': windows}, **variables} }"
        folders = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        folders += ["--target-path", str(target), "--log-path", str(target), "--log-level", "none"]
        chosen = ["--select", *select] if select else []
        result = dbtRunner(manifest=parsed.nodes(())).invoke([*command.split(), *chosen, "--vars", given, *folders])
        assert result.exception is None or not result.result, result.exception
        if result.result is None:
            raise AssertionError(result.exception)
        return {
            found.node.name: (str(found.status), found.message, found.adapter_response.get("rows_affected"))
            for found in result.result.results
            if found.node.resource_type != "operation"
        }

    def build(self, *select: str, command: str = "build", **options: object) -> dict[str, tuple]:
        """A build that must succeed; what each node changed."""
        found = self.run(command, *select, **options)
        assert {status for status, *_ in found.values()} <= {"success", "pass"}, found
        return {name: rows for name, (_, _, rows) in found.items()}

    def problem(self, model: str, **options: object) -> str:
        """What a model's build fails with."""
        status, message, _ = self.run("run", model, **options)[model]
        assert status == "error"
        return message

    def ask(self, query: str) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def do(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def change(self, file: str, old: str, new: str) -> None:
        """Changes a file of the project."""
        path = self.folder / "models" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def make_project(folder: Path, url: str) -> Project:
    shutil.copytree(FOLDER, folder)
    shutil.copytree(PROJECT_FOLDER / "macros", folder / "macros")
    shutil.copy(PROJECT_FOLDER / "profiles.yml", folder)
    return Project(folder, url)


def prepare(project: Project) -> None:
    """The tables that the models read, and the role mat_analyst, who may look into the schemas."""
    if not project.ask("select 1 from pg_roles where rolname = 'mat_analyst'"):
        project.do("create role mat_analyst")
    project.do(WORLD, *(f"create schema {name}" for name in ("core", "reference")))
    project.do("grant usage on schema core, reference to mat_analyst")


@dataclass
class Watch:
    """What readers saw: answers that were wrong, errors, how often they asked, the longest wait for a lock."""

    wrong: list[object] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: int = 0
    longest_wait_ms: float = 0.0


def _read(url: str, role: str, query: str, allowed: set[tuple], watch: Watch, stop: threading.Event) -> None:
    """One session that asks again and again, every answer in a transaction of its own (READ COMMITTED)."""
    try:
        with psycopg.connect(url, autocommit=True, application_name="reader") as connection:
            connection.execute(f"set role {role}")
            while not stop.is_set():
                found = {tuple(row) for row in connection.execute(query)}
                watch.answers += 1
                if not found or not found <= allowed:
                    watch.wrong.append(found - allowed)
                time.sleep(0.03)
    except psycopg.Error as error:
        watch.errors.append(str(error))


def _watch_waits(url: str, watch: Watch, stop: threading.Event) -> None:
    query = (
        "select coalesce(max(extract(epoch from clock_timestamp() - waitstart) * 1000), 0)::float"
        " from pg_locks join pg_stat_activity using (pid) where application_name = 'reader' and not granted"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        while not stop.is_set():
            (waited,) = connection.execute(query).fetchone()
            watch.longest_wait_ms = max(watch.longest_wait_ms, waited)
            time.sleep(0.003)


@contextmanager
def readers(url: str, role: str, query: str, allowed: set[tuple], sessions: int = 20) -> Iterator[Watch]:
    """Sessions that ask `query` all the time; every row of every answer must be among `allowed`."""
    watch, stop = Watch(), threading.Event()
    threads = [
        threading.Thread(target=_read, args=(url, role, query, allowed, watch, stop), daemon=True)
        for _ in range(sessions)
    ]
    threads.append(threading.Thread(target=_watch_waits, args=(url, watch, stop), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join()
