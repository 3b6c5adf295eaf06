"""Files that are there whole or not at all: written under a hidden name, then renamed.

Not here: what is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.errors import IngestionError


@contextmanager
def written_whole(target: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yields the path to write to; the target appears when the block has ended well.

    Raises:
        IngestionError: it could not be written (a full disk, no rights); nothing of it is left.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        yield partial
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        partial.replace(target)
    except OSError as error:
        raise IngestionError(
            f"{target}: could not be written ({error.strerror or error}); nothing of it is left; make room or give"
            " the right to write there, then do it again"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
