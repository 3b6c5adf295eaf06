"""The declarative contract of a feed: what a landed file may hold, as data read from `contracts/*.yml`.

Not here: how rows are read, judged or written. Everything that needs a column's name or type asks here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from ingestion.shapes import shapes

CONTRACTS_FOLDER = Path(__file__).parent / "contracts"

ColumnType = Literal["uuid", "text", "enum", "date", "timestamptz", "bigint", "numeric", "boolean", "json"]

# PostgreSQL's type for each contract type; an enumeration is text whose values the contract judges.
SQL_TYPES: dict[str, str] = {
    "uuid": "uuid",
    "text": "text",
    "enum": "text",
    "date": "date",
    "timestamptz": "timestamptz",
    "bigint": "bigint",
    "numeric": "numeric",
    "boolean": "boolean",
    "json": "jsonb",
}


class ContractError(ValueError):
    """A contract file is not what a contract must be; the message names file, place and expectation."""


def _duration(value: object) -> timedelta:
    """Reads "7 days" or "12 hours"."""
    match = re.fullmatch(r"(\d+) (hour|day)s?", str(value))
    if not match:
        raise ValueError(f"expected a duration such as '1 day' or '12 hours', found {value!r}")
    amount = int(match[1])
    return timedelta(hours=amount) if match[2] == "hour" else timedelta(days=amount)


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Column(BaseModel):
    """One column of a feed. `personal` columns get a keyed hash beside them in the raw table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: ColumnType
    description: str
    required: bool = False
    values: tuple[str, ...] = ()
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    decimals: int | None = None
    check_digit: Literal["luhn"] | None = None
    shape: str | None = None
    example: str | None = None
    default: str | int | None = None
    event_time: bool = False
    personal: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if (self.type == "enum") != bool(self.values):
            raise ValueError(f"column {self.name}: an enum, and only an enum, lists its values")
        if self.event_time and self.type not in ("timestamptz", "date"):
            raise ValueError(f"column {self.name}: event_time belongs to a timestamptz or a date, not a {self.type}")
        if self.decimals is not None and self.type != "numeric":
            raise ValueError(f"column {self.name}: decimals belong to a numeric, not a {self.type}")
        if self.shape and self.type != "json":
            raise ValueError(f"column {self.name}: a shape belongs to a json, not a {self.type}")
        if self.shape and self.shape not in shapes():
            raise ValueError(f"column {self.name}: no shape {self.shape!r}; known shapes: {', '.join(shapes())}")
        if self.pattern and self.example is None:
            raise ValueError(f"column {self.name}: a pattern needs an example that it accepts")
        if self.check_digit and not self.pattern:
            raise ValueError(f"column {self.name}: a check digit needs a pattern of digits beside it")
        return self

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]

    @property
    def hmac_name(self) -> str:
        return f"{self.name}_hmac"


IS_DELETED = Column(
    name="is_deleted", type="boolean", description="True where this version ends the entity: its sender took it back."
)


class Partitioning(BaseModel):
    """By which timestamp the raw table is range-partitioned, and how wide a partition is (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    granularity: Literal["month"]


class Dirtying(BaseModel):
    """Which entity's facts a row of the feed changes, whatever their day: its name, and the column of its id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: str
    column: str


class Contract(BaseModel):
    """The contract of one feed.

    `identity` is what may stand once in the raw table: the key, and `updated_at` where the feed has it. `issue_number`
    is the column of the key that counts the issues of one thing (the versions of a bill).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: str
    source_system: str
    description: str
    key: tuple[str, ...]
    issue_number: str | None = None
    columns: tuple[Column, ...]
    partition_by: Partitioning | None = None
    touched_by: str | None = None
    dirties: Dirtying | None = None
    earliest_event: date = date(1900, 1, 1)
    expected_every: Duration
    grace: Duration

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("a column is named twice")
        dirtied_by = self.dirties.column if self.dirties else None
        for name in (*self.key, *(name for name in (self.touched_by, dirtied_by) if name)):
            if name not in names:
                raise ValueError(f"{name} is no column of the feed")
        for name in self.identity:
            if not (self.column(name).required or self.column(name).default is not None):
                raise ValueError(f"{name} is part of the key, so it must be required or have a default")
        if self.issue_number and self.issue_number not in self.key[1:]:
            raise ValueError(f"the issue number {self.issue_number} must be part of the key, after what it numbers")
        if self.partition_by and self.partition_by.column not in self.key:
            raise ValueError(f"the partition column {self.partition_by.column} must be part of the key")
        return self

    @property
    def is_versioned(self) -> bool:
        """Whether every version of an entity is kept (the feed has updated_at)."""
        return any(column.name == "updated_at" for column in self.columns)

    @property
    def identity(self) -> tuple[str, ...]:
        return (*self.key, "updated_at") if self.is_versioned else self.key

    @property
    def entity_key(self) -> tuple[str, ...]:
        """What names the thing itself, whichever of its issues and versions a row is."""
        return tuple(name for name in self.key if name != self.issue_number)

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The feed's own columns and `is_deleted`, in the order of the raw table."""
        return (*self.columns, IS_DELETED)

    @property
    def personal_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.personal)

    def column(self, name: str) -> Column:
        for column in self.all_columns:
            if column.name == name:
                return column
        raise KeyError(f"feed {self.feed} has no column {name}")


def load_contract(path: Path) -> Contract:
    """Reads one contract file; a mistake in it is a ContractError that names file and place."""
    try:
        contract = Contract.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise ContractError(f"{path}: not a valid feed contract: {error}") from error
    if contract.feed != path.stem:
        raise ContractError(f"{path}: expected feed: {path.stem}, found feed: {contract.feed}")
    return contract


@cache
def contracts() -> dict[str, Contract]:
    """Every feed's contract by the feed's name, in alphabetical order."""
    return {path.stem: load_contract(path) for path in sorted(CONTRACTS_FOLDER.glob("*.yml"))}


def contract(feed: str) -> Contract:
    """The contract of a feed; an unknown feed is an error that lists those that exist."""
    known = contracts()
    if feed not in known:
        raise ContractError(f"no contract for feed {feed!r}; known feeds: {', '.join(known)}")
    return known[feed]


def feeds() -> Iterator[str]:
    """The names of all feeds."""
    return iter(contracts())
