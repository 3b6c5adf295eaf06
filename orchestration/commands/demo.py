"""`make demo`: a sample operator's files, the whole pipeline over them, and what to look at next.

Not here: the simulation, the pipeline.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from ingestion.sample import VERSION
from orchestration.access.logins import judge, lift, make_login
from orchestration.access.rules import read_rules
from orchestration.commands.desk import DEFAULT_PORT
from orchestration.commands.run import PipelineResult, run_pipeline, set_environment
from orchestration.warehouse.connection import WarehouseError, administrator_url, open_warehouse, without_password
from orchestration.warehouse.preflight import with_login
from orchestration.warehouse.settings import ROOT, Settings, read_settings

CUSTOMERS, MONTHS, SEED = 2000, 15, 1
ANALYST = "demo_analyst"
# Two, since nobody approves what he validated.
COMPLIANCE = ("demo_compliance_1", "demo_compliance_2")

LAYERS = {
    "raw": "select coalesce(sum(rows_loaded), 0) from raw.load_ledger",
    "quarantine": "select count(*) from raw.quarantine where status = 'open'",
}
QUESTIONS = (
    ("Who has most data a day?", "select provider_name, round(avg(data_gb)::numeric) as gb_a_day from "
     "analytics.provider_daily_summary join core.dim_provider using (provider_id) group by 1 order by 2 desc;"),
    ("Which plans are paid for?", "select plan_name, count(*) as services from core.dim_service_current "
     "join core.dim_service_plan_current using (plan_id) where service_status = 'active' group by 1 order by 2 desc;"),
    ("Which checks found something?", "select table_name, check_name, severity, rows_failed from "
     "dashboards.data_quality where rows_failed > 0 order by rows_failed desc limit 10;"),
)  # fmt: skip


def written_sample(folder: Path) -> dict[str, object] | None:
    """The manifest of the sample that lies there, if this version made it with the same arguments."""
    manifest_file = folder / "manifest.json"
    if not manifest_file.exists():
        return None
    manifest: dict[str, object] = json.loads(manifest_file.read_text(encoding="utf-8"))
    names = ("customers", "months", "seed", "version")
    return manifest if tuple(manifest.get(name) for name in names) == (CUSTOMERS, MONTHS, SEED, VERSION) else None


def prepare_sample(settings: Settings, folder: Path) -> dict[str, object]:
    """The sample's manifest. Where it has to be written, that is on another core, while this one makes ready.

    Raises:
        WarehouseError: the warehouse cannot be used, or the sample could not be written.
    """
    if manifest := written_sample(folder):
        return manifest
    begun = time.monotonic()
    print("Writing a sample operator's files, and reading the models meanwhile …", file=sys.stderr, flush=True)
    values = {"folder": folder, "customers": CUSTOMERS, "months": MONTHS, "seed": SEED}
    options = [f"--{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", "ingestion.sample", *options]
    writing = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        set_environment(settings, open_warehouse(settings))
        from orchestration.definitions import build_defs

        build_defs()
        _, said = writing.communicate()
    finally:
        writing.kill()
    manifest = written_sample(folder)
    if writing.returncode or manifest is None:
        reason = (said.strip() or f"exit code {writing.returncode}").splitlines()[-1]
        raise WarehouseError(f"{folder}: the sample could not be written, mend this and run again: {reason}")
    print(f"  ok   sample and models {'':<14} {time.monotonic() - begun:6.1f} s", file=sys.stderr)
    return manifest


def _print_layers(console: Console, connection: psycopg.Connection) -> None:
    table = Table("layer", "tables", "rows", title="Rows per layer", title_justify="left")
    for name, query in LAYERS.items():
        (rows,) = connection.execute(query.encode()).fetchone() or (0,)
        table.add_row(name, "", f"{rows:,}")
    for schema in ("reference", "core", "analytics", "dashboards", "regulatory"):
        tables = connection.execute(
            "select tablename from pg_tables where schemaname = %s order by 1", [schema]
        ).fetchall()
        counts = [
            connection.execute(f'select count(*) from {schema}."{name}"'.encode()).fetchone() for (name,) in tables
        ]
        table.add_row(schema, str(len(tables)), f"{sum(count[0] for count in counts if count):,}")
    console.print(table)


def _print_dashboard(console: Console, connection: psycopg.Connection) -> None:
    columns = {
        "provider_name": "provider", "total_customers": "customers", "new_customers_30d": "new 30 d",
        "network_uptime_percentage": "uptime %", "availability_percentage": "available %",
        "total_data_tb_24h": "TB 24 h", "monthly_revenue": "revenue", "overdue_bills": "overdue",
        "open_tickets": "tickets", "overall_operations_health_score": "health",
    }  # fmt: skip
    table = Table(*columns.values(), title="dashboards.operations_dashboard", title_justify="left")
    for row in connection.execute(
        f"select {', '.join(columns)} from dashboards.operations_dashboard order by 1".encode()
    ):
        cells = [f"{value:,.2f}".rstrip("0").rstrip(".") if hasattr(value, "quantize") else str(value) for value in row]
        table.add_row(*cells)
    console.print(table)


def _print_times(console: Console, result: PipelineResult) -> None:
    table = Table("step", "seconds", title="Time per step", title_justify="left")
    for step, seconds in result.seconds.items():
        table.add_row(step, f"{seconds:.1f}")
    console.print(table)


def _write_secret(path: Path, lines: list[str]) -> Path:
    """A file that its owner alone may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("\n".join(lines) + "\n")
    return path


def write_service_file(settings: Settings, url: str) -> Path:
    """A pg_service file for the owner only, so that no password stands on a command line."""
    info = psycopg.conninfo.conninfo_to_dict(url)
    lines = ["[warehouse]", *(f"{name}={info[name]}" for name in ("host", "port", "dbname", "user", "password"))]
    return _write_secret(settings.warehouse_folder / "pg_service.conf", lines)


def _passwords(settings: Settings, names: tuple[str, ...], role: str) -> dict[str, str]:
    """New passwords of logins, which are made; none where this server lets us make no roles."""
    with psycopg.connect(administrator_url(settings), autocommit=True) as connection:
        if not lift(connection):
            return {}
        rules = read_rules()
        return {name: make_login(connection, rules, judge(rules, name, role, {}), is_allowed=True)[0] for name in names}


def analysts_url(settings: Settings, url: str) -> str | None:
    """The connection of an analyst's login, made with a new password; none where this server lets us make no roles."""
    passwords = _passwords(settings, (ANALYST,), "analyst")
    return with_login(url, ANALYST, passwords[ANALYST]) if passwords else None


def write_compliance_logins(settings: Settings) -> Path | None:
    """Two logins of compliance with new passwords, in a file for the owner only; none where we make no roles."""
    passwords = _passwords(settings, COMPLIANCE, "compliance")
    lines = [f"{name} {password}" for name, password in passwords.items()]
    return _write_secret(settings.warehouse_folder / "filing_desk_logins.txt", lines) if lines else None


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _print_desk(console: Console, settings: Settings) -> None:
    logins = write_compliance_logins(settings)
    if logins is None:
        return
    console.print("[bold]Look at the filings, validate and approve them[/bold] (nobody approves what he validated)")
    console.print(f"  make desk, then http://127.0.0.1:{DEFAULT_PORT}", soft_wrap=True)
    console.print(f"  as {' or '.join(COMPLIANCE)}; the passwords are in {_shown(logins)}", soft_wrap=True)


def _print_next(console: Console, settings: Settings, url: str) -> None:
    shown = _shown(write_service_file(settings, url))
    console.print(
        "[bold]Connect as an analyst[/bold] (the password is in that file; BI tools: the same host, port and user)"
    )
    console.print(f"  PGSERVICEFILE={shown} psql service=warehouse", soft_wrap=True)
    console.print(f"  {without_password(url)}", soft_wrap=True)
    _print_desk(console, settings)
    console.print("[bold]Watch and repair runs[/bold]\n  make ui")
    console.print("[bold]Three questions to try[/bold]")
    for question, query in QUESTIONS:
        console.print(f"  -- {question}\n  {query}", soft_wrap=True, markup=False, highlight=False)


def main(arguments: list[str]) -> int:
    """`python -m orchestration demo`."""
    if arguments:
        print("usage: python -m orchestration demo", file=sys.stderr)
        return 2
    begun, given = time.monotonic(), read_settings()
    folder = given.warehouse_folder / "sample"
    manifest = prepare_sample(given, folder)
    settings = replace(given, landing_dir=folder / "landing", as_of=datetime.fromisoformat(str(manifest["as_of"])))
    result = run_pipeline(settings)
    console = Console(width=max(Console().width, 130))
    url = open_warehouse(settings).url
    with psycopg.connect(url, autocommit=True) as connection:
        if result.problem is None:
            _print_layers(console, connection)
            _print_times(console, result)
            _print_dashboard(console, connection)
    if result.problem:
        print(f"FAILED (run {result.run_id}): {result.problem}", file=sys.stderr)
        return 1
    _print_next(console, settings, analysts_url(settings, url) or url)
    console.print(f"AS_OF {settings.as_of_at().isoformat()}; all of it took {time.monotonic() - begun:.0f} s.")
    return 0
