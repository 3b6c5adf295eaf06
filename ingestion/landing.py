"""What lies in the landing folder: new files, their content's hash, and the sequence in which they were delivered.

Not here: loading. A content is a delivery once, under whatever names its file comes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from ingestion.contract import Contract, contracts
from ingestion.errors import FileLeft, told_plainly
from ingestion.readers import SUFFIXES, format_of
from ingestion.walking import Finding, Walk, shown_name

FULL_SNAPSHOT_FOLDER = "full"
# A file that changed within so many seconds may still be written to.
DEFAULT_QUIET_SECONDS = 2.0


@dataclass(frozen=True)
class LandedFile:
    """A file as it lies there; `file_name` is its path below the feed's folder as text that may be shown."""

    path: Path
    file_name: str
    size_bytes: int
    modified_at_ns: int
    is_full_snapshot: bool


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


def landed_files(landing: Path, feed: str) -> tuple[list[LandedFile], list[Finding]]:
    """The feed's files, in the order of their names, and what else lies in its folder; hidden files are left alone."""
    folder = landing / feed
    if not folder.is_dir():
        return [], []
    walk, files = Walk(landing, folder), list[LandedFile]()
    if folder.is_symlink() and not folder.resolve().is_relative_to(landing.resolve()):
        return [], [Finding(".", "the feed's folder is a link out of the landing folder, which is not followed")]
    for path in walk.files():
        if format_of(path) is None:
            walk.find(path, f"expected a name that ends in {', '.join(SUFFIXES)}; not loaded")
        else:
            try:
                status = path.stat()
            except OSError as error:
                walk.find(path, f"the file cannot be looked at ({error.strerror}); not loaded", is_error=True)
                continue
            name = shown_name(path.relative_to(folder))
            is_full = path.relative_to(folder).parts[0] == FULL_SNAPSHOT_FOLDER
            files.append(LandedFile(path, name, status.st_size, status.st_mtime_ns, is_full))
    return files, walk.findings


def is_unchanged(file: LandedFile) -> bool:
    """Whether the file is as it was when it was found; FileNotFoundError if it is gone."""
    status = file.path.stat()
    return (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.modified_at_ns)


def settled(files: list[LandedFile], quiet_seconds: float) -> tuple[list[LandedFile], list[Finding]]:
    """The files that nobody is writing to, and those that are left for the next run.

    Where one changed within the last `quiet_seconds`, waits until that long has passed and looks again.
    """
    now_ns, quiet_ns = time.time_ns(), int(quiet_seconds * 1e9)
    ages_ns = {file: max(now_ns - file.modified_at_ns, 0) for file in files}
    fresh = {file for file, age_ns in ages_ns.items() if age_ns < quiet_ns}
    if not fresh:
        return files, []
    time.sleep((quiet_ns - min(ages_ns[file] for file in fresh)) / 1e9)
    kept, findings = [], []
    for file in files:
        try:
            if file not in fresh or is_unchanged(file):
                kept.append(file)
            else:
                findings.append(Finding(file.file_name, "the file is still being written; the next run loads it"))
        except OSError:
            findings.append(Finding(file.file_name, "the file vanished before it was loaded; land it again"))
    return kept, findings


def content_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _looks(file: LandedFile) -> tuple[str, int, int]:
    return file.file_name, file.size_bytes, file.modified_at_ns


def _known(connection: psycopg.Connection[tuple[object, ...]], feed: str) -> dict[tuple[object, ...], object]:
    """The loads of the files that were found before, by name, size and modification time."""
    rows = connection.execute(
        "select file_name, size_bytes, modified_at_ns, load_id from raw.landed_files where feed = %s", [feed]
    )
    return {(name, size, modified): load_id for name, size, modified, load_id in rows}


def new_bytes(connection: psycopg.Connection[tuple[object, ...]], landing: Path, feed: str) -> int:
    """Bytes of the feed's files that were never found before; for an estimate, as nothing of them is read."""
    known = _known(connection, feed)
    return sum(file.size_bytes for file in landed_files(landing, feed)[0] if _looks(file) not in known)


def discover(
    connection: psycopg.Connection[tuple[object, ...]], contract: Contract, landing: Path, quiet_seconds: float = 0.0,
    before_hashing: Callable[[LandedFile], None] = lambda _: None,
) -> tuple[list[Delivery], list[Finding]]:  # fmt: skip
    """Gives every new content its delivery sequence; returns what is to be loaded, in that sequence, and findings.

    `before_hashing` hears of each new file before it is read.

    Sequences are given once, in the order of modification time, then hash (one transaction). A file whose name, size
    and modification time are known is not read again.
    """
    found, findings = landed_files(landing, contract.feed)
    found, unsettled = settled(found, quiet_seconds)
    findings += unsettled
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('raw deliveries', 0))")
        known = _known(connection, contract.feed)
        files: dict[UUID, LandedFile] = {}
        fresh: list[tuple[int, str, UUID, LandedFile]] = []
        for file in found:
            load_id = known.get(_looks(file))
            if load_id is None:
                before_hashing(file)
                try:
                    with told_plainly(file.file_name):
                        content = content_sha256(file.path)
                except FileLeft as reason:
                    findings.append(Finding(file.file_name, str(reason), is_error=True))
                    continue
                load_id = load_id_of(contract.feed, content)
                fresh.append((file.modified_at_ns, content, load_id, file))
            files.setdefault(load_id, file)  # type: ignore[arg-type]
        for _, content, load_id, file in sorted(fresh, key=lambda item: item[:2]):
            _register(connection, contract.feed, content, load_id, file)
        return _pending(connection, contract.feed, files), findings


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


def strays(landing: Path) -> list[Finding]:
    """What lies directly in the landing folder and belongs to no feed: its files are not loaded, and not lost."""
    known, findings = contracts(), list[Finding]()
    if not landing.is_dir():
        return findings
    for path in sorted(landing.iterdir()):
        if path.name.startswith(".") or (path.name in known and path.is_dir()):
            continue
        if path.is_dir():
            reason = (
                f"a folder that no feed's contract knows; its files are not loaded; expected one of {', '.join(known)}"
            )
        else:
            reason = "a file outside the feeds' folders; not loaded; move it into its feed's folder"
        findings.append(Finding(shown_name(path.relative_to(landing)), reason))
    return findings


def record_findings(
    connection: psycopg.Connection[tuple[object, ...]], feed: str | None, findings: list[Finding]
) -> None:
    """Keeps `raw.landing_findings` as what was found last, of one feed or (None) of the landing folder itself."""
    with connection.transaction():
        connection.execute(
            "delete from raw.landing_findings where feed is not distinct from %s and file_name <> all(%s)",
            [feed, [finding.file_name for finding in findings]],
        )
        for finding in findings:
            connection.execute(
                "insert into raw.landing_findings (feed, file_name, reason, is_error) values (%s, %s, %s, %s)"
                " on conflict (feed, file_name) do update set reason = excluded.reason,"
                " is_error = excluded.is_error, last_seen_at = clock_timestamp()",
                [feed, finding.file_name, finding.reason, finding.is_error],
            )
