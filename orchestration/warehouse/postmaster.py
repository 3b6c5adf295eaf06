"""Which process serves a data folder, by its postmaster.pid; a number in that file may since belong to another program.

Not here: starting and stopping.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PROC = Path("/proc")


def server_process(data: Path) -> int | None:
    """The process that serves the data folder, if there is one."""
    pid = _written(data)
    return pid if pid is not None and _exists(pid) and not _is_zombie(pid) and _serves(pid, data) else None


def served_folder(data: Path) -> Path:
    """The data folder as its server knows it: it keeps the name under which it was started."""
    return Path((data / "postmaster.pid").read_text().split("\n")[1])


def clear_stale_file(data: Path) -> bool:
    """Removes a postmaster.pid whose number is a zombie's or another program's; PostgreSQL would refuse to start.

    Left alone while any process still works in the data folder: by this file PostgreSQL finds out about it.
    """
    pid = _written(data)
    if pid is None or not _exists(pid) or not _PROC.is_dir():
        return False
    if any(_works_in(int(entry.name), data) for entry in _PROC.iterdir() if entry.name.isdigit()):
        return False
    (data / "postmaster.pid").unlink(missing_ok=True)
    return True


def _written(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (PermissionError, ProcessLookupError, OverflowError):
        return False
    return True


def _is_zombie(pid: int) -> bool:
    """A killed process that its parent has not waited for is no running server."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return False


def _serves(pid: int, data: Path) -> bool:
    if _PROC.is_dir():
        return _works_in(pid, data)
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(data) in shown.stdout


def _works_in(pid: int, data: Path) -> bool:
    """PostgreSQL's processes have the data folder as their working folder, also after it was moved."""
    try:
        return (_PROC / str(pid) / "cwd").readlink() == data
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False
