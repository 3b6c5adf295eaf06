"""What can go wrong between a landed file and its raw table.

Not here: a bad row, which is no error: it is quarantined with its reasons.
"""

from __future__ import annotations


class IngestionError(Exception):
    """A load that could not be carried out; nothing of the file was loaded, and a later run tries again."""


class FileRefused(IngestionError):
    """A file that may not be loaded as it is; the ledger records the reason, and it is not tried again by itself."""
