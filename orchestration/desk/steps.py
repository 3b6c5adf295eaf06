"""The forms that change something: acknowledge a warning, validate, approve, file, supersede.

Not here: the rules of a step, which are the database's (regulatory/states.sql).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import psycopg
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orchestration.desk.guarding import log_line, printable, refuse
from orchestration.desk.pages import find, show
from orchestration.desk.reading import Package
from orchestration.desk.serving import Form, Step, step
from orchestration.desk.sessions import Session
from orchestration.regulatory.package_files import AlteredError

# What is typed into a form of the regulator is no prose: signs that no name or number has are refused here.
_SUBMISSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,79}")
_NAME = re.compile(r"[^\W\d_][\w .,'’&()/-]{0,119}")
_STATUSES = {"42501": 403, "P0002": 404, "22023": 400, "55000": 409}
Act = Callable[[psycopg.Connection, Package, Form], None]


class _WrongFormError(ValueError):
    """A field holds what it cannot; the message is for the person."""


def _step(name: str, act: Act, *, checks_files: bool) -> Step:
    """A step: the package's files are looked at, then the database decides."""

    def handle(request: Request, session: Session, form: Form) -> Response:
        with session.use() as connection:
            package = find(request, session, connection)
            if isinstance(package, Response):
                return package
            try:
                if checks_files:
                    package.files.require_unaltered()
                act(connection, package, {**form, **{key: str(one) for key, one in request.path_params.items()}})
            except AlteredError:
                status, said = 409, "Its files were altered, so nothing was done."
            except _WrongFormError as error:
                status, said = 400, str(error)
            except psycopg.Error as error:
                if error.sqlstate not in _STATUSES:
                    raise
                status, said = _STATUSES[error.sqlstate], f"{error.diag.message_primary}."
            else:
                log_line("step", step=name, package=package.package_id, login=printable(session.login, 63))
                if name == "validate":
                    _point_latest(package)
                return RedirectResponse(f"/packages/{package.package_id}", 303)
            refuse(request.scope, f"{name}: {printable(said)}")
            fresh = find(request, session, connection)
            if isinstance(fresh, Response):
                return fresh
            given = {key: value for key, value in form.items() if key != "token"}
            return show(request, session, connection, fresh, status=status, problem=said, given=given)

    return handle


def _point_latest(package: Package) -> None:
    try:
        package.files.point_latest()
    except OSError as error:
        # The step is done: a link that cannot be written does not undo it.
        log_line("latest not written", package=package.package_id, error=error.strerror)


def _key(package: Package) -> tuple[int, str]:
    return package.package_id, str(package.row["manifest_sha256"])


def _acknowledge(connection: psycopg.Connection, package: Package, form: Form) -> None:
    number = int(form["finding_number"])
    if number > len(package.row["validation"]):
        raise _WrongFormError(f"There is no finding {number}.")
    connection.execute(
        "select regulatory.acknowledge_warning(%s, %s, %s)",
        [package.package_id, number, form.get("explanation", "").replace("\r\n", "\n")],
    )


def _validate(connection: psycopg.Connection, package: Package, _: Form) -> None:
    connection.execute("select regulatory.validate_package(%s, %s)", _key(package))


def _approve(connection: psycopg.Connection, package: Package, _: Form) -> None:
    connection.execute("select regulatory.approve_package(%s, %s)", _key(package))


def _file(connection: psycopg.Connection, package: Package, form: Form) -> None:
    given = {name: form.get(name, "").strip() for name in ("submission_id", "certifier_name", "certifier_title")}
    try:
        filed_on = date.fromisoformat(form.get("filed_on", ""))
    except ValueError:
        raise _WrongFormError("The day of the submission: expected a date such as 2026-09-01.") from None
    if not _SUBMISSION_ID.fullmatch(given["submission_id"]):
        raise _WrongFormError("The submission id: expected up to 80 letters, digits and . _ / -")
    for name, what in (("certifier_name", "name"), ("certifier_title", "title")):
        if not _NAME.fullmatch(given[name]):
            raise _WrongFormError(f"The certifier's {what}: expected up to 120 letters, digits and . , ' & ( ) / -")
    connection.execute(
        "select regulatory.file_package(%s, %s, %s, %s, %s, %s)",
        [*_key(package), given["submission_id"], filed_on, given["certifier_name"], given["certifier_title"]],
    )


def _supersede(connection: psycopg.Connection, package: Package, form: Form) -> None:
    reason = form.get("reason", "").replace("\r\n", "\n")
    connection.execute("select regulatory.supersede_package(%s, %s)", [package.package_id, reason])


acknowledge = step(_step("acknowledge", _acknowledge, checks_files=True))
validate = step(_step("validate", _validate, checks_files=True))
approve = step(_step("approve", _approve, checks_files=True))
file = step(_step("file", _file, checks_files=True))
supersede = step(_step("supersede", _supersede, checks_files=False))
