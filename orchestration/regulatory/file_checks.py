"""The checks of one file, ours or somebody else's: bytes and layout in, findings out.

Not here: what needs more than the file (package_checks).
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from orchestration.regulatory.findings import Finding, finding
from orchestration.regulatory.layouts import Layout, read_seed

# What a check of a value says: the check's name and its words, None where the value is right.
Problem = tuple[str, dict[str, object]] | None
_SPEED = re.compile(r"\d+(\.\d{1,3})?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WHOLE = re.compile(r"\d+")
_FIRST_LOCATION, _LAST_LOCATION = 10**9, 10**10 - 1


@dataclass(frozen=True)
class Known:
    """What values are held against: 2020 census tracts by state, and the speed that one direction must be over."""

    tracts: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    over_mbps: float = 0.2
    low_mbps: tuple[float, float] = (25, 3)


@functools.cache
def _states() -> frozenset[str]:
    return frozenset(row["state_fips"] for row in read_seed("state_codes"))


@functools.cache
def _technologies(column: str) -> tuple[str, ...]:
    """The codes that a file may have, in their order."""
    return tuple(sorted({row[column] for row in read_seed("technology_codes") if row[column]}, key=int))


def _code(column: str) -> Callable[[str, Known], Problem]:
    def check(value: str, _: Known) -> Problem:
        codes = _technologies(column)
        return None if value in codes else ("technology_unknown", {"value": value, "expected": ", ".join(codes)})

    return check


def _matches(pattern: str, check: str) -> Callable[[str, Known], Problem]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value, _: None if compiled.fullmatch(value) else (check, {"value": value})


def _tract(value: str, known: Known) -> Problem:
    if not re.fullmatch(r"\d{11}", value, re.ASCII):
        return "tract_form", {"value": value}
    listed = known.tracts.get(value[:2])
    if listed is not None and value not in listed:
        return "tract_unknown", {"value": value, "state": value[:2]}
    return None


def _state(value: str, _: Known) -> Problem:
    return None if value in _states() else ("state_form", {"value": value})


def _speed(value: str, _: Known) -> Problem:
    return None if _SPEED.fullmatch(value) and float(value) > 0 else ("speed_invalid", {"value": value})


def _whole_speed(value: str, known: Known) -> Problem:
    if not _NUMBER.fullmatch(value) or float(value) <= 0:
        return _speed(value, known)
    return None if _WHOLE.fullmatch(value) else ("speed_not_whole", {"value": value})


def _location(value: str, _: Known) -> Problem:
    if _WHOLE.fullmatch(value) and _FIRST_LOCATION <= int(value) <= _LAST_LOCATION:
        return None
    return "location_invalid", {"value": value}


_VALUES: dict[str, Callable[[str, Known], Problem]] = {
    "tract": _tract,
    "block": _matches(r"\d{15}", "block_form"),
    "state": _state,
    "technology": _code("fixed_technology_code"),
    "availability_technology": _code("availability_technology_code"),
    "block_technology": _code("block_technology_code"),
    "speed": _speed,
    "whole_speed": _whole_speed,
    "block_speed": _matches(r"\d+(\.\d{1,3})?", "speed_invalid"),
    "total": _matches(r"\d+", "count_invalid"),
    "part": _matches(r"\d+", "count_invalid"),
    "count": _matches(r"\d+", "count_invalid"),
    "flag": _matches(r"[01]", "flag_invalid"),
    "location": _location,
    "provider_number": _matches(r"\d{6}", "provider_number_invalid"),
    "residential_code": _matches(r"[BRX]", "residential_code_invalid"),
    "number": _matches(r"(-?\d+(\.\d+)?)?", "number_invalid"),
}
_MAY_BE_EMPTY = frozenset({"number"})


def _check_value(kind: str, value: str, known: Known) -> Problem:
    if kind == "text":
        return None
    if value == "" and kind in _MAY_BE_EMPTY:
        return None
    return _VALUES[kind](value, known)


def _row_problems(layout: Layout, row: Sequence[str], known: Known) -> Iterator[tuple[str | None, Problem]]:
    """Each problem of a row with the column that has it."""
    wrong = set()
    for column, value in zip(layout.columns, row, strict=True):
        problem = (
            ("text_missing", {}) if column.kind == "text" and column.is_key and not value
            else _check_value(column.kind, value, known)
        )  # fmt: skip
        if problem:
            wrong.add(column.kind)
            yield column.name, problem
    totals = layout.places("total")
    if totals and "total" not in wrong:
        total = int(row[totals[0]])
        if total == 0:
            yield layout.columns[totals[0]].name, ("zero_total", {})
        for place in layout.places("part"):
            if "part" not in wrong and int(row[place]) > total:
                yield layout.columns[place].name, ("part_over_total", {"value": row[place], "expected": total})
    speeds = layout.places("speed")
    has_both = layout.places("technology") and speeds and "speed" not in wrong
    if has_both and max(float(row[place]) for place in speeds) <= known.over_mbps:
        yield layout.columns[speeds[0]].name, ("too_slow", {"expected": f"{known.over_mbps:g}"})
    whole = layout.places("whole_speed")
    if whole and "whole_speed" not in wrong and _is_low(row, whole, known):
        said = "/".join(row[place] for place in whole)
        yield layout.columns[whole[0]].name, ("speed_below_tiers", {"value": said})


def _is_low(row: Sequence[str], places: Sequence[int], known: Known) -> bool:
    """Whether a speed is below the line, and is none of the tiers that are entered."""
    speeds = tuple(int(row[place]) for place in places)
    tiers = {
        (int(float(one["tier_download_mbps"])), int(float(one["tier_upload_mbps"]))) for one in read_seed("speed_tiers")
    }
    return (speeds[0] < known.low_mbps[0] or speeds[1] < known.low_mbps[1]) and speeds not in tiers


def _check_rows(layout: Layout, rows: Sequence[Sequence[str]], known: Known) -> Iterator[Finding]:
    seen: dict[tuple[str, ...], int] = {}
    wireless: dict[str, str] = {}
    codes = {row["availability_technology_code"] for row in read_seed("technology_codes")
             if row["is_terrestrial_wireless"] == "true"}  # fmt: skip
    place_of = {column.kind: place for place, column in enumerate(layout.columns)}
    unlisted = set()
    keys = ", ".join(column.name for column in layout.columns if column.is_key)
    for number, row in enumerate(rows, 1):
        if len(row) != len(layout.columns):
            yield finding(
                "columns_wrong", file=layout.file_name, row=number, expected=len(layout.columns), value=len(row)
            )
            continue
        for column, problem in _row_problems(layout, row, known):
            if problem:
                yield finding(problem[0], file=layout.file_name, row=number, column=column, **problem[1])
        first = seen.setdefault(layout.key(row), number)
        if first != number:
            yield finding("duplicate_key", file=layout.file_name, row=number, expected=keys, value=first)
        if "tract" in place_of and (state := row[place_of["tract"]][:2]) not in known.tracts and state not in unlisted:
            unlisted.add(state)
            yield finding(
                "tract_list_missing", file=layout.file_name, row=number, column=layout.columns[place_of["tract"]].name,
                value=row[place_of["tract"]], state=state,
            )  # fmt: skip
        if "location" in place_of and row[place_of["availability_technology"]] in codes:
            location, code = row[place_of["location"]], row[place_of["availability_technology"]]
            if wireless.setdefault(location, code) != code:
                yield finding(
                    "two_wireless_technologies", file=layout.file_name, row=number, column="technology", value=location
                )


def check_file(layout: Layout, content: bytes, known: Known, *, with_header: bool | None = None) -> list[Finding]:
    """Everything that the FCC's own checks would say of a file, by row.

    Args:
        layout: what the file should be.
        content: its bytes.
        known: what values are held against.
        with_header: whether it must have the header; None: as the layout has it, and where none is asked it may.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return [finding("encoding_wrong", file=layout.file_name, value=f"byte {error.start}")]
    found = []
    if re.search(r"(?<!\r)\n", text) or (text and not text.endswith("\r\n")):
        found.append(finding("line_end_wrong", file=layout.file_name))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    has_header = bool(rows) and rows[0] == layout.header
    if (layout.has_header if with_header is None else with_header) and not has_header:
        shown = ",".join(rows[0]) if rows else "nothing"
        found.append(finding("header_wrong", file=layout.file_name, expected=",".join(layout.header), value=shown))
    found += _check_rows(layout, rows[1:] if has_header else rows, known)
    return found
