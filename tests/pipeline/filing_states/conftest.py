"""A database with packages, and two people of compliance who move them.

Not here: tests.
"""

import psycopg
import pytest

from orchestration.access.applying import find_drift, prepare_access, protect_relations
from tests.pipeline.packages import PROVIDERS, register
from tests.pipeline.people import People


@pytest.fixture(scope="module")
def url(make_database):
    found = make_database()
    assert prepare_access(found) == []
    with psycopg.connect(found, autocommit=True) as owner:
        # Filings are open to their people from the first moment on, before any run.
        assert [line for line in find_drift(owner) if "regulatory" in line] == []
        protect_relations(owner)
        assert find_drift(owner) == []
    return found


@pytest.fixture
def pipeline(url):
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("select current_user").fetchone() == ("warehouse_owner",)
        yield connection


@pytest.fixture
def administrator(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set role none")
        yield connection


@pytest.fixture(scope="module")
def people(url):
    found = People(url, {"provider": [PROVIDERS[0]]})
    yield found
    found.leave()


@pytest.fixture
def fresh(pipeline, administrator, tmp_path):
    """Makes packages of a period that no other test has."""
    (taken,) = administrator.execute("select count(*) from regulatory.filing_status").fetchone()

    def make(number: int = 1, findings: tuple = (), provider: str = PROVIDERS[0], **options):
        end = f"20{40 + taken:02d}-06-30" if taken else "2026-06-30"
        return register(pipeline, tmp_path, number, findings, provider, period_end=options.pop("end", end), **options)

    return make


@pytest.fixture
def ann(people):
    with people.session("compliance", name="Ann") as session:
        yield session


@pytest.fixture
def bob(people):
    with people.session("compliance", name="Bob") as session:
        yield session
