"""One run of the whole pipeline in a process of its own, timed from its start to its end.

Not here: which runs, over which files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from benchmarks.warehouse import ROOT

_RUN = """
import json
import sys
from orchestration.commands.run import run_pipeline
from orchestration.warehouse.settings import read_settings
result = run_pipeline(read_settings(), *sys.argv[1:])
print(json.dumps({"problem": result.problem, "seconds": result.seconds}))
"""


@dataclass
class BenchWarehouse:
    """A warehouse to run the pipeline over: its files, its database, its folder, and the seconds of its runs."""

    name: str
    landing: Path
    url: str
    storage_url: str
    folder: Path
    runs: list[dict[str, float]] = field(default_factory=list)

    def run(self, as_of: datetime, *cadence: str) -> dict[str, float]:
        """Seconds of a run (of everything, or of a cadence) by stage, and `whole`: from the process's start to its end.

        Raises:
            RuntimeError: something failed in the run.
        """
        environment = {
            "WAREHOUSE_URL": self.url, "DAGSTER_STORAGE_URL": self.storage_url, "WAREHOUSE_FOLDER": str(self.folder),
            "PII_KEY_FILE": str(self.folder / "pii.key"), "LANDING_DIR": str(self.landing),
            "AS_OF": as_of.isoformat(), "LANDING_QUIET_SECONDS": "0",
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("set role none")
            connection.execute("checkpoint")
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _RUN, *cadence], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, **environment},
        )  # fmt: skip
        seconds = time.perf_counter() - begun
        said = json.loads(done.stdout.splitlines()[-1])
        if said["problem"]:
            raise RuntimeError(f"the run over {self.name} failed: {said['problem']}")
        self.runs.append({"whole": seconds, **said["seconds"]})
        return self.runs[-1]
