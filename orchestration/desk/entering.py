"""The pages of signing in and out.

Not here: who is let in (signing_in).
"""

from __future__ import annotations

import hashlib
import secrets
from hmac import compare_digest

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orchestration.desk.guarding import log_line, printable, refuse
from orchestration.desk.serving import COOKIE, Desk, Form, desk_of, read_form, refused, render, step
from orchestration.desk.sessions import LONGEST_SECONDS, Session, token_of
from orchestration.desk.signing_in import NotLetInError, connect, introduce

# Whoever is not signed in yet has a cookie as well, so that nobody can sign somebody in from another site.
VISIT_COOKIE = "filing_desk_visit"
_SECRET = secrets.token_bytes(32)


def _set(desk: Desk, answer: Response, name: str, value: str, seconds: float) -> None:
    answer.set_cookie(name, value, int(seconds), path="/", httponly=True, samesite="strict", secure=desk.is_secure)


def _form_page(request: Request, status: int = 200, message: str = "", name: str = "") -> Response:
    visit = secrets.token_urlsafe(32)
    token = token_of(_SECRET, visit)
    answer = render(request, "sign_in.html", status, token=token, message=message, name=name)
    _set(desk_of(request), answer, VISIT_COOKIE, visit, LONGEST_SECONDS)
    return answer


async def show_sign_in(request: Request) -> Response:
    """The form; who is signed in already goes to the filings."""
    cookie = request.cookies.get(COOKIE)
    if cookie and desk_of(request).sessions.find(cookie):
        return RedirectResponse("/", 303)
    return _form_page(request)


def _who(name: str) -> str:
    """A name that was not let in, for the log: who types his password as his name does not find it there."""
    return "name " + hashlib.sha256(_SECRET + name.encode()).hexdigest()[:12]


def _sign_in(request: Request, name: str, password: str) -> Response:
    desk = desk_of(request)
    address = request.client.host if request.client else "unknown"
    keys = [f"name {name.casefold()}", f"address {address}"]
    if (seconds := desk.slowdown.enter(keys)) > 0:
        refuse(request.scope, f"too many wrong passwords, {_who(name)}")
        wait = f"Too many wrong passwords: try again in {int(seconds) + 1} seconds."
        answer = _form_page(request, 429, wait, name)
        answer.headers["retry-after"] = str(int(seconds) + 1)
        return answer
    try:
        connection = connect(desk.database, name, password)
    except NotLetInError as error:
        if error.reason == "role":
            desk.slowdown.right(keys)
        elif error.reason == "unreachable":
            desk.slowdown.forgive(keys)
        # The password was right, so the name is one.
        refuse(request.scope, f"{error.reason}, {printable(name, 63) if error.reason == 'role' else _who(name)}")
        status = {"unreachable": 503, "role": 403}.get(error.reason, 401)
        return _form_page(request, status, str(error), name)
    desk.slowdown.right(keys)
    desk.sessions.end(request.cookies.get(COOKIE, ""))
    cookie, session = desk.sessions.begin(name, connection)
    with session.use() as own:
        introduce(own, session.number, address, printable(request.headers.get("user-agent", "")))
    log_line("sign-in", login=printable(name, 63), address=address, session=session.number)
    answer = RedirectResponse("/", 303)
    _set(desk, answer, COOKIE, cookie, LONGEST_SECONDS)
    answer.delete_cookie(VISIT_COOKIE, path="/")
    return answer


async def sign_in(request: Request) -> Response:
    """Name and password; the cookie is a new one whatever was there before."""
    form = await read_form(request)
    if form is None:
        return refused(request, 400, "form", "The form holds something that it should not.")
    visit = request.cookies.get(VISIT_COOKIE, "")
    if not visit or not compare_digest(form.get("token", "").encode(), token_of(_SECRET, visit).encode()):
        refuse(request.scope, "token")
        return _form_page(request, 403, "This form was too old: please sign in again.")
    return await run_in_threadpool(_sign_in, request, form.get("name", ""), form.get("password", ""))


def _sign_out(request: Request, session: Session, _: Form) -> Response:
    with session.use() as connection:
        connection.execute("select regulatory.record_access('sign-out', 'filing desk', 0)")
    desk_of(request).sessions.end(request.cookies.get(COOKIE, ""))
    log_line("sign-out", login=printable(session.login, 63), session=session.number)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


sign_out = step(_sign_out)
