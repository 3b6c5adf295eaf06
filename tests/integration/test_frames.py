"""Frames of what COPY sends: all rows, no row, and an error on the way, after which the connection goes on."""

import polars as pl
import psycopg
import pytest

from orchestration.defs.frames import copied_frame

NUMBER = {"number": pl.Int64}


def test_every_row_comes_in_order(make_database):
    with psycopg.connect(make_database()) as connection:
        # So many that they come in many parts.
        found = copied_frame(connection, "select n from generate_series(1, 200000) n", NUMBER)
        assert found["number"].to_list() == list(range(1, 200_001))
        assert copied_frame(connection, "select n from generate_series(1, %(end)s) n", NUMBER, {"end": 0}).is_empty()


@pytest.mark.parametrize("bad", [1, 3, 150_000])
def test_an_error_on_the_way_is_raised_and_the_connection_goes_on(make_database, bad):
    with psycopg.connect(make_database()) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            copied_frame(connection, f"select 1 / (n - {bad}) from generate_series(1, 200000) n", NUMBER)
        connection.rollback()
        assert copied_frame(connection, "select 7", NUMBER)["number"].to_list() == [7]
