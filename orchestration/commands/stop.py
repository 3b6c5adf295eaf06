"""`make stop`: shuts the embedded server down.

Not here: removing anything.
"""

from __future__ import annotations

import sys

from orchestration.warehouse.server import EmbeddedServer
from orchestration.warehouse.settings import read_settings


def main(_: list[str]) -> int:
    """`python -m orchestration stop`."""
    stopped = EmbeddedServer(read_settings().warehouse_folder).stop()
    print("The embedded server was stopped." if stopped else "The embedded server did not run.", file=sys.stderr)
    return 0
