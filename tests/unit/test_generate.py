"""What is generated from the contracts is as the contracts say, and one place is enough for a new column."""

from ingestion.contract import contracts
from ingestion.generate import dbt_sources, feed_page, generated_files, main


def test_the_committed_files_are_up_to_date(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_feed_has_a_page_and_a_source():
    assert len(generated_files()) == len(contracts()) + 1
    assert all(f"name: {feed}\n" in dbt_sources() for feed in contracts())


def test_a_page_says_the_rules():
    page = feed_page(contracts()["usage_records"])
    assert "| `usage_type` | enum | yes | one of `data`, `voice`, `sms` | Kind of usage. |" in page
    assert "event time: not after the load" in page
