"""Text columns to typed columns by a feed's contract: what fits, and every reason why the rest does not.

Not here: reading, writing, duplicates. Nothing is rounded, trimmed or guessed: a value fits as it is or its row is out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingestion.check_digits import has_check_digit
from ingestion.contract import Column, Contract
from ingestion.readers import TextChunk

UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
NUMERIC_PATTERN = r"^-?\d{1,100}(\.\d{1,100})?$"
TIMESTAMP_PATTERN = (
    r"^\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
    r"([Zz]|[+-](0\d|1[0-5])(:?[0-5]\d)?)?$"
)
TRUE_WORDS, FALSE_WORDS = ("true", "t", "1"), ("false", "f", "0")
EARLIEST_DATE, LATEST_DATE = date(1900, 1, 1), date(2100, 12, 31)
CLOCK_TOLERANCE = timedelta(days=1)

EXPECTATIONS = {
    "uuid": "a UUID",
    "date": "a date YYYY-MM-DD",
    "timestamptz": "an ISO 8601 time with at most 6 decimals of a second",
    "bigint": "a whole number of 64 bits",
    "numeric": "a decimal number with a point",
    "boolean": "true or false",
    "json": "JSON",
}


@dataclass(frozen=True)
class Rejection:
    """A row that breaks the contract, with every reason. `row` is its index in the chunk."""

    row: int
    reasons: list[str]


@dataclass(frozen=True)
class JudgedChunk:
    """The good rows, typed, and the rejections.

    `typed` has one column per contract column, and `_extra` (JSON text or null); `rows` are the rows' indices in the
    text chunk.
    """

    typed: pl.DataFrame
    rows: NDArray[np.int64]
    rejections: list[Rejection]


@dataclass(frozen=True)
class _Violation:
    """Where a column breaks one rule, and the rule in words."""

    column: Column
    where: pl.Series
    expected: str
    shows_value: bool = True


def _parse_timestamp(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text that fits TIMESTAMP_PATTERN as UTC microseconds; no offset means UTC."""
    seconds = (
        text.str.slice(0, 19).str.replace("[ ]", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    )
    fraction = text.str.extract(r"\.(\d+)", 1).str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    sign = pl.when(text.str.slice(19).str.contains("-", literal=True)).then(-1).otherwise(1)
    hours = text.str.slice(19).str.extract(r"[+-](\d{2})", 1).cast(pl.Int64).fill_null(0)
    minutes = text.str.slice(19).str.extract(r"[+-]\d{2}:?(\d{2})", 1).cast(pl.Int64).fill_null(0)
    offset = pl.duration(microseconds=fraction - sign * (hours * 3600 + minutes * 60) * 1_000_000)
    return (seconds + offset).dt.replace_time_zone("UTC")


def _typed(text: pl.Series, column: Column) -> pl.Series:
    """The column as its type, null where the text does not fit."""
    value, parsed = pl.col(text.name), pl.col(text.name)
    match column.type:
        case "uuid":
            parsed = pl.when(value.str.contains(UUID_PATTERN)).then(value)
        case "bigint":
            parsed = pl.when(value.str.contains(r"^-?\d{1,19}$")).then(value).cast(pl.Int64, strict=False)
        case "numeric":
            parsed = pl.when(value.str.contains(NUMERIC_PATTERN)).then(value)
        case "date":
            parsed = (
                pl.when(value.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(value).str.to_date("%Y-%m-%d", strict=False)
            )
        case "timestamptz":
            # All of a file's times are mostly in the one plain form, which parses five times as fast.
            if text.str.contains(r"^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$").all():
                plain = value.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us")
                parsed = plain.dt.replace_time_zone("UTC")
            else:
                parsed = _parse_timestamp(pl.when(value.str.contains(TIMESTAMP_PATTERN)).then(value))
        case "boolean":
            lower = value.str.to_lowercase()
            parsed = pl.when(lower.is_in(TRUE_WORDS)).then(True).when(lower.is_in(FALSE_WORDS)).then(False)
        case "json":
            fits = {v: _is_json(v) for v in text.drop_nulls().unique()}
            return text.zip_with(text.is_in([v for v, ok in fits.items() if ok]), pl.Series([None], dtype=pl.String))
        case _:
            return text
    return text.to_frame().select(parsed.alias(text.name)).to_series()


def _is_json(text: str) -> bool:
    """Whether PostgreSQL's jsonb takes the text: strict JSON, no NUL, no lone surrogate, bounded numbers."""

    def refuse(name: str) -> object:
        raise ValueError(name)

    try:
        value = json.loads(text, parse_constant=refuse)
        rendered = json.dumps(value, ensure_ascii=False)
        rendered.encode("utf-8")
        return "\\u0000" not in rendered and "Infinity" not in rendered
    except (ValueError, RecursionError):
        return False


class Judge:
    """Judges the rows of one file. `now` is the clock that event times are held against."""

    def __init__(self, contract: Contract, now: datetime) -> None:
        self.contract = contract
        self._latest = now.astimezone(UTC) + CLOCK_TOLERANCE
        self._checks: tuple[Callable[[Column, pl.Series], list[_Violation]], ...] = (
            self._list_and_pattern,
            self._check_digit,
            self._range,
            self._decimals,
            self._times,
        )

    def judge(self, chunk: TextChunk) -> JudgedChunk:
        """Types every column and sorts the rows into good ones and rejections."""
        texts = chunk.columns
        count = len(texts)
        typed: dict[str, pl.Series] = {}
        violations: list[_Violation] = []
        for column in self.contract.all_columns:
            if column.name not in texts.columns:
                typed[column.name] = _typed(pl.Series(column.name, [None] * count, pl.String), column)
            else:
                typed[column.name] = _typed(texts[column.name], column)
                misfit = texts[column.name].is_not_null() & typed[column.name].is_null()
                violations.append(_Violation(column, misfit, f"expected {EXPECTATIONS.get(column.type, 'text')}"))
            if column.default is not None:
                # A value that does not fit stays out; only an absent one gets the default.
                typed[column.name] = self._with_default(column, typed[column.name])
            for check in self._checks:
                violations += check(column, typed[column.name])
        violations += self._required(texts, typed)
        violations = [violation for violation in violations if violation.where.any()]
        frame = pl.DataFrame(list(typed.values())).with_columns(self._extra(texts))
        return self._sort(texts, frame, violations)

    @staticmethod
    def _with_default(column: Column, values: pl.Series) -> pl.Series:
        return values.fill_null(column.default)

    def _required(self, texts: pl.DataFrame, typed: dict[str, pl.Series]) -> list[_Violation]:
        """Missing values; a row that takes its entity back needs its identity only."""
        takes_back = typed["is_deleted"].fill_null(False)
        violations = []
        for column in self.contract.all_columns:
            if not column.required:
                continue
            absent = texts[column.name].is_null() if column.name in texts.columns else typed[column.name].is_null()
            if column.name not in self.contract.identity:
                absent = absent & ~takes_back
            violations.append(_Violation(column, absent, "expected a value", shows_value=False))
        return violations

    @staticmethod
    def _list_and_pattern(column: Column, values: pl.Series) -> list[_Violation]:
        violations = []
        if column.values:
            misfit = ~values.is_in(column.values)
            violations.append(
                _Violation(column, misfit.fill_null(False), f"expected one of {', '.join(column.values)}")
            )
        if column.pattern:
            misfit = ~values.str.contains(f"^(?:{column.pattern})$")
            violations.append(_Violation(column, misfit.fill_null(False), f"expected the form {column.pattern}"))
        return violations

    @staticmethod
    def _check_digit(column: Column, values: pl.Series) -> list[_Violation]:
        if column.check_digit is None:
            return []
        wrong = [value for value in values.drop_nulls().unique() if not has_check_digit(value)]
        misfit = values.is_in(wrong).fill_null(False)
        return [_Violation(column, misfit, f"expected a last digit that checks the others ({column.check_digit})")]

    @staticmethod
    def _range(column: Column, values: pl.Series) -> list[_Violation]:
        if column.min is None and column.max is None:
            return []
        numbers = values.cast(pl.Float64) if column.type == "numeric" else values
        violations = []
        if column.min is not None:
            violations.append(
                _Violation(column, (numbers < column.min).fill_null(False), f"expected at least {column.min:g}")
            )
        if column.max is not None:
            violations.append(
                _Violation(column, (numbers > column.max).fill_null(False), f"expected at most {column.max:g}")
            )
        return violations

    @staticmethod
    def _decimals(column: Column, values: pl.Series) -> list[_Violation]:
        if column.decimals is None:
            return []
        digits = values.str.strip_chars_end("0").str.extract(r"\.(\d*)$", 1).str.len_bytes()
        misfit = (digits > column.decimals) & values.str.contains(".", literal=True)
        return [_Violation(column, misfit.fill_null(False), f"expected at most {column.decimals} decimals")]

    def _times(self, column: Column, values: pl.Series) -> list[_Violation]:
        """Dates and times within 1900 to 2100; event times not before the feed's earliest, not ahead of the clock."""
        if column.type not in ("date", "timestamptz"):
            return []
        earliest = self.contract.earliest_event if column.event_time else EARLIEST_DATE
        days = values if column.type == "date" else values.dt.date()
        outside = (days < earliest) | (days > LATEST_DATE)
        violations = [_Violation(column, outside.fill_null(False), f"expected {earliest} to {LATEST_DATE}")]
        if column.event_time:
            latest = self._latest.date() if column.type == "date" else self._latest
            ahead = (values > latest).fill_null(False)
            expected = f"expected an event no later than a day after its load ({self._latest:%Y-%m-%dT%H:%MZ})"
            violations.append(_Violation(column, ahead, expected))
        return violations

    def _extra(self, texts: pl.DataFrame) -> pl.Expr:
        """Columns that no contract knows, as a JSON object per row."""
        known = {column.name for column in self.contract.all_columns}
        unknown = [name for name in texts.columns if name not in known]
        if not unknown:
            return pl.lit(None, pl.String).alias("_extra")
        rows = [
            json.dumps({name: value for name, value in row.items() if value is not None}) if any(row.values()) else None
            for row in texts.select(unknown).iter_rows(named=True)
        ]
        return pl.lit(pl.Series("_extra", rows, pl.String))

    def _sort(self, texts: pl.DataFrame, frame: pl.DataFrame, violations: list[_Violation]) -> JudgedChunk:
        if not violations:
            return JudgedChunk(frame, np.arange(len(frame), dtype=np.int64), [])
        reasons: dict[int, list[str]] = {}
        for violation in violations:
            column = violation.column
            found = texts[column.name] if violation.shows_value and column.name in texts.columns else None
            for row in violation.where.arg_true().to_list():
                shown = (
                    f", found {found[row][:80]!r}" if found is not None and found[row] and not column.personal else ""
                )
                reasons.setdefault(row, []).append(f"{column.name}: {violation.expected}{shown}")
        is_good = np.ones(len(frame), dtype=bool)
        is_good[list(reasons)] = False
        good = np.flatnonzero(is_good).astype(np.int64)
        return JudgedChunk(frame[good], good, [Rejection(row, reasons[row]) for row in sorted(reasons)])
