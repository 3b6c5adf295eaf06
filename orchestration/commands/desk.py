"""`make desk`: the filing desk, on 127.0.0.1 unless told otherwise.

Not here: the pages.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import socket
import sys

from orchestration.warehouse.connection import open_warehouse
from orchestration.warehouse.settings import Settings, SettingsError, read_settings

DEFAULT_PORT = 8477
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _warehouse_url(settings: Settings) -> str:
    warehouse = open_warehouse(settings)
    for line in warehouse.notice:
        print(line, file=sys.stderr)
    return warehouse.url


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(
            f"{host} port {port}: {(error.strerror or str(error)).lower()}; take another one: make desk PORT={port + 1}"
        ) from None


def main(arguments: list[str]) -> int:
    """`python -m orchestration desk [PORT] [--host ADDRESS --name NAME]`; ends on Ctrl-C or SIGTERM.

    On another address than the machine's own it needs the name that people type, and a proxy in front that speaks
    https: cookies are then sent over https only.
    """
    import uvicorn

    from orchestration.desk.app import build_app
    from orchestration.desk.serving import Desk
    from orchestration.desk.signing_in import where
    from orchestration.desk.wording import make_environment

    parser = argparse.ArgumentParser(prog="python -m orchestration desk")
    parser.add_argument("port", nargs="?", type=int, default=DEFAULT_PORT)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--name", default="", help="name in people's address bar, behind a proxy that speaks https")
    options = parser.parse_args(arguments)
    if options.host not in _LOOPBACK and not options.name:
        raise SettingsError(
            f"--host {options.host}: passwords must not cross a network in clear; expected --name NAME of a proxy that"
            " speaks https and passes the Host header on, or 127.0.0.1 (over ssh -L)"
        )
    settings = read_settings()
    desk = Desk(
        where(_warehouse_url(settings)),
        settings.exports_dir,
        make_environment(settings.reporting_time_zone),
        is_secure=bool(options.name),
    )
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    names = (
        [options.name] if options.name else [f"{name}:{options.port}" for name in ("127.0.0.1", "localhost", "[::1]")]
    )
    address = f"https://{options.name}" if options.name else f"http://127.0.0.1:{options.port}"
    # No proxy's headers: whoever sends them could be at any address he likes.
    config = uvicorn.Config(
        build_app(desk, names), proxy_headers=False, server_header=False, access_log=False, log_level="warning",
        ws="none", http="h11", h11_max_incomplete_event_size=16 * 1024, timeout_graceful_shutdown=5,
    )  # fmt: skip
    with _listening(options.host, options.port) as listener, contextlib.suppress(KeyboardInterrupt):
        print(f"Filing desk: {address} (Ctrl-C ends it)", file=sys.stderr)
        uvicorn.Server(config).run(sockets=[listener])
    return 0
