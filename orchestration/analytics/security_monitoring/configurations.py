"""What an element's configuration breaks of the rules: each rule is a row of a seed.

Not here: changes from one version to the next (changes), what becomes of what is found (findings).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from orchestration.analytics.security_monitoring.records import records

BROKEN, KEPT, UNKNOWN = "broken", "kept", "unknown"
# A name of these is read of the inventory itself, every other one of the configuration.
INVENTORY = ("software_version", "end_of_support_on")
_MISSING = object()


@dataclass(frozen=True)
class Rule:
    """One row of the seed security_configuration_rules: the setting at `json_path` must not `operator` `value`.

    An absent setting is unknown, unless `if_absent` is "broken". element_types: empty for all; vendors likewise.
    """

    rule_id: str
    violation_type: str
    json_path: str
    operator: str
    value: str | None
    if_absent: str
    element_types: tuple[str, ...]
    vendors: tuple[str, ...]
    severity: str
    description: str
    recommended_action: str

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(
                f"rule {self.rule_id} has the operator {self.operator}; expected one of {', '.join(sorted(OPERATORS))}"
            )
        if self.if_absent not in (UNKNOWN, BROKEN):
            raise ValueError(f"rule {self.rule_id} says if_absent {self.if_absent}; expected unknown or broken")

    def concerns(self, element_type: str, vendor: str | None) -> bool:
        return (not self.element_types or element_type in self.element_types) and (
            not self.vendors or vendor in self.vendors
        )


def version_of(text: object) -> tuple[int, ...] | None:
    """The numbers of a version, as 1.2 of "1.2" or "TLSv1.2"; None where it begins with none."""
    found = re.match(r"\D{0,8}(\d+(?:\.\d+)*)", str(text))
    return tuple(int(part) for part in found.group(1).split(".")) if found else None


def _older(given: object, value: str | None) -> bool | None:
    own, least = version_of(given), version_of(value)
    if own is None or least is None:
        return None
    width = max(len(own), len(least))
    return own + (0,) * (width - len(own)) < least + (0,) * (width - len(least))


def _texts(given: object) -> list[str] | None:
    """A text, number, truth value or list of them as lower-case texts; None of anything else."""
    parts = given if isinstance(given, list) else [given]
    if any(isinstance(part, list | dict) or part is None for part in parts):
        return None
    return [str(part).lower() for part in parts]


def _any_of(given: object, value: str | None) -> bool | None:
    own = _texts(given)
    return None if own is None else bool(set(own) & set(str(value).lower().split("|")))


def _any_contains(given: object, value: str | None) -> bool | None:
    own = _texts(given)
    parts = str(value).lower().split("|")
    return None if own is None else any(part in text for text in own for part in parts)


def _below(given: object, value: str | None) -> bool | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return float(given) < float(str(value))


def _passed(given: object, value: str | None) -> bool | None:
    try:
        return date.fromisoformat(str(given)[:10]) < date.fromisoformat(str(value))
    except ValueError:
        return None


# What breaks a rule: given the setting and the rule's value; None where the setting cannot be read so.
OPERATORS: Mapping[str, Callable[[object, str | None], bool | None]] = {
    "any_of": _any_of,
    "any_contains": _any_contains,
    "older_than": _older,
    "below": _below,
    "passed": _passed,
}


def setting_at(configuration: object, json_path: str) -> object:
    """The value at a path of names with points between; a marker of its own where there is none."""
    for name in json_path.split("."):
        if not isinstance(configuration, dict) or name not in configuration:
            return _MISSING
        configuration = configuration[name]
    return configuration


def parsed(configuration: object) -> dict[str, object] | None:
    """A configuration as an object; None where it is none, be it missing or malformed."""
    if isinstance(configuration, str):
        try:
            configuration = json.loads(configuration)
        except ValueError:
            return None
    return configuration if isinstance(configuration, dict) else None


def verdict(rule: Rule, settings: Mapping[str, object] | None, as_of_date: date) -> tuple[str, object]:
    """(broken, kept or unknown; the setting's value or None) of one rule."""
    value = _MISSING if settings is None else setting_at(settings, rule.json_path)
    if settings is None or value is _MISSING or value is None:
        return (rule.if_absent if settings is not None else UNKNOWN), None
    is_broken = OPERATORS[rule.operator](value, str(as_of_date) if rule.operator == "passed" else rule.value)
    return (UNKNOWN if is_broken is None else BROKEN if is_broken else KEPT), value


def settings_of(element: Mapping[str, object]) -> dict[str, object] | None:
    """An element's configuration with what the inventory says of its support; None without either."""
    own = parsed(element.get("configuration"))
    known = {name: element.get(name) for name in INVENTORY}
    inventory = {
        name: value for name, value in known.items() if isinstance(value, str | date) and not _is_nothing(value)
    }
    return {**(own or {}), **inventory} if own is not None or inventory else None


def _is_nothing(value: object) -> bool:
    return value is pd.NaT or value == ""


VERDICT_COLUMNS = ("element_id", "rule_id", "verdict", "setting")


def judge_configurations(elements: pd.DataFrame, rules: Sequence[Rule], as_of_date: date) -> pd.DataFrame:
    """One row (VERDICT_COLUMNS) per element and rule that concerns it, in their order.

    Args:
        elements: element_id, element_type, vendor, software_version, end_of_support_on, configuration (JSON or an
            object; what is neither is unknown).
        rules: the seed's.
        as_of_date: what lies before it has passed.
    """
    rows = []
    for element in records(elements):
        settings = settings_of(element)
        for rule in rules:
            if rule.concerns(element["element_type"], element["vendor"]):
                said, value = verdict(rule, settings, as_of_date)
                rows.append([element["element_id"], rule.rule_id, said, value])
    return pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))
