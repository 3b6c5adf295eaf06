"""From a request to a handler: the session of a cookie, a form that is read and judged, pages of templates.

Not here: what single pages do (pages, steps).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orchestration.desk.guarding import refuse
from orchestration.desk.sessions import Session, SessionEndedError, Sessions
from orchestration.desk.slowing import Slowdown

COOKIE = "filing_desk"
_MOST_FIELDS, _LONGEST_FIELD = 12, 16 * 1024


@dataclass(frozen=True)
class Desk:
    """The parts of a running desk.

    Attributes:
        database: how to reach it (signing_in.where).
        exports: the folder of all packages.
        is_secure: cookies go over https only.
    """

    database: Mapping[str, str]
    exports: Path
    environment: Environment
    is_secure: bool = False
    sessions: Sessions = field(default_factory=Sessions)
    slowdown: Slowdown = field(default_factory=Slowdown)


Form = Mapping[str, str]
Page = Callable[[Request, Session], Response]
Step = Callable[[Request, Session, Form], Response]


def desk_of(request: Request) -> Desk:
    """The desk that serves a request."""
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; `session` is None where nobody is signed in."""
    values = {"session": None, "path": request.url.path} | values
    return HTMLResponse(desk_of(request).environment.get_template(template).render(values), status)


def refused(request: Request, status: int, reason: str, message: str, session: Session | None = None) -> HTMLResponse:
    """A page that says why not; the reason goes into the log."""
    refuse(request.scope, reason)
    heading = {404: "There is no such page", 409: "That is not possible"}.get(status, "Refused")
    return render(request, "message.html", status, session=session, heading=heading, message=message)


def _is_text(value: str) -> bool:
    return all(sign in "\r\n\t" or unicodedata.category(sign) not in ("Cc", "Cs") for sign in value)


async def read_form(request: Request) -> Form | None:
    """The form's fields; None where one is given twice, is no text or too long, or there are too many."""
    try:
        found = await request.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD)
    except HTTPException as error:
        if error.status_code == 413:
            raise
        return None
    items = [(name, value) for name, value in found.multi_items() if isinstance(value, str) and _is_text(value)]
    if len(items) != len(found.multi_items()) or len({name for name, _ in items}) != len(items):
        return None
    return dict(items)


def _session(request: Request) -> Session | None:
    cookie = request.cookies.get(COOKIE)
    session = desk_of(request).sessions.find(cookie) if cookie else None
    if session is not None:
        request.scope.setdefault("state", {})["login"] = session.login
    return session


def sign_in_first(request: Request, message: str = "") -> Response:
    """The way to sign in. A cookie that is nobody's is a refusal; without one it is a first visit."""
    if not request.cookies.get(COOKIE) and request.method == "GET":
        return RedirectResponse("/sign-in", 303)
    text = message or "Your session is over, or you are not signed in."
    answer = refused(request, 401, "no such session", text)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def page(handler: Page) -> Callable[[Request], Awaitable[Response]]:
    """A page for who is signed in; the handler runs in a thread, and has the person's connection to itself."""

    async def endpoint(request: Request) -> Response:
        session = _session(request)
        if session is None:
            return sign_in_first(request)
        return await run_in_threadpool(_handle, request, lambda: handler(request, session))

    return endpoint


def step(handler: Step) -> Callable[[Request], Awaitable[Response]]:
    """What a form of a signed-in person does: only with the token that the session gave for this very path."""

    async def endpoint(request: Request) -> Response:
        form = await read_form(request)
        session = _session(request)
        if session is None:
            return sign_in_first(request)
        if form is None:
            return refused(request, 400, "form", "The form holds something that it should not.", session)
        if not compare_digest(form.get("token", "").encode(), session.token(request.url.path).encode()):
            return refused(request, 403, "token", "This form is not of your session: open the page again.", session)
        return await run_in_threadpool(_handle, request, lambda: handler(request, session, form))

    return endpoint


def _handle(request: Request, answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except SessionEndedError:
        desk_of(request).sessions.end(request.cookies.get(COOKIE, ""))
        return sign_in_first(request, "Your session is over: the database does not let you file, or was restarted.")
