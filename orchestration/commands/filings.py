"""`python -m orchestration filings`: generate packages, check files, list packages, tell two packages apart.

Not here: what a package is (orchestration.regulatory); validating and approving, which people do at the desk.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from orchestration.access.audit import begin_run
from orchestration.commands.run import overrides_of, problem_of, set_environment
from orchestration.regulatory.content import REPORT_TYPES
from orchestration.regulatory.differences import file_changes
from orchestration.regulatory.file_checks import check_file
from orchestration.regulatory.findings import ERROR, numbered
from orchestration.regulatory.gathering import read_known
from orchestration.regulatory.layouts import FilingError, layout_of, layouts
from orchestration.regulatory.package_files import PackageFiles
from orchestration.regulatory.tracts import load_shipped
from orchestration.warehouse.connection import Warehouse, WarehouseError, open_warehouse
from orchestration.warehouse.settings import Settings, read_settings

_PACKAGES = """
    select package_id, report_type, provider_id::text, manifest ->> 'provider_name', period_start, period_end,
        package_number, state, compliance_status, manifest ->> 'due_date', folder, manifest, manifest_sha256
    from regulatory.packages
"""
_FAILURES = ("RunResultError", "RunResultFailure")
_STATES = "select distinct state_fips from reference.state_codes order by 1"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a date such as 2026-06-30") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration filings", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="builds the marts of an as-of date and writes packages")
    generate.add_argument("--as-of", type=_day, help="as-of date; default: the last June 30 or December 31 by AS_OF")
    generate.add_argument("--provider", help="a provider's id; default: all")
    generate.add_argument("--report", choices=REPORT_TYPES, help="default: all")
    generate.add_argument("--period-start", type=_day, help="first day, for emergency_readiness; default: January 1")
    validate = commands.add_parser("validate", help="checks a file, somebody else's too, or a package on disk")
    validate.add_argument("what", help="a file, or a package's number in the list")
    validate.add_argument("--layout", help="what the file is: fbs, fvs, mbs, mvs, fbd, bdc, …")
    validate.add_argument("--as-of", type=_day, help="by the layouts of which day; default: today's")
    validate.add_argument("--header", action="store_true", help="the file must begin with the header")
    commands.add_parser("list", help="every package with its state")
    diff = commands.add_parser("diff", help="rows added, gone and changed between two packages")
    diff.add_argument("before", type=int, help="package id, as the list has it")
    diff.add_argument("after", type=int)
    return parser


@dataclass(frozen=True)
class Choice:
    """What to generate: as of which day, of whom (None: everybody), which report (None: all), from when."""

    day: date
    provider: str | None = None
    report: str | None = None
    period_start: date | None = None


def generate_packages(settings: Settings, choice: Choice) -> str:
    """Builds the marts of a date and the packages; a line for each.

    A June 30 or December 31 is a partition of the job `filings`, which is run in this process; any other date is
    none, and is built without Dagster.

    Raises:
        FilingError: it failed, or nothing is known of the day yet.
    """
    last = newest_day(settings)
    if choice.day > last:
        raise FilingError(
            f"as of {choice.day}: nothing is known of that day yet; the last that is over is {last} (AS_OF)"
        )
    from orchestration.defs.filing_dates import is_regular

    warehouse = open_warehouse(settings)
    return (_run_job if is_regular(choice.day) else _build_directly)(settings, warehouse, choice)


def _run_job(settings: Settings, warehouse: Warehouse, choice: Choice) -> str:
    set_environment(settings, warehouse)
    import dagster as dg

    from orchestration.definitions import build_defs
    from orchestration.defs.filing_dates import PERIOD_START_TAG, PROVIDER_TAG, REPORT_TAG, date_tags
    from orchestration.defs.regulatory import JOB_NAME
    from orchestration.defs.stages import logger_config
    from orchestration.terminal import TerminalHandler, terminal_logger

    start = choice.period_start.isoformat() if choice.period_start else None
    more = {PROVIDER_TAG: choice.provider, REPORT_TAG: choice.report, PERIOD_START_TAG: start}
    with dg.DagsterInstance.get() as instance:
        definitions = build_defs(overrides_of(settings, warehouse), {"terminal": terminal_logger(TerminalHandler())})
        result = definitions.resolve_job_def(JOB_NAME).execute_in_process(
            instance=instance, raise_on_error=False, tags=date_tags(choice.day, more),
            run_config=logger_config(definitions),
        )  # fmt: skip
    if problem := problem_of(result):
        raise FilingError(problem)
    made = [
        event.step_materialization_data.materialization.metadata["made"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["regulatory", "filing_packages"])
    ]
    return "\n".join(str(one) for one in made)


def _build_directly(settings: Settings, warehouse: Warehouse, choice: Choice) -> str:
    from orchestration.dbt_runner import invoke, parse_project
    from orchestration.defs.regulatory import fill_redundancy, generate_packages_of, table_of

    run_id = f"filings {uuid.uuid4()}"
    with psycopg.connect(warehouse.url) as connection:
        begin_run(connection, run_id)
        fill_redundancy(connection, choice.day)
        connection.commit()
        project = parse_project(settings.warehouse_folder / "dbt", connection.info.dbname)
        variables: dict[str, object] = {
            "as_of": settings.as_of_at().isoformat(), "reporting_time_zone": settings.reporting_time_zone,
            "reporting_currency": settings.reporting_currency, "run_id": run_id,
            "filing_dates": [choice.day.isoformat()],
            "filing_period_start": choice.period_start.isoformat() if choice.period_start else "",
        }  # fmt: skip
        arguments = ["build", "--select", "path:models/regulatory", "--exclude-resource-type", "unit_test"]
        events = list(invoke(project, warehouse.url, arguments, variables))
        if said := [one["info"]["msg"] for one in events if one["info"]["name"] in _FAILURES]:
            raise FilingError(" ".join(said))
        chosen = [choice.provider] if choice.provider else None
        reports = [choice.report] if choice.report else REPORT_TYPES
        as_of = settings.as_of_at()
        return table_of(generate_packages_of(
            connection, settings.exports_dir, choice.day, as_of, chosen, reports, choice.period_start
        ))  # fmt: skip


def newest_day(settings: Settings) -> date:
    """The last day that is over at AS_OF in the reporting time zone."""
    return settings.as_of_at().astimezone(ZoneInfo(settings.reporting_time_zone)).date() - timedelta(days=1)


def _package(connection: psycopg.Connection, settings: Settings, package_id: int) -> tuple[PackageFiles, date]:
    row = connection.execute(f"{_PACKAGES} where package_id = %s".encode(), [package_id]).fetchone()
    if row is None:
        raise FilingError(f"package {package_id}: there is none of that id; python -m orchestration filings list")
    return PackageFiles(settings.exports_dir, row[10], row[11], row[12]), row[5]


def _validate_file(connection: psycopg.Connection, path: Path, name: str, day: date, *, with_header: bool) -> int:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FilingError(f"{path}: cannot be read ({error.strerror})") from error
    load_shipped(connection)
    known = read_known(connection, [state for (state,) in connection.execute(_STATES).fetchall()])
    found = check_file(layout_of(name, day), content, known, with_header=with_header or None)
    for one in numbered(found):
        print(f"{one['level']}: {one['column'] or '-'}: {one['message']}")
    errors = sum(one.level == ERROR for one in found)
    print(f"{path}: {errors} errors, {len(found) - errors} warnings as {name} of {day}", file=sys.stderr)
    return 1 if errors else 0


def _validate(connection: psycopg.Connection, settings: Settings, given: argparse.Namespace) -> int:
    if given.layout:
        day = given.as_of or newest_day(settings)
        return _validate_file(connection, Path(given.what), given.layout, day, with_header=given.header)
    if not given.what.isdigit():
        raise FilingError(f"{given.what}: say what the file is with --layout {'|'.join(layouts(newest_day(settings)))}")
    package, _ = _package(connection, settings, int(given.what))
    problems = package.problems()
    print("\n".join(problems) or "every file is as its manifest says")
    return 1 if problems else 0


def _list(connection: psycopg.Connection) -> int:
    rows = connection.execute(f"{_PACKAGES} order by report_type, 4, period_end, package_number".encode()).fetchall()
    for row in rows:
        period = str(row[5]) if row[4] == row[5] else f"{row[4]} to {row[5]}"
        print(
            f"{row[0]:>5}  {row[1]:<20} {row[3]:<24} {period:<26} {row[6]:>3}  {row[7]:<11} {row[8]:<20} due {row[9]}"
        )
    print(f"{len(rows)} packages", file=sys.stderr)
    return 0


def _diff(connection: psycopg.Connection, settings: Settings, before: int, after: int) -> int:
    (old, _), (new, day) = _package(connection, settings, before), _package(connection, settings, after)
    if old.manifest["report_type"] != new.manifest["report_type"]:
        raise FilingError(
            f"packages {before} and {after} are {old.manifest['report_type']} and {new.manifest['report_type']}:"
            " expected two of one report type"
        )
    found = 0
    for layout in layouts(day).values():
        names = [one.entry(layout.file_name) is not None for one in (old, new)]
        if not any(names):
            continue
        sides = [one.read(layout.file_name) if has else b"" for one, has in zip((old, new), names, strict=True)]
        for file, change, _, was, now in file_changes(layout, sides[0], sides[1]):
            found += 1
            print(f"{file}: {change}: {was or '-'} -> {now or '-'}")
    print(f"{found} rows differ", file=sys.stderr)
    return 0


def main(arguments: list[str]) -> int:
    """`python -m orchestration filings generate | validate | list | diff`."""
    from orchestration.defs.filing_dates import newest_regular_date

    given, settings = _parser().parse_args(arguments), read_settings()
    if given.command == "generate":
        day = given.as_of or newest_regular_date(settings.as_of_at(), settings.reporting_time_zone)
        print(generate_packages(settings, Choice(day, given.provider, given.report, given.period_start)))
        return 0
    with psycopg.connect(open_warehouse(settings).url) as connection:
        if connection.execute("select to_regclass('regulatory.packages') is null").fetchone() == (True,):
            raise WarehouseError("there are no filings in this warehouse yet; run: make run, then make filings")
        if given.command == "validate":
            return _validate(connection, settings, given)
        return _list(connection) if given.command == "list" else _diff(connection, settings, given.before, given.after)
