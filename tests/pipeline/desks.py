"""A running filing desk over small packages, and an HTTP client that sends what no browser would.

Not here: tests.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from orchestration.warehouse.ports import free_port
from orchestration.warehouse.settings import ROOT
from tests.pipeline.people import People

FORM = "application/x-www-form-urlencoded"
TIME_ZONE = "America/Chicago"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def token(self, action: str) -> str:
        """The token of the page's form that is sent to a path."""
        return re.search(rf'action="{re.escape(action)}".*?name="token" value="([^"]+)"', self.text, re.DOTALL)[1]


@dataclass
class Client:
    """Sends requests as they are given, and keeps cookies."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str | None] = {}) -> Answer:
        """A request; headers of None are left out."""
        given = {"host": f"127.0.0.1:{self.port}", "cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if body is not None:
            given |= {"content-type": FORM, "content-length": str(len(body))}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in (given | dict(headers)).items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        found = Answer(response.status, response.headers, response.read())
        connection.close()
        for cookie in response.headers.get_all("set-cookie") or ():
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return found

    def get(self, path: str, **options) -> Answer:
        return self.send("GET", path, **options)

    def post(self, path: str, fields: Mapping[str, str], **options) -> Answer:
        return self.send("POST", path, urlencode(fields).encode(), **options)

    def sign_in(self, name: str, password: str, **options) -> Answer:
        token = self.get("/sign-in", **options).token("/sign-in")
        return self.post("/sign-in", {"name": name, "password": password, "token": token}, **options)

    def do(self, page: str, action: str, **fields: str) -> Answer:
        """Opens a page and sends its form."""
        return self.post(action, {**fields, "token": self.get(page).token(action)})


@dataclass
class RunningDesk:
    port: int
    url: str
    exports: Path
    log: Path
    people: People

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, name: str | None = None) -> Client:
        """A client, signed in as somebody of compliance."""
        found = Client(self.port)
        if name:
            self.people.login("compliance", name)
            assert found.sign_in(name, self.people.passwords[name]).status == 303
        return found

    def events(self, kind: str = "refused") -> list[dict]:
        """The lines of the desk's log of a kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == kind]

    def ask(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("set role none")
            return connection.execute(query, values or None).fetchall()


@contextmanager
def run_desk(url: str, storage_url: str, folder: Path, people: People, *arguments: str) -> Iterator[RunningDesk]:
    """`make desk` in a process of its own, its log in a file."""
    port, log = free_port(), folder / "desk.log"
    environment = {
        **os.environ, "WAREHOUSE_URL": url, "DAGSTER_STORAGE_URL": storage_url, "EXPORTS_DIR": str(folder / "exports"),
        "WAREHOUSE_FOLDER": str(folder / "warehouse"), "REPORTING_TIME_ZONE": TIME_ZONE,
    }  # fmt: skip
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "desk", str(port), *arguments], cwd=ROOT, env=environment,
            stderr=stream,
        )  # fmt: skip
    desk = RunningDesk(port, url, folder / "exports", log, people)
    deadline = time.monotonic() + 60
    while True:
        try:
            desk.client().get("/sign-in")
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the desk did not come up"
            time.sleep(0.1)
    try:
        yield desk
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def page(package) -> str:
    return f"/packages/{package.package_id}"
