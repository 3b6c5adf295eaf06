"""What the encoder writes, PostgreSQL reads back: every type, every value."""

import json
import uuid
from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.encoding import COPY_SIGNATURE, COPY_TRAILER, encode_rows

TYPES = {
    "u": "uuid", "t": "text", "j": "jsonb", "i": "bigint", "b": "boolean", "d": "date", "s": "timestamptz",
    "n": "numeric",
}  # fmt: skip
SCHEMA = {
    "u": pl.String, "t": pl.String, "j": pl.String, "i": pl.Int64, "b": pl.Boolean, "d": pl.Date,
    "s": pl.Datetime("us", "UTC"), "n": pl.String,
}  # fmt: skip
text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
decimals = st.from_regex(r"-?[0-9]{1,24}(\.[0-9]{1,20})?", fullmatch=True)
rows = st.lists(
    st.tuples(
        st.none() | st.uuids().map(str),
        st.none() | text,
        st.none() | st.sampled_from(["{}", '{"a": [1, 2.5, null]}', "[]", '"é"']),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.dates(date(1900, 1, 1), date(2100, 12, 31)),
        st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC)),
        st.none() | decimals | st.from_regex(r"-?[0-9]{1,8}(\.[0-9]{1,6})?", fullmatch=True),
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module")
def connection(make_database):
    with psycopg.connect(make_database(), autocommit=True) as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        connection.execute(f"create temporary table target (position bigint, {columns})")
        yield connection


@given(rows)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_comes_back(connection, values):
    frame = pl.DataFrame(values, schema=SCHEMA, orient="row").with_row_index("position")
    frame = frame.with_columns(pl.col("position").cast(pl.Int64))
    connection.execute("truncate target")
    with connection.cursor() as cursor, cursor.copy("copy target from stdin (format binary)") as copy:
        copy.write(COPY_SIGNATURE + encode_rows(frame, {"position": "bigint", **TYPES}) + COPY_TRAILER)
    found = connection.execute("select u::text, t, j, i, b, d, s, n::text from target order by position").fetchall()
    for row, back in zip(values, found, strict=True):
        assert back[0] == (row[0] and str(uuid.UUID(row[0])))
        assert back[1] == row[1]
        assert back[2] == (None if row[2] is None else json.loads(row[2]))
        assert back[3:7] == tuple(row[3:7])
        expected = connection.execute("select %s::numeric::text", [row[7]]).fetchone()[0]
        assert back[7] == expected
