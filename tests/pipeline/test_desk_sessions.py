"""Who is let in at the desk, and how long a session lasts.

Not here: hostile requests (test_desk_requests).
"""

import psycopg
import pytest

from orchestration.__main__ import main
from orchestration.commands.demo import COMPLIANCE, write_compliance_logins
from orchestration.desk.sessions import IDLE_SECONDS, LONGEST_SECONDS, MOST_SESSIONS_OF_ONE, Sessions
from orchestration.desk.signing_in import NotLetInError, connect, where
from orchestration.warehouse.settings import read_settings
from tests.pipeline.desks import Client, page, run_desk


def test_a_session_is_new_at_every_sign_in_and_its_cookie_is_closed_to_scripts(desk):
    fixed = Client(desk.port, {"filing_desk": "chosen-by-somebody-else"})
    desk.people.login("compliance", "Ann")
    answer = fixed.sign_in("Ann", desk.people.passwords["Ann"])
    (cookie,) = [one for one in answer.headers.get_all("set-cookie") if one.startswith("filing_desk=")]
    assert "chosen" not in cookie
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    first = fixed.cookies["filing_desk"]
    assert len(first) >= 43
    second = Client(desk.port, dict(fixed.cookies))
    token = Client(desk.port)
    form = token.get("/sign-in").token("/sign-in")
    second.cookies |= token.cookies
    fields = {"name": "Ann", "password": desk.people.passwords["Ann"], "token": form}
    assert second.post("/sign-in", fields).status == 303
    assert second.cookies["filing_desk"] != first
    assert fixed.get("/").status == 401
    # Somebody else's sign-in form signs nobody in.
    other = Client(desk.port)
    other.get("/sign-in")
    assert other.post("/sign-in", fields).status == 403
    assert "filing_desk" not in other.cookies


def test_only_compliance_is_let_in(desk, refusing):
    for role in ("analyst", "data_engineer", "admin", "auditor"):
        desk.people.login(role, f"the {role}")
        stranger = Client(desk.port)
        password = desk.people.passwords[f"the {role}"]
        refusing(403, f"role, the {role}", lambda s=stranger, r=role, p=password: s.sign_in(f"the {r}", p))
        assert "filing_desk" not in stranger.cookies
    stranger = Client(desk.port)
    pipeline = psycopg.conninfo.conninfo_to_dict(desk.url)
    refusing(403, "role, warehouse", lambda: stranger.sign_in("warehouse", pipeline["password"]))
    for name, password in (("Ann", ""), ("", "x"), ("Ann", "wrong"), ("x" * 64, "x")):
        refusing(401, "password, name ", lambda n=name, p=password: Client(desk.port).sign_in(n, p))
        desk.client("Bob")


def test_the_demo_makes_two_people_who_may_sign_in(desk, tmp_path):
    settings = read_settings({"WAREHOUSE_URL": desk.url, "WAREHOUSE_FOLDER": str(tmp_path)})
    path = write_compliance_logins(settings)
    assert path.stat().st_mode & 0o777 == 0o600
    logins = [line.split() for line in path.read_text().splitlines()]
    assert tuple(name for name, _ in logins) == COMPLIANCE
    for name, password in logins:
        assert Client(desk.port).sign_in(name, password).status == 303
        desk.people.passwords[name] = password


def test_a_scope_holds_at_the_desk(desk, packages, refusing):
    desk.people.login("compliance_by_provider", "Dee")
    dee = Client(desk.port)
    assert dee.sign_in("Dee", desk.people.passwords["Dee"]).status == 303
    assert dee.get(page(packages[0])).status == 200
    for path in ("", "/zip", "/files/fbs.csv", "/rows/fbs.csv", "/explanations", "/connections?file=fbs.csv&row=1"):
        refusing(404, "no such package", lambda path=path: dee.get(page(packages[1]) + path))
    assert "Package 1" in dee.get("/").text


def test_a_session_ends_with_its_time_with_its_connection_and_with_the_role(desk, refusing, packages):
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    url = desk.people.login("compliance", "Eve")

    def begin() -> tuple[str, psycopg.Connection]:
        connection = psycopg.connect(url, autocommit=True)
        return sessions.begin("Eve", connection)[0], connection

    idle, connection = begin()
    now[0] += IDLE_SECONDS
    assert sessions.find(idle) is not None
    now[0] += IDLE_SECONDS + 1
    assert sessions.find(idle) is None
    assert connection.closed
    busy, connection = begin()
    began = now[0]
    while now[0] - began <= LONGEST_SECONDS:
        assert sessions.find(busy) is not None
        now[0] += IDLE_SECONDS
    assert sessions.find(busy) is None
    assert connection.closed
    many = [begin() for _ in range(MOST_SESSIONS_OF_ONE + 1)]
    assert [sessions.find(cookie) is None for cookie, _ in many] == [True] + [False] * MOST_SESSIONS_OF_ONE
    assert many[0][1].closed
    sessions.end_all()
    assert all(connection.closed for _, connection in many)
    eve = desk.client("Eve")
    desk.ask("select pg_terminate_backend(pid)::text from pg_stat_activity where usename = 'Eve'")
    refusing(401, "no such session", lambda: eve.get(page(packages[0])))
    eve = desk.client("Eve")
    with psycopg.connect(desk.url, autocommit=True) as administrator:
        administrator.execute("set role none")
        administrator.execute('revoke compliance from "Eve"')
        refusing(401, "no such session", lambda: eve.get("/"))
        administrator.execute('grant compliance to "Eve"')
    assert eve.get("/").status == 303


def test_a_server_that_asks_for_no_password_lets_nobody_in(desk, monkeypatch):
    url = desk.people.login("compliance", "Ann")
    monkeypatch.setenv("PGPASSWORD", desk.people.passwords["Ann"])
    for password in ("", "wrong"):
        with pytest.raises(NotLetInError) as found:
            connect(where(url), "Ann", password)
        assert found.value.reason == "password"
    assert set(where(url)) <= {"host", "port", "dbname"}
    with pytest.raises(NotLetInError) as found:
        connect({**where(url), "port": "1"}, "Ann", "x")
    assert found.value.reason == "unreachable"


def test_over_a_network_it_wants_a_name_and_https(desk, postgres_server, tmp_path, capsys, monkeypatch):
    assert main(["desk", "8477", "--host", "0.0.0.0"]) == 1
    assert "passwords must not cross a network in clear; expected --name NAME" in capsys.readouterr().err
    monkeypatch.setenv("WAREHOUSE_URL", desk.url)
    monkeypatch.setenv("DAGSTER_STORAGE_URL", postgres_server.url("dagster"))
    assert main(["desk", str(desk.port)]) == 1
    assert f"port {desk.port}: address already in use" in capsys.readouterr().err
    name = "filings.example.org"
    with run_desk(desk.url, postgres_server.url("dagster"), tmp_path, desk.people, "--name", name) as other:
        assert other.client().get("/sign-in").status == 400
        through = {"host": name, "origin": f"https://{name}", "sec-fetch-site": "same-origin"}
        client = other.client()
        password = desk.people.passwords["Ann"]
        answer = client.sign_in("Ann", password, headers=through)
        assert answer.status == 303
        (cookie,) = [one for one in answer.headers.get_all("set-cookie") if one.startswith("filing_desk=")]
        assert "secure" in {part.strip().lower() for part in cookie.split(";")}
        assert client.get("/", headers=through).status == 200
        clear = {**through, "origin": f"http://{name}"}
        assert client.post("/sign-out", {"token": "x"}, headers=clear).status == 403


def test_five_wrong_passwords_slow_down_whatever_the_headers_say(desk, refusing):
    desk.people.login("compliance", "Fay")
    # A right one before, so that this address begins anew.
    desk.client("Fay")
    for number in range(5):
        forged = {"x-forwarded-for": f"10.0.0.{number}", "forwarded": f"for=10.0.0.{number}"}
        wrong = Client(desk.port)
        refusing(401, "password", lambda w=wrong, f=forged: w.sign_in("Fay", "wrong", headers=f))
    right = desk.people.passwords["Fay"]
    # Not even the right one is asked for, and not of anybody at that address.
    refusing(429, "too many wrong passwords", lambda: Client(desk.port).sign_in("Fay", right))
    answer = Client(desk.port).sign_in("Ann", desk.people.passwords["Ann"])
    assert (answer.status, 0 < int(answer.headers["retry-after"]) <= 11) == (429, True)
