"""The pages that show: filings, a package, the rows of a file, the connections behind a row, downloads.

Not here: what changes something (steps), what is asked (reading).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orchestration.desk import reading
from orchestration.desk.guarding import log_line, printable
from orchestration.desk.reading import Package
from orchestration.desk.serving import desk_of, page, refused, render
from orchestration.desk.sessions import Session
from orchestration.regulatory.package_files import AlteredError

_REASON = re.compile(r"[A-Za-z0-9_ .:,-]{1,100}")
_CHUNK_BYTES = 64 * 1024
# A file is never shown as a page of ours: it is saved, and what opens it may do nothing.
_SAVED = {"content-security-policy": "default-src 'none'; sandbox", "content-type": "application/octet-stream"}


def _number(request: Request, name: str, default: int | None = None) -> int | None:
    """A number of the query, from 1 on; the default where there is none, -1 where it is no number."""
    text = request.query_params.get(name)
    if text is None:
        return default
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else -1


def find(request: Request, session: Session, connection: psycopg.Connection) -> Package | Response:
    """The package of a path; a page that says so where the person sees none."""
    package = reading.find_package(connection, desk_of(request).exports, request.path_params["package_id"])
    if package is None:
        return refused(request, 404, "no such package", "There is no such package, or it is not yours to see.", session)
    return package


def record_alteration(connection: psycopg.Connection, package: Package, problem: str, login: str) -> None:
    """An altered file is in the access log and in the desk's own, whoever came upon it."""
    what = f"package {package.package_id} altered: {printable(problem, 400)}"
    connection.execute("select regulatory.record_access(%s, 'checked at the filing desk', 0)", [what])
    log_line("altered", package=package.package_id, problem=printable(problem, 400), login=printable(login, 63))


@contextlib.contextmanager
def _recorded(connection: psycopg.Connection, package: Package, session: Session) -> Iterator[None]:
    try:
        yield
    except AlteredError as error:
        record_alteration(connection, package, str(error), session.login)
        raise


def _filings(request: Request, session: Session) -> Response:
    with session.use() as connection:
        found, missing = reading.read_filings(connection), reading.read_not_generated(connection)
    return render(request, "filings.html", session=session, filings=found, missing=missing)


def show(request: Request, session: Session, connection: psycopg.Connection, package: Package, **more: Any) -> Response:
    """The page of a package; `more`: status, and what went wrong as problem."""
    problems = package.files.problems()
    if problems:
        record_alteration(connection, package, "; ".join(problems), session.login)
    said = reading.read_acknowledgements(connection, package)
    number, per_page = max(_number(request, "page", 1) or 1, 1), reading.FINDINGS_OF_A_PAGE
    shown = slice((number - 1) * per_page, number * per_page)
    errors, warnings = package.findings("error"), package.findings("warning")
    deadline, texts = package.row["manifest"].get("due_date"), {one["finding_number"]: one for one in said}
    values: dict[str, Any] = {
        "row": package.row, "package_id": package.package_id, "files": reading.files_of(package), "problems": problems,
        "errors": errors[shown], "errors_count": len(errors), "warnings": warnings[shown], "said": said, "texts": texts,
        "warnings_count": len(warnings), "open_count": sum(one["finding_number"] not in texts for one in warnings),
        "number": number, "per_page": per_page, "due": deadline and date.fromisoformat(deadline), "problem": "",
        "numbers": reading.read_numbers(connection, package), "given": {},
        "linked": {name for name in package.files.names if reading.opens_connections(connection, package, name)},
    }  # fmt: skip
    return render(request, "package.html", session=session, **{**values, **more})


def _package(request: Request, session: Session) -> Response:
    with session.use() as connection:
        package = find(request, session, connection)
        return package if isinstance(package, Response) else show(request, session, connection, package)


def _altered(request: Request, session: Session, error: AlteredError) -> Response:
    message = f"The file is not the one that was generated, so it is not handed out. {error}."
    return refused(request, 409, "altered", message, session)


def _rows(request: Request, session: Session) -> Response:
    name, number = request.path_params["name"], _number(request, "page", 1) or 1
    with session.use() as connection:
        package = find(request, session, connection)
        if isinstance(package, Response):
            return package
        if number < 1 or package.files.entry(name) is None or not name.endswith(".csv"):
            return refused(request, 404, "no such file", "This package has no such file of rows.", session)
        try:
            with _recorded(connection, package, session):
                columns, rows, count = reading.read_rows(package, name, number)
            opens = reading.opens_connections(connection, package, name)
        except AlteredError as error:
            return _altered(request, session, error)
    return render(
        request, "rows.html", session=session, row=package.row, name=name, columns=columns, rows=rows, count=count,
        opens=opens, number=number, per_page=reading.ROWS_OF_A_PAGE,
    )  # fmt: skip


def _connections(request: Request, session: Session) -> Response:
    query, number, row = request.query_params, _number(request, "page", 1) or 1, _number(request, "row")
    file, reason = query.get("file", ""), query.get("reason")
    with session.use() as connection:
        package = find(request, session, connection)
        if isinstance(package, Response):
            return package
        is_one = (row is None) != (reason is None) and row != -1 and number > 0
        if not is_one or not (reason is None or _REASON.fullmatch(reason)) or package.files.entry(file) is None:
            return refused(request, 404, "no such connections", "This package has no such row or reason.", session)
        found = reading.read_connections(connection, package, file, row, reason, number)
        where = f"row {row}" if row else f"left out: {reason}"
        connection.execute(
            "select regulatory.record_access(%s, 'connections at the filing desk', %s)",
            [f"package {package.package_id} {file} {where}", len(found.services)],
        )
    return render(
        request, "connections.html", session=session, row=package.row, name=file, where=where, found=found,
        number=number, per_page=reading.ROWS_OF_A_PAGE, asked={"row": row, "reason": reason},
    )  # fmt: skip


def _saved(name: str, content: bytes) -> Response:
    return Response(content, headers={**_SAVED, "content-disposition": f'attachment; filename="{name}"'})


def _record_download(connection: psycopg.Connection, package: Package, name: str, rows: int) -> None:
    connection.execute(
        "select regulatory.record_access(%s, 'download at the filing desk', %s)",
        [f"package {package.package_id} {name} {package.row['manifest_sha256']}", rows],
    )


def _file(request: Request, session: Session) -> Response:
    name = request.path_params["name"]
    with session.use() as connection:
        package = find(request, session, connection)
        if isinstance(package, Response):
            return package
        entry = package.files.entry(name)
        if entry is None:
            return refused(request, 404, "no such file", "This package has no such file.", session)
        try:
            with _recorded(connection, package, session):
                content = package.files.read(name)
        except AlteredError as error:
            return _altered(request, session, error)
        _record_download(connection, package, name, entry.get("rows") or 0)
    return _saved(name, content)


def _zip(request: Request, session: Session) -> Response:
    with session.use() as connection:
        package = find(request, session, connection)
        if isinstance(package, Response):
            return package
        try:
            with _recorded(connection, package, session):
                package.files.require_unaltered()
                archive = package.files.zip()
        except AlteredError as error:
            return _altered(request, session, error)
        rows = sum(int(one.get("rows") or 0) for one in package.row["manifest"]["files"])
        _record_download(connection, package, "whole package", rows)
    name = package.row["folder"].replace("/", "_") + ".zip"
    chunks = iter(lambda: archive.read(_CHUNK_BYTES), b"")
    headers = {**_SAVED, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, headers=headers)


def _explanations(request: Request, session: Session) -> Response:
    with session.use() as connection:
        package = find(request, session, connection)
        if isinstance(package, Response):
            return package
        content = reading.explanations(package, reading.read_acknowledgements(connection, package))
        _record_download(connection, package, "explanations.csv", len(package.findings("warning")))
    return _saved("explanations.csv", content)


filings, package_page, rows_page, connections_page, file_download, zip_download, explanations_download = map(
    page, (_filings, _package, _rows, _connections, _file, _zip, _explanations)
)
