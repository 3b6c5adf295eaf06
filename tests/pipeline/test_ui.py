"""Dagster's pages in a real browser: the job is there, starts from the page, and builds the warehouse."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from orchestration.warehouse.ports import free_port
from orchestration.warehouse.settings import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on this machine: the pages are not tried"
)
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=1400,1000",
]  # fmt: skip


def call(method: str, url: str, body: object = None) -> dict:
    request = urllib.request.Request(
        url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"{}")


class Browser:
    """A headless Chromium by the WebDriver protocol."""

    def __init__(self, port: int, profile: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        capabilities = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self._session = (
            f"{self._base}/session/{call('POST', f'{self._base}/session', capabilities)['value']['sessionId']}"
        )

    def open(self, url: str) -> None:
        call("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str) -> object:
        return call("POST", f"{self._session}/execute/sync", {"script": script, "args": []})["value"]

    def wait_for(self, script: str, seconds: float = 60) -> object:
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, f"the page never met: {script}; it shows: {self.text()[:1500]}"
            time.sleep(0.5)
        return found

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def close(self) -> None:
        call("DELETE", self._session)


@pytest.fixture
def browser(tmp_path):
    port = free_port()
    driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            call("GET", f"http://127.0.0.1:{port}/status")
            break
        except OSError:
            time.sleep(0.1)
    browser = Browser(port, str(tmp_path / "profile"))
    yield browser
    browser.close()
    # Under load it may not hear; nothing of it is needed any more.
    driver.kill()
    driver.wait()


@pytest.fixture
def ui(make_sample, make_database, postgres_server, tmp_path):
    """`make ui` over a small sample, in a database of its own."""
    landing, manifest = make_sample(customers=30, months=1)
    port, url = free_port(), make_database()
    environment = {
        **os.environ, "WAREHOUSE_URL": url, "DAGSTER_STORAGE_URL": postgres_server.url("dagster"),
        "WAREHOUSE_FOLDER": str(tmp_path / "warehouse"), "LANDING_DIR": str(landing), "AS_OF": manifest["as_of"],
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
    deadline = time.monotonic() + 240
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
