"""A package's files: what was altered is seen, what the manifest does not list is not read."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.regulatory.package_files import AlteredError, PackageFiles
from tests.pipeline.packages import fbs_rows, write_package

FOLDER = "fcc_form477/p/2026-06-30/1"


@pytest.fixture
def package(tmp_path):
    files = {"fbs.csv": fbs_rows(5), "validation.json": b"[]"}
    manifest, digest = write_package(tmp_path / FOLDER, files)
    return PackageFiles(tmp_path, FOLDER, manifest, digest)


def test_a_package_as_it_was_written_has_no_problem(package):
    assert package.problems() == []
    package.require_unaltered()
    assert package.names == ["fbs.csv", "manifest.json", "validation.json"]
    assert package.read("fbs.csv") == fbs_rows(5)
    assert hashlib.sha256(package.read("manifest.json")).hexdigest() == package.manifest_sha256


def _flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda at: _flip(at / "fbs.csv"), "fbs.csv: SHA-256 is"),
        (lambda at: (at / "fbs.csv").write_bytes(b""), "fbs.csv: SHA-256 is"),
        (lambda at: (at / "fbs.csv").unlink(), "fbs.csv: no such file"),
        (lambda at: _flip(at / "manifest.json"), "manifest.json: SHA-256 is"),
        (lambda at: (at / "manifest.json").unlink(), "manifest.json: no such file"),
        (lambda at: (at / "more.csv").write_text("1"), "'more.csv': the manifest lists no such file"),
        (lambda at: (at / "fbs.csv").rename(at / "mbs.csv"), "'mbs.csv': the manifest lists no such file"),
    ],
)
def test_what_was_altered_is_named(package, harm, said):
    harm(package.path)
    assert any(said in problem for problem in package.problems())
    with pytest.raises(AlteredError, match=said):
        package.require_unaltered()


def test_a_link_is_not_followed_though_its_content_is_the_same(package, tmp_path):
    copy = tmp_path / "copy.csv"
    (package.path / "fbs.csv").rename(copy)
    (package.path / "fbs.csv").symlink_to(copy)
    with pytest.raises(AlteredError, match=r"fbs.csv: too many levels of symbolic links"):
        package.read("fbs.csv")
    (package.path / "fbs.csv").unlink()
    os.mkfifo(package.path / "fbs.csv")
    with pytest.raises(AlteredError, match=r"fbs.csv: expected a plain file"):
        package.read("fbs.csv")


@given(
    st.text() | st.sampled_from(["../1/fbs.csv", "/etc/passwd", "fbs.csv\0", "provenance.json", ".", "..", "%2e%2e"])
)
def test_only_names_of_the_manifest_are_read(name):
    manifest = {"files": [{"name": "fbs.csv", "sha256": "0"}, {"name": "../../x", "sha256": "0"}]}
    package = PackageFiles(Path("/nowhere"), FOLDER, manifest, "0")
    with pytest.raises(AlteredError):
        package.read(name)


@pytest.mark.parametrize("folder", ["../x/1", "/etc", "a//1", "a/./1", "a/.hidden/1", ""])
def test_a_folder_stays_within_exports(tmp_path, folder):
    with pytest.raises(AlteredError, match="expected names with / between them"):
        _ = PackageFiles(tmp_path, folder, {"files": []}, "0").path


def test_an_archive_depends_on_the_files_alone(package, tmp_path):
    first = package.zip().read()
    os.utime(package.path / "fbs.csv", (1, 1))
    (package.path / "fbs.csv").chmod(0o600)
    assert package.zip().read() == first
    with zipfile.ZipFile(package.zip()) as archive:
        assert archive.namelist() == package.names
        assert archive.read("fbs.csv") == fbs_rows(5)
        assert archive.testzip() is None
    _flip(package.path / "fbs.csv")
    with pytest.raises(AlteredError):
        package.zip()


def test_latest_names_the_newest_validated_one(package, tmp_path):
    package.point_latest()
    assert (package.path.parent / "latest").readlink() == Path("1")
    manifest, digest = write_package(tmp_path / FOLDER[:-1] / "2", {"fbs.csv": b"x"})
    PackageFiles(tmp_path, f"{FOLDER[:-1]}2", manifest, digest).point_latest()
    assert (package.path.parent / "latest" / "fbs.csv").read_bytes() == b"x"
    assert sorted(path.name for path in package.path.parent.iterdir()) == ["1", "2", "latest"]
