"""The rules of roles.yml, read and judged: roles with their sisters, classes of tables, filters.

Not here: the database (applying).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

RULES_FILE = Path(__file__).with_name("roles.yml")
FILTERS = ("all", "customer", "marketing", "cpni_marketing")
SCOPES = ("provider", "zone")
SCOPES_CLASS = "scopes"
SENSITIVITIES = ("public", "internal", "confidential", "restricted")


class RulesError(ValueError):
    """roles.yml says something that cannot be applied."""


@dataclass(frozen=True)
class Role:
    """A role and, by class of tables, the filter through which it reads their rows."""

    name: str
    description: str
    reads: Mapping[str, str]
    scopes: tuple[str, ...] = ()
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reads_audit: bool = False
    files: bool = False

    def sister(self, scope: str) -> Role:
        """The role of the same tables for logins with providers or zones of their own."""
        limit = f"by_{scope}"
        reads = dict.fromkeys((*self.reads, SCOPES_CLASS), limit)
        description = f"As {self.name}, but of the {scope}s in its scope only."
        return Role(f"{self.name}_{limit}", description, reads, withheld=self.withheld, files=self.files)


@dataclass(frozen=True)
class Rules:
    """Everything that roles.yml says; `roles` holds the sisters too."""

    owner: Role
    keeper: Role
    pipeline: Role
    classes: Mapping[str, tuple[str, ...]]
    open_classes: frozenset[str]
    roles: Mapping[str, Role]
    audited: Mapping[str, str]

    @property
    def group_roles(self) -> tuple[Role, ...]:
        """All roles that nobody logs in as."""
        return (self.owner, self.keeper, *self.roles.values())

    @property
    def filers(self) -> tuple[Role, ...]:
        """The roles whose people take the steps of a filing."""
        return tuple(role for role in self.roles.values() if role.files)


def _refuse_unknown(what: str, names: Iterator[str] | Mapping[str, object], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise RulesError(f"roles.yml: {what} {name!r} is not known; known are {', '.join(sorted(known))}")


def _role(name: str, content: Mapping[str, Any], classes: Mapping[str, object]) -> Role:
    _refuse_unknown(f"filter of {name}", content["reads"], dict.fromkeys(FILTERS))
    reads: dict[str, str] = {}
    for row_filter, names in content["reads"].items():
        _refuse_unknown(f"class of {name}", dict.fromkeys(names), classes)
        if twice := reads.keys() & set(names):
            raise RulesError(f"roles.yml: {name} reads {', '.join(sorted(twice))} through two filters; expected one")
        reads |= dict.fromkeys(names, row_filter)
    scopes = tuple(content.get("scopes", ()))
    _refuse_unknown(f"scope of {name}", dict.fromkeys(scopes), dict.fromkeys(SCOPES))
    withheld = {table: tuple(columns) for table, columns in content.get("withheld", {}).items()}
    flags = {flag: bool(content.get(flag)) for flag in ("reads_audit", "files")}
    return Role(name, content["description"], reads, scopes, withheld, **flags)


def parse_rules(content: Mapping[str, Any]) -> Rules:
    """The rules of a roles.yml's content.

    Raises:
        RulesError: a role names a class, filter or scope that is not known, or a table stands in two classes.
    """
    classes = {name: tuple(tables) for name, tables in content["classes"].items()}
    tables = [table for names in classes.values() for table in names]
    if twice := sorted({table for table in tables if tables.count(table) > 1}):
        raise RulesError(f"roles.yml: {', '.join(twice)} stands in two classes; expected one")
    _refuse_unknown("open class", dict.fromkeys(content["open"]), classes)
    for table, sensitivity in content["audited"].items():
        _refuse_unknown(f"sensitivity of {table}", dict.fromkeys([sensitivity]), dict.fromkeys(SENSITIVITIES))
    roles: dict[str, Role] = {}
    for name, one in content["roles"].items():
        role = _role(name, one, classes)
        roles |= {name: role} | {sister.name: sister for sister in map(role.sister, role.scopes)}
    owner, keeper, pipeline = (
        Role(content[key]["name"], content[key]["description"], {}) for key in ("owner", "keeper", "pipeline")
    )
    return Rules(owner, keeper, pipeline, classes, frozenset(content["open"]), roles, dict(content["audited"]))


@cache
def read_rules() -> Rules:
    """The project's rules."""
    return parse_rules(yaml.safe_load(RULES_FILE.read_text(encoding="utf-8")))
