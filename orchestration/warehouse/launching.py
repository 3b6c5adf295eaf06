"""Running PostgreSQL's binaries as somebody who may: PostgreSQL refuses to serve as root.

Not here: what is run. An ordinary user runs them as himself; root in a user namespace, else as nobody.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
NOBODY_HOMES = Path("/var/lib/telecom-warehouse")
_NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


@dataclass(frozen=True)
class Launcher:
    """Runs binaries directly, behind `prefix`, as the user `run_as`. `home` is the folder that holds the data."""

    home: Path
    binaries: Path
    prefix: tuple[str, ...] = ()
    run_as: int | None = None

    def prepare(self) -> None:
        """Makes the home; an unfinished data folder in it is removed."""
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.home / "pgdata", ignore_errors=True)

    def own(self, path: Path) -> None:
        """Gives a file to whoever runs the server."""
        path.chmod(0o600)

    def _command(self, name: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.binaries / "bin" / name), *arguments]

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end; its messages in English."""
        return subprocess.run(
            self._command(name, *arguments), cwd=self.home, env=_environment(), text=True, capture_output=True,
            check=False, user=self.run_as, group=self.run_as, extra_groups=None if self.run_as is None else [],
        )  # fmt: skip

    def spawn(self, log_file: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a program that outlives us, in a session of its own, its output appended to the log."""
        with log_file.open("ab") as log:
            return subprocess.Popen(
                self._command(name, *arguments), cwd=self.home, env=_environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, user=self.run_as, group=self.run_as, extra_groups=None if self.run_as is None else [],
            )  # fmt: skip


class NobodyLauncher(Launcher):
    """Runs copies of the binaries as nobody, in a folder that nobody owns: root's home may be closed to nobody."""

    def prepare(self) -> None:
        super().prepare()
        program_folder = self.home / "program"
        if not program_folder.exists():
            copied = self.home / "program.new"
            shutil.rmtree(copied, ignore_errors=True)
            package = self.binaries.parent
            shutil.copytree(self.binaries, copied / package.name / self.binaries.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copied / libraries.name)
            copied.rename(program_folder)
        os.chown(self.home, NOBODY, NOBODY)
        self.home.chmod(0o700)

    def own(self, path: Path) -> None:
        super().own(path)
        os.chown(path, NOBODY, NOBODY)

    def _command(self, name: str, *arguments: str) -> list[str]:
        program = self.home / "program" / self.binaries.parent.name / self.binaries.name / "bin" / name
        return [str(program), *arguments]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "LC_MESSAGES": "C"}


def namespaces_allowed() -> bool:
    """Whether root may make a user namespace here (containers often forbid it)."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


def nobody_home(folder: Path) -> Path:
    """The folder for a server that runs as nobody: one for each folder that it belongs to."""
    return NOBODY_HOMES / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def choose_launcher(folder: Path, binaries: Path, *, is_root: bool | None = None) -> Launcher:
    """The launcher for this machine and user; data that one of them made stays with it."""
    if not (os.geteuid() == 0 if is_root is None else is_root):
        return Launcher(folder, binaries)
    at_nobody = nobody_home(folder)
    if (at_nobody / "pgdata").exists() or not namespaces_allowed():
        return NobodyLauncher(at_nobody, binaries, run_as=NOBODY)
    return Launcher(folder, binaries, _NAMESPACE)
