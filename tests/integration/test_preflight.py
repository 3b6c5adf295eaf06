"""Everything that can be wrong with a server is one line, said before anything is changed on it."""

import os
import re
import signal
import socket
import tempfile
from pathlib import Path

import psycopg
import pytest

from orchestration.commands.run import run_pipeline
from orchestration.warehouse.connection import WarehouseError, open_warehouse
from orchestration.warehouse.postmaster import server_process
from orchestration.warehouse.preflight import check_form, with_database, without_password
from orchestration.warehouse.server import EmbeddedServer
from orchestration.warehouse.settings import read_settings

PASSWORD = "s3cret"


@pytest.fixture(scope="module")
def server():
    """A server whose Dagster database is not there, with a reader, a builder and a database for them."""
    folder = Path(tempfile.mkdtemp(prefix="preflight-tests-"))
    server = EmbeddedServer(folder, durable=False)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for statement in (
            "drop database dagster",
            f"create role reader login password '{PASSWORD}'",
            f"create role builder login password '{PASSWORD}'",
            f"create role pensive login password '{PASSWORD}'",
            "alter role pensive set default_transaction_read_only = on",
            "create database target",
            "grant create on database target to builder, pensive",
            "create database latin encoding 'LATIN1' locale 'C' locale_provider libc template template0",
            "create database closed",
            "revoke connect on database closed from public",
            "create database storage",
        ):
            connection.execute(statement)
    yield server
    server.remove()
    folder.rmdir()


def url_of(server, user, database="target", password=PASSWORD):
    host = server.url().rpartition("@")[2].partition("/")[0]
    return f"postgresql://{user}:{password}@{host}/{database}"


def state(server):
    """What a change would show in: databases, and the schemas of the target."""
    with psycopg.connect(server.url("target")) as connection:
        databases = connection.execute("select datname from pg_database order by 1").fetchall()
        schemas = connection.execute("select nspname from pg_namespace order by 1").fetchall()
    return databases, schemas


def refusal(tmp_path, **environment):
    """The one line that a run with these settings ends with."""
    environment = {"WAREHOUSE_FOLDER": str(tmp_path / "warehouse"), "LANDING_DIR": str(tmp_path), **environment}
    with pytest.raises(WarehouseError) as caught:
        run_pipeline(read_settings(environment))
    line = str(caught.value)
    assert "\n" not in line
    assert PASSWORD not in line
    assert not (tmp_path / "warehouse").exists()
    return line


@pytest.mark.parametrize(
    ("user", "database", "password", "expected"),
    [
        ("reader", "target", "wr0ng", "refuses the password of user 'reader'; set the right one in the URL"),
        ("nobody", "target", PASSWORD, "refuses the password of user 'nobody'"),
        ("reader", "targte", PASSWORD, r"no database 'targte'; make it first: createdb -h 127.0.0.1 -p \d+ -U reader"),
        ("reader", "target", PASSWORD, "role reader may not create schemas here.* grant create on database"),
        ("pensive", "target", PASSWORD, "read-only for this role.*expected one that may write"),
        ("warehouse", "latin", None, "encoding is LATIN1; expected UTF8"),
        ("reader", "closed", PASSWORD, "may not connect to this database"),
    ],
)
def test_wrong_from_the_start(server, tmp_path, user, database, password, expected):
    before = state(server)
    password = password or server.url().split(":")[2].split("@")[0]
    line = refusal(tmp_path, WAREHOUSE_URL=url_of(server, user, database, password))
    assert re.search(expected, line)
    assert line.startswith("WAREHOUSE_URL postgresql://")
    assert "wr0ng" not in line
    assert state(server) == before


def test_a_host_that_nobody_answers_on(server, tmp_path):
    line = refusal(tmp_path, WAREHOUSE_URL="postgresql://reader:s3cret@127.0.0.1:9/target")
    assert re.search(r"no connection .*refused.*check host, port, and that the server runs", line)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:port/target",
        "postgresql://me:s3cret/7@127.0.0.1/target",
        "postgresql://me:99/s3cret@127.0.0.1/target",
        "postgresql://me:s3cret@127.0.0.1:5432",
        "postgresql://me:s3cret%zz@127.0.0.1/target",
        "postgresql://me:s3cret@[::1/target",
    ],
)
def test_a_url_without_the_form_of_one_is_not_repeated(tmp_path, url):
    line = refusal(tmp_path, WAREHOUSE_URL=url)
    assert re.search(r"not a URL of the form postgresql://user:password@host:port/database", line)


def test_too_few_locks(server, tmp_path):
    configuration = server.data / "postgresql.conf"
    text = configuration.read_text()
    try:
        server.stop()
        configuration.write_text(text + "max_connections = 20\nmax_locks_per_transaction = 64\n")
        server.start()
        line = refusal(tmp_path, WAREHOUSE_URL=server.url("target"))
    finally:
        server.stop()
        configuration.write_text(text)
        server.start()
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("drop database dagster")
    assert "can hold 1280 locks; expected at least 6400: set max_locks_per_transaction = 320" in line


def test_a_server_that_only_reads(server, tmp_path):
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("alter database target set default_transaction_read_only = on")
        line = refusal(tmp_path, WAREHOUSE_URL=url_of(server, "builder"))
        connection.execute("alter database target reset default_transaction_read_only")
    assert "default_transaction_read_only = on" in line


def test_a_role_that_may_not_make_dagsters_database(server, tmp_path):
    before = state(server)
    line = refusal(tmp_path, WAREHOUSE_URL=url_of(server, "builder"))
    assert re.search("no database 'dagster' for Dagster's runs.*set DAGSTER_STORAGE_URL to a database", line)
    assert state(server) == before


def test_a_storage_that_dagster_may_not_write_to(server, tmp_path):
    line = refusal(
        tmp_path, WAREHOUSE_URL=url_of(server, "builder"), DAGSTER_STORAGE_URL=url_of(server, "builder", "storage")
    )
    assert re.search("^DAGSTER_STORAGE_URL .*/storage: this role may not make Dagster's tables there", line)
    line = refusal(
        tmp_path, WAREHOUSE_URL=url_of(server, "builder"), DAGSTER_STORAGE_URL=url_of(server, "builder", "nowhere")
    )
    assert re.search("^DAGSTER_STORAGE_URL .*no database 'nowhere'", line)


def test_a_builder_with_a_storage_of_its_own_may_start(server, tmp_path):
    with psycopg.connect(server.url("storage"), autocommit=True) as connection:
        connection.execute("grant create on schema public to builder")
    given = {"WAREHOUSE_URL": url_of(server, "builder"), "DAGSTER_STORAGE_URL": url_of(server, "builder", "storage")}
    warehouse = open_warehouse(read_settings(given))
    assert (warehouse.url, warehouse.dagster_storage_url) == tuple(given.values())
    (line,) = warehouse.notice
    assert re.search("builder may not make roles here.*make roles SQL=yes", line)


def test_dagsters_database_is_made_where_the_role_may(server):
    settings = read_settings({"WAREHOUSE_URL": server.url("target")})
    try:
        storage = open_warehouse(settings).dagster_storage_url
        assert storage == server.url("dagster")
        assert open_warehouse(settings).dagster_storage_url == storage
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("drop database dagster")


def test_the_embedded_server_says_what_happened_to_it(tmp_path):
    settings = read_settings({"WAREHOUSE_FOLDER": str(tmp_path / "warehouse")})
    server = EmbeddedServer(settings.warehouse_folder)
    try:
        assert open_warehouse(settings).notice == []
        assert re.fullmatch(r"postgresql://pipeline:\w{32}@127.0.0.1:\d+/warehouse", open_warehouse(settings).url)
        os.kill(server_process(server.data), signal.SIGKILL)
        (line,) = open_warehouse(settings).notice
        assert re.fullmatch(r"The server had not been shut down; PostgreSQL recovered in [\d.]+ s\.", line)
        server.stop()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", int((server.folder / "port").read_text())))
            other.listen()
            (line,) = open_warehouse(settings).notice
        port = (server.folder / "port").read_text()
        assert line == f"Another program has the server's port; it listens on port {port} from now on."
    finally:
        server.remove()


@pytest.mark.parametrize(
    ("url", "shown", "elsewhere"),
    [
        ("postgresql://me:p@h:1/d", "postgresql://me@h:1/d", "postgresql://me:p@h:1/other"),
        ("postgresql://me:p%2F%40@h/d", "postgresql://me@h/d", "postgresql://me:p%2F%40@h/other"),
        ("postgresql://h/d?sslmode=require&password=p", "postgresql://h/d", "postgresql://:p@h/other?sslmode=require"),
        ("postgresql://me@[::1]:1/d", "postgresql://me@[::1]:1/d", "postgresql://me@[::1]:1/other"),
        ("postgresql:///d?host=/tmp", "postgresql:///d?host=%2Ftmp", "postgresql:///other?host=%2Ftmp"),
        ("postgresql://me:a#b@h/d", "postgresql://me@h/d", "postgresql://me:a%23b@h/other"),
    ],
)
def test_urls(url, shown, elsewhere):
    check_form("WAREHOUSE_URL", url)
    assert without_password(url) == shown
    assert with_database(url, "other") == elsewhere
    assert psycopg.conninfo.conninfo_to_dict(elsewhere) == {**psycopg.conninfo.conninfo_to_dict(url), "dbname": "other"}
