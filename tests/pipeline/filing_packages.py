"""A copy of a warehouse whose filings may be changed, and generations in processes of their own that are cut short.

Not here: tests.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg

from orchestration.regulatory.generating import Generated, generate

DAY = date(2026, 6, 30)
# Run as `python -c`: {before} is done first, in that process only.
_GENERATE = """
import sys, psycopg
from datetime import date, datetime
from pathlib import Path
from orchestration.regulatory import package_writer
from orchestration.regulatory.generating import generate
{before}
url, exports, report, provider, day, as_of = sys.argv[1:]
with psycopg.connect(url) as connection:
    period = date.fromisoformat(day), datetime.fromisoformat(as_of)
    generate(connection, Path(exports), report, provider, *period, "test")
"""
# The n-th file is flushed, or the folder renamed, by a process that ends there.
KILLED_AT_FILE = """
import os, signal
flush, done = os.fsync, []
def fsync(descriptor):
    flush(descriptor)
    done.append(descriptor)
    if len(done) == {count}:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
"""
# Files may not grow over so many bytes: the write fails as on a full disk.
FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""


@dataclass(frozen=True)
class Filings:
    """A warehouse whose packages lie in a folder of their own."""

    url: str
    exports: Path
    as_of: datetime

    def ask(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values or None).fetchall()

    def generate(self, provider: str, report: str = "fcc_form477", day: date = DAY) -> Generated:
        with psycopg.connect(self.url) as connection:
            return generate(connection, self.exports, report, provider, day, self.as_of, "test")

    def generate_apart(self, provider: str, before: str) -> subprocess.CompletedProcess:
        """Generates in a process in which `before` was done first."""
        code = _GENERATE.format(before=before)
        arguments = [self.url, str(self.exports), "fcc_form477", provider, str(DAY), self.as_of.isoformat()]
        return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)

    def folders(self, provider: str, report: str = "fcc_form477", day: date = DAY) -> list[str]:
        """What lies where a filing's packages are."""
        return sorted(path.name for path in (self.exports / report / provider / str(day)).iterdir())


def copy_of(warehouse, make_database, folder: Path) -> Filings:
    """The warehouse's database and packages, to be changed."""
    url = make_database(warehouse.url.rpartition("/")[2])
    shutil.copytree(warehouse.settings.exports_dir, folder, symlinks=True)
    return Filings(url, folder, warehouse.settings.as_of)
