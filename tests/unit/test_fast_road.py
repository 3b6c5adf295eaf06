"""The compiled road and the plain one give the same rows, byte for byte, and leave the same rows out."""

import csv
import io
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion import fast_road
from ingestion.contract import Contract, contracts
from ingestion.duplicates import identity_days, identity_hashes
from ingestion.encoding import encode_rows
from ingestion.fast_road import FastRoad, can_take
from ingestion.partitions import split_by_leaf
from ingestion.raw_tables import feed_columns
from ingestion.readers import lines, open_reader
from ingestion.rules import Judge

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LOAD_ID = UUID("0c8f1bd0-6f3b-4f1e-9d8e-3f5f0e6a1b2c")
EVERY_KIND = Contract.model_validate(
    {
        "feed": "every_kind", "source_system": "s", "description": "d", "key": ["id", "at", "number"],
        "partition_by": {"column": "at", "granularity": "month"}, "touched_by": "day", "earliest_event": "2000-01-01",
        "expected_every": "1 day", "grace": "1 day",
        "columns": [
            {"description": "c", **column} for column in (
                {"name": "id", "type": "uuid", "required": True},
                {"name": "at", "type": "timestamptz", "required": True, "event_time": True},
                {"name": "number", "type": "bigint", "default": 1, "min": -5, "max": 10**15},
                {"name": "kind", "type": "enum", "values": ["a", "bc", "bd"]},
                {"name": "code", "type": "text", "pattern": "[A-Z]{2}", "example": "US"},
                {"name": "free", "type": "text"},
                {"name": "amount", "type": "numeric", "decimals": 2, "min": -100.5, "max": 1e9},
                {"name": "ratio", "type": "numeric"},
                {"name": "day", "type": "date", "event_time": True},
                {"name": "other_day", "type": "date"},
                {"name": "other_at", "type": "timestamptz"},
                {"name": "flag", "type": "boolean", "required": True},
            )
        ],
    }
)  # fmt: skip
HEADER = [column.name for column in EVERY_KIND.columns]

stray = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=6)
offset = st.sampled_from(["Z", "z", "", "+00", "-05:00", "+0530", "+15:59", "+16:00", "-0575", "Q", "+5"])
time_text = st.builds(
    lambda at, separator, fraction, zone: f"{at:%Y-%m-%d}{separator}{at:%H:%M:%S}{fraction}{zone}",
    st.datetimes(datetime(1899, 12, 30), datetime(2101, 1, 3)), st.sampled_from("T tx"),
    st.sampled_from(["", ".", ".5", ".123456", ".1234567"]), offset,
) | st.sampled_from(["2026-02-29T00:00:00Z", "2024-02-29T23:59:59Z", "2026-06-02T12:00:00Z", "2026-06-02T12:00:01Z",
                     "2000-01-01T00:00:00+00:01", "2026-01-01T24:00:00Z", "2026-13-01T00:00:00Z"])  # fmt: skip
day_text = st.dates(date(1899, 12, 30), date(2101, 1, 3)).map(str) | st.sampled_from(
    ["2023-02-29", "2026-06-03", "0000-01-01"]
)
number_text = st.integers(-(10**19), 10**19).map(str) | st.sampled_from(["-0", "007", "+7", "-", "5.0", "-6", "-5"])
decimal_text = st.from_regex(r"-?[0-9]{0,17}(\.[0-9]{0,9})?", fullmatch=True) | st.sampled_from(
    ["-0.00", "0", "1.2300", "1.234", "-100.5", "-100.51", "1000000000.0", "1e5", "00012.50", "10000", "0.00001"]
)
fields = {
    "id": st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()) | st.just("0" * 36),
    "at": st.just("2026-03-08T02:30:00Z") | time_text, "number": number_text, "other_at": time_text,
    "kind": st.sampled_from(["a", "bc", "bd", "b", "A", "bcd"]),
    "code": st.sampled_from(["US", "us", "USA", "Ü", "ÜÜ"]),
    "free": stray, "amount": decimal_text, "ratio": decimal_text, "day": day_text, "other_day": day_text,
    "flag": st.sampled_from(["true", "false", "t", "f", "1", "0", "True", "yes", "tru", "falsy"]),
}  # fmt: skip
good = {
    "id": st.uuids().map(str), "at": st.sampled_from(["2026-03-31T23:59:59-01:00", "2026-03-08 02:30:00.5"]),
    "number": st.integers(-5, 9).map(str), "kind": st.sampled_from(["a", "bd", ""]),
    "code": st.sampled_from(["US", ""]),
    "free": st.sampled_from(["", "x", "Zoë"]), "amount": st.sampled_from(["12.50", "-0.01", ""]),
    "ratio": st.sampled_from(["0.00001", "123456.789", "0"]), "day": st.sampled_from(["2026-03-08", ""]),
    "other_day": st.just("1950-02-28"), "other_at": st.just(""), "flag": st.sampled_from(["1", "false"]),
}  # fmt: skip
# Mostly good rows: what is wrong with one value must show.
edits = st.lists(
    st.sampled_from(HEADER).flatmap(lambda name: st.tuples(st.just(name), fields[name] | st.just(""))), max_size=2
)
row = st.builds(lambda base, changes: tuple((base | dict(changes)).values()), st.fixed_dictionaries(good), edits)
broken = st.lists(stray, min_size=1, max_size=14).map(tuple)


def csv_bytes(rows, ending, quotes):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=ending, quoting=csv.QUOTE_ALL if quotes else csv.QUOTE_MINIMAL)
    writer.writerow(HEADER)
    for values in rows:
        writer.writerow(values)
        if len(values) == 3:
            buffer.write(ending)
    return buffer.getvalue().encode()


def plain_road(chunks):
    """By line: the encoded row with its hash, day and month; and the reasons of those that are out."""
    kept, out, types = {}, {}, {name: kind for name, kind, _ in feed_columns(EVERY_KIND)}
    for chunk in chunks:
        out |= {b.line_number: (b.original_text, [b.reason]) for b in chunk.broken}
        judged = Judge(EVERY_KIND, NOW).judge(chunk)
        out |= {int(chunk.line_numbers[r.row]): (chunk.original_text(r.row), r.reasons) for r in judged.rejections}
        frame = judged.typed.with_columns(
            pl.lit(str(LOAD_ID)).alias("_load_id"), pl.Series("_line_number", chunk.line_numbers[judged.rows])
        )
        for i in range(len(frame)):
            one = frame[i : i + 1]
            ((_, month, _),) = split_by_leaf(one, EVERY_KIND)
            kept[one["_line_number"][0]] = (
                encode_rows(one, types), int(identity_hashes(one, EVERY_KIND)[0]),
                int(identity_days(one, EVERY_KIND)[0]), month, one["day"][0],
            )  # fmt: skip
    return kept, out


def fast_rows(encoded):
    """Cuts each month's bytes at the row heads and pairs them with what is known of the rows."""
    months = np.array([str(day.astype("datetime64[D]").astype("datetime64[M]")) for day in encoded.days])
    for month, view in encoded.by_month:
        at, data = 0, bytes(view)
        for i in np.flatnonzero(months == month):
            begin, count = at, int.from_bytes(data[at : at + 2], "big")
            at += 2
            for _ in range(count):
                at += 4 + max(int.from_bytes(data[at : at + 4], "big", signed=True), 0)
            yield int(encoded.lines[i]), (data[begin:at], int(encoded.hashes[i]), int(encoded.days[i]), month)
        assert at == len(data)


def both_roads(path):
    """What the fast road encoded, and the plain road's account of the lines that it left."""
    reader = open_reader(path)
    road = FastRoad(EVERY_KIND, reader, LOAD_ID, NOW)
    fast, chunks = {}, []
    for block in reader.blocks():
        for encoded in road.encode(block):
            fast |= dict(fast_rows(encoded))
        if block.quoted:
            chunks.append(reader.block_chunk(block, quoted_only=True))
        if (left := road.left_lines(64)) is not None:
            chunks.append(reader.line_chunk(left))
    if (left := road.left_lines(0)) is not None:
        chunks.append(reader.line_chunk(left))
    return fast, road.touched_days, plain_road(chunks)


@given(
    rows=st.lists(row | row | row | broken, max_size=25), ending=st.sampled_from(["\n", "\r\n"]), quotes=st.booleans(),
    block=st.integers(40, 4000), room=st.sampled_from([700, 4000, fast_road.OUTPUT_BYTES]),
    noise=st.sampled_from([b"", b"\xff,\n", b'"open,\n', b"\x00\n", b"a\rb\n"]),
)  # fmt: skip
@example(rows=[], ending="\n", quotes=False, block=40, room=700, noise=b"")
@settings(deadline=None, max_examples=100)
def test_the_same_rows_and_the_same_quarantine(tmp_path_factory, rows, ending, quotes, block, room, noise):
    path = tmp_path_factory.mktemp("roads") / "a.csv"
    path.write_bytes(csv_bytes(rows, ending, quotes) + noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines.read_block, "__defaults__", (block,))
        patch.setattr(fast_road, "OUTPUT_BYTES", room)
        expected, expected_out = plain_road(open_reader(path).chunks())
        fast, touched, (left, left_out) = both_roads(path)
    assert not fast.keys() & left.keys()
    assert {**{line: value[:4] for line, value in left.items()}, **fast} == {
        line: value[:4] for line, value in expected.items()
    }
    assert left_out == expected_out
    assert touched == {expected[line][4] for line in fast} - {None}


EDGES = {
    "id": ["0" * 36, "0c8f1bd0-6f3b-4f1e-9d8e-3f5f0e6a1b2C", "0c8f1bd0+6f3b-4f1e-9d8e-3f5f0e6a1b2c", "g" * 36],
    "at": ["2026-06-02T12:00:00Z", "2026-06-02T12:00:00.000001Z", "2000-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z",
           "2024-02-29T24:00:00Z", "2023-02-29T00:00:00Z", "2026-01-01T00:00:00+15:59", "2026-01-01T00:00:00+16:00",
           "2000-01-01T00:00:00+00:01", "2026-01-01T00:00:00.Z", "2026-01-01t00:00:00Z"],
    "number": ["-6", "-5", "-0", "007", "+7", "-", "1000000000000000", "1000000000000001", "9" * 19, "5.0"],
    "kind": ["a", "A", "b", "bc", "bcd"],
    "code": ["US", "us", "USA", "U", "ÜÜ"],
    "amount": ["-100.5", "-100.51", "1000000000.00", "1000000000.01", "1.230", "1.234", "-0.00", ".5", "5.", "1e5"],
    "ratio": ["10000", "0.00001", "00012.50", "123456789012345", "1234567890123456", "0.0000000000000001"],
    "day": ["2026-06-02", "2026-06-03", "2000-01-01", "1999-12-31", "2026-00-01", "2026-1-01"],
    "other_day": ["1900-01-01", "1899-12-31", "2100-12-31", "2101-01-01"],
    "other_at": ["1900-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "2100-12-31T23:59:59.999999Z", "2101-01-01T00:00:00Z"],
    "flag": ["true", "TRUE", "t", "tru", "0", "false", "falsy", "yes"],
}  # fmt: skip


def test_the_edges_of_every_rule(tmp_path):
    """Each edge in a row that is good otherwise, so that taking it or not shows."""
    base = {"id": "0c8f1bd0-6f3b-4f1e-9d8e-3f5f0e6a1b2c", "at": "2026-03-08T00:00:00Z", "number": "1", "flag": "1"}
    rows = [
        [{**base, name: value}.get(column, "") for column in HEADER]
        for name, values in EDGES.items()
        for value in values
    ]
    path = tmp_path / "a.csv"
    path.write_bytes(csv_bytes(rows, "\n", False))
    expected, expected_out = plain_road(open_reader(path).chunks())
    fast, _, (left, left_out) = both_roads(path)
    assert len(fast) > 25
    assert fast.keys() <= expected.keys()
    assert {line: value[:4] for line, value in expected.items()} == {
        **{line: value[:4] for line, value in left.items()},
        **fast,
    }
    assert left_out == expected_out


def test_good_rows_do_take_the_fast_road(tmp_path):
    values = {
        "id": "0C8f1bd0-6f3b-4f1e-9d8e-3f5f0e6a1b2c", "at": "2026-03-08 02:30:00.25+0530", "number": "7", "kind": "bc",
        "code": "US", "free": "Zoë", "amount": "-12.500", "ratio": "0.00001", "day": "2026-03-08", "flag": "f",
        "other_day": "2099-01-01", "other_at": "1950-01-01T00:00:00",
    }  # fmt: skip
    path = tmp_path / "a.csv"
    path.write_bytes(csv_bytes([[values[name] for name in HEADER]] * 50, "\n", False))
    fast, touched, (left, out) = both_roads(path)
    assert (len(fast), touched, left, out) == (50, {date(2026, 3, 8)}, {}, {})


def test_which_files_may_take_it():
    assert can_take(EVERY_KIND, tuple(HEADER))
    assert not can_take(EVERY_KIND, (*HEADER, "colour"))
    assert not can_take(EVERY_KIND, tuple(HEADER[:-1]))
    for name, contract in contracts().items():
        header = tuple(column.name for column in contract.columns)
        taken = can_take(contract, header)
        assert taken == (name in taken_feeds()), name


def taken_feeds():
    """Feeds without personal or JSON columns, whose key has no text and whose patterns are of one class."""
    fixed = {"uuid", "bigint", "timestamptz", "date"}
    return {
        name
        for name, contract in contracts().items()
        if not contract.personal_columns
        and all(column.type != "json" for column in contract.columns)
        and {contract.column(key).type for key in contract.identity} <= fixed
        and not any("(" in (column.pattern or "") for column in contract.columns)
    }
