"""What no browser sends: each hostile request is refused, logged without secrets, and changes nothing.

Not here: signing in and sessions (test_desk_sessions).
"""

import hashlib
import io
import re
import zipfile

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.pipeline.desks import TIME_ZONE, Client, page
from tests.pipeline.packages import PROVIDERS, WARNING, fbs_rows, write_package

SQL = "'; drop table regulatory.packages; --"


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/files/../../../../../../etc/passwd", 400, "path"), ("/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 400, "path"),
        ("/files/..%5c..%5cetc", 400, "path"), ("/files//etc/passwd", 400, "path"), ("/files/%00", 400, "path"),
        ("/files/provenance.json", 404, "no such file"), ("/files/.", 404, "no such file"),
        ("/files/fbs.csv%0d%0aset-cookie:x=y", 400, "path"), ("/rows/validation.json", 404, "no such file"),
        ("/rows/fbs.csv?page=0", 404, "no such file"), ("/rows/fbs.csv?page=1e9", 404, "no such file"),
        ("/" + "x" * 400, 400, "path"), ("/connections?file=../x&row=1", 404, "no such connections"),
        ("/connections?file=fbs.csv&row=1&reason=no_tract", 404, "no such connections"),
        ("/connections?file=fbs.csv&row=-1", 404, "no such connections"),
        ("/connections?file=fbs.csv&row=1'--", 404, "no such connections"),
        ("/connections?file=fbs.csv&row=99999999999999999999", 404, "no such connections"),
        ("/connections?file=fbs.csv&reason='+or+true--", 404, "no such connections"),
        ("/connections?file=fbs.csv'--&row=1", 404, "no such connections"),
    ],
)  # fmt: skip
def test_paths_and_queries_lead_nowhere(ann, packages, refusing, path, status, reason):
    refusing(status, reason, lambda: ann.get(page(packages[0]) + path))


@pytest.mark.parametrize("number", ["0", "99", "9" * 40, "1'--", "1;select", "-1"])
def test_a_package_is_a_number_of_one_that_is_there(ann, packages, refusing, number):
    refusing(404, "no such", lambda: ann.get(f"/packages/{number}"))
    # A digit of another script, which a pattern for digits may take for one.
    refusing(400, "path", lambda: ann.get("/packages/%EF%BC%91"))


def test_headers_are_not_believed(desk, ann, packages, refusing):
    refusing(400, "host", lambda: ann.get("/", headers={"host": "evil.example"}))
    refusing(400, "host", lambda: ann.get("/", headers={"host": f"127.0.0.1:{desk.port}@evil.example"}))
    refusing(405, "method", lambda: ann.send("DELETE", page(packages[0])))
    refusing(405, "method", lambda: ann.send("TRACE", "/"))
    refusing(405, "method", lambda: ann.post("/", {"token": "x"}))
    refusing(405, "method", lambda: ann.get(page(packages[0]) + "/validate"))
    forged = {"x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil.example", "x-original-url": "/packages/1/zip"}
    logged = len(desk.events())
    assert ann.get("/nothing", headers=forged).status == 404
    assert [(line["address"], line["path"]) for line in desk.events()[logged:]] == [("127.0.0.1", "/nothing")]


def test_cookies_are_not_made_up(desk, ann, packages, refusing):
    for forged in ("x", "a" * 43, SQL.replace(";", ""), "../../session", ann.cookies["filing_desk"][:-1] + "!"):
        stranger = Client(desk.port, {"filing_desk": forged})
        refusing(401, "no such session", lambda stranger=stranger: stranger.get(page(packages[0]) + "/zip"))
    assert Client(desk.port).get(page(packages[0])).headers["location"] == "/sign-in"
    refusing(401, "no such session", lambda: Client(desk.port).post(page(packages[0]) + "/validate", {"token": "x"}))


def test_a_form_is_of_the_session_and_of_its_path(desk, ann, bob, packages, refusing):
    path, action = page(packages[0]), page(packages[0]) + "/validate"
    mine = ann.get(path).token(action)
    for token in ("", "x", mine[:-1], mine.upper(), bob.get(path).token(action), SQL):
        refusing(403, "token", lambda token=token: ann.post(action, {"token": token}))
    refusing(403, "token", lambda: ann.post(action, {}))
    # Of another step, and of another package.
    refusing(403, "token", lambda: ann.post(page(packages[0]) + "/approve", {"token": mine}))
    refusing(403, "token", lambda: ann.post(page(packages[1]) + "/validate", {"token": mine}))
    refusing(400, "form", lambda: ann.send("POST", action, f"token={mine}&token={mine}".encode()))
    refusing(400, "form", lambda: ann.post(action, {"token": mine, **{f"f{n}": "x" for n in range(40)}}))
    for headers in (
        {"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
        {"origin": f"https://127.0.0.1:{desk.port}"},
    ):  # fmt: skip
        refusing(
            403, "sent from another site", lambda headers=headers: ann.post(action, {"token": mine}, headers=headers)
        )
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", None):
        refusing(
            415, "content type",
            lambda kind=kind: ann.post(action, {"token": mine}, headers={"content-type": kind}),
        )  # fmt: skip


def test_what_is_too_long_or_no_text_is_refused(ann, packages, refusing):
    action = page(packages[0]) + "/warnings/1"
    token = ann.get(page(packages[0])).token(action)
    refusing(413, "", lambda: ann.post(action, {"token": token, "explanation": "x" * 40_000}))
    refusing(400, "form", lambda: ann.post(action, {"token": token, "explanation": "x" * 17_000}))
    chunked = {"transfer-encoding": "chunked", "content-length": None}
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (40_000, b"x" * 40_000)
    refusing(413, "", lambda: ann.send("POST", action, body, chunked))
    for text in ("nul\0", "escape\x1b[2J", "\x07"):
        refusing(400, "form", lambda text=text: ann.post(action, {"token": token, "explanation": text}))
    refusing(400, "acknowledge", lambda: ann.post(action, {"token": token, "explanation": " \n "}))
    refusing(400, "acknowledge", lambda: ann.post(action, {"token": token}))
    far = page(packages[0]) + f"/warnings/{10**30}"
    refusing(403, "token", lambda: ann.post(far, {"token": token, "explanation": "x"}))


def test_sql_in_a_field_is_text_or_refused(desk, ann, bob, fresh, refusing):
    package = fresh(findings=(WARNING,))
    path = page(package)
    assert ann.do(path, f"{path}/warnings/1", explanation=SQL).status == 303
    assert desk.ask(
        "select explanation from regulatory.acknowledgements where package_id = %s", package.package_id
    ) == [(SQL,)]
    assert "&#39;; drop table" in ann.get(path).text
    assert ann.do(path, f"{path}/validate").status == 303
    assert bob.do(path, f"{path}/approve").status == 303
    right = {
        "submission_id": "477-1", "filed_on": package.folder.parent.name, "certifier_name": "Ada O'Neill",
        "certifier_title": "Vice president",
    }  # fmt: skip
    for name in right:
        refusing(400, "file: ", lambda name=name: bob.do(path, f"{path}/file", **{**right, name: SQL}))
        refusing(400, "file: ", lambda name=name: bob.do(path, f"{path}/file", **{**right, name: "<script>1</script>"}))
    # Its period ends in the future.
    refusing(409, "file: ", lambda: bob.do(path, f"{path}/file", **right))
    stranger = Client(desk.port)
    refusing(401, "password", lambda: stranger.sign_in(SQL, SQL))
    assert desk.ask("select count(*) > 3 from regulatory.packages") == [(True,)]
    desk.client("Ann")


def test_a_replay_does_nothing(desk, fresh, refusing):
    package = fresh()
    path, action = page(package), page(package) + "/validate"
    cyd = desk.client("Cyd")
    old = dict(cyd.cookies)
    token = cyd.get(path).token(action)
    assert cyd.post(action, {"token": token}).status == 303
    refusing(409, "validate: ", lambda: cyd.post(action, {"token": token}))
    assert cyd.do("/", "/sign-out").status == 303
    again = Client(desk.port, old)
    refusing(401, "no such session", lambda: again.get(path))
    again.cookies = dict(old)
    refusing(401, "no such session", lambda: again.post(action, {"token": token}))


def test_what_is_due_and_has_no_package_is_listed(desk, ann, packages):
    assert "Not generated yet" not in ann.get("/").text
    with psycopg.connect(desk.url, autocommit=True) as owner:
        # The desk counts days where it stands: an evening there is the next day in UTC.
        owner.execute(f"set time zone '{TIME_ZONE}'")
        owner.execute(
            "create schema if not exists core; create table core.dim_provider as select * from (values"
            f" ('{PROVIDERS[0]}'::uuid, 'Cahaba Net'), ('{PROVIDERS[1]}', 'Valley <b>Mobile</b>'),"
            " ('00000000-0000-0000-0000-000000000000', 'unknown')) as p (provider_id, provider_name);"
            " create table regulatory.filing_due_dates as select * from (values"
            " ('fcc_form477', date '2026-06-30', current_date + 3, null::text, true),"
            " ('census_block', '2026-06-30', current_date - 1, 'DA 26-1', true),"
            " ('census_block', '2026-05-01', current_date + 9, null, false),"
            " ('census_block', '2015-06-30', date '2015-09-01', null, true))"
            " as d (report_type, as_of_date, due_date, notice, is_regular);"
            " grant usage on schema core to compliance;"
            " grant select on core.dim_provider, regulatory.filing_due_dates to compliance"
        )
    text = ann.get("/").text
    listed = re.findall(
        r"<h3>([^<]+)</h3><p>([^<]+)</p>.*?(\d+ days? \w+)", text[text.index("Not generated") :], re.DOTALL
    )
    # Both providers lack the blocks; the subscriptions of both are there.
    assert listed == [
        ("Census blocks and availability", "Cahaba Net, as of 2026-06-30", "1 day overdue"),
        ("Census blocks and availability", "Valley &lt;b&gt;Mobile&lt;/b&gt;, as of 2026-06-30", "1 day overdue"),
    ]
    assert "(DA 26-1)" in text


def test_downloads_are_the_files_and_are_written_down(desk, ann, packages):
    package = packages[1]
    answer = ann.get(page(package) + "/files/fbs.csv")
    assert answer.content == fbs_rows(120)
    assert answer.headers["content-disposition"] == 'attachment; filename="fbs.csv"'
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    first, second = (ann.get(page(package) + "/zip") for _ in range(2))
    assert first.content == second.content
    with zipfile.ZipFile(io.BytesIO(first.content)) as archive:
        assert archive.namelist() == ["fbs.csv", "manifest.json", "summary.html", "validation.json"]
        assert hashlib.sha256(archive.read("manifest.json")).hexdigest() == package.manifest_sha256
    assert ann.get(page(package) + "/explanations").content.startswith(b"finding_number,file,row,column,message")
    assert "120 rows" in ann.get(page(package) + "/rows/fbs.csv").text
    assert "01001020119" in ann.get(page(package) + "/rows/fbs.csv?page=2").text
    assert "6 connections of 5 services" in ann.get(page(package) + "/connections?file=fbs.csv&row=3").text
    assert "5 connections of 5 services" in ann.get(page(package) + "/connections?file=fbs.csv&reason=suspended").text
    found = desk.ask(
        "select what, rows_read, user_agent from audit.access_log where user_id = 'Ann' and what like %s"
        " order by accessed_at",
        f"filings: package {package.package_id} %",
    )
    assert [row[:2] for row in found] == [
        (f"filings: package {package.package_id} fbs.csv {package.manifest_sha256}", 120),
        (f"filings: package {package.package_id} whole package {package.manifest_sha256}", 120),
        (f"filings: package {package.package_id} whole package {package.manifest_sha256}", 120),
        (f"filings: package {package.package_id} explanations.csv {package.manifest_sha256}", 0),
        (f"filings: package {package.package_id} fbs.csv row 3", 5),
        (f"filings: package {package.package_id} fbs.csv left out: suspended", 5),
    ]
    assert all(row[2].startswith("filing desk; 127.0.0.1") for row in found)


def test_a_package_that_says_little_has_a_page(desk, ann):
    content, digest = write_package(desk.exports / "plain" / "p" / "1", {"fbs.csv": fbs_rows(2), "a.txt": b"x"})
    little = {"files": [{key: one[key] for key in ("name", "sha256")} for one in content["files"]]}
    with psycopg.connect(desk.url, autocommit=True) as pipeline:
        (package_id,) = pipeline.execute(
            "select regulatory.register_package('plain', %s, '2026-01-01', '2026-06-30', %s, %s, %s, %s, null,"
            " 'ready_with_warnings', 'plain/p/1', 'test')",
            [
                PROVIDERS[0], Jsonb(little), digest,
                Jsonb([{"finding_number": 1, "level": "warning", "message": "Something is odd."}]),
                Jsonb([{"in_service": 1, "in_file": 1, "residual": 0}]),
            ],
        ).fetchone()  # fmt: skip
    text = ann.get(f"/packages/{package_id}").text
    for part in ("plain", "2026-01-01 to 2026-06-30", "Something is odd.", "nothing is missing", "a.txt"):
        assert part in text
    assert "no due date" in ann.get("/").text


def test_an_altered_file_is_noticed_and_stops_every_step(desk, ann, fresh, refusing):
    package = fresh()
    path = page(package)
    token = ann.get(path).token(f"{path}/validate")
    (package.folder / "fbs.csv").write_bytes(fbs_rows(2))
    assert "The files were altered" in ann.get(path).text
    refusing(409, "validate: Its files were altered", lambda: ann.post(f"{path}/validate", {"token": token}))
    for download in ("/files/fbs.csv", "/zip", "/rows/fbs.csv"):
        refusing(409, "altered", lambda download=download: ann.get(path + download))
    altered = [line for line in desk.events("altered") if line["package"] == package.package_id]
    assert all("fbs.csv: SHA-256 is" in line["problem"] for line in altered)
    assert len(altered) == 5
    noticed = desk.ask(
        "select count(*) from audit.access_log where user_id = 'Ann' and what like %s",
        f"filings: package {package.package_id} altered: fbs.csv: SHA-256 is%",
    )
    assert noticed == [(5,)]
    (package.folder / "fbs.csv").write_bytes(fbs_rows(3))
    assert ann.post(f"{path}/validate", {"token": token}).status == 303
    assert (package.folder.parent / "latest").readlink().name == "1"


def test_the_log_holds_no_secret(desk, ann, bob):
    log = desk.log.read_text()
    assert len(desk.events()) > 60
    secrets = [*desk.people.passwords.values(), *ann.cookies.values(), *bob.cookies.values(), desk.url, SQL]
    secrets += [ann.get("/").token("/sign-out"), psycopg.conninfo.conninfo_to_dict(desk.url)["password"]]
    assert [secret for secret in secrets if secret in log] == []
    assert "Traceback" not in log
    assert desk.events("failed") == []
