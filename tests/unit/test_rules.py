"""The rules take what fits a type and nothing else, and say why."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.check_digits import has_check_digit
from ingestion.contract import Contract
from ingestion.readers import TextChunk
from ingestion.rules import Judge, JudgedChunk

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def contract_of(*columns: dict, **changes) -> Contract:
    identity = {"name": "id", "type": "text", "required": True, "description": "Key."}
    described = [{"description": "A column.", **column} for column in columns]
    fields = {"feed": "f", "source_system": "s", "description": "d", "key": ["id"], "columns": [identity, *described]}
    return Contract.model_validate({**fields, "expected_every": "1 day", "grace": "1 day", **changes})


def judge(contract: Contract, **columns: list[str | None]) -> JudgedChunk:
    count = len(next(iter(columns.values())))
    frame = pl.DataFrame(
        {"id": [str(i) for i in range(count)], **columns}, schema_overrides=dict.fromkeys(columns, pl.String)
    )
    return Judge(contract, NOW).judge(TextChunk(frame, np.arange(count) + 2, str))


def accepted(kind: str, *texts: str | None, **attributes) -> list[object]:
    """The typed values of the texts, "rejected" where one is not accepted."""
    judged = judge(contract_of({"name": "x", "type": kind, **attributes}), x=list(texts))
    values: list[object] = ["rejected"] * len(texts)
    for row, value in zip(judged.rows.tolist(), judged.typed["x"].to_list(), strict=True):
        values[row] = value
    return values


def test_timestamps():
    at = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    good = ["2026-01-01T12:30:00Z", "2026-01-01 12:30:00", "2026-01-01T06:30:00-06:00", "2026-01-01T18:00:00.000+0530"]
    assert accepted("timestamptz", *good) == [at] * 4
    assert accepted("timestamptz", "2026-01-01T12:30:00.123456Z") == [at + timedelta(microseconds=123456)]
    bad = ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01", "01/02/2026",
           "2026-01-01T00:00:00.1234567Z", " 2026-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-01-01T00:00:00Z",
           "1899-12-31T23:59:59Z"]  # fmt: skip
    assert accepted("timestamptz", *bad) == ["rejected"] * len(bad)


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2100, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
)
def test_every_iso_time_is_read_to_the_microsecond(local, offset_minutes, separator):
    at = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert accepted("timestamptz", at.isoformat(separator)) == [at.astimezone(UTC)]


@given(st.text(max_size=30))
def test_no_text_makes_the_rules_fail(text):
    for kind in ("uuid", "date", "timestamptz", "bigint", "numeric", "boolean", "json"):
        accepted(kind, text)


@given(st.integers(-(2**70), 2**70))
def test_whole_numbers_are_exact_or_out(number):
    fits = -(2**63) <= number < 2**63
    assert accepted("bigint", str(number)) == [number if fits else "rejected"]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_decimals_are_kept_as_written(number):
    text = f"{number:f}"
    assert accepted("numeric", text) == [text]
    assert Decimal(text) == number


def test_other_types():
    assert accepted("date", "2024-02-29", "2023-02-29", "2024-2-29", None) == [
        date(2024, 2, 29),
        "rejected",
        "rejected",
        None,
    ]
    assert accepted("boolean", "TRUE", "f", "1", "yes") == [True, False, True, "rejected"]
    assert accepted("numeric", "1.10", "-0.5", "1e5", ".5", "NaN", "1,5", "") == [
        "1.10",
        "-0.5",
        *["rejected"] * 4,
        "rejected",
    ]
    assert accepted("bigint", "7", "7.0", "+7", "٧") == [7, "rejected", "rejected", "rejected"]
    assert accepted("uuid", "0" * 8 + "-0000-0000-0000-" + "0" * 12, "{}", "0" * 32)[1:] == ["rejected"] * 2
    assert accepted("json", '{"a": [1]}', "{a: 1}", '"\\u0000"', '"\\ud800"', "NaN", "1e999") == [
        '{"a": [1]}', "rejected", "rejected", "rejected", "rejected", "rejected"]  # fmt: skip


def test_lists_patterns_ranges_and_decimals():
    assert accepted("enum", "a", "A", values=["a", "b"]) == ["a", "rejected"]
    assert accepted("text", "12", "123", "x12", pattern=r"\d{2}") == ["12", "rejected", "rejected"]
    assert accepted("numeric", "0", "-0.01", "100", "100.001", min=0, max=100) == ["0", "rejected", "100", "rejected"]
    assert accepted("numeric", "1.25", "1.250", "1.255", "3", decimals=2) == ["1.25", "1.250", "rejected", "3"]


def test_check_digits():
    rules = {"pattern": r"\d{15}", "check_digit": "luhn"}
    assert accepted("text", "490154203237518", "490154203237519", "94015420323751x", **rules) == [
        "490154203237518", "rejected", "rejected"]  # fmt: skip


@given(st.text("0123456789", min_size=14, max_size=14))
def test_one_check_digit_fits_and_a_wrong_digit_is_seen(body):
    fitting = [digit for digit in "0123456789" if has_check_digit(body + digit)]
    assert len(fitting) == 1
    for position in range(14):
        changed = str((int(body[position]) + 1) % 10)
        assert not has_check_digit(body[:position] + changed + body[position + 1 :] + fitting[0])


def test_every_reason_is_given_and_personal_values_are_not():
    contract = contract_of(
        {"name": "kind", "type": "enum", "values": ["a"]},
        {"name": "phone", "type": "text", "pattern": r"\d+", "personal": True},
        {"name": "must", "type": "bigint", "required": True},
    )
    judged = judge(contract, kind=["b"], phone=["secret"], must=[None])
    assert judged.rejections[0].reasons == [
        "kind: expected one of a, found 'b'",
        r"phone: expected the form \d+",
        "must: expected a value",
    ]


def test_event_times_are_held_against_the_clock():
    contract = contract_of({"name": "at", "type": "timestamptz", "event_time": True}, earliest_event="2000-01-01")
    texts = ["1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "2026-06-02T00:00:00Z", "2026-06-02T00:00:01Z"]
    assert judge(contract, at=texts).rows.tolist() == [1, 2]
    plan = contract_of({"name": "ends_on", "type": "date"})
    assert judge(plan, ends_on=["2099-01-01"]).rows.tolist() == [0]


def test_a_deletion_needs_its_identity_only():
    contract = contract_of({"name": "must", "type": "bigint", "required": True})
    assert judge(contract, must=[None, None], is_deleted=["true", "false"]).rows.tolist() == [0]


def test_defaults_and_unknown_columns():
    contract = contract_of({"name": "version", "type": "bigint", "default": 1})
    judged = judge(contract, version=[None, "2", "x"], hobby=["chess", None, None])
    assert judged.typed["version"].to_list() == [1, 2]
    assert judged.typed["_extra"].to_list() == ['{"hobby": "chess"}', None]
    with pytest.raises(KeyError):
        contract.column("hobby")
