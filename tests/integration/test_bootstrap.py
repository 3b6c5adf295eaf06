"""The set-up for real: a checkout with a small lock, a package in a folder, pip, and every way to be cut off."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from orchestration import bootstrap

WHEEL = "tiny_package-1.0-py3-none-any.whl"


@pytest.fixture
def checkout(tmp_path):
    """A checkout in a folder with a space, whose lock lists one package; pip finds it in a folder."""
    root, packages = tmp_path / "check out", tmp_path / "packages"
    (root / "orchestration").mkdir(parents=True)
    packages.mkdir()
    shutil.copy(bootstrap.__file__, root / "orchestration" / "bootstrap.py")
    with zipfile.ZipFile(packages / WHEEL, "w") as wheel:
        wheel.writestr("tiny_package.py", "VALUE = 42\n")
        information = "tiny_package-1.0.dist-info"
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    digest = hashlib.sha256((packages / WHEEL).read_bytes()).hexdigest()
    (root / "requirements.lock").write_text(f"tiny-package==1.0 \\\n    --hash=sha256:{digest}\n")
    shutil.copy(root / "requirements.lock", root / "requirements-dev.lock")
    return root


def set_up(checkout: Path, kind: str = "runtime", **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout.parent / "packages"), **environment}
    return subprocess.run(
        [sys.executable, checkout / "orchestration" / "bootstrap.py", kind], env={**os.environ, **given},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def value(checkout: Path) -> str:
    """What the installed package says, from a folder elsewhere that finds the project's packages too."""
    program = "import tiny_package, orchestration.bootstrap; print(tiny_package.VALUE)"
    command = [checkout / ".venv" / "bin" / "python", "-c", program]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout.strip()


def test_installed_once(checkout):
    done = set_up(checkout, "dev", PIP_USER="1", PIP_TARGET="/nowhere", PYTHONPATH="/nowhere")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "Installing requirements-dev.lock (1 packages; once, a minute or two) ...\n"
    assert value(checkout) == "42"
    assert list((checkout / ".venv").rglob("__pycache__/tiny_package*.pyc"))
    assert str(checkout.parent / "packages") not in (checkout / ".venv" / "setup.log").read_text()
    begun = time.monotonic()
    for kind in ("dev", "runtime"):
        again = set_up(checkout, kind, PIP_FIND_LINKS="/nowhere")
        assert (again.returncode, again.stderr) == (0, "")
    assert time.monotonic() - begun < 2


def test_one_that_was_cut_off_is_made_anew(checkout):
    set_up(checkout)
    # What a kill leaves: pip's record of a package without its code.
    (checkout / ".venv" / "installing").write_text("")
    for path in (checkout / ".venv").rglob("tiny_package.py"):
        path.unlink()
    assert set_up(checkout).returncode == 0
    assert value(checkout) == "42"


def test_a_changed_lock_and_a_lost_python_are_noticed(checkout):
    set_up(checkout)
    lock = checkout / "requirements.lock"
    lock.write_text(lock.read_text() + "# changed\n")
    done = set_up(checkout)
    assert (done.returncode, "Installing" in done.stderr) == (0, True)
    for name in ("python", "python3"):
        (checkout / ".venv" / "bin" / name).unlink(missing_ok=True)
        (checkout / ".venv" / "bin" / name).symlink_to("/nowhere/python")
    assert set_up(checkout).returncode == 0
    assert value(checkout) == "42"


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        ("tiny-package==1.0 \\\n    --hash=sha256:" + "0" * 64, "your package index serves a file other than the one"),
        ("small-package==2.0 \\\n    --hash=sha256:" + "0" * 64, "your package index has no small-package==2.0"),
    ],
)
def test_what_pip_cannot_do_is_one_line(checkout, lock, expected):
    (checkout / "requirements.lock").write_text(lock + "\n")
    for _ in range(2):
        done = set_up(checkout)
        line = done.stderr.splitlines()[-1]
        assert done.returncode == 1
        assert line.startswith(f"set-up: installing packages failed: {expected}")
        assert line.endswith("(log: .venv/setup.log)")
    assert len(done.stderr.splitlines()) == 2


def test_an_index_that_does_not_answer_is_not_named(checkout):
    index = "http://me:pw@127.0.0.1:9/simple"
    done = set_up(checkout, PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL=index, PIP_RETRIES="1", PIP_TIMEOUT="1")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "127.0.0.1:9" not in done.stderr + (checkout / ".venv" / "setup.log").read_text()


def test_two_at_once_install_once(checkout):
    command = [sys.executable, checkout / "orchestration" / "bootstrap.py", "runtime"]
    given = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout.parent / "packages")}
    both = [subprocess.Popen(command, env=given, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(text.count("Installing") for text in said) == [0, 1]


def test_a_venv_that_is_a_link_is_left_alone(checkout, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").write_text("")
    (checkout / ".venv").symlink_to(tmp_path / "other")
    done = set_up(checkout)
    assert (done.returncode, "remove the link" in done.stderr) == (1, True)
    assert (tmp_path / "other" / "kept").exists()
