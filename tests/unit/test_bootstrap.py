"""What is missing on a machine is one line that says what to install."""

import ast
import sys
from pathlib import Path

import pytest

from orchestration import bootstrap
from orchestration.bootstrap import SetupProblem


def test_python_versions():
    bootstrap.check_python((3, 11))
    bootstrap.check_python((3, 13))
    for version in ((3, 10), (3, 14)):
        with pytest.raises(SetupProblem, match=r"install Python 3\.11, 3\.12 or 3\.13"):
            bootstrap.check_python(version)


def test_a_missing_venv_module(monkeypatch):
    bootstrap.check_venv_module()
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SetupProblem, match=r"apt install python3\.\d+-venv"):
        bootstrap.check_venv_module()


def test_disk_and_platform(tmp_path):
    bootstrap.check_disk(str(tmp_path), 0)
    with pytest.raises(SetupProblem, match="free at least"):
        bootstrap.check_disk(str(tmp_path), 1 << 40)
    bootstrap.check_platform("Linux", "x86_64")
    for machine in (("SunOS", "sparc"), ("Darwin", "x86_64")):
        with pytest.raises(SetupProblem, match="use Linux on x86-64 or Arm, or macOS on Apple silicon"):
            bootstrap.check_platform(*machine)


def test_c_libraries():
    bootstrap.check_libc("Linux", "glibc", "2.28")
    bootstrap.check_libc("Darwin", "", "")
    for library, version, found in (("glibc", "2.17", "glibc 2.17"), ("", "", "musl"), ("libc", "", "musl")):
        with pytest.raises(SetupProblem, match=rf"{found}.*use a system with glibc 2\.28"):
            bootstrap.check_libc("Linux", library, version)


def test_what_pip_says_is_kept_without_addresses():
    assert bootstrap.without_addresses("Looking in indexes: https://me:pw@index.example/simple\n") == ""
    kept = bootstrap.without_addresses(
        "WARNING: HTTPSConnectionPool(host='index.example', port=443): <https://index.example/x>\n"
    )
    assert "index.example" not in kept
    assert kept.startswith("WARNING: HTTPSConnectionPool(host=<address>, port=443)")


def test_it_can_be_read_by_an_old_python():
    source = (Path(bootstrap.ROOT) / "orchestration" / "bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 7))


def test_the_lock_records_hashes_and_no_address():
    for lock in bootstrap.LOCKS.values():
        text = (Path(bootstrap.ROOT) / lock).read_text()
        assert "--hash=sha256:" in text
        assert "http" not in text.replace("httpcore", "").replace("httptools", "").replace("httpx", "")
        assert "index-url" not in text


def test_the_test_lock_holds_the_runtime_lock():
    def pins(name):
        lines = (Path(bootstrap.ROOT) / bootstrap.LOCKS[name]).read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("runtime") <= pins("dev")
