"""PostgreSQL's client programs, which come with the embedded server.

Not here: what is asked of them.
"""

from __future__ import annotations

import os
import subprocess

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from orchestration.warehouse.server import binaries


def client_environment(url: str) -> dict[str, str]:
    """The environment for a client program to find a database: no secret on a command line."""
    variables = {option.keyword.decode(): option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar}
    return {**os.environ, **{variables[name]: str(value) for name, value in conninfo_to_dict(url).items()}}


def run_client(name: str, *arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    """Runs a client program (pg_dump, pg_restore) on a database to its end."""
    command = [str(binaries() / "bin" / name), *arguments]
    return subprocess.run(command, env=client_environment(url), text=True, capture_output=True, check=False)
