"""A package's steps as its people call them.

Not here: tests.
"""

import psycopg
import pytest

FILED = ("477-0001", "2026-07-15", "Ada Vice", "Vice president")


def state(session: psycopg.Connection, package) -> str:
    return session.execute(
        "select state from regulatory.packages where package_id = %s", [package.package_id]
    ).fetchone()[0]


def step(session: psycopg.Connection, name: str, package, *more: object) -> None:
    marks = ", ".join(["%s"] * (2 + len(more)))
    session.execute(f"select regulatory.{name}_package({marks})", [package.package_id, package.manifest_sha256, *more])


def refused(session: psycopg.Connection, code: str, said: str, name: str, package, *more: object) -> None:
    with pytest.raises(psycopg.Error, match=said) as found:
        step(session, name, package, *more)
    assert found.value.sqlstate == code


def acknowledge(session: psycopg.Connection, package, number: int, text: str) -> None:
    session.execute("select regulatory.acknowledge_warning(%s, %s, %s)", [package.package_id, number, text])
