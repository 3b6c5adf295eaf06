"""A headless Chromium, driven by the WebDriver protocol.

Not here: tests.
"""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.warehouse.ports import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
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
        self.downloads = Path(profile) / "downloads"
        prefs = {
            "download.default_directory": str(self.downloads), "download.prompt_for_download": False,
            # Else the second link that a script follows waits for a person's consent.
            "profile.default_content_setting_values.automatic_downloads": 1,
        }  # fmt: skip
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"], "prefs": prefs}
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
            time.sleep(0.2)
        return found

    def size(self, width: int, height: int) -> None:
        """Of the page, whatever the screen."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        body = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        call("POST", f"{self._session}/goog/cdp/execute", body)

    def type(self, selector: str, text: str) -> None:
        """As a person does, key by key."""
        found = call("POST", f"{self._session}/element", {"using": "css selector", "value": selector})["value"]
        (element,) = found.values()
        call("POST", f"{self._session}/element/{element}/value", {"text": text})

    def press(self, keys: str) -> None:
        """Keys without a field: \\ue004 is tab, \\ue007 return."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keys", "actions": actions}]}
        call("POST", f"{self._session}/actions", body)

    def cookies(self) -> dict[str, dict]:
        return {one["name"]: one for one in call("GET", f"{self._session}/cookie")["value"]}

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(call("GET", f"{self._session}/screenshot")["value"]))

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def close(self) -> None:
        call("DELETE", self._session)


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    port = free_port()
    driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            call("GET", f"http://127.0.0.1:{port}/status")
            break
        except OSError:
            time.sleep(0.1)
    try:
        browser = Browser(port, str(folder / "profile"))
        yield browser
        browser.close()
    finally:
        # Under load it may not hear; nothing of it is needed any more.
        driver.kill()
        driver.wait()
