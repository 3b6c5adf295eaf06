"""`make user`: a person's login with a role, its password printed once; or its end.

Not here: what roles may do.
"""

from __future__ import annotations

import argparse
import sys

import psycopg

from orchestration.access.logins import drop_login, judge, lift, make_login
from orchestration.access.rules import read_rules
from orchestration.warehouse.connection import administrator_url, open_warehouse
from orchestration.warehouse.preflight import with_login, without_password
from orchestration.warehouse.settings import read_settings


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def main(arguments: list[str]) -> int:
    """`python -m orchestration user NAME ROLE [--providers IDS | --zones IDS]` or `user NAME --drop`."""
    parser = argparse.ArgumentParser(prog="python -m orchestration user")
    parser.add_argument("name")
    parser.add_argument("role", nargs="?", default="")
    parser.add_argument("--providers", default="", help="ids with commas between them")
    parser.add_argument("--zones", default="", help="ids with commas between them")
    parser.add_argument("--drop", action="store_true", help="take the login away")
    options = parser.parse_args(arguments)
    settings, rules = read_settings(), read_rules()
    url = open_warehouse(settings).url
    with psycopg.connect(administrator_url(settings), autocommit=True) as connection:
        is_allowed = lift(connection)
        if options.drop:
            drop_login(connection, options.name)
            print(f"{options.name} is gone", file=sys.stderr)
            return 0
        scopes = {"provider": _list(options.providers), "zone": _list(options.zones)}
        login = judge(rules, options.name, options.role, scopes)
        password, script = make_login(connection, rules, login, is_allowed=is_allowed)
    if script:
        print("-- This login may not make roles: somebody who may runs this.", file=sys.stderr)
        print(script, end="")
    shown = without_password(with_login(url, login.name, ""))
    print(f"{login.name} is {login.role.name}: {login.role.description}", file=sys.stderr)
    print(f"Password, shown this once: {password}\n{shown}", file=sys.stderr)
    return 0
