"""`make stop`: shuts the embedded server down.

Not here: removing anything.
"""

from __future__ import annotations

import sys

from orchestration.warehouse.server import EmbeddedServer
from orchestration.warehouse.settings import read_settings


def main(arguments: list[str]) -> int:
    """`python -m orchestration stop`."""
    if arguments:
        print("usage: python -m orchestration stop (settings come from the environment)", file=sys.stderr)
        return 2
    stopped = EmbeddedServer(read_settings().warehouse_folder).stop()
    print("The embedded server was stopped." if stopped else "The embedded server did not run.", file=sys.stderr)
    return 0
