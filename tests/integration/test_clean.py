"""`make clean` removes everything, but never what must be kept."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from orchestration.commands import clean
from orchestration.warehouse.secrets import read_or_make_pii_key
from orchestration.warehouse.server import EmbeddedServer, ServerError, binaries
from orchestration.warehouse.settings import ROOT, SettingsError

FILINGS = """
create schema regulatory;
create table regulatory.package (package_id int primary key, package_state text not null);
insert into regulatory.package values (1, 'draft'), (2, 'approved'), (3, 'filed');
"""
AUDIT = "create schema audit; create table audit.change_log as select generate_series(1, 7) as change_id"
EMPTY = """
create schema regulatory; create schema audit; create table audit.change_log (change_id int);
create table regulatory.package (package_id int, package_state text); insert into regulatory.package values (1, 'draft')
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of an embedded server that runs, with a key, a sample and other things of a run."""
    folder = tmp_path / "warehouse"
    for name in ("WAREHOUSE_URL", "FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WAREHOUSE_FOLDER", str(folder))
    monkeypatch.setenv("PII_KEY_FILE", str(folder / "pii.key"))
    server = EmbeddedServer(folder, durable=False)
    server.start()
    read_or_make_pii_key(folder / "pii.key")
    (folder / "sample" / "landing").mkdir(parents=True)
    (folder / "sample" / "manifest.json").write_text("{}")
    yield folder
    server.remove()


def execute(folder, statements):
    with psycopg.connect(EmbeddedServer(folder).url()) as connection:
        connection.execute(statements)


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("content", ["select 1", EMPTY])
def test_nothing_precious(folder, content, is_running):
    execute(folder, content)
    if not is_running:
        EmbeddedServer(folder).stop()
    assert clean.main([]) == 0
    assert not folder.exists()
    assert list(folder.parent.iterdir()) == []
    assert clean.main([]) == 0


@pytest.mark.parametrize(
    ("content", "said"), [(FILINGS, "regulatory.package: 2 rows"), (AUDIT, "audit.change_log: 7 rows")]
)
def test_precious_rows_are_kept_also_of_a_stopped_server(folder, capsys, content, said):
    execute(folder, content)
    EmbeddedServer(folder).stop()
    assert clean.main([]) == 1
    assert f"kept, because it holds {said}. FORCE=yes writes a dump and removes it." in capsys.readouterr().err
    server = EmbeddedServer(folder)
    server.start()
    assert list(clean.precious_rows(server.url()).values()) in ([2], [7])
    assert (folder / "sample" / "manifest.json").exists()


def test_by_force_a_dump_and_the_key_of_its_hashes_stay(folder, monkeypatch, make_database, capsys):
    execute(folder, FILINGS + AUDIT)
    monkeypatch.setenv("FORCE", "yes")
    assert clean.main([]) == 0
    (dump,) = folder.parent.glob("warehouse-*.dump")
    assert dump.stat().st_mode & 0o077 == 0
    assert [path.name for path in folder.iterdir()] == ["pii.key"]
    assert "pii.key was kept" in capsys.readouterr().err
    url = make_database()
    subprocess.run([binaries() / "bin" / "pg_restore", "--no-owner", f"--dbname={url}", dump], check=True)
    assert clean.precious_rows(url) == {"regulatory.package": 2, "audit.change_log": 7}


def test_a_dump_that_fails_removes_nothing(folder, monkeypatch):
    broken = "; create view broken as select 1; delete from pg_rewrite where ev_class = 'broken'::regclass"
    execute(folder, AUDIT + broken)
    monkeypatch.setenv("FORCE", "yes")
    with pytest.raises(ServerError, match=r"the dump failed, so nothing was removed: .*broken"):
        clean.main([])
    assert (folder / "pii.key").exists()
    assert list(folder.parent.glob("*.dump")) == []
    assert EmbeddedServer(folder).is_running()


def test_the_key_of_a_warehouse_elsewhere_stays(folder, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://elsewhere/warehouse")
    assert clean.main([]) == 0
    assert [path.name for path in folder.iterdir()] == ["pii.key"]


@pytest.mark.parametrize("place", [ROOT, ROOT.parent, Path.home(), Path("/")])
def test_a_folder_that_holds_other_things_is_left_alone(monkeypatch, place):
    monkeypatch.setenv("WAREHOUSE_FOLDER", str(place))
    with pytest.raises(SettingsError, match="expected a folder that holds nothing else"):
        clean.main([])
    assert (ROOT / "pyproject.toml").exists()
