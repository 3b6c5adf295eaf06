"""Parts of the desk by themselves: slowing down, words, and that its pages need nothing from elsewhere."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.desk import slowing
from orchestration.desk.guarding import printable
from orchestration.desk.slowing import FIRST_WAIT_SECONDS, FORGET_SECONDS, FREE_TRIES, LONGEST_WAIT_SECONDS, Slowdown
from orchestration.desk.wording import countdown, pages_of, size, urgency

PAGES = Path(slowing.__file__).parent


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_sixth_try_waits_twice_as_long_each_time(clock):
    slowdown = Slowdown(clock)
    keys = ["name ann", "address 10.0.0.1"]
    for _ in range(FREE_TRIES):
        assert slowdown.enter(keys) == 0
    expected = FIRST_WAIT_SECONDS
    for _ in range(12):
        assert slowdown.enter(keys) == pytest.approx(expected)
        # A try that was refused does not make the wait longer.
        assert slowdown.enter(["name ann", "address 10.0.0.2"]) == pytest.approx(expected)
        assert slowdown.enter(["name new", "address 10.0.0.1"]) == pytest.approx(expected)
        clock.now += expected
        assert slowdown.enter(keys) == 0
        expected = min(2 * expected, LONGEST_WAIT_SECONDS)
    slowdown.right(keys)
    for _ in range(FREE_TRIES):
        assert slowdown.enter(keys) == 0


def test_one_address_with_many_names_and_one_name_from_many_addresses_are_slowed(clock):
    slowdown = Slowdown(clock)
    for number in range(FREE_TRIES):
        assert slowdown.enter([f"name {number}", "address a"]) == 0
        assert slowdown.enter(["name ann", f"address {number}"]) == 0
    assert slowdown.enter(["name new", "address a"]) > 0
    assert slowdown.enter(["name ann", "address new"]) > 0
    assert slowdown.enter(["name 1", "address 1"]) == 0


def test_many_tries_at_once_are_no_way_around(clock):
    slowdown = Slowdown(clock)
    with ThreadPoolExecutor(50) as pool:
        waits = list(pool.map(lambda _: slowdown.enter(["name ann"]), range(500)))
    assert sum(wait == 0 for wait in waits) == FREE_TRIES


def test_who_was_quiet_is_forgotten_who_got_no_answer_forgiven_and_memory_has_an_end(clock, monkeypatch):
    slowdown = Slowdown(clock)
    for _ in range(FREE_TRIES):
        slowdown.enter(["name ann"])
    clock.now += FORGET_SECONDS + 1
    slowdown.enter(["name ann"])
    assert slowdown.enter(["name ann"]) == 0
    for _ in range(3 * FREE_TRIES):
        assert slowdown.enter(["name bob"]) == 0
        slowdown.forgive(["name bob"])
    monkeypatch.setattr(slowing, "_MOST_KEYS", 100)
    for number in range(300):
        clock.now += 1
        slowdown.enter([f"name {number}"])
    assert len(slowdown._tries) <= 101


@given(st.dates(), st.integers(-400, 400))
def test_a_countdown_says_the_days(today, days):
    try:
        due = today + timedelta(days)
    except OverflowError:
        return
    said = countdown(due, today)
    if days == 0:
        assert said == "due today"
    else:
        number, unit, *rest = said.split()
        assert (int(number), unit, rest) == (
            abs(days), "day" if abs(days) == 1 else "days", ["left"] if days > 0 else ["overdue"]
        )  # fmt: skip
    assert urgency(due, today, "draft") == ("overdue" if days < 0 else "soon" if days <= 14 else "later")
    assert urgency(due, today, "filed") == "done"


def test_words_at_their_edges():
    assert countdown(None, date(2026, 1, 1)) == "no due date"
    assert urgency(None, date(2026, 1, 1), "draft") == "later"
    assert [size(count) for count in (None, 0, 1023, 1024, 5 << 20, 3 << 30)] == [
        "", "0 B", "1,023 B", "1.0 KiB", "5.0 MiB", "3.0 GiB",
    ]  # fmt: skip
    assert [pages_of(count, 100) for count in (0, 1, 100, 101)] == [1, 1, 1, 2]


@given(st.text(max_size=400))
def test_a_text_in_a_log_is_one_printable_line(text):
    assert re.fullmatch(r"[ -~]{0,200}", printable(text))


def test_pages_have_no_script_no_style_of_their_own_and_nothing_from_elsewhere():
    templates = sorted((PAGES / "templates").glob("*.html"))
    assert len(templates) >= 7
    for template in templates:
        text = template.read_text()
        assert not re.search(r"<script|<style|style=|\son\w+=|https?://|//\w|\|\s*safe", text), template.name
        # Every form that is sent carries a token.
        for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
            assert 'method="post"' in form, template.name
            assert 'name="token"' in form, template.name
    assert not re.search(r"@import|url\(|https?:", (PAGES / "desk.css").read_text())
