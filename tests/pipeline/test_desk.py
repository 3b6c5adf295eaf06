"""The filing desk in a real browser: two people take a package all the way, others are refused, harm is noticed."""

import csv
import hashlib
import time

import psycopg
import pytest

from orchestration.desk.wording import CONTENT, STATES
from tests.pipeline.browsing import needs_browser
from tests.pipeline.packages import ERROR, WARNING, fbs_rows, register

pytestmark = needs_browser
TAB, RETURN = "\ue004", "\ue007"


@pytest.fixture
def packages(desk):
    """Makes packages as the pipeline does, each of a period of its own."""
    (taken,) = desk.ask("select count(distinct period_end) from regulatory.packages")[0]

    def make(number: int = 1, findings: tuple = (), **options):
        with psycopg.connect(desk.url, autocommit=True) as pipeline:
            return register(pipeline, desk.exports, number, findings, period_end=f"{2020 - taken}-06-30", **options)

    return make


def sign_in(desk, browser, name: str, role: str = "compliance") -> None:
    """By the keyboard: the name, tab, the password, return."""
    desk.people.login(role, name)
    browser.open(f"{desk.address}/sign-in")
    browser.type("#name", name)
    browser.press(TAB + desk.people.passwords[name] + RETURN)


def says(browser, text: str) -> None:
    browser.wait_for(f"return document.body.innerText.includes({text!r})", 20)


def click(browser, label: str) -> None:
    found = f"[...document.querySelectorAll('button, a')].find(b => b.innerText.trim() === {label!r})"
    assert browser.run(f"return !!{found}"), f"no {label}: {browser.text()[:1500]}"
    browser.run(f"{found}.click()")


def download(browser, label: str, name: str) -> bytes:
    """What the browser saves when a link is followed.

    It keeps the name by an empty file until the whole takes its place, so an empty one is not there yet.
    """
    click(browser, label)
    path = browser.downloads / name
    deadline = time.monotonic() + 30
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < deadline, f"{name} was not saved"
        time.sleep(0.1)
    return path.read_bytes()


def _validates(desk, browser, package) -> None:
    """Ann: a warning, the step, the files and what stands behind a row."""
    sign_in(desk, browser, "Ann")
    says(browser, "To be filed")
    cookie = browser.cookies()["filing_desk"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert browser.run("return document.cookie") == ""
    browser.open(f"{desk.address}/packages/{package.package_id}")
    says(browser, "2 still to acknowledge")
    browser.type("#explanation-1", "A rural tract.")
    click(browser, "Acknowledge warning 1")
    says(browser, "1 still to acknowledge")
    click(browser, "Validate")
    says(browser, "You validated it, so another person of compliance approves it")
    assert browser.run("return !document.querySelector('form[action$=approve]')")
    assert download(browser, "fbs.csv", "fbs.csv") == fbs_rows(120)
    click(browser, "look inside fbs.csv")
    says(browser, "Page 1 of 2")
    click(browser, "Next →")
    says(browser, "01001020119")
    browser.run("document.querySelector('tbody th a').click()")
    says(browser, "104 connections of 103 services")
    click(browser, "Sign out")
    says(browser, "With your database login")


def _approves_and_files(desk, browser, package) -> None:
    """Bob: the other warning, both steps, the whole package."""
    page = f"{desk.address}/packages/{package.package_id}"
    browser.open(page)
    says(browser, "With your database login")
    sign_in(desk, browser, "Bob")
    says(browser, "To be filed")
    browser.open(page)
    says(browser, "Acknowledge 1 more warning below")
    browser.type("#explanation-2", "The same.")
    click(browser, "Acknowledge warning 2")
    says(browser, "All are acknowledged.")
    click(browser, "Approve")
    says(browser, "Mark as filed")
    browser.type("#submission_id", "477-0042")
    browser.type("#certifier_name", "Ada Vice")
    browser.type("#certifier_title", "Vice president")
    click(browser, "Mark as filed")
    says(browser, "Done: submitted on")
    says(browser, "marked as filed by Bob")
    archive = download(browser, "Download all as zip", f"{'_'.join(package.folder.parts[-4:])}.zip")
    assert archive[:2] == b"PK"
    rows = list(csv.reader(download(browser, "explanations.csv", "explanations.csv").decode().splitlines()))
    assert [row[5:] for row in rows[1:]] == [["A rural tract.", "Ann"], ["The same.", "Bob"]]
    click(browser, "← All filings")
    says(browser, "477-0042")


def test_two_people_take_a_package_all_the_way(desk, browser, packages):
    package = packages(findings=(WARNING, WARNING), rows=120)
    _validates(desk, browser, package)
    _approves_and_files(desk, browser, package)
    found = desk.ask(
        "select validated_by, approved_by, filed_by, state from regulatory.packages where package_id = %s",
        package.package_id,
    )
    assert found == [("Ann", "Bob", "Bob", "filed")]
    steps = desk.ask(
        "select user_id, new_values ->> 'state', change_reason, user_agent like 'filing desk; 127.0.0.1; Mozilla%%'"
        " from audit.audit_log where table_name = 'regulatory.packages' and record_id = %s and operation = 'UPDATE'"
        " order by changed_at", str(package.package_id)
    )  # fmt: skip
    assert steps == [
        ("Ann", "validated", "filing desk", True), ("Bob", "approved", "filing desk", True),
        ("Bob", "filed", "filing desk", True),
    ]  # fmt: skip


def test_an_analyst_is_refused_with_a_plain_message(desk, browser):
    sign_in(desk, browser, "Ana Lyst", "analyst")
    says(browser, "The filing desk is for members of compliance")
    assert "filing_desk" not in browser.cookies()
    browser.open(f"{desk.address}/")
    says(browser, "With your database login")


def test_an_altered_file_is_shown_and_nothing_goes_on(desk, browser, packages):
    package = packages(1)
    content = (package.folder / "fbs.csv").read_bytes()
    (package.folder / "fbs.csv").write_bytes(content.replace(b"100", b"900", 1))
    sign_in(desk, browser, "Ann")
    says(browser, "Filings")
    browser.open(f"{desk.address}/packages/{package.package_id}")
    says(browser, "The files were altered")
    says(browser, f"fbs.csv: SHA-256 is {hashlib.sha256((package.folder / 'fbs.csv').read_bytes()).hexdigest()}")
    assert browser.run("return !document.querySelector('form[action$=validate]')")
    click(browser, "fbs.csv")
    says(browser, "so it is not handed out")


def test_an_error_stands_with_its_row_and_a_later_package_shows_what_changed(desk, browser, packages):
    first = packages(1, findings=(ERROR, WARNING))
    sign_in(desk, browser, "Ann")
    says(browser, "Filings")
    browser.open(f"{desk.address}/packages/{first.package_id}")
    says(browser, "None yet: it is incomplete")
    cells = "return [...document.querySelectorAll('#errors ~ .scroll td')].map(td => td.innerText)"
    assert browser.run(cells) == ["1", "fbs.csv", "2", "tract", "Row 2: invalid tract 1"]
    with psycopg.connect(desk.url, autocommit=True) as pipeline:
        second = register(pipeline, desk.exports, 2, rows=4, period_end=first.folder.parent.name)
    browser.open(f"{desk.address}/packages/{second.package_id}")
    says(browser, "Difference to package 1")
    says(browser, "fbs.csv: 1 added, 0 gone, 2 changed")
    says(browser, "nothing is missing")
    says(browser, "By the rules bdc_2022")
    click(browser, "no tract")
    says(browser, "2 connections of 2 services")
    browser.open(f"{desk.address}/packages/{first.package_id}")
    says(browser, "a later package took its place")


def _focused(browser) -> dict:
    return browser.run(
        "const e = document.activeElement; const s = getComputedStyle(e);"
        " return {name: e.tagName + ' ' + (e.id || e.innerText.trim()), outline: s.outlineStyle + s.outlineWidth}"
    )


def test_the_pages_serve_phone_keyboard_and_eyes_without_colour(desk, browser, packages):
    package = packages(findings=(WARNING,))
    sign_in(desk, browser, "Ann")
    says(browser, "Filings")
    base = f"{desk.address}/packages/{package.package_id}"
    pages = ("/", "", "/rows/fbs.csv", "/connections?file=fbs.csv&row=1")
    for path in pages:
        browser.open(desk.address + path if path == "/" else base + path)
        for width in (360, 1280):
            browser.size(width, 800)
            widest = browser.run("return document.documentElement.scrollWidth")
            assert widest <= width, (path, width)
        # One heading of the page, a language, a name for every field and table.
        assert browser.run("return document.documentElement.lang") == "en"
        assert browser.run("return document.querySelectorAll('h1').length") == 1
        fields = "[...document.querySelectorAll('input:not([type=hidden]), textarea')]"
        assert browser.run(f"return {fields}.filter(f => !f.labels.length).map(f => f.id)") == []
        assert browser.run("return document.scripts.length") == 0
        asked = browser.run("return performance.getEntriesByType('resource').map(r => r.name)")
        assert all(address.startswith(desk.address) for address in asked), asked
    # Every state and verdict has a word and a sign, so colour says nothing alone.
    words = [*STATES.values(), *CONTENT.values()]
    assert len({sign for sign, _ in words}) == len({word for _, word in words}) == len(words)
    browser.open(base)
    seen = []
    for _ in range(40):
        browser.press(TAB)
        focused = _focused(browser)
        seen.append(focused["name"])
        if focused["name"].startswith("BODY"):
            break
        assert focused["outline"] not in ("none0px", "none3px"), focused
    assert seen[0] == "A Skip to the content"
    for name in ("BUTTON Validate", "TEXTAREA explanation-1", "BUTTON Acknowledge warning 1", "A Download all as zip"):
        assert name in seen, seen


def test_a_text_is_shown_as_a_text(desk, browser, packages):
    package = packages(findings=({**WARNING, "message": "<img src=x onerror=alert(1)><b>bold</b>"},))
    sign_in(desk, browser, "Ann")
    says(browser, "Filings")
    browser.open(f"{desk.address}/packages/{package.package_id}")
    browser.type("#explanation-1", "<script>document.title = 'taken'</script>")
    click(browser, "Acknowledge warning 1")
    says(browser, "<script>document.title = 'taken'</script>")
    says(browser, "<img src=x onerror=alert(1)>")
    for found in ("document.title.includes('taken')", "document.images.length > 0", "document.scripts.length > 0"):
        assert browser.run(f"return {found}") is False
