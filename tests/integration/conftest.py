"""A disk that fills up, and one file landed in a database of the module's own, for the tests that need them.

Not here: the server (tests/conftest.py).
"""

import resource
from contextlib import contextmanager

import pytest

from tests.integration.landed import Landed
from tests.integration.warehouse import Warehouse


@pytest.fixture
def disk_with():
    """Within it, no file of this process and of those that it starts may grow beyond so many bytes.

    The kernel's limit on a file's size: writing fails as on a full disk, for root too, without a mount.
    """

    @contextmanager
    def limited(size_bytes: int):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture(scope="module")
def module_warehouse(make_database):
    return Warehouse(make_database())


@pytest.fixture
def one(module_warehouse, tmp_path):
    """Lands one file of the given bytes and loads it: its report, quarantine and raw rows."""
    return Landed(module_warehouse, tmp_path)
