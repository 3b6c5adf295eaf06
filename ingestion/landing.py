"""What lies in the landing folder: new files, their content's hash, and the sequence in which they were delivered.

Not here: loading. A content is a delivery once, under whatever names its file comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from ingestion.contract import Contract
from ingestion.readers import format_of

FULL_SNAPSHOT_FOLDER = "full"


@dataclass(frozen=True)
class LandedFile:
    """A file as it lies there; `file_name` is its path below the feed's folder."""

    path: Path
    file_name: str
    size_bytes: int
    modified_at_ns: int

    @property
    def is_full_snapshot(self) -> bool:
        return Path(self.file_name).parts[0] == FULL_SNAPSHOT_FOLDER


@dataclass(frozen=True)
class Delivery:
    """A content that was not loaded yet, and the file that holds it."""

    load_id: UUID
    delivery_sequence: int
    is_full_snapshot: bool
    file: LandedFile


def load_id_of(feed: str, content_sha256: str) -> UUID:
    """The load's identity: the first 128 bits of SHA-256 over the feed's name and the content's SHA-256."""
    return UUID(bytes=hashlib.sha256(f"{feed}\0{content_sha256}".encode()).digest()[:16])


def landed_files(landing: Path, feed: str) -> Iterator[LandedFile]:
    """The feed's files, in the order of their names; hidden files and other formats are left alone."""
    folder = landing / feed
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts) or format_of(path) is None or not path.is_file():
            continue
        status = path.stat()
        yield LandedFile(path, relative.as_posix(), status.st_size, status.st_mtime_ns)


def content_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def discover(connection: psycopg.Connection[tuple[object, ...]], contract: Contract, landing: Path) -> list[Delivery]:
    """Gives every new content its delivery sequence and returns what is to be loaded, in that sequence.

    Sequences are given once, in the order of modification time, then hash (one transaction). A file whose name, size
    and modification time are known is not read again.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('raw deliveries', 0))")
        known = {
            (name, size, modified): load_id
            for name, size, modified, load_id in connection.execute(
                "select file_name, size_bytes, modified_at_ns, load_id from raw.landed_files where feed = %s",
                [contract.feed],
            )
        }
        files: dict[UUID, LandedFile] = {}
        fresh: list[tuple[int, str, UUID, LandedFile]] = []
        for file in landed_files(landing, contract.feed):
            load_id = known.get((file.file_name, file.size_bytes, file.modified_at_ns))
            if load_id is None:
                content = content_sha256(file.path)
                load_id = load_id_of(contract.feed, content)
                fresh.append((file.modified_at_ns, content, load_id, file))
            files.setdefault(load_id, file)  # type: ignore[arg-type]
        for _, content, load_id, file in sorted(fresh, key=lambda item: item[:2]):
            _register(connection, contract.feed, content, load_id, file)
        return _pending(connection, contract.feed, files)


def _register(
    connection: psycopg.Connection[tuple[object, ...]], feed: str, content: str, load_id: UUID, file: LandedFile
) -> None:
    connection.execute(
        "insert into raw.deliveries (load_id, feed, content_sha256, delivery_sequence, is_full_snapshot)"
        " select %s, %s, %s, coalesce(max(delivery_sequence), 0) + 1, %s from raw.deliveries"
        " on conflict (load_id) do nothing",
        [load_id, feed, content, file.is_full_snapshot],
    )
    connection.execute(
        "insert into raw.landed_files values (%s, %s, %s, %s, %s)"
        " on conflict (feed, file_name) do update set size_bytes = excluded.size_bytes,"
        " modified_at_ns = excluded.modified_at_ns, load_id = excluded.load_id",
        [feed, file.file_name, file.size_bytes, file.modified_at_ns, load_id],
    )


def _pending(
    connection: psycopg.Connection[tuple[object, ...]], feed: str, files: dict[UUID, LandedFile]
) -> list[Delivery]:
    rows = connection.execute(
        "select load_id, delivery_sequence, is_full_snapshot from raw.deliveries"
        " where feed = %s and load_id not in (select load_id from raw.load_ledger where feed = %s)"
        " order by delivery_sequence",
        [feed, feed],
    ).fetchall()
    return [
        Delivery(load_id, sequence, is_full, files[load_id])  # type: ignore[arg-type,index]
        for load_id, sequence, is_full in rows
        if load_id in files
    ]
