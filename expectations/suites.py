"""The suites at the raw border, read from `feeds/*.yml`, and the thresholds that they judge by, from `thresholds.yml`.

Not here: how a suite is run. Types, lists and ranges are the contract's affair and are not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.contract import Contract, contract, contracts

FOLDER = Path(__file__).parent
SUITES_FOLDER = FOLDER / "feeds"
THRESHOLDS_FILE = FOLDER / "thresholds.yml"

Severity = Literal["critical", "warning"]
Model = TypeVar("Model", bound=BaseModel)

IDENTITY = "identity_is_unique"
PARENTS = "parents_are_known"
VOLUME = "volume_is_usual"
MEASURES = "measures_are_usual"
NEWEST = "newest_event_is_fresh"


class SuiteError(ValueError):
    """A suite or a threshold is not what it must be; the message names file, place and expectation."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Exceptional(_Data):
    """A threshold's value for one feed, column, measure or rule, and the reason for it."""

    value: float
    why: str = Field(min_length=20)


class Threshold(_Data):
    """A number that guards judge by."""

    value: float
    unit: str = Field(min_length=3)
    why: str = Field(min_length=20)
    exceptions: dict[str, Exceptional] = {}


class Measure(_Data):
    """A figure of a feed's day: how many rows, or a share, mean or percentile over those that meet `where`."""

    kind: Literal["count", "share", "mean", "percentile"]
    of: str = ""
    at: float | None = None
    where: str = "true"

    @model_validator(mode="after")
    def _consistent(self) -> Measure:
        if (self.kind == "count") == bool(self.of):
            raise ValueError("every kind but count says what it is `of`")
        if (self.kind == "percentile") != (self.at is not None):
            raise ValueError("a percentile, and only a percentile, says which one (`at`)")
        return self


class Rule(_Data):
    """What every touched row must meet (`holds`), or SQL over `batch` that finds the keys of those that do not.

    `tolerated` names the threshold up to which a share of `population` may break the rule.
    """

    meaning: str
    severity: Severity
    holds: str = ""
    broken: str = ""
    key: tuple[str, ...] = ()
    population: str = "select 1 from batch where is_deleted is not true"
    tolerated: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        if bool(self.holds) == bool(self.broken):
            raise ValueError("a rule says either what holds or which rows are broken")
        return self


class Newest(_Data):
    """When a feed was last heard of: a timestamp's SQL, a local date's, or the time of its newest delivery.

    `through` is another feed and the column by which that feed has the date.
    """

    event: str = ""
    date: str = ""
    delivery: bool = False
    through: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Newest:
        if sum(map(bool, (self.event, self.date, self.delivery))) != 1:
            raise ValueError("newest is one of event, date, delivery")
        return self


class Suite(_Data):
    """The expectations of one feed as its file states them."""

    feed: str
    newest: Newest
    provider_by: tuple[str, ...]
    parents: dict[str, str] = {}
    rhythm: Literal["weekly", "latest"] = "latest"
    measures: dict[str, Measure] = {}
    rules: dict[str, Rule] = {}

    @property
    def contract(self) -> Contract:
        return contract(self.feed)

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        for column in (*self.parents, *self.provider_by):
            self.contract.column(column)
        if self.counts and self.rhythm != "weekly":
            raise ValueError("a count is compared with the same weekday: rhythm must be weekly")
        return self

    @property
    def counts(self) -> dict[str, Measure]:
        return {name: measure for name, measure in self.measures.items() if measure.kind == "count"}

    @property
    def figures(self) -> dict[str, Measure]:
        return {name: measure for name, measure in self.measures.items() if measure.kind != "count"}


class Expectation(_Data):
    """One check of a suite. `broken` is SQL over `batch` that selects the keys of failing rows.

    Empty `broken`: the check is judged by measurements.
    """

    name: str
    meaning: str
    severity: Severity
    broken: str = ""
    key: tuple[str, ...] = ()
    population: str = ""
    tolerated: str = ""

    @property
    def is_measured(self) -> bool:
        return not self.broken or bool(self.tolerated)


def _read(path: Path, kind: type[Model], value: Any) -> Model:
    try:
        return kind.model_validate(value)
    except (ValidationError, KeyError) as error:
        raise SuiteError(f"{path}: {error}") from error


@cache
def thresholds() -> dict[str, Threshold]:
    """Every threshold by its name."""
    content = yaml.safe_load(THRESHOLDS_FILE.read_text(encoding="utf-8"))
    return {name: _read(THRESHOLDS_FILE, Threshold, value) for name, value in content.items()}


def threshold(name: str, *subjects: str) -> float:
    """A threshold's value: that of the first subject that is an exception, else its own.

    Raises:
        SuiteError: there is no such threshold; the message lists those that exist.
    """
    known = thresholds()
    if name not in known:
        raise SuiteError(f"{THRESHOLDS_FILE}: no threshold {name!r}; known: {', '.join(known)}")
    exceptions = known[name].exceptions
    return next((exceptions[subject].value for subject in subjects if subject in exceptions), known[name].value)


@cache
def suites() -> dict[str, Suite]:
    """The suite of every feed that has a contract, by the feed's name."""
    found = {}
    for feed in contracts():
        path = SUITES_FOLDER / f"{feed}.yml"
        if not path.exists():
            raise SuiteError(f"{path}: feed {feed} has a contract but no suite; write one, {IDENTITY} comes by itself")
        found[feed] = _read(path, Suite, yaml.safe_load(path.read_text(encoding="utf-8")))
        if found[feed].feed != feed:
            raise SuiteError(f"{path}: expected feed: {feed}, found feed: {found[feed].feed}")
    return found


def _numbers(feed: str, rule: str) -> dict[str, str]:
    return {name: f"{threshold(name, f'{feed}.{rule}', feed):g}" for name in thresholds()}


def _rule(suite: Suite, name: str, rule: Rule) -> Expectation:
    key = rule.key or suite.contract.identity
    words = {**_numbers(suite.feed, name), "key": ", ".join(key)}
    broken = rule.broken or f"select {{key}} from batch where is_deleted is not true and not ({rule.holds})"
    try:
        broken = broken.format(**words)
    except (KeyError, IndexError, ValueError) as error:
        raise SuiteError(f"rule {name} of {suite.feed} names {error}, which is no threshold") from error
    return Expectation(
        name=name, meaning=rule.meaning, severity=rule.severity, broken=broken, key=key,
        population=rule.population, tolerated=rule.tolerated,
    )  # fmt: skip


def expectations(suite: Suite) -> Iterator[Expectation]:
    """Every check of a suite: the ones that each feed has, then its own."""
    key = ", ".join(suite.contract.identity)
    yield Expectation(
        name=IDENTITY, meaning=f"One row per {key}.", severity="critical", key=suite.contract.identity,
        broken=f"select {key} from batch group by {key} having count(*) > 1",
    )  # fmt: skip
    for name, rule in suite.rules.items():
        yield _rule(suite, name, rule)
    if suite.parents:
        named = ", ".join(f"{column} in {parent}" for column, parent in suite.parents.items())
        yield Expectation(name=PARENTS, meaning=f"Parents are known: {named}.", severity="critical")
    if suite.counts:
        meaning = "A day has about as many rows as the same weekday of the eight weeks before."
        yield Expectation(name=VOLUME, meaning=meaning, severity="warning")
    if suite.figures:
        meaning = f"Figures of a day are those of the days before: {', '.join(suite.figures)}."
        yield Expectation(name=MEASURES, meaning=meaning, severity="warning")
    if not suite.newest.delivery:
        meaning = "What was loaded reaches up to AS_OF, within the contract's expected_every and grace."
        yield Expectation(name=NEWEST, meaning=meaning, severity="warning")
