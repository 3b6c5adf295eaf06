"""The page that says how a feed is added, carried out to the letter in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]
FEED = "tower_leases"

LOAD_AND_BUILD = """
import sys
from pathlib import Path
from ingestion.contract import contract
from ingestion.examples import example_csv
from ingestion.loader import load_feed
from orchestration.dbt_runner import invoke, parse_project
from orchestration.definitions import build_defs

landing, folder, url = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
(landing / "tower_leases").mkdir(parents=True)
(landing / "tower_leases" / "a.csv").write_text(example_csv(contract("tower_leases")))
(report,) = load_feed("tower_leases", landing=landing, warehouse_url=url, pii_key=b"k" * 32).files
assert report.rows_loaded == 1, report
project = parse_project(folder, url.rpartition("/")[2])
variables = {"as_of": "2026-06-01T00:00:00+00:00"}
list(invoke(project, url, ["build", "--select", "stg_tower_leases"], variables))
graph = build_defs().resolve_asset_graph()
keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
assert {"raw/tower_leases", "staging/stg_tower_leases"} <= keys
checks = {check.to_user_string().removeprefix("raw/tower_leases:") for check in graph.asset_check_keys}
assert {"rent_has_a_currency", "overdue", "nothing_left_behind"} <= checks, checks
"""


def _run(project: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(project), "WAREHOUSE_FOLDER": str(project / ".warehouse")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_feed_is_added_as_the_page_says(make_database, tmp_path):
    project = tmp_path / "project"
    for name in ("ingestion", "orchestration", "expectations", "dbt_project", "docs/feeds"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    page = (ROOT / "docs" / "adding_a_feed.md").read_text()
    files = re.findall(r"Write `([^`]+)`.*?   ```\w+\n(.*?)   ```", page, re.DOTALL)
    assert [Path(place).suffix for place, _ in files] == [".yml", ".sql", ".yml"]
    for place, text in files:
        (project / place).write_text(re.sub(r"^   ", "", text, flags=re.MULTILINE))
    _run(project, "-m", "ingestion.generate")
    assert f"# {FEED}\n" in (project / "docs" / "feeds" / f"{FEED}.md").read_text()
    assert f"[{FEED}]({FEED}.md)" in (project / "docs" / "feeds" / "README.md").read_text()
    url = make_database()
    _run(project, "-c", LOAD_AND_BUILD, str(tmp_path / "landing"), str(tmp_path / "dbt"), url)
    with psycopg.connect(url) as connection:
        rows = connection.execute("select to_jsonb(s) from staging.stg_tower_leases s").fetchall()
    (row,) = [json.loads(json.dumps(values[0])) for values in rows]
    assert (row["monthly_rent"], row["currency"]) == (12, "USD")
