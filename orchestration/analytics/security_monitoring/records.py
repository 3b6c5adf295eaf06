"""Rows of a frame under their columns' names.

Not here: what is read of them.
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One dictionary per row, in order."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
