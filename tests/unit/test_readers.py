"""Readers give back what a file holds: values, line numbers, original text, broken rows."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import FileRefused
from ingestion.readers import lines, open_reader
from ingestion.readers.parquet_reader import float_texts


def read_all(path: Path) -> tuple[dict[int, dict], dict[int, str], dict[int, str]]:
    """Rows, original texts and broken rows' reasons by line number."""
    rows, texts, broken = {}, {}, {}
    for chunk in open_reader(path).chunks():
        for i, row in enumerate(chunk.columns.iter_rows(named=True)):
            rows[int(chunk.line_numbers[i])] = row
            texts[int(chunk.line_numbers[i])] = chunk.original_text(i)
        broken |= {b.line_number: b.reason for b in chunk.broken}
    return rows, texts, broken


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv_values_lines_and_texts(tmp_path, name):
    content = b'\xef\xbb\xbf Id ,NAME\r\n1,plain\r\n\r\n2,"with ""quotes"", and\r\na line"\r\n3,\r\n4,last'
    rows, texts, broken = read_all(write(tmp_path / name, content))
    assert rows == {
        2: {"id": "1", "name": "plain"},
        4: {"id": "2", "name": 'with "quotes", and\r\na line'},
        6: {"id": "3", "name": None},
        7: {"id": "4", "name": "last"},
    }
    assert texts[4] == '2,"with ""quotes"", and\r\na line"'
    assert broken == {}


def test_csv_broken_rows_keep_their_neighbours(tmp_path):
    content = b'a,b\n1,2\n1\n1,2,3\n"open,2\n3,4\n5,\xff\n6,\x00\n"7"x,8\n9" wide,10\n11,12\n'
    rows, _, broken = read_all(write(tmp_path / "a.csv", content))
    assert [row["a"] for _, row in sorted(rows.items())] == ["1", "3", '9" wide', "11"]
    assert broken[3] == "expected 2 fields as in the header, found 1"
    assert broken[4] == "expected 2 fields as in the header, found 3"
    assert broken[5] == "quotes that do not pair up"
    assert broken[7] == "expected UTF-8, found the byte 0xff at position 3"
    assert broken[8] == "a NUL byte, which no text may hold"
    assert set(broken) == {3, 4, 5, 7, 8, 9}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "expected a header"), (b"a,b,A\n1,2,3\n", "more than once"), (b"\xff,b\n", "expected UTF-8")],
)
def test_csv_without_a_usable_header_is_refused(tmp_path, content, message):
    with pytest.raises(FileRefused, match=message):
        read_all(write(tmp_path / "a.csv", content))


def test_cut_off_gzip_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-20])
    with pytest.raises(FileRefused, match="damaged or cut off"):
        read_all(path)


field = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@given(rows=st.lists(st.tuples(field, field, field), max_size=30), block=st.integers(8, 60), quotes_all=st.booleans())
def test_csv_reads_back_whatever_a_csv_writer_wrote(tmp_path_factory, rows, block, quotes_all):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL)
    writer.writerow(["id", "a", "b", "c"])
    writer.writerows([f"r{i}", *row] for i, row in enumerate(rows))
    path = write(tmp_path_factory.mktemp("csv") / "a.csv", buffer.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK_BYTES", block)
        patch.setattr(lines.read_block, "__defaults__", (block,))
        patch.setattr(lines, "MAX_BLOCK_LINES", 2)
        found, _, broken = read_all(path)
    assert broken == {}
    assert {tuple(row.values()) for row in found.values()} == {
        (f"r{i}", *(value or None for value in row)) for i, row in enumerate(rows)
    }


def test_jsonl_keeps_digits_and_nested_values(tmp_path):
    good = b'{"Id": 1.50, "flag": true, "list": ["x", 1.10, null], "empty": ""}'
    content = good + b'\n\n[1]\n{"id": NaN}\n{"id": 1, "ID": 2}\n{"a":1'
    rows, texts, broken = read_all(write(tmp_path / "a.jsonl", content))
    assert rows == {1: {"id": "1.50", "flag": "true", "list": '["x",1.10,null]', "empty": None}}
    assert texts[1].startswith('{"Id"')
    assert set(broken) == {3, 4, 5, 6}
    assert "expected a JSON object" in broken[3]


def test_parquet_values_as_text(tmp_path):
    frame = pl.DataFrame(
        {
            "Id": ["a", None],
            "amount": [Decimal("1.10"), None],
            "measure": [0.1, None],
            "narrow": pl.Series([0.1, 2.0], dtype=pl.Float32),
            "at": [datetime(2026, 3, 8, 2, 30, tzinfo=UTC), None],
            "flag": [True, None],
            "nested": [{"k": [1, 2]}, None],
        }
    )
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    rows, texts, _ = read_all(path)
    assert rows[1] == {
        "id": "a",
        "amount": "1.10",
        "measure": "0.1",
        "narrow": "0.1",
        "at": "2026-03-08T02:30:00.000000Z",
        "flag": "true",
        "nested": '{"k": [1, 2]}',
    }
    assert json.loads(texts[1])["amount"] == "1.10"
    assert set(rows[2].values()) == {None, "2"}


@pytest.mark.parametrize(("kind", "numpy_kind"), [(pl.Float64, np.float64), (pl.Float32, np.float32)])
@given(st.lists(st.none() | st.floats(width=32) | st.floats().map(lambda x: round(x, 2) if abs(x) < 1e9 else x)))
def test_floats_as_the_shortest_decimal(kind, numpy_kind, values):
    column = pl.Series("x", values, pl.Float64).cast(kind)
    expected = [None if v is None else np.format_float_positional(numpy_kind(v), trim="-") for v in column.to_list()]
    assert float_texts(column).to_list() == expected


def test_no_parquet_file_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="expected a Parquet file"):
        read_all(write(tmp_path / "a.parquet", b"id,name\n"))


def test_a_block_of_many_lines_comes_in_parts_and_a_long_line_is_cut(tmp_path, monkeypatch):
    content = b"a\n" + b"\n" * 10 + b"b\n" + b"x" * 50 + b"\n" + b"c\n" + b"y" * 50
    path = write(tmp_path / "a.csv", content)
    monkeypatch.setattr(lines, "MAX_BLOCK_LINES", 4)
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 20)
    monkeypatch.setattr(lines.read_block, "__defaults__", (16,))
    blocks = list(lines.whole_line_blocks(path))
    assert [is_last for _, is_last in blocks] == [False] * (len(blocks) - 1) + [True]
    assert max(block.count(b"\n") for block, _ in blocks) == 4
    found = b"".join(block for block, _ in blocks).split(b"\n")
    assert found[:12] == content.split(b"\n")[:12]
    assert found[13:] == [b"c", found[14], b""]
    for line, letter in ((found[12], b"x"), (found[14], b"y")):
        assert line.startswith(lines.CUT_MARK + b"[a line of 50 bytes with the SHA-256 ")
        assert line.endswith(letter)
        assert "expected a line of at most 20 bytes" in lines.byte_problem(line)
