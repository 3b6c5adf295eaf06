"""What can go wrong between a landed file and its raw table.

Not here: a bad row, which is no error: it is quarantined with its reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

# What PostgreSQL says of a file that it cannot make longer, where the code says less.
_NO_SPACE_CODES, _NO_SPACE_WORDS = ("53100",), ("could not extend file", "could not write to file", "No space left")


def plain(text: str) -> str:
    """The text on one line that every log and table takes: control characters and broken encoding as escapes."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii", "replace") for c in text
    )


class IngestionError(Exception):
    """A load that could not be carried out; nothing of the file was loaded, and a later run tries again."""

    def __init__(self, message: str) -> None:
        super().__init__(plain(message))


class FileRefused(IngestionError):
    """A file that may not be loaded as it is; the ledger records the reason, and it is not tried again by itself."""


class FileLeft(IngestionError):
    """A file that is not there in a state to be loaded; the others are, and the next run looks at it again."""


@contextmanager
def told_plainly(file_name: str) -> Iterator[None]:
    """Failures of the disk below a load, in words that say what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileLeft(
            f"{file_name}: the file vanished before it was loaded; nothing of it was kept; land it again"
        ) from error
    except OSError as error:
        raise FileLeft(
            f"{file_name}: the file could not be read ({error.strerror or error}); nothing of it was kept;"
            " the next run tries again"
        ) from error
    except psycopg.Error as error:
        message = str(error).partition("\n")[0]
        if error.sqlstate in _NO_SPACE_CODES or any(words in message for words in _NO_SPACE_WORDS):
            raise IngestionError(
                f"{file_name}: the database's disk is full ({message}); nothing of the file was kept;"
                " make room there, then run again"
            ) from error
        raise
