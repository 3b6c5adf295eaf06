"""JSON documents in columns: whether PostgreSQL takes them, and whether they have their documented shape.

Not here: the shapes, JSON Schemas in `contracts/shapes`. Three keywords are ours: `ascending` (a member grows from
item to item, only the last may lack it), `sumsTo` (a member's values add up), `geojson` (an object of these types).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ingestion.geojson import problem_of

SHAPES_FOLDER = Path(__file__).parent / "contracts" / "shapes"

# jsonb's numbers hold so many decimals; readers take them as doubles, which bounds them above.
_MAX_DECIMALS = 16_383


class NotJson(ValueError):
    """A text that jsonb does not take, or not without losing something of it."""


def _number(text: str) -> Decimal:
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _MAX_DECIMALS or math.isinf(float(number)):
        raise NotJson(text)
    return number


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("a name stands twice in one object")
    return members


def _refuse(name: str) -> object:
    raise NotJson(name)


def parse(text: str) -> object:
    """The document: strict JSON, every name once in its object, no NUL, no lone surrogate, bounded numbers.

    Raises:
        NotJson: it is none of that; numbers come back as Decimal.
    """
    try:
        document = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_refuse, object_pairs_hook=_object
        )
        rendered = json.dumps(document, ensure_ascii=False, default=str)
        rendered.encode("utf-8")
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise NotJson(str(error)) from error
    if "\\u0000" in rendered:
        raise NotJson("NUL")
    return document


def is_json(text: str) -> bool:
    """Whether jsonb takes the text as it is."""
    try:
        parse(text)
    except NotJson:
        return False
    return True


@cache
def shapes() -> Mapping[str, dict[str, Any]]:
    """Every documented shape by its name."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(SHAPES_FOLDER.glob("*.yml"))}


def shape_text(name: str) -> str:
    """The shape as it is written, for the feed's page."""
    return (SHAPES_FOLDER / f"{name}.yml").read_text(encoding="utf-8")


def _ascending(_: object, member: str, items: object, __: object) -> Iterator[str]:
    values = [item.get(member) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    for i, (one, following) in enumerate(itertools.pairwise(values), start=1):
        if not isinstance(one, Decimal) or (isinstance(following, Decimal) and following <= one):
            yield f"expected {member} to grow from item to item, and only the last to lack it (item {i})"
            return


def _sums_to(_: object, rule: dict[str, Any], items: object, __: object) -> Iterator[str]:
    values = [item.get(rule["of"]) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    total = sum((value for value in values if isinstance(value, Decimal)), Decimal(0))
    if values and abs(total - Decimal(str(rule["total"]))) > Decimal(str(rule["within"])):
        yield f"expected {rule['of']} to sum to {rule['total']}, found {total}"


def _geojson(_: object, types: list[str], value: object, __: object) -> Iterator[str]:
    problem = problem_of(value, types)
    if problem:
        yield problem


def _is_type(names: object, value: object) -> bool:
    wanted = names if isinstance(names, list) else [names]
    kinds: dict[str, Callable[[object], bool]] = {
        "object": lambda v: isinstance(v, dict),
        "array": lambda v: isinstance(v, list),
        "string": lambda v: isinstance(v, str),
        "boolean": lambda v: isinstance(v, bool),
        "null": lambda v: v is None,
        "number": lambda v: isinstance(v, Decimal),
        "integer": lambda v: isinstance(v, Decimal) and v == v.to_integral_value(),
    }
    return any(kinds[name](value) for name in wanted)


def _type(_: object, names: object, value: object, __: object) -> Iterator[str]:
    if not _is_type(names, value):
        words = " or ".join(names) if isinstance(names, list) else names
        yield f"expected {words}, found {_shown(value)}"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain_number)[:80]


def _plain_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _names(members: dict[str, object]) -> str:
    return ", ".join(members)[:80] or "none"


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def told(rule: Callable[..., Iterator[str]]) -> Callable[..., Iterator[ValidationError]]:
        return lambda *arguments: (ValidationError(message) for message in rule(*arguments))

    rules: dict[str, Callable[..., Iterator[str]]] = {
        "ascending": _ascending,
        "sumsTo": _sums_to,
        "geojson": _geojson,
        "type": _type,
    }
    kind: Any = extend(Draft202012Validator, {name: told(rule) for name, rule in rules.items()})
    return kind(schema)


class Shape:
    """One documented shape, ready to judge documents."""

    def __init__(self, name: str) -> None:
        self._validator = _validator(shapes()[name])

    def problem(self, text: str) -> str | None:
        """The first problem of a JSON text and its place in the document, None if it has the shape."""
        errors = sorted(self._validator.iter_errors(parse(text)), key=lambda error: list(map(str, error.absolute_path)))
        if not errors:
            return None
        place = errors[0].json_path.removeprefix("$").removeprefix(".")
        return f"at {place}: {_words(errors[0])}" if place else _words(errors[0])


def _words(error: Any) -> str:
    """A schema's complaint in the words of the other rules."""
    rule, found = error.validator_value, f", found {_shown(error.instance)}"
    expectations: dict[str, Callable[[], str]] = {
        "enum": lambda: f"expected one of {', '.join(map(str, rule))}" + found,
        "minimum": lambda: f"expected at least {rule}" + found,
        "maximum": lambda: f"expected at most {rule}" + found,
        "exclusiveMinimum": lambda: f"expected more than {rule}" + found,
        "pattern": lambda: f"expected the form {rule}" + found,
        "minItems": lambda: f"expected at least {rule} items, found {len(error.instance)}",
        "minLength": lambda: "expected a text, found an empty one",
        "uniqueItems": lambda: "expected every item once" + found,
        "required": lambda: f"expected the names {', '.join(rule)}, found {_names(error.instance)}",
        "additionalProperties": lambda: (
            f"expected no other names than {', '.join(error.schema['properties'])}, found {_names(error.instance)}"
        ),
    }
    return str(expectations[error.validator]() if error.validator in expectations else error.message)


@cache
def shape(name: str) -> Shape:
    """The shape of a name, compiled once."""
    return Shape(name)
