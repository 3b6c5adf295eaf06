"""Keyed hashes of personal values: the columns beside them, and the subjects of a quarantined row.

Not here: the key's keeping. A value is hashed as it was landed, UTF-8, HMAC-SHA-256, in hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
import re

import polars as pl

from ingestion.contract import Contract

_ANY_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class SubjectHasher:
    """Hashes with one key. `value_hmac` of the same value is the same in every feed and load."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod=hashlib.sha256)

    def value_hmac(self, value: str) -> str:
        mac = self._mac.copy()
        mac.update(value.encode("utf-8", "surrogateescape"))
        return mac.hexdigest()

    def add_columns(self, frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
        """The frame with `<column>_hmac` for every personal column."""
        for column in contract.personal_columns:
            texts = frame[column.name].cast(pl.String)
            hashes = [None if text is None else self.value_hmac(text) for text in texts.to_list()]
            frame = frame.with_columns(pl.Series(column.hmac_name, hashes, pl.String))
        return frame

    def subjects_of_row(self, values: dict[str, str | None], contract: Contract) -> list[str]:
        """Hashes of every personal value and id of a row that was taken apart into columns."""
        found = [
            value if column.personal else value.lower()
            for column in contract.columns
            if (column.personal or column.type == "uuid") and (value := values.get(column.name))
        ]
        return [self.value_hmac(value) for value in dict.fromkeys(found)]

    def subjects_of_text(self, text: str) -> list[str]:
        """Hashes of every id and field that can be read in a row that could not be taken apart."""
        fields = [field.strip().strip('"') for field in re.split(r"[,;\t]", text)]
        found = [*(match.lower() for match in _ANY_UUID.findall(text)), *(field for field in fields if field)]
        return [self.value_hmac(value) for value in dict.fromkeys(found)]
