"""A million connections to packages: the marts of an as-of date, then every provider's subscription package.

Not here: the sample (ingestion.sample); correctness, which the second road's tests hold.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.warehouse import BENCH_FOLDER, bench_server
from orchestration.access.applying import prepare_access
from orchestration.access.audit import begin_run
from orchestration.dbt_runner import invoke, parse_project
from orchestration.regulatory.generating import generate
from orchestration.regulatory.tracts import load_shipped

CONNECTIONS = 1_000_000
DAY = date(2026, 6, 30)
AS_OF = datetime(2026, 7, 15, 5, tzinfo=UTC)
SECONDS_BAR, MEMORY_BAR_MIB = 120, 2048
TRACTS, BLOCKS_PER_TRACT = 1000, 20
_SEEDS = ("filing_forms", "filing_rule_sets", "filing_rules", "filing_calendar", "filing_due_overrides",
          "filing_parameters", "technology_codes", "state_codes", "in_service_states", "speed_tiers",
          "nors_thresholds", "outage_service_kinds", "dirs_events")  # fmt: skip
_FILL = f"""
    set session_replication_role to replica;
    insert into core.dim_provider (provider_id, provider_name, provider_type, frn, bdc_provider_id, form499_id, time_zone)
    values ('00000000-0000-0000-0000-0000000000a1', 'Cahaba Net', 'converged', '0012345678', 130999, '827099',
        'America/Chicago');
    insert into core.dim_service_plan (plan_key, plan_id, provider_id, plan_name, plan_type, includes, technology_code,
        speed_mbps_down, speed_mbps_up, voice_service, voice_lines, is_business, valid_from, valid_to, is_current, is_prepaid)
    select md5('plan' || n)::uuid, md5('plan' || n)::uuid, '00000000-0000-0000-0000-0000000000a1', 'plan ' || n,
        case when n < 8 then 'cable' when n < 10 then 'voice' else 'mobile' end,
        case when n < 8 then '["data"]' when n < 10 then '["voice"]' else '["data", "voice"]' end::jsonb,
        case when n < 4 then 50 when n < 8 then 40 end, case when n < 8 or n >= 10 then 100 * (n + 1) end,
        case when n < 8 or n >= 10 then 10 * (n + 1) end,
        case when n < 8 then null when n < 10 then 'voip_facilities' else 'mobile' end, 1, n % 4 = 3,
        '-infinity', 'infinity', true, false
    from generate_series(0, 12) as n;
    insert into core.dim_census_block (block_geoid, zone_id, provider_id, tract_geoid, county_geoid, state_fips, location)
    select '01001' || lpad(t::text, 6, '0') || lpad(b::text, 4, '0'), '00000000-0000-0000-0000-000000000000',
        '00000000-0000-0000-0000-0000000000a1', '01001' || lpad(t::text, 6, '0'), '01001', '01',
        point(-87 + t % 100 * 0.02 + b * 0.0005, 32 + t / 100 * 0.1 + b * 0.0005)
    from generate_series(1, {TRACTS}) as t cross join generate_series(1, {BLOCKS_PER_TRACT}) as b;
    insert into core.dim_service (service_key, service_id, customer_id, plan_id, provider_id, zone_id, time_zone,
        service_status, activated_at, service_state, sold_by, connections, created_at, valid_from, valid_to, is_current)
    select md5(n::text)::uuid, md5(n::text)::uuid, md5('customer' || n / 2)::uuid, md5('plan' || n % 13)::uuid,
        '00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-000000000000', 'America/Chicago',
        case when n % 97 = 0 then 'suspended' else 'active' end, '2024-01-01', 'AL', 'direct', 1, '2024-01-01',
        '-infinity', 'infinity', true
    from generate_series(1, {CONNECTIONS}) as n;
    insert into core.dim_service_place (service_key, service_id, customer_id, provider_id, zone_id, block_geoid, location,
        valid_from, valid_to)
    select service_key, service_id, customer_id, provider_id, zone_id,
        case when n % 50 > 0 then '01001' || lpad((1 + n % {TRACTS})::text, 6, '0') || '0001' end,
        point(-87 + n % 100 * 0.02, 32 + n % {TRACTS} / 100 * 0.1), valid_from, valid_to
    from (select *, row_number() over (order by service_id) as n from core.dim_service) as service;
    insert into core.dim_customer (customer_key, customer_id, zone_id, customer_type, state, created_at, valid_from,
        valid_to, is_current)
    select distinct on (customer_id) customer_id, customer_id, '00000000-0000-0000-0000-000000000000'::uuid, 'individual',
        'AL', created_at, '-infinity'::timestamptz, 'infinity'::timestamptz, true
    from core.dim_service;
    insert into reference.census_tracts (tract_geoid, state_fips, county_fips)
    select distinct tract_geoid, '01', '001' from core.dim_census_block;
    set session_replication_role to default
"""


def _dbt(url: str, *arguments: str) -> float:
    """Seconds of a dbt command; an error of it is one."""
    begun = time.perf_counter()
    project = parse_project(BENCH_FOLDER / "dbt", url.rpartition("/")[2])
    variables: dict[str, object] = {
        "as_of": AS_OF.isoformat(), "windows": {}, "filing_dates": [DAY.isoformat()],
    }  # fmt: skip
    problems = [event["info"]["msg"] for event in invoke(project, url, list(arguments), variables)
                if event["info"]["name"] in ("RunResultError", "RunResultFailure")]  # fmt: skip
    if problems:
        raise RuntimeError(" ".join(problems))
    return time.perf_counter() - begun


def _package(url: str, exports: Path, found: multiprocessing.Queue[tuple[float, float, dict[str, object]]]) -> None:
    """In a process of its own, so that its memory is its own."""
    begun = time.perf_counter()
    with psycopg.connect(url) as connection:
        begin_run(connection, "bench")
        made = generate(connection, exports, "fcc_form477", "00000000-0000-0000-0000-0000000000a1", DAY, AS_OF, "bench")
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found.put((seconds, peak, {"number": made.number, "errors": made.errors, "status": made.status}))


def measure() -> dict[str, object]:
    """Builds the tables, fills them with a million connections, and times marts and package."""
    with bench_server() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("drop database if exists filings with (force)")
            connection.execute("create database filings")
        url = server.url("filings")
        from ingestion.raw_tables import create_raw_tables

        with psycopg.connect(url, autocommit=True) as connection:
            create_raw_tables(connection)
        prepare_access(url)
        _dbt(url, "seed", "--select", *_SEEDS)
        _dbt(url, "run", "--empty", "--select", "+path:models/regulatory", "--exclude", "path:models/regulatory")
        with psycopg.connect(url) as connection:
            connection.execute("set role none")
            load_shipped(connection)
            connection.execute("truncate reference.census_tracts")
            connection.execute(_FILL.encode())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("analyze")
        marts = _dbt(url, "run", "--select", "path:models/regulatory")
        exports = BENCH_FOLDER / "exports"
        context = multiprocessing.get_context("spawn")
        found = context.Queue()
        process = context.Process(target=_package, args=(url, exports, found))
        process.start()
        seconds, peak, made = found.get(timeout=1500)
        process.join()
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "select file, sum(connections)::bigint, max(row_number), count(*) filter (where left_out_reason is not null)"
                " from regulatory.filing_connection group by 1 order by 1"
            ).fetchall()
    return {"marts": marts, "package": seconds, "peak": peak, "made": made, "rows": rows}


def run() -> None:
    """Measures and writes the part of docs/benchmarks.md."""
    found = measure()
    said = (
        f"{CONNECTIONS:,} services of one provider (8 fixed broadband, 2 voice and 3 mobile plans, {TRACTS:,} tracts; one in 50"
        " placed by the nearest block). Marts: dbt's models of schema regulatory for one as-of date; package: from the"
        f" marts to the renamed folder, with `filing_connection` ({sum(row[3] for row in found['rows']):,} of its rows left"  # type: ignore[attr-defined]
        f" out with a reason). Status {found['made']['status']}, {found['made']['errors']} errors."  # type: ignore[index]
    )
    lines = [
        ["marts of the date", f"{found['marts']:.0f} s", ""],
        ["package", f"{found['package']:.0f} s", f"{SECONDS_BAR} s"],
        ["memory of the package's process", f"{found['peak']:.0f} MiB", f"{MEMORY_BAR_MIB} MiB"],
        *([f"{file}: connections in {rows or 0:,} rows", f"{total:,}", ""] for file, total, rows, _ in found["rows"]),  # type: ignore[attr-defined]
    ]
    report.write_part(
        "filings", "A million connections packaged", f"{said}\n\n{report.table(['what', 'measured', 'bar'], lines)}"
    )
