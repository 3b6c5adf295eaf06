"""Secrets that are made at first use and kept in files that only their owner may read.

Not here: what they protect. A secret never appears in a message.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from orchestration.warehouse.settings import SettingsError

PII_KEY_BYTES = 32


def read_or_make(path: Path, make: bytes) -> bytes:
    """The file's content; where there is no file, it is made with `make` as its content, owner-only.

    The file appears whole or not at all, so two processes that make it at once end with the same content.
    """
    if path.exists():
        return path.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(make)
        os.link(name, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        Path(name).unlink()
    return make


def read_or_make_pii_key(path: Path) -> bytes:
    """The key of the personal values' hashes. Losing it means that new hashes match no old ones.

    Raises:
        SettingsError: the file cannot be read or made, or is too short to be a key.
    """
    try:
        key = read_or_make(path, secrets.token_bytes(PII_KEY_BYTES))
    except OSError as error:
        raise SettingsError(
            f"PII_KEY_FILE={str(path)!r}: {error.strerror}; expected a file that this user may read, or make"
        ) from None
    if len(key) < PII_KEY_BYTES:
        raise SettingsError(
            f"PII_KEY_FILE={str(path)!r}: expected a key of at least {PII_KEY_BYTES} bytes, found {len(key)};"
            " restore the file (a new key would match no hash that was made before)"
        )
    return key


def new_password() -> str:
    """A password of letters and digits, which needs no quoting anywhere."""
    return secrets.token_hex(16)


def read_or_make_password(path: Path) -> str:
    """The password in a file, made at first use."""
    return read_or_make(path, new_password().encode()).decode().strip()
