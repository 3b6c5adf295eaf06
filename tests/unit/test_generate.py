"""What is generated from the contracts is as the contracts say, and one place is enough for a new column."""

import re
from datetime import UTC, datetime

import pytest

from ingestion.contract import contract, contracts
from ingestion.examples import example_row
from ingestion.generate import PAGES_FOLDER, dbt_sources, feed_page, generated_files, index_page, main
from ingestion.readers import open_reader
from ingestion.rules import Judge


def test_the_committed_files_are_up_to_date(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_feed_has_a_page_and_a_source():
    assert {path.stem for path in generated_files() if path.parent == PAGES_FOLDER} == {*contracts(), "README"}
    assert all(f"name: {feed}\n" in dbt_sources() for feed in contracts())
    assert all(f"[{feed}]({feed}.md)" in index_page() for feed in contracts())


def test_a_page_says_the_rules_and_the_shapes():
    page = feed_page(contracts()["usage_records"])
    assert "| `usage_type` | enum | yes | one of `data`, `voice`, `sms` | Kind of usage. |" in page
    assert "event time: not after the load" in page
    assert "Expected every 1 day, overdue after 1 day more." in page
    page = feed_page(contracts()["service_plans"])
    assert "shape [rating_rules](#rating_rules)" in page
    assert "## rating_rules\n\n```yaml\n" in page


@pytest.mark.parametrize("feed", contracts())
def test_the_example_of_a_page_may_be_landed(feed, tmp_path):
    """The CSV as it stands on the committed page, through the reader and the rules."""
    (content,) = re.findall(r"```csv\n(.*?)```", (PAGES_FOLDER / f"{feed}.md").read_text(), re.DOTALL)
    path = tmp_path / "example.csv"
    path.write_text(content)
    (chunk,) = open_reader(path).chunks()
    judged = Judge(contract(feed), datetime.now(UTC)).judge(chunk)
    assert (chunk.broken, judged.rejections, len(judged.typed)) == ([], [], 1)
    assert set(chunk.columns.columns) == {column.name for column in contract(feed).columns}
    assert chunk.columns.null_count().sum_horizontal().item() == 0


def test_examples_of_other_numbers_are_other_entities():
    for found in contracts().values():
        keys = {tuple(example_row(found, number)[name] for name in found.key) for number in range(5)}
        assert len(keys) == 5, found.feed
