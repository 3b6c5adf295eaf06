"""The embedded server: made, killed, recovered, moved, stopped; as each user that may run it."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from orchestration.warehouse import launching
from orchestration.warehouse.launching import NAMESPACE, Launcher, NobodyLauncher, choose_launcher
from orchestration.warehouse.postmaster import server_process
from orchestration.warehouse.server import EmbeddedServer, ServerError, binaries


@pytest.fixture
def folder():
    """A short-lived folder, closed to everybody else, as root's home is."""
    path = Path(tempfile.mkdtemp(prefix="server-tests-"))
    yield path
    with contextlib.suppress(ServerError):
        EmbeddedServer(path).remove()
    shutil.rmtree(path, ignore_errors=True)


def make(folder: Path, **options) -> EmbeddedServer:
    return EmbeddedServer(folder, durable=False, **options)


def scalar(server: EmbeddedServer, query: str):
    with psycopg.connect(server.url(), autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]


def fill(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as n")


def kept(server: EmbeddedServer) -> int:
    return scalar(server, "select count(*) from kept")


def kill_everything(server: EmbeddedServer) -> None:
    """Every process that works in the data folder, at once."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == server.data:
                os.kill(int(entry.name), signal.SIGKILL)


def test_made_started_and_stopped(folder):
    server = make(folder)
    assert not server.is_running()
    assert not server.stop()
    report = server.start()
    assert (report.was_running, report.recovered, report.moved_to_port) == (False, False, None)
    assert server.start().was_running
    assert scalar(server, "select count(*) from pg_database where datname in ('warehouse', 'dagster')") == 2
    assert scalar(server, "show max_locks_per_transaction") == "1024"
    assert scalar(server, "show wal_level") == "minimal"
    assert scalar(server, "show listen_addresses") == "127.0.0.1"
    assert scalar(server, "show unix_socket_directories") == ""
    assert scalar(server, "show server_encoding") == "UTF8"
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    url = server.url()
    assert server.stop()
    assert not server.is_running()
    report = make(folder).start()
    assert (report.was_running, report.recovered) == (False, False)
    assert make(folder).url() == url


def test_a_login_needs_the_password(folder):
    server = make(folder)
    server.start()
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(server.url().replace(f":{(folder / 'password').read_text()}", ""))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url().replace((folder / "password").read_text(), "wrong"))


@pytest.mark.parametrize("victim", ["postmaster", "everything"])
def test_a_killed_server_recovers_and_says_so(folder, victim):
    server = EmbeddedServer(folder)
    server.start()
    fill(server)
    if victim == "everything":
        kill_everything(server)
    else:
        os.kill(server_process(server.data), signal.SIGKILL)
    begun = time.monotonic()
    report = server.start()
    assert (report.was_running, report.recovered) == (False, True)
    assert time.monotonic() - begun < 30
    assert kept(server) == 1000
    server.stop()
    assert not server.start().recovered


def test_it_outlives_the_process_that_started_it(folder):
    program = (
        "import sys, os, signal; from pathlib import Path\n"
        "from orchestration.warehouse.server import EmbeddedServer\n"
        "EmbeddedServer(Path(sys.argv[1]), durable=False).start(); os.killpg(os.getpgrp(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, folder], check=False, start_new_session=True)
    assert done.returncode == -signal.SIGKILL
    assert make(folder).start().was_running


def test_one_of_many_that_start_at_once_does_it(folder):
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: make(folder).start(), range(4)))
    assert sorted(report.was_running for report in reports) == [False, True, True, True]


def test_a_port_that_was_taken_is_replaced_and_said(folder):
    server = make(folder)
    server.start()
    server.stop()
    old = int((folder / "port").read_text())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", old))
        other.listen()
        report = server.start()
        assert report.moved_to_port == int((folder / "port").read_text()) != old
        assert scalar(server, "select 1") == 1


def test_a_pid_file_that_names_another_program_is_no_obstacle(folder):
    server = make(folder)
    server.start()
    kill_everything(server)
    pid_file = server.data / "postmaster.pid"
    pid_file.write_text("\n".join([str(os.getpid()), *pid_file.read_text().split("\n")[1:]]))
    assert not server.is_running()
    assert not server.stop()
    assert server.start().recovered


def test_a_zombie_is_no_obstacle(folder):
    """Where nobody waits for a killed server, its number goes on existing."""
    server = make(folder)
    server.start()
    kill_everything(server)
    pid_file = server.data / "postmaster.pid"
    zombie = subprocess.Popen(["true"])
    while Path(f"/proc/{zombie.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    pid_file.write_text("\n".join([str(zombie.pid), *pid_file.read_text().split("\n")[1:]]))
    assert not server.is_running()
    assert server.start().recovered
    assert zombie.wait() == 0


def test_a_set_up_that_was_cut_off_is_made_anew(folder):
    half = folder / "pgdata-new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    assert not make(folder).start().recovered


def test_a_moved_folder_keeps_its_warehouse(folder):
    server = EmbeddedServer(folder / "here")
    server.start()
    fill(server)
    (folder / "here").rename(folder / "there")
    moved = EmbeddedServer(folder / "there")
    try:
        assert not moved.start().was_running
        assert kept(moved) == 1000
    finally:
        moved.remove()


@pytest.mark.parametrize("is_running", [True, False])
def test_a_lost_password_is_replaced(folder, is_running):
    server = make(folder)
    server.start()
    fill(server)
    old = (folder / "password").read_text()
    if not is_running:
        server.stop()
    (folder / "password").unlink()
    assert not server.start().recovered
    assert kept(server) == 1000
    assert (folder / "password").read_text() != old


def test_a_wrong_password_file_is_one_line(folder):
    server = make(folder)
    server.start()
    server.stop()
    (folder / "password").write_text("nottheone")
    with pytest.raises(ServerError, match=r"refuses the password in .*restore that file, or remove it") as caught:
        server.start()
    assert "nottheone" not in str(caught.value)
    (folder / "password").unlink()
    server.start()
    assert scalar(server, "select 1") == 1


def test_data_of_another_version_is_refused(folder):
    server = make(folder)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match="made by PostgreSQL 17, and this is 18"):
        server.start()


def test_settings_that_cannot_be_are_said_with_the_log(folder):
    server = make(folder)
    server.start()
    server.stop()
    with (server.data / "postgresql.conf").open("a") as stream:
        stream.write("shared_buffers = none\n")
    with pytest.raises(ServerError, match=r'(?s)log .*postgres.log ends: .*"shared_buffers"'):
        server.start()


def test_an_ordinary_user_runs_the_binaries_himself(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert choose_launcher(folder, binaries()) == Launcher(folder, binaries())


if os.geteuid() == 0:

    @pytest.fixture
    def nobodys(monkeypatch):
        """Where namespaces are forbidden; nobody's folders lie in a place of the test's own."""
        homes = Path(tempfile.mkdtemp(prefix="nobody-tests-"))
        monkeypatch.setattr(launching, "NOBODY_HOMES", homes / "telecom-warehouse")
        monkeypatch.setattr(launching, "NAMESPACE", ("false",))
        homes.chmod(0o755)
        yield homes
        shutil.rmtree(homes)

    def test_root_without_namespaces_serves_as_nobody(folder, nobodys):
        folder.chmod(0o700)
        previous = os.umask(0o077)
        try:
            server = EmbeddedServer(folder)
            assert not server.start().recovered
        finally:
            os.umask(previous)
        pid = server_process(server.data)
        assert Path(f"/proc/{pid}").stat().st_uid == launching.NOBODY
        assert nobodys in server.data.parents
        fill(server)
        os.kill(pid, signal.SIGKILL)
        assert make(folder).start().recovered
        assert kept(server) == 1000
        server.remove()
        assert not any(nobodys.iterdir())
        assert not any(folder.iterdir())

    def test_a_moved_folder_finds_nobodys_data(folder, nobodys):
        make(folder / "here").start()
        make(folder / "here").stop()
        (folder / "here").rename(folder / "there")
        moved = make(folder / "there")
        assert isinstance(choose_launcher(folder / "there", binaries()), NobodyLauncher)
        moved.start()
        moved.remove()

    def test_a_folder_in_a_closed_home_of_another_user_is_served_as_nobody(folder):
        home = folder / "home"
        home.mkdir()
        os.chown(home, 1000, 1000)
        home.chmod(0o700)
        assert isinstance(choose_launcher(home / "warehouse", binaries()), NobodyLauncher)

    def test_root_in_a_namespace(folder):
        if not launching.namespace_reaches(folder, binaries()):
            assert isinstance(choose_launcher(folder, binaries()), NobodyLauncher)
            return
        assert choose_launcher(folder, binaries()).prefix == NAMESPACE

    def test_data_of_another_user_is_refused(folder):
        server = make(folder, launcher=Launcher(folder, binaries(), NAMESPACE))
        (folder / "pgdata").mkdir()
        os.chown(folder / "pgdata", 1000, 1000)
        with pytest.raises(ServerError, match="belongs to user 1000, and you are user 0: run as that user, or set"):
            server.start()
