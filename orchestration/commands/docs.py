"""`make docs`: what every table and column means and where it comes from, as one page that needs no network.

Not here: the descriptions (they stand beside the models).
"""

from __future__ import annotations

import shutil
import sys

from orchestration.dbt_runner import DbtError, invoke, parse_project
from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.settings import read_settings
from orchestration.windows import WINDOWED_FACTS


def main(arguments: list[str]) -> int:
    """`python -m orchestration docs`: writes dbt's documentation of the warehouse as it is.

    Raises:
        DbtError: a model could not be compiled, or the catalogue not be read; the page of before stays.
    """
    if arguments:
        print("usage: python -m orchestration docs (settings come from the environment)", file=sys.stderr)
        return 2
    settings = read_settings()
    warehouse = open_warehouse(settings)
    for line in warehouse.notice:
        print(line, file=sys.stderr)
    project = parse_project(
        settings.warehouse_folder / "dbt", warehouse.url.rpartition("/")[2].partition("?")[0] or "warehouse"
    )
    variables: dict[str, object] = {
        "as_of": settings.as_of_at().isoformat(),
        "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency,
        "windows": dict.fromkeys(WINDOWED_FACTS, "all"),
    }
    events = invoke(project, warehouse.url, ["docs", "generate", "--static"], variables)
    problems = [str(event["info"]["msg"]) for event in events if event["info"]["level"] == "error"]
    if problems:
        raise DbtError(" ".join(problems))
    page = settings.warehouse_folder / "docs" / "index.html"
    page.parent.mkdir(exist_ok=True)
    shutil.copy(project.target_folder / "static_index.html", page)
    print(page)
    return 0
