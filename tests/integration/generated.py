"""Generated files for property tests: a contract's rows with whatever may stand in a cell, in any format.

Not here: what must hold of them.
"""

import csv
import gzip
import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import polars as pl
from hypothesis import strategies as st

from ingestion.contract import Column, Contract, contract
from ingestion.examples import example_row

FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
FEEDS = ("usage_records", "customers", "service_plans", "bill_charges", "devices", "outages")
# A column that no contract knows: it says which row of the file a row in the database was.
ROW = "row_of_the_file"

zones = st.integers(-15 * 60, 15 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.none() | zones)
numbers = st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}") | st.floats().map(repr)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
VALUES = {
    "uuid": st.uuids().map(str) | st.uuids().map(lambda value: str(value).upper()),
    "text": st.text(max_size=20) | st.text("0123456789", max_size=16),
    "enum": st.text(max_size=5),
    "date": st.dates().map(str),
    "timestamptz": st.tuples(times, st.sampled_from(["T", " "])).map(lambda pair: pair[0].isoformat(pair[1])),
    "bigint": st.integers(-(2**65), 2**65).map(str) | st.integers(-5, 2000).map(lambda n: f"{n:03d}"),
    "numeric": numbers,
    "boolean": st.sampled_from(["true", "FALSE", "t", "0", "yes", "1"]),
    "json": documents.map(json.dumps),
}
junk = (
    st.none()
    | st.text(max_size=10)
    | st.sampled_from(['"', '""', ",", "\r\n", "\x00", "'", "\\", "\ufeff", " 1", "٧", "١.٢", "2026-01-01T00:00:00.٧Z"])
)


@dataclass(frozen=True)
class GeneratedFile:
    """Rows as they are sent, None for nothing, and the file that holds them."""

    feed: str
    suffix: str
    rows: list[dict[str, str | None]]

    @property
    def contract(self) -> Contract:
        return contract(self.feed)

    def content(self) -> bytes:
        names = list(self.rows[0])
        if self.suffix == "parquet":
            sink = io.BytesIO()
            pl.DataFrame(self.rows, schema=dict.fromkeys(names, pl.String)).write_parquet(sink)
            return sink.getvalue()
        buffer = io.StringIO(newline="")
        if "jsonl" in self.suffix:
            buffer.writelines(json.dumps(row) + "\n" for row in self.rows)
        else:
            writer = csv.DictWriter(buffer, names, lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(self.rows)
        content = buffer.getvalue().encode()
        return gzip.compress(content) if self.suffix.endswith(".gz") else content


@st.composite
def files(draw) -> GeneratedFile:
    """A file of one of the feeds; in most rows some cells are anything at all."""
    chosen = contract(draw(st.sampled_from(FEEDS)))
    rows = []
    for i in range(draw(st.integers(1, 12))):
        row: dict[str, str | None] = {**example_row(chosen, draw(st.integers(0, 6))), "is_deleted": None, ROW: str(i)}
        for column in draw(st.lists(st.sampled_from(chosen.all_columns), max_size=3, unique=True)):
            row[column.name] = draw(VALUES[column.type] | junk) or None
        rows.append(row)
    return GeneratedFile(chosen.feed, draw(st.sampled_from(FORMATS)), rows)


def same_value(column: Column, sent: str | None, found: str | None) -> bool:
    """Whether the database's text for a value is the value that was sent."""
    if sent is None:
        return found == (None if column.default is None else str(column.default))
    if found is None:
        return False
    match column.type:
        case "uuid":
            return found.lower() == sent.lower()
        case "bigint":
            return int(found) == int(sent)
        case "numeric":
            one, other = Decimal(sent), Decimal(found)
            return one == other and one.as_tuple().exponent == other.as_tuple().exponent
        case "boolean":
            return found == ("true" if sent.lower() in ("true", "t", "1") else "false")
        case "date":
            return date.fromisoformat(found) == date.fromisoformat(sent)
        case "timestamptz":
            at = datetime.fromisoformat(sent)
            return datetime.fromisoformat(found) == (at if at.tzinfo else at.replace(tzinfo=UTC))
        case "json":
            return json.loads(found, parse_float=Decimal) == json.loads(sent, parse_float=Decimal)
        case _:
            return found == sent
