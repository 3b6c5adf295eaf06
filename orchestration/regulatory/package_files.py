"""A package's files as they lie on disk, held against its manifest, and handed out as bytes that were checked.

Not here: writing packages; the database. A file is found by its name in the manifest, never by what somebody asked for.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MANIFEST = "manifest.json"
# It says who and when, so it is outside what is hashed.
PROVENANCE = "provenance.json"
LATEST = "latest"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# The earliest that the format knows: an archive depends on its files alone.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_IN_MEMORY_BYTES = 8 << 20


class AlteredError(RuntimeError):
    """The files are not those of the manifest; the message names each difference."""


@dataclass(frozen=True)
class PackageFiles:
    """Where a package lies and what its manifest says, both as the database has them.

    Attributes:
        exports: the folder of all packages (EXPORTS_DIR).
        folder: the package's folder relative to it.
        manifest: the content of manifest.json.
        manifest_sha256: hex SHA-256 of manifest.json.
    """

    exports: Path
    folder: str
    manifest: Mapping[str, Any]
    manifest_sha256: str

    @property
    def path(self) -> Path:
        parts = self.folder.split("/")
        if not all(_NAME.fullmatch(part) for part in parts):
            raise AlteredError(f"folder {self.folder!r}: expected names with / between them")
        return self.exports.joinpath(*parts)

    def entry(self, name: str) -> Mapping[str, Any] | None:
        """What the manifest says of a file; None: it lists no such file."""
        if name == MANIFEST:
            return {"name": MANIFEST, "sha256": self.manifest_sha256}
        return next((one for one in self.manifest["files"] if one["name"] == name), None)

    @property
    def names(self) -> list[str]:
        """All files that the package consists of, by name."""
        return sorted([MANIFEST, *(str(one["name"]) for one in self.manifest["files"])])

    def _read(self, name: str) -> bytes:
        entry = self.entry(name)
        if entry is None or not _NAME.fullmatch(name):
            raise AlteredError(f"{name}: the manifest lists no such file")
        try:
            # A link in its place would lead to a file that is none of ours, a pipe would keep us waiting.
            descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise AlteredError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise AlteredError(f"{name}: expected a plain file")
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read()
        found = hashlib.sha256(content).hexdigest()
        if found != entry["sha256"]:
            raise AlteredError(f"{name}: SHA-256 is {found}, expected {entry['sha256']}")
        return content

    def read(self, name: str) -> bytes:
        """The content of a file, which is what the manifest says.

        Raises:
            AlteredError: the manifest lists no such file, or it is another one now.
        """
        return self._read(name)

    def problems(self) -> list[str]:
        """What differs from the manifest, a line per file; empty: nothing."""
        found = []
        for name in self.names:
            try:
                self._read(name)
            except AlteredError as error:
                found.append(str(error))
        expected = {*self.names, PROVENANCE}
        try:
            present = sorted(path.name for path in self.path.iterdir())
        except (OSError, AlteredError):
            return found
        return found + [f"{name!r}: the manifest lists no such file" for name in present if name not in expected]

    def require_unaltered(self) -> None:
        """Raises AlteredError with every difference, if there is one."""
        if problems := self.problems():
            raise AlteredError("; ".join(problems))

    def zip(self) -> IO[bytes]:
        """All files as an archive, open at its beginning; the same files make the same bytes.

        Stored, not compressed: compressed bytes depend on the library's version.
        """
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        with zipfile.ZipFile(spool, "w", zipfile.ZIP_STORED) as archive:
            for name in self.names:
                info = zipfile.ZipInfo(name, _ZIP_TIME)
                info.create_system, info.external_attr = 3, 0o644 << 16
                archive.writestr(info, self._read(name))
        spool.seek(0)
        return spool

    def point_latest(self) -> None:
        """Makes the link `latest` beside the package name it: it is the newest validated one. Whole at any moment."""
        path = self.path
        temporary = path.parent / f".{LATEST}-{path.name}-{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(path.name)
        temporary.replace(path.parent / LATEST)
