"""A folder's files, and what lies there that cannot be taken: links out, places without rights, no regular files.

Not here: what a file holds, and which folders belong to feeds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import plain

MAX_NAME_LENGTH = 1000


@dataclass(frozen=True)
class Finding:
    """Something that lies in the landing folder and was not loaded. `is_error` where data may be missing for it."""

    file_name: str
    reason: str
    is_error: bool = False


def shown_name(path: Path) -> str:
    """A path as text that tables and logs take; different paths stay different."""
    name = os.fsencode(path.as_posix().replace("\\", "\\\\")).decode("utf-8", "backslashreplace")
    name = plain(name)
    if len(name) <= MAX_NAME_LENGTH:
        return name
    return f"{name[: MAX_NAME_LENGTH - 65]}…{hashlib.sha256(name.encode()).hexdigest()}"


class Walk:
    """Walks a folder below `root` by names; hidden entries are passed over, findings gathered."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root.resolve()
        self._folder = folder
        self.findings: list[Finding] = []

    def files(self) -> Iterator[Path]:
        """Every file, in the order of paths."""
        waiting = [self._folder]
        while waiting:
            path = waiting.pop()
            if path == self._folder or (path.is_dir() and not path.is_symlink()):
                waiting += reversed(self._members(path))
            elif path.is_symlink() and not self._may_follow(path):
                continue
            elif path.is_file():
                yield path
            else:
                self.find(path, "expected a file or a folder, found neither; remove it")

    def find(self, path: Path, reason: str, *, is_error: bool = False) -> None:
        self.findings.append(Finding(shown_name(path.relative_to(self._folder)), reason, is_error))

    def _members(self, folder: Path) -> list[Path]:
        try:
            return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.find(
                folder,
                f"the folder cannot be read ({error.strerror}); its files are not loaded; let the user who runs the"
                " pipeline read and enter it",
                is_error=True,
            )
            return []

    def _may_follow(self, link: Path) -> bool:
        """A link to a file inside the landing folder is as good as the file; others are named."""
        target = link.resolve()
        if not target.is_relative_to(self._root):
            self.find(link, "a link out of the landing folder, which is not followed; land the file itself")
        elif not target.is_file():
            self.find(link, "a link to no file, which is not followed; land the file itself")
        else:
            return True
        return False
