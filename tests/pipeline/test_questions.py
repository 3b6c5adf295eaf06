"""The questions of the page "Query the marts", each asked of a built warehouse as an analyst would."""

import re
from pathlib import Path

import psycopg
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "query_the_marts.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^### (\d+)\. [^\n]*\n```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
HISTORY = r"core\.dim_(?:customer|service|service_plan|network_element)\b(?!_)"
JOINED = HISTORY + r" as \w+\s+(using \(\w+\)|on .*?)(?:\n\s*(?:join|left join|where|group)|;)"


def test_there_are_twenty_questions():
    assert list(QUESTIONS) == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize("number", QUESTIONS)
def test_a_question_has_an_answer(built_warehouse, number):
    # The smallest sample need not have a customer of two providers; the question must still be understood.
    rows = built_warehouse.ask(QUESTIONS[number])
    assert rows or "two providers" in PAGE.partition(f"### {number}. ")[2].partition("\n")[0]


@pytest.mark.parametrize("number", QUESTIONS)
def test_a_dimension_with_history_is_joined_by_its_version(number):
    for how in re.findall(rf"\bjoin {JOINED}", QUESTIONS[number], re.DOTALL):
        assert re.fullmatch(r"using \(\w+_key\)", how.strip()) or "valid_from" in how, how
    bare = re.findall(rf"\bfrom {HISTORY}", QUESTIONS[number])
    assert bare == []


def test_no_question_takes_the_machine_down(built_warehouse):
    with psycopg.connect(built_warehouse.url, options="-c statement_timeout=10s") as connection:
        for query in QUESTIONS.values():
            connection.execute(query.encode())
