"""Dagster's pages in a real browser: the job is there, starts from the page, and builds the warehouse."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from orchestration.warehouse.ports import free_port
from orchestration.warehouse.settings import ROOT
from tests.pipeline.browsing import call, needs_browser

pytestmark = needs_browser


@pytest.fixture
def ui(make_sample, make_database, postgres_server, make_folder):
    """`make ui` over a small sample, in a database of its own."""
    landing, manifest = make_sample(customers=30, months=1)
    port, url = free_port(), make_database()
    environment = {
        **os.environ, "WAREHOUSE_URL": url, "DAGSTER_STORAGE_URL": postgres_server.url("dagster"),
        "WAREHOUSE_FOLDER": str(make_folder()), "LANDING_DIR": str(landing), "AS_OF": manifest["as_of"],
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "ui", str(port)], cwd=ROOT, env=environment, start_new_session=True
    )
    yield f"http://127.0.0.1:{port}", url
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def _wait_until_served(address: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            call("GET", f"{address}/server_info")
            return
        except OSError:
            assert time.monotonic() < deadline, "the pages did not come up"
            time.sleep(0.5)


def _wait_until_loaded(address: str, seconds: float = 90) -> None:
    """The pages are there before the code is; a page that was opened too early says that there is no such job."""
    names = 'repositoryName: "__repository__", repositoryLocationName: "orchestration.definitions"'
    query = f'{{ pipelineOrError(params: {{ pipelineName: "warehouse", {names} }}) {{ __typename }} }}'
    deadline = time.monotonic() + seconds
    while call("POST", f"{address}/graphql", {"query": query})["data"]["pipelineOrError"]["__typename"] != "Pipeline":
        assert time.monotonic() < deadline, "the job did not appear"
        time.sleep(0.5)


def test_the_job_is_started_from_the_page_and_builds_the_dashboard(ui, browser):
    import psycopg

    address, url = ui
    _wait_until_served(address)
    _wait_until_loaded(address)
    browser.open(f"{address}/locations/orchestration.definitions/jobs/warehouse/playground")
    is_launch = "b.innerText.trim().toLowerCase() === 'launch run' && !b.disabled"
    button = f"[...document.querySelectorAll('button')].find(b => {is_launch})"
    browser.wait_for(f"return !!{button}")
    browser.run(f"{button}.click()")
    found = browser.wait_for("return (location.href.match(/runs\\/([0-9a-f-]{36})/) || [])[1] || null")
    assert re.fullmatch(r"[0-9a-f-]{36}", str(found))
    query = f'{{ runOrError(runId: "{found}") {{ ... on Run {{ status }} }} }}'
    deadline = time.monotonic() + 600
    while True:
        status = call("POST", f"{address}/graphql", {"query": query})["data"]["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED") or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert status == "SUCCESS"
    browser.wait_for("return document.body.innerText.includes('Success')")
    with psycopg.connect(url) as connection:
        rows = connection.execute("select count(*) from dashboards.operations_dashboard").fetchone()
    assert rows == (3,)
    browser.open(f"{address}/assets/dashboards/operations_dashboard")
    browser.wait_for("return document.body.innerText.includes('One row per provider')")


def test_the_documentation_is_one_page_that_needs_no_network(built_warehouse, browser, monkeypatch, capsys):
    from orchestration.__main__ import main

    settings = built_warehouse.settings
    monkeypatch.setenv("WAREHOUSE_URL", settings.warehouse_url)
    monkeypatch.setenv("WAREHOUSE_FOLDER", str(settings.warehouse_folder))
    assert main(["docs"]) == 0
    page = capsys.readouterr().out.strip()
    browser.open(f"file://{page}#!/model/model.telecom.operations_dashboard")
    browser.wait_for("return document.body.innerText.includes('One row per provider')")
    browser.wait_for("return document.body.innerText.includes('overall_operations_health_score')")
    asked = browser.run("return performance.getEntriesByType('resource').map(r => r.name)")
    assert [address for address in asked if address.startswith("http")] == []
