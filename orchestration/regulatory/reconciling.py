"""The reconciliation: what is in service is in the file or left out with a reason, and nothing is over.

Not here: the queries that bring the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """One form's numbers, each by a way of its own.

    Attributes:
        file: the file that the form is.
        form: its name for people.
        in_service: counted from the services, past everything that the file is made by.
        in_file: summed from the bytes of the file.
        left_out: by reason.
        rule_sets: what each set of rules in force counts, the governing one first.
    """

    file: str
    form: str
    in_service: int
    in_file: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    rule_sets: Sequence[tuple[str, int]] = ()

    @property
    def residual(self) -> int:
        """What is neither in the file nor left out with a reason: 0, or the package is in error."""
        return self.in_service - self.in_file - sum(self.left_out.values())

    def as_json(self) -> dict[str, object]:
        suspended = self.left_out.get("suspended", 0)
        return {
            "file": self.file, "form": self.form, "in_service": self.in_service, "in_file": self.in_file,
            "left_out": [{"reason": reason, "connections": n} for reason, n in sorted(self.left_out.items())],
            "residual": self.residual, "suspended": suspended, "with_suspended": self.in_file + suspended,
            "rule_sets": [{"rule_set": name, "connections": n} for name, n in self.rule_sets],
        }  # fmt: skip


HEADER = ("file", "form", "line", "connections")


def reconciliation_rows(accounts: Sequence[Account]) -> list[tuple[str, str, str, int]]:
    """The reconciliation as a table of lines, in the order of HEADER."""
    rows: list[tuple[str, str, str, int]] = []
    for one in accounts:
        lines = [
            ("in service", one.in_service), ("in the file", one.in_file),
            *((f"left out: {reason}", n) for reason, n in sorted(one.left_out.items())),
            ("residual", one.residual), ("in the file and suspended", one.in_file + one.left_out.get("suspended", 0)),
            *((f"by the rules {name}", n) for name, n in one.rule_sets),
        ]  # fmt: skip
        rows += [(one.file, one.form, line, n) for line, n in lines]
    return rows
