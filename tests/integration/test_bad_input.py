"""Content that is not as it should be: a clear word with file and line, the ledger balances, nothing is lost."""

import gzip
import json
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.landed import FEED, NAMES, Landed, csv_of, line, rows
from tests.integration.landing import identifier, land, usage
from tests.integration.warehouse import Warehouse


def test_a_missing_column_refuses_the_file_by_its_name(one):
    header = [name for name in NAMES if name not in ("service_id", "sms_count")]
    report = one.load(csv_of(",".join(str(usage("m")[name]) for name in header), header=header))
    assert report.status == "refused"
    assert report.refusal_reason == (
        "f.csv: line 1 lacks the columns service_id, sms_count; expected every required column of feed usage_records;"
        " have the source deliver the file with them"
    )
    assert (one.ids(), one.quarantine()) == ([], [])


def test_an_optional_column_may_be_missing_and_an_unknown_one_is_kept_as_drift(one):
    report = one.load(csv_of(line("u") + ',blue,"x, y"', header=[*NAMES, "colour", "notes"]))
    assert report.unknown_columns == ("colour", "notes")
    assert one.warehouse.ask("select _extra from raw.usage_records where _load_id = %s", report.load_id) == [
        ({"colour": "blue", "notes": "x, y"},)
    ]
    assert one.warehouse.ask("select unknown_columns from raw.load_ledger where load_id = %s", report.load_id) == [
        (["colour", "notes"],)
    ]


def test_headers_in_any_order_and_case(one):
    header = [f" {name.upper()} " if i % 2 else name.title() for i, name in enumerate(reversed(NAMES))]
    values = [",".join(str(v) for v in reversed(usage(name).values())) for name in rows("order")]
    assert one.load(csv_of(*values, header=header)).rows_loaded == 5
    assert one.ids() == [identifier(name) for name in rows("order")]


def test_a_header_that_names_a_column_twice_is_refused(one):
    report = one.load(csv_of(line("t") + ",1", header=[*NAMES, "SMS_count"]))
    assert "f.csv: line 1 names the column 'sms_count' more than once; expected every column once" in (
        report.refusal_reason
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_and_both_line_ends(one, begin, end):
    names = rows(f"{begin!r} {end!r}")
    assert one.load(begin + csv_of(*map(line, names), end=end)).rows_loaded == 5
    assert one.ids() == [identifier(name) for name in names]
    assert one.quarantine() == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"\xff", "expected UTF-8, found the byte 0xff at position 4"),
        (b"\x00", "a NUL byte, which no text may hold"),
        (b"\xed\xa0\x80", "expected UTF-8, found the byte 0xed at position 4"),
    ],
)
def test_bytes_that_are_no_text(one, bad, reason):
    names = rows(f"bytes {bad!r}")
    content = csv_of(*map(line, names)).split(b"\n")
    content.insert(3, b"abc" + bad + b"," + line("other").encode()[4:])
    one.load(b"\n".join(content))
    ((line_number, text, reasons),) = one.quarantine()
    assert (line_number, reasons) == (4, [reason])
    assert text.startswith("abc" + "".join(f"\\x{byte:02x}" for byte in bad))
    assert one.ids() == [identifier(name) for name in names]


def test_an_unbalanced_quote_costs_its_own_line_only(one):
    names = rows("quote")
    lines = [line(name) for name in names]
    one.load(csv_of(*lines[:2], '"' + line("open"), *lines[2:]))
    ((line_number, text, reasons),) = one.quarantine()
    assert (line_number, reasons) == (4, ["quotes that do not pair up"])
    assert text == '"' + line("open")
    assert one.ids() == [identifier(name) for name in names]


def test_a_truncated_gzip_is_refused(one):
    whole = gzip.compress(csv_of(*map(line, rows("gzip", 2000))))
    report = one.load(whole[: len(whole) // 2], "csv.gz")
    assert report.status == "refused"
    assert "f.csv.gz: the gzip stream is damaged or cut off" in report.refusal_reason
    assert "expected a complete gzip file; have the source deliver it again" in report.refusal_reason
    assert one.ids() == []
    assert one.load(whole, "csv.gz").rows_loaded == 2000


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("csv", "line 1: expected a header with column names, found nothing"),
        ("csv.gz", "line 1: expected a header with column names, found nothing"),
        ("jsonl", "expected at least one JSON object, found an empty file"),
        ("parquet", "expected a Parquet file, found none that can be read"),
    ],
)
def test_an_empty_file_is_refused(make_database, tmp_path, suffix, expected):
    one = Landed(Warehouse(make_database()), tmp_path)
    report = one.load(gzip.compress(b"") if suffix.endswith(".gz") else b"", suffix)
    assert report.status == "refused"
    assert f"f.{suffix}: {expected}" in report.refusal_reason


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_header_without_rows_is_a_load_of_nothing(one, suffix):
    path = land(one.landing, FEED, f"source.{suffix}", [])
    content = path.read_bytes()
    path.unlink()
    report = one.load(content, suffix)
    assert (report.status, report.rows_in_file) == ("loaded", 0)


def test_jsonl_lines_that_are_no_object(one):
    good = [json.dumps(usage(name)) for name in rows("json", 40)]
    bad = ["[1, 2]", "7", "null", '{"usage_id": ', '{"a": 1, "a": 2}', '"text"', '{"a": "\\ud800"}', '{"a\\u0000": 1}']
    one.load("\n".join([*good[:20], *bad, *good[20:]]).encode(), "jsonl")
    found = one.quarantine()
    assert [(number, text) for number, text, _ in found] == list(enumerate(bad, start=21))
    assert [reasons[0].split(":")[0] for _, _, reasons in found] == ["no JSON object"] * len(bad)
    assert "no JSON object: expected a JSON object, found [1, 2]" in found[0][2]
    assert "a name stands twice in one object" in found[4][2][0]
    assert len(one.ids()) == 40


def parquet(columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def test_mixed_types_in_a_parquet_column_cost_their_rows(one):
    names = rows("mixed", 10)
    table = {name: [str(usage(n)[name]) for n in names] for name in NAMES}
    table["data_usage_bytes"][3] = "many"
    table["data_usage_bytes"][4] = "5.5"
    one.load(parquet(table), "parquet", max_bad_row_share=0.5)
    assert [(number, reasons) for number, _, reasons in one.quarantine()] == [
        (4, ["data_usage_bytes: expected a whole number of 64 bits, found 'many'"]),
        (5, ["data_usage_bytes: expected a whole number of 64 bits, found '5.5'"]),
    ]
    assert json.loads(one.quarantine()[0][1])["usage_id"] == identifier(names[3])
    assert len(one.ids()) == 8


def test_parquet_types_of_all_kinds(one):
    """Numbers as floats, times as integers of nanoseconds, bytes, nested values: what has a form as text is taken."""
    names = rows("kinds", 10)
    table = {name: pa.array([str(usage(n)[name]) for n in names]) for name in NAMES}
    table["data_usage_bytes"] = pa.array([float(i) for i in range(8)] + [0.5, float("nan")])
    table["usage_timestamp"] = pa.array([datetime(2026, 1, 15, 10)] * 10, pa.timestamp("ns"))
    table["usage_type"] = pa.array([b"data"] * 7 + [b"\xff", b"da\x00ta", b"data"], pa.binary())
    table["tags"] = pa.array([[{"k": [1, None]}]] * 10)
    table["nothing"] = pa.nulls(10)
    report = one.load(parquet(table), "parquet", max_bad_row_share=0.5)
    assert [(number, reasons) for number, _, reasons in one.quarantine()] == [
        (8, ["usage_type: expected UTF-8, found the byte 0xff at position 1"]),
        (9, ["usage_type: a NUL byte, which no text may hold"]),
        (10, ["data_usage_bytes: expected a whole number of 64 bits, found 'nan'"]),
    ]
    assert report.rows_loaded == 7
    assert one.warehouse.ask(
        "select distinct _extra ->> 'tags', usage_timestamp::text from raw.usage_records where _load_id = %s",
        report.load_id,
    ) == [('[{"k": [1, null]}]', "2026-01-15 10:00:00+00")]


def test_a_parquet_column_that_has_no_text_refuses_the_file(one):
    table = {name: pa.array([str(usage("far")[name])]) for name in NAMES}
    table["extra"] = pa.array([[b"\xff"]], pa.list_(pa.binary()))
    report = one.load(parquet(table), "parquet")
    assert report.refusal_reason.startswith(
        "f.parquet: after row 0: the column 'extra' of type list<element: binary> holds values that have no form as"
        " text"
    )
    assert report.refusal_reason.endswith("have the source deliver it as text")
