"""Logins of every role on a warehouse, and sessions as them.

Not here: tests.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from orchestration.access.logins import drop_login, judge, make_login
from orchestration.access.rules import read_rules
from orchestration.warehouse.preflight import with_login


@dataclass
class People:
    """Makes a login for a role (with a scope for a sister role) at first use, and connects as it."""

    url: str = field(repr=False)
    scopes: dict[str, list[str]]
    passwords: dict[str, str] = field(default_factory=dict, repr=False)

    def login(self, role: str, name: str | None = None, ids: list[str] | None = None) -> str:
        name = name or f"one {role}"
        if name not in self.passwords:
            base, _, scope = role.partition("_by_")
            scopes = {scope: ids or self.scopes[scope]} if scope else {}
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("set role none")
                login = judge(read_rules(), name, base, scopes)
                assert login.role.name == role
                self.passwords[name], _ = make_login(connection, read_rules(), login, is_allowed=True)
        return with_login(self.url, name, self.passwords[name])

    def leave(self) -> None:
        """Takes the logins away: they belong to the server, and other tests look at its roles."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("set role none")
            for name in self.passwords:
                drop_login(connection, name)

    @contextmanager
    def session(self, role: str, **options):
        with psycopg.connect(self.login(role, **options), autocommit=True) as connection:
            yield connection

    def ask(self, role: str, query: str, *values, **options) -> list[tuple]:
        with self.session(role, **options) as connection:
            return connection.execute(query, values or None).fetchall()

    def refusal(self, role: str, *statements: str) -> str:
        """What the last statement is refused with; '' if it is done."""
        with self.session(role) as connection:
            for statement in statements[:-1]:
                connection.execute(statement)
            try:
                connection.execute(statements[-1])
            except psycopg.Error as error:
                return f"{error.sqlstate} {error}"
        return ""
