"""Other ways to load the same rows, for comparison: they check nothing, quarantine nothing, and find no duplicates.

Not here: this project's loader. The peers' packages are the benchmark's own and lie in an environment of its own.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.warehouse import BENCH_FOLDER, ROOT, bench_server, database

LOCK = ROOT / "benchmarks" / "requirements.lock"
SLICE_ROWS = 100_000
PEERS = {
    "pandas": "pandas.to_sql (method multi, text columns parsed by pandas)",
    "dlt": "dlt, Arrow to a PostgreSQL destination",
}
PROGRAMS = {
    "pandas": """
import sys, time, json, pandas, sqlalchemy
begun = time.perf_counter()
frame = pandas.read_csv(sys.argv[1], parse_dates=["usage_timestamp"])
engine = sqlalchemy.create_engine(sys.argv[2].replace("postgresql://", "postgresql+psycopg://"))
frame.to_sql("pandas_rows", engine, index=False, chunksize=1000, method="multi")
print(json.dumps({"seconds": time.perf_counter() - begun}))
""",
    "dlt": """
import sys, time, json, dlt, pyarrow.csv
begun = time.perf_counter()
pipeline = dlt.pipeline("peer", destination=dlt.destinations.postgres(sys.argv[2]), dataset_name="dlt_rows",
                        pipelines_dir=sys.argv[3])
pipeline.run(pyarrow.csv.read_csv(sys.argv[1]), table_name="usage_records", write_disposition="append")
print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)
""",
}


def peers_python() -> Path:
    """The peers' environment, made from their lock once."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = BENCH_FOLDER / f"peers-{digest}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "--no-input", "--quiet", "install", "--require-hashes", "--no-deps", "-r", str(LOCK)]
        subprocess.run([str(python), *install], check=True)
        ready.touch()
    return python


def slice_of(file: Path, rows: int) -> Path:
    """The first rows of a CSV, header included."""
    target = BENCH_FOLDER / f"slice-{rows}.csv"
    with file.open("rb") as source, target.open("wb") as out:
        for _ in range(rows + 1):
            out.write(source.readline())
    return target


def peers_table(file: Path, rows: int = SLICE_ROWS) -> str:
    """Each peer's rows/s on a slice of the clean file."""
    python, part, lines = peers_python(), slice_of(file, rows), []
    with bench_server() as server:
        for peer, described in PEERS.items():
            with database(server, "peer") as url:
                command = [str(python), "-c", PROGRAMS[peer], str(part), url, str(BENCH_FOLDER / "dlt")]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                seconds = json.loads(done.stdout.strip().splitlines()[-1])["seconds"]
                lines.append([described, f"{seconds:.2f}", f"{rows / seconds:,.0f}"])
    return f"Peers, on {rows:,} of the clean rows:\n\n" + report.table(["peer", "seconds", "rows/s"], lines)
