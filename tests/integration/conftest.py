"""A disk that fills up, for the tests that need one.

Not here: the server (tests/conftest.py).
"""

import resource
from contextlib import contextmanager

import pytest


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
