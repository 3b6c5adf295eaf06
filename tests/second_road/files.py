"""Landed files to the rows that count, one by one in plain Python, by the rules of the landing contract.

Not here: the pipeline's readers and rules; this is what they are held against.
"""

import csv
import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

import pyarrow.parquet
import yaml

CONTRACTS = Path(__file__).parents[2] / "ingestion" / "contracts"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|[+-]\d\d:?\d\d|[+-]\d\d)?", re.IGNORECASE)


@dataclass
class Feed:
    """What a feed's files hold: counts over the distinct contents, and the winning row of each identity."""

    name: str
    rows: int = 0
    bad: int = 0
    repeated: int = 0
    winners: dict[tuple, dict] = field(default_factory=dict)

    def newest(self) -> list[dict]:
        """The newest version of each key, entities that were taken back left out."""
        contract = read_contract(self.name)
        newest: dict[tuple, dict] = {}
        for row in self.winners.values():
            key = tuple(row[name] for name in contract["key"])
            if key not in newest or row["updated_at"] > newest[key]["updated_at"]:
                newest[key] = row
        return [row for row in newest.values() if not row["is_deleted"]]

    def newest_events(self) -> list[dict]:
        """The rows of a feed without versions."""
        return [row for row in self.winners.values() if not row["is_deleted"]]

    def versions(self) -> dict[object, list[dict]]:
        """All versions by the first column of the key, oldest first."""
        key = read_contract(self.name)["key"][0]
        found: dict[object, list[dict]] = {}
        for row in sorted(self.winners.values(), key=lambda row: row["updated_at"]):
            found.setdefault(row[key], []).append(row)
        return found


@cache
def read_contract(feed: str) -> dict:
    return yaml.safe_load((CONTRACTS / f"{feed}.yml").read_text(encoding="utf-8"))


def feed_names() -> list[str]:
    return sorted(path.stem for path in CONTRACTS.glob("*.yml"))


def _unpacked(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.name.endswith(".gz") else content).decode("utf-8-sig")


def _rows(path: Path) -> list[dict | None]:
    """Rows as dictionaries of text, in file order; None for one that does not fit its header."""
    if path.name.endswith(".parquet"):
        return [{k: _text(v) for k, v in row.items()} for row in pyarrow.parquet.read_table(path).to_pylist()]
    if ".jsonl" in path.name:
        return [{k: _text(v) for k, v in json.loads(line).items()} for line in _unpacked(path).splitlines() if line]
    header, *lines = list(csv.reader(_unpacked(path).splitlines(keepends=True)))
    return [
        {k: v or None for k, v in zip(header, line, strict=True)} if len(line) == len(header) else None
        for line in lines
        if line
    ]


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _time(text: str) -> datetime:
    day, clock, fraction, zone = TIME.fullmatch(text).groups()
    at = datetime.fromisoformat(f"{day}T{clock}{fraction or ''}{(zone or 'Z').upper().replace('Z', '+00:00')}")
    return at.astimezone(UTC)


def _value(column: dict, text: str) -> object:
    """The typed value; ValueError, AttributeError or InvalidOperation if the text is not of the type."""
    kind = column["type"]
    if kind == "uuid":
        return UUID.fullmatch(text)[0].lower()
    if kind == "bigint":
        return int(re.fullmatch(r"-?\d+", text)[0])
    if kind == "numeric":
        return Decimal(re.fullmatch(r"-?\d+(\.\d+)?", text)[0])
    if kind == "date":
        return date.fromisoformat(re.fullmatch(r"\d{4}-\d\d-\d\d", text)[0])
    if kind == "timestamptz":
        return _time(text)
    if kind == "boolean":
        return {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}[text.lower()]
    return json.loads(text) if kind == "json" else text


def _passes_luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + position % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _fits(column: dict, value: object, earliest: date, now: datetime) -> bool:
    if "values" in column and value not in column["values"]:
        return False
    if "pattern" in column and not re.fullmatch(column["pattern"], value):
        return False
    if column.get("check_digit") == "luhn" and not _passes_luhn(value):
        return False
    if ("min" in column and value < column["min"]) or ("max" in column and value > column["max"]):
        return False
    if "decimals" in column and value != round(value, column["decimals"]):
        return False
    if isinstance(value, date):
        day = value.date() if isinstance(value, datetime) else value
        latest = now + timedelta(days=1)
        if column.get("event_time") and value > (latest if isinstance(value, datetime) else latest.date()):
            return False
        return (earliest if column.get("event_time") else date(1900, 1, 1)) <= day <= date(2100, 12, 31)
    return True


def _typed(contract: dict, row: dict | None, now: datetime) -> dict | None:
    """The row with typed values, or None if it breaks the contract."""
    if row is None:
        return None
    earliest = contract.get("earliest_event", date(1900, 1, 1))
    typed: dict = {"is_deleted": row.get("is_deleted") in ("true", "t", "1")}
    for column in contract["columns"]:
        text = row.get(column["name"])
        if text is None:
            if column.get("required"):
                return None
            typed[column["name"]] = column.get("default")
            continue
        try:
            typed[column["name"]] = _value(column, text)
        except (ValueError, KeyError, TypeError, InvalidOperation, AttributeError):
            return None
        if not _fits(column, typed[column["name"]], earliest, now):
            return None
    return typed


def read_feed(landing: Path, name: str) -> Feed:
    """Reads all of a feed's files in the order of delivery; the later delivery, then the later line wins."""
    contract, feed, now = read_contract(name), Feed(name), datetime.now(UTC)
    identity = [
        *contract["key"],
        *(["updated_at"] if any(c["name"] == "updated_at" for c in contract["columns"]) else []),
    ]
    files = [path for path in sorted((landing / name).rglob("*")) if path.is_file()]
    contents = {}
    for path in files:
        contents.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    for _, path in sorted(contents.items(), key=lambda item: (item[1].stat().st_mtime_ns, item[0])):
        for row in _rows(path):
            feed.rows += 1
            typed = _typed(contract, row, now)
            if typed is None:
                feed.bad += 1
                continue
            key = tuple(typed[column] for column in identity)
            feed.repeated += key in feed.winners
            feed.winners[key] = typed
    return feed
