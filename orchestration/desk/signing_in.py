"""Signing in: the database itself checks name and password, and says whether the person may file.

Not here: sessions, forms, slowing down.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestration.access.logins import LONGEST_NAME_BYTES

_LONGEST_PASSWORD = 1000
_CONNECT_TIMEOUT_SECONDS = 10
# What libpq says where it did not get as far as a password.
_NOT_REACHED = ("connection refused", "timeout", "timed out", "could not translate", "no route to host", "no such file")
_OPTIONS = "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000"


class NotLetInError(RuntimeError):
    """Somebody is not let in.

    Attributes:
        reason: for the log: password, role or unreachable.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


WRONG = "This name and password do not belong together."
NOT_COMPLIANCE = "The filing desk is for members of compliance. Ask whoever runs the warehouse if you should be one."
UNREACHABLE = "The database does not answer. Try again in a moment, or tell whoever runs the warehouse."


def where(url: str) -> dict[str, str]:
    """How to reach the database, of a URL's login and password nothing."""
    kept = ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert", "channel_binding", "target_session_attrs")
    return {name: str(value) for name, value in conninfo_to_dict(url).items() if name in kept}


def connect(database: Mapping[str, str], name: str, password: str) -> psycopg.Connection:
    """The person's own connection; the password is not kept.

    Args:
        database: as of `where`.
        name: of a PostgreSQL role.
        password: as typed.

    Raises:
        NotLetInError: wrong name or password, no member of compliance, or no database.
    """
    if not 1 <= len(name.encode()) <= LONGEST_NAME_BYTES or not 1 <= len(password) <= _LONGEST_PASSWORD:
        raise NotLetInError("password", WRONG)
    if "\0" in name + password:
        raise NotLetInError("password", WRONG)
    try:
        # A server that asks for no password (trust, peer) would let anybody be anybody; a password file would be ours.
        given = {**database, "user": name, "password": password, "require_auth": "scram-sha-256,md5,password"}
        connection = psycopg.connect(
            make_conninfo(
                "", **given, passfile="/dev/null", application_name="filing desk", options=_OPTIONS,
                connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            ), autocommit=True,
        )  # fmt: skip
    except psycopg.OperationalError as error:
        said = str(error).lower()
        if "permission denied for database" in said:
            raise NotLetInError("role", NOT_COMPLIANCE) from None
        if any(text in said for text in _NOT_REACHED):
            raise NotLetInError("unreachable", UNREACHABLE) from None
        raise NotLetInError("password", WRONG) from None
    try:
        may_file = connection.execute("select regulatory.may_file()").fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        may_file = (False,)
    if may_file != (True,):
        connection.close()
        raise NotLetInError("role", NOT_COMPLIANCE)
    return connection


def introduce(connection: psycopg.Connection, number: str, address: str, user_agent: str) -> None:
    """Tells the audit trail whose session this is, and that it began."""
    connection.execute(
        "select set_config('app.session_id', %s, false), set_config('app.user_agent', %s, false),"
        " set_config('app.change_reason', 'filing desk', false)",
        [f"desk {number}", f"filing desk; {address}; {user_agent[:200]}"],
    )
    connection.execute("select regulatory.record_access('sign-in', 'filing desk', 0)")
