"""`make help` prints the settings through this.

Not here: reading them.
"""

from __future__ import annotations

from orchestration.warehouse.settings import SETTINGS


def main(_: list[str]) -> int:
    """`python -m orchestration settings`."""
    for name, default, meaning in SETTINGS:
        print(f"  {name:<22} {meaning} [{default}]" if default else f"  {name:<22} {meaning}")
    return 0
