"""The desk as an application: its paths, its guard, and the end of sessions whose time is over.

Not here: what a path answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.desk import entering, pages, steps
from orchestration.desk.guarding import Guard
from orchestration.desk.serving import Desk, refused

_STYLE = (Path(__file__).parent / "desk.css").read_bytes()
_SWEEP_SECONDS = 30.0
_SAID = {
    404: ("no such page", "There is no such page."), 405: ("method", "That cannot be done here."),
    413: ("too long", "That was too long."),
}  # fmt: skip


async def _style(_: Request) -> Response:
    return Response(_STYLE, media_type="text/css")


async def _no_icon(_: Request) -> Response:
    return Response(status_code=204)


async def _no_such_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason, said = _SAID.get(status, ("status", "The request cannot be understood."))
    return refused(request, status, reason, said)


def _routes() -> list[Route]:
    package = "/packages/{package_id:int}"
    return [
        Route("/", pages.filings),
        Route("/desk.css", _style),
        Route("/favicon.ico", _no_icon),
        Route("/sign-in", entering.show_sign_in, methods=["GET"]),
        Route("/sign-in", entering.sign_in, methods=["POST"]),
        Route("/sign-out", entering.sign_out, methods=["POST"]),
        Route(package, pages.package_page),
        Route(f"{package}/zip", pages.zip_download),
        Route(f"{package}/explanations", pages.explanations_download),
        Route(f"{package}/connections", pages.connections_page),
        Route(f"{package}/files/{{name}}", pages.file_download),
        Route(f"{package}/rows/{{name}}", pages.rows_page),
        Route(f"{package}/warnings/{{finding_number:int}}", steps.acknowledge, methods=["POST"]),
        Route(f"{package}/validate", steps.validate, methods=["POST"]),
        Route(f"{package}/approve", steps.approve, methods=["POST"]),
        Route(f"{package}/file", steps.file, methods=["POST"]),
        Route(f"{package}/supersede", steps.supersede, methods=["POST"]),
    ]


def build_app(desk: Desk, names: Iterable[str]) -> Starlette:
    """The application of a desk.

    Args:
        desk: its parts.
        names: what the Host header may say, such as 127.0.0.1:8477.
    """

    async def sweep() -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await run_in_threadpool(desk.sessions.sweep)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(sweep())
        yield
        sweeping.cancel()
        desk.sessions.end_all()

    scheme = "https" if desk.is_secure else "http"
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, names=tuple(names), scheme=scheme)],
        exception_handlers={HTTPException: _no_such_page},
        lifespan=lifespan,
    )
    app.state.desk = desk
    return app
