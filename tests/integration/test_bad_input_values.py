"""Values and names that are hostile or out of range: kept as they were, or out with a reason."""

import json

import pytest

from tests.integration.landed import FEED, NAMES, csv_of, line, rows
from tests.integration.landing import identifier, land, usage
from tests.integration.warehouse import Warehouse

HOSTILE = [
    "'; drop table raw.usage_records; --", "{{ 1/0 }}", "%s %(x)s", "\\N", "\\.", "=cmd|' /C calc'!A0", "NULL",
    "<script>alert(1)</script>", "\u202e\u0007\x1b[31m", "\U0001f4a3" * 50, " leading and trailing ",
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_hostile_values_come_back_as_they_were(one, suffix):
    texts = [f"{suffix} {text}" if not text.startswith(("\\", "=")) else text for text in HOSTILE]
    landed = [usage(f"{suffix} {i}", mediation_source=text) for i, text in enumerate(texts)]
    path = land(one.landing, FEED, f"source.{suffix}", landed)
    content = path.read_bytes()
    path.unlink()
    report = one.load(content, suffix)
    found = one.warehouse.ask(
        "select mediation_source from raw.usage_records where _load_id = %s order by _line_number", report.load_id
    )
    assert [row[0] for row in found] == texts


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("data_usage_bytes", "9223372036854775808", "expected a whole number of 64 bits, found '9223372036854775808'"),
        ("data_usage_bytes", "-1", "expected at least 0, found '-1'"),
        ("data_usage_bytes", "1e3", "expected a whole number of 64 bits, found '1e3'"),
        ("signal_strength_dbm", "50.0000001", "expected at most 50, found '50.0000001'"),
        ("signal_strength_dbm", "9" * 101, "expected a decimal number with a point, found '" + "9" * 80 + "'"),
        ("signal_strength_dbm", "Infinity", "expected a decimal number with a point, found 'Infinity'"),
        ("usage_timestamp", "0000-01-01T00:00:00Z", "expected 2000-01-01 to 2100-12-31, found '0000-01-01T00:00:00Z'"),
        ("usage_timestamp", "9999-12-31T23:59:59Z", "expected 2000-01-01 to 2100-12-31, found '9999-12-31T23:59:59Z'"),
        ("usage_timestamp", "9999-12-31T23:59:59-12:00", "expected"),
        ("usage_timestamp", "2026-02-30T00:00:00Z", "expected an ISO 8601 time with at most 6 decimals of a second"),
        ("usage_timestamp", "2027-01-01T00:00:00Z", "expected an event no later than a day after its load"),
        ("usage_type", "DATA", "expected one of data, voice, sms, found 'DATA'"),
        ("counterparty_country", "USA", "expected the form [A-Z]{2}, found 'USA'"),
    ],
)
def test_values_out_of_range(one, column, value, reason):
    names = rows(f"range {column} {value}")
    landed = [*map(usage, names), usage("bad", **{column: value})]
    path = land(one.landing, FEED, "source.csv", landed)
    content = path.read_bytes()
    path.unlink()
    report = one.load(content)
    ((line_number, _, reasons),) = one.quarantine()
    assert line_number == 7
    assert reasons[0].startswith(f"{column}: {reason}")
    assert (report.rows_loaded, report.rows_quarantined) == (5, 1)


def test_dates_of_year_0_and_9999(make_database, tmp_path):
    warehouse = Warehouse(make_database())
    quality = {"service_id": identifier("s")}
    days = ["0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", *[f"2026-01-{day:02d}" for day in range(1, 29)]]
    landed = [{"assessment_id": identifier(day), "assessment_date": day, **quality} for day in days]
    land(tmp_path, "service_quality", "a.csv", landed)
    assert warehouse.load("service_quality", tmp_path).files[0].rows_loaded == 28
    found = warehouse.ask("select reasons[1] from raw.quarantine order by line_number")
    assert [reason.split(",")[0] for (reason,) in found[1:3]] == [
        "assessment_date: expected 1900-01-01 to 2100-12-31"
    ] * 2
    assert "assessment_date: expected" in found[0][0]
    assert found[3][0] == "assessment_date: expected a date YYYY-MM-DD, found '10000-01-01'"


def test_more_columns_than_a_table_has_refuse_the_file(one):
    report = one.load(csv_of(line("w"), header=[*NAMES, *(f"c{i}" for i in range(3000))]))
    assert "line 1 names 3007 columns; expected at most 2000" in report.refusal_reason


def test_more_names_than_a_table_has_cost_their_jsonl_lines(one):
    names = rows("wide", 10)
    good = [json.dumps(usage(name)) for name in names]
    wide = json.dumps({f"k{i}": 1 for i in range(2500)})
    one.load("\n".join([*good, wide]).encode(), "jsonl")
    ((number, text, reasons),) = one.quarantine()
    assert (number, text) == (11, wide)
    assert reasons == ["no JSON object: expected at most 2000 different names in a file"]


@pytest.mark.parametrize("header", ['"usage_id', "x" * (2 << 20)])
def test_a_header_that_is_no_csv_is_refused(one, header):
    report = one.load(f"{header}\n1\n".encode())
    assert report.refusal_reason.startswith("f.csv: line 1: expected column names, found no CSV (")


def test_hostile_column_names_are_kept(one):
    names = ["_load_id", "_extra", "usage_id_hmac", 'a "b"; drop table', "ünïcode", "", "x" * 500]
    header = [*NAMES, *(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names)]
    report = one.load(csv_of(line("hostile") + ",1" * len(names), header=header))
    ((extra,),) = one.warehouse.ask("select _extra from raw.usage_records where _load_id = %s", report.load_id)
    assert extra == dict.fromkeys(names, "1")
    assert set(report.unknown_columns) == set(names)
