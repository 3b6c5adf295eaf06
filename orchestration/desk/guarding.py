"""What every request passes: host, method, origin, form, size; and what every answer carries. Refusals are logged.

Not here: who is signed in, what a page shows.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 32 * 1024
_LONGEST_PATH = 300
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: with that a browser hides the origin of a form, which is asked for here.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
_LOG = logging.getLogger("filing desk")
_NO_PATH = re.compile(rb"%|\\|//|\.\.|[^\x21-\x7e]")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def printable(text: str, longest: int = 200) -> str:
    """A text of somebody else's as it may stand in a log: one line, no control characters, not endless."""
    return _UNPRINTABLE.sub("?", text[:longest])


def log_line(event: str, **details: object) -> None:
    """A line of the desk's log: JSON, with the time; never a password, a cookie, a token or what a form held."""
    _LOG.warning(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **details}))


def refuse(scope: Scope, reason: str) -> None:
    """Remembers why a request is refused, for the log."""
    scope.setdefault("state", {})["refusal"] = reason


class Guard:
    """Refuses what no browser of ours sends, adds the headers, logs each refusal.

    Args:
        app: what answers.
        names: what the Host header may say, such as 127.0.0.1:8477.
        scheme: of the addresses that people type: http, or https behind a proxy.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], scheme: str = "http") -> None:
        self._app = RequestBodyLimitMiddleware(app, MOST_BODY_BYTES)
        self._names = frozenset(names)
        self._origins = frozenset(f"{scheme}://{name}" for name in self._names)

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason of what is wrong with a request's line and headers; None: nothing."""
        headers = Headers(scope=scope)
        raw_path: bytes = scope.get("raw_path") or b""
        is_post = scope["method"] == "POST"
        content_type = headers.get("content-type", "").partition(";")[0].strip()
        is_elsewhere = (
            headers.get("sec-fetch-site", "same-origin") != "same-origin"
            or headers.get("origin", min(self._origins)) not in self._origins
        )
        for is_wrong, status, reason in (
            (headers.getlist("host") not in [[name] for name in self._names], 400, "host"),
            (scope["method"] not in ("GET", "HEAD", "POST"), 405, "method"),
            (len(raw_path) > _LONGEST_PATH or _NO_PATH.search(raw_path), 400, "path"),
            (is_post and content_type != "application/x-www-form-urlencoded", 415, "content type"),
            (is_post and is_elsewhere, 403, "sent from another site"),
        ):
            if is_wrong:
                return status, reason
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        is_begun = False

        async def answer(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if message["status"] >= 400:
                    self._log(scope, message["status"])
            await send(message)

        if problem := self._problem(scope):
            status, reason = problem
            refuse(scope, reason)
            await PlainTextResponse(f"Refused: {reason}.\n", status)(scope, receive, answer)
            return
        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            # The kind of error and its place only: its text may hold what a form held.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log_line("failed", error=type(error).__name__, place=f"{place.filename}:{place.lineno}")
            if not is_begun:
                refuse(scope, f"failed, {getattr(error, 'sqlstate', None) or type(error).__name__}")
                said = "Something went wrong; it is in the desk's log. Nothing was changed.\n"
                await PlainTextResponse(said, 500)(scope, receive, answer)

    def _log(self, scope: Scope, status: int) -> None:
        state = scope.get("state", {})
        client = scope.get("client")
        log_line(
            "refused",
            status=status,
            reason=state.get("refusal", {404: "no such page", 413: "too long"}.get(status, "error")),
            method=printable(scope["method"], 10),
            # Without the query, which may hold what somebody typed.
            path=printable((scope.get("raw_path") or b"").decode("latin-1").partition("?")[0]),
            address=client[0] if client else None,
            login=state.get("login"),
        )
