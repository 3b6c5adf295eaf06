"""`python -m orchestration COMMAND`: finds the command's module and turns known errors into one line.

Not here: the commands.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

COMMANDS = sorted(
    path.stem for path in (Path(__file__).parent / "commands").glob("*.py") if not path.stem.startswith("_")
)


def main(arguments: list[str]) -> int:
    """Runs a command; what a user can mend is a line on stderr and exit code 1."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: python -m orchestration {{{','.join(COMMANDS)}}}", file=sys.stderr)
        return 2
    from ingestion.errors import IngestionError
    from orchestration.access.statements import AccessError
    from orchestration.dbt_runner import DbtError
    from orchestration.regulatory.layouts import FilingError
    from orchestration.regulatory.package_files import AlteredError
    from orchestration.warehouse.connection import WarehouseError
    from orchestration.warehouse.server import ServerError
    from orchestration.warehouse.settings import SettingsError

    try:
        return int(importlib.import_module(f"orchestration.commands.{arguments[0]}").main(arguments[1:]))
    except (
        AccessError,
        AlteredError,
        DbtError,
        FilingError,
        IngestionError,
        ServerError,
        SettingsError,
        WarehouseError,
    ) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
