"""A part of a warehouse, built without Dagster: some feeds of a sample loaded, and the models that a measurement needs.

Not here: the sample, the server, what is measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ingestion.loader import load_feed
from orchestration.dbt_runner import invoke, parse_project
from orchestration.warehouse.settings import read_settings
from orchestration.windows import WINDOWED_FACTS


def load_sample(url: str, sample: Path, feeds: Sequence[str]) -> datetime:
    """Loads these feeds of a sample; returns its AS_OF."""
    for feed in feeds:
        load_feed(feed, landing=sample / "landing", warehouse_url=url, pii_key=b"k" * 32, quiet_seconds=0)
    manifest = json.loads((sample / "manifest.json").read_text(encoding="utf-8"))
    return datetime.fromisoformat(manifest["as_of"]).astimezone(UTC)


def build_models(url: str, folder: Path, as_of: datetime, selection: Sequence[str]) -> None:
    """Builds the seeds and the selected models, all days of all facts.

    Args:
        url: the database.
        folder: where dbt keeps what it makes.
        as_of: the instant of every figure.
        selection: dbt's, as ("+feature_customer",).

    Raises:
        RuntimeError: dbt could not build a model; in its words.
    """
    settings = read_settings({"WAREHOUSE_URL": url, "AS_OF": as_of.isoformat()})
    project = parse_project(folder, url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": as_of.isoformat(),
        "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency,
        "windows": dict.fromkeys(WINDOWED_FACTS, "all"),
    }
    for command in (["seed"], ["run", "--select", *selection]):
        events = invoke(project, url, command, variables)
        wrong = [one["info"]["msg"] for one in events if one["info"]["name"] in ("RunResultError", "RunResultFailure")]
        if wrong:
            raise RuntimeError("; ".join(wrong))
