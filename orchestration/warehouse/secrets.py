"""Secrets that are made at first use and kept in files that only their owner may read.

Not here: what they protect. A secret never appears in a message.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PII_KEY_BYTES = 32


def read_or_make(path: Path, make: bytes) -> bytes:
    """The file's content; where there is no file, it is made with `make` as its content, owner-only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(make)
    return make


def read_or_make_pii_key(path: Path) -> bytes:
    """The key of the personal values' hashes. Losing it means that new hashes match no old ones."""
    key = read_or_make(path, secrets.token_bytes(PII_KEY_BYTES))
    if len(key) < PII_KEY_BYTES:
        raise ValueError(
            f"{path}: expected a key of at least {PII_KEY_BYTES} bytes, found {len(key)}; restore the file"
        )
    return key


def read_or_make_password(path: Path) -> str:
    """A password of letters and digits."""
    return read_or_make(path, secrets.token_urlsafe(24).replace("-", "x").replace("_", "y").encode()).decode().strip()
