"""`make ui`: Dagster's pages and its daemon on 127.0.0.1, with the instance that the commands use.

Not here: the pages.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from orchestration.commands.run import overrides_of, set_environment
from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.settings import ROOT, Settings, read_settings

DEFAULT_PORT = 3000


def _with_sample(settings: Settings) -> dict[str, str]:
    """Without a landing folder of the user's own the pages speak of the demo's files and their last instant."""
    manifest = settings.warehouse_folder / "sample" / "manifest.json"
    if settings.landing_dir.is_dir() or not manifest.exists():
        return {}
    as_of = str(json.loads(manifest.read_text(encoding="utf-8"))["as_of"])
    return {"LANDING_DIR": str(manifest.parent / "landing"), "AS_OF": os.environ.get("AS_OF") or as_of}


def main(arguments: list[str]) -> int:
    """`python -m orchestration ui [PORT]`; ends both processes on Ctrl-C or when one of them ends."""
    settings = read_settings()
    warehouse = open_warehouse(settings)
    port = int(arguments[0]) if arguments else DEFAULT_PORT
    set_environment(settings, warehouse)
    os.environ.update({**overrides_of(settings, warehouse), **_with_sample(settings)})
    location = ["-m", "orchestration.definitions", "-d", str(ROOT)]
    commands = (
        [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), *location],
        [sys.executable, "-m", "dagster._daemon", "run", *location],
    )
    children = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    print(f"Dagster: http://127.0.0.1:{port} (Ctrl-C ends it)", file=sys.stderr)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.3)
    except KeyboardInterrupt:
        return 0
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)
    return 1
