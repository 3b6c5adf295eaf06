"""From the marts of schema regulatory to a filing's content: the subscription files of Form 477.

Not here: the other report types (gathering_blocks, gathering_emergency), writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import psycopg

from orchestration.regulatory.content import Content, Filing, Provider
from orchestration.regulatory.file_checks import Known, check_file
from orchestration.regulatory.findings import Finding
from orchestration.regulatory.layouts import FilingError, layouts, rows_to_bytes
from orchestration.regulatory.package_checks import (
    Surroundings,
    check_accounts,
    check_filing,
    check_shape,
    check_voice_states,
    parameter,
)
from orchestration.regulatory.reconciling import Account
from orchestration.regulatory.voice_states import Figures, Lines, state_figures

FORMS = {"fbs": "fixed_broadband", "fvs": "fixed_voice", "mbs": "mobile_broadband", "mvs": "mobile_voice"}
_ROWS = {
    "fbs": """select tract_geoid, fixed_technology_code, speed_mbps_down, speed_mbps_up, total_connections,
            consumer_connections from regulatory.form477_fixed_broadband""",
    "fvs": """select tract_geoid, voice_service_type, total_connections, consumer_connections
        from regulatory.form477_fixed_voice""",
    "mbs": """select state_fips, speed_mbps_down, speed_mbps_up, total_connections, consumer_connections
        from regulatory.form477_mobile_broadband""",
    "mvs": "select state_fips, total_connections, direct_connections from regulatory.form477_mobile_voice",
}
_LINES = """
    select coalesce(left(tract_geoid, 2), state_fips, ''), voice_service, sum(connections)::bigint,
        coalesce(sold_by = 'wholesale', false), is_consumer, has_internet, includes_long_distance, local_loop, last_mile
    from regulatory.form477_connections
    where as_of_date = %(day)s and provider_id = %(provider)s and form = 'fixed_voice'
        and (left_out_reason is null or left_out_reason = 'wholesale')
    group by 1, 2, 4, 5, 6, 7, 8, 9
"""
_LEFT_OUT = """
    select form, left_out_reason, sum(connections)::bigint from regulatory.form477_connections
    where as_of_date = %(day)s and provider_id = %(provider)s and left_out_reason is not null group by 1, 2
"""
_IN_SERVICE = """
    select form, connections from regulatory.form477_in_service
    where as_of_date = %(day)s and provider_id = %(provider)s
"""
_RULE_TOTALS = """
    select form, rule_set, connections_counted from regulatory.form477_rule_totals
    where as_of_date = %(day)s and provider_id = %(provider)s order by form, is_governing desc, rule_set
"""
_PROVIDER = """
    select provider_id::text, provider_name, frn, bdc_provider_id, form499_id, brand_name, is_ilec
    from core.dim_provider where provider_id::text = %s
"""
_RULES = """
    select rule_set, case when bool_or(rules_unread_count > 0) then null else min(rules_read_on) end
    from regulatory.form477_rules where as_of_date = %(day)s group by 1 order by 1
"""
_OVER = """
    select over_mbps_in_either_direction from regulatory.form477_rules
    where as_of_date = %(day)s and form = 'fixed_broadband' and is_governing
"""
_BEFORE = """
    select distinct on (period_end) reconciliation from regulatory.packages
    where report_type = %(report)s and provider_id::text = %(provider)s and period_end < %(day)s
    order by period_end desc, (state = 'filed') desc, package_number desc limit 1
"""
# Versions of a plan that hold at the two as-of dates and between.
_SPEEDS = """
    with version as (
        select plan_id, plan_name, valid_from, speed_mbps_down || '/' || speed_mbps_up as speed,
            lag(speed_mbps_down || '/' || speed_mbps_up) over (partition by plan_id order by valid_from) as before
        from core.dim_service_plan where provider_id::text = %(provider)s
    )
    select plan_name, before || ' to ' || speed || ' Mbps on ' || valid_from::date from version
    where before <> speed and valid_from > %(before)s::date + 1 and valid_from < %(day)s::date + 1 order by 1, 2
"""


def one(connection: psycopg.Connection, query: str, values: dict[str, object]) -> tuple[object, ...] | None:
    return connection.execute(query.encode(), values).fetchone()


def read_provider(connection: psycopg.Connection, provider_id: str) -> Provider:
    """A provider by its id.

    Raises:
        FilingError: there is none; the message lists those that there are.
    """
    row = connection.execute(_PROVIDER.encode(), [provider_id]).fetchone()
    if row is None or provider_id == "00000000-0000-0000-0000-000000000000":
        known = ", ".join(f"{name} ({identity})" for identity, name in providers(connection))
        raise FilingError(f"provider {provider_id!r}: there is none of that id; known are {known or 'none at all'}")
    return Provider(*row)


def providers(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Id and name of every provider."""
    return connection.execute(
        "select provider_id::text, provider_name from core.dim_provider"
        " where provider_id <> '00000000-0000-0000-0000-000000000000' order by provider_name, provider_id"
    ).fetchall()


def read_filing(
    connection: psycopg.Connection, report_type: str, provider: Provider, day: date, period_start: date | None = None
) -> Filing:
    """The filing as the calendar has it.

    Raises:
        FilingError: the marts hold nothing of that date.
    """
    row = one(
        connection,
        "select due_date, is_regular from regulatory.filing_due_dates where as_of_date = %(day)s"
        " and report_type = %(report)s",
        {"day": day, "report": report_type},
    )
    if row is None:
        raise FilingError(
            f"{report_type} as of {day}: the marts of schema regulatory hold nothing of that date; build them first:"
            f" make filings AS_OF_DATE={day}"
        )
    sets = connection.execute(_RULES.encode(), {"day": day}).fetchall() if report_type == "fcc_form477" else []
    start = period_start or day
    return Filing(report_type, provider, start, day, row[0], row[1], tuple(name for name, _ in sets))  # type: ignore[arg-type]


def date_before(day: date) -> date:
    """The June 30 or December 31 before a date."""
    if (day.month, day.day) > (6, 30):
        return date(day.year, 6, 30)
    return date(day.year - 1, 12, 31)


def surroundings(connection: psycopg.Connection, filing: Filing, as_of: datetime) -> Surroundings:
    """What the filing is held against besides itself."""
    before = date_before(filing.period_end)
    values = {
        "day": filing.period_end, "report": filing.report_type, "provider": filing.provider.provider_id,
        "before": before,
    }  # fmt: skip
    last = one(connection, _BEFORE, values)
    totals = {entry["file"]: entry["in_file"] for entry in last[0]} if last else {}  # type: ignore[attr-defined]
    if filing.report_type != "fcc_form477":
        return Surroundings(before, as_of.date(), totals)
    return Surroundings(
        before, as_of.date(), totals, connection.execute(_SPEEDS.encode(), values).fetchall(),
        dict(connection.execute(_RULES.encode(), values).fetchall()),
    )  # fmt: skip


def read_known(connection: psycopg.Connection, states: Sequence[str], over_mbps: float = 0.2) -> Known:
    """The lists of tracts of the states, of those that are loaded, and the speed to be over."""
    tracts: dict[str, set[str]] = {}
    for state, tract in connection.execute(
        "select state_fips, tract_geoid from reference.census_tracts where state_fips = any(%s)", [list(states)]
    ):
        tracts.setdefault(state, set()).add(tract)
    low = (parameter("low_download_mbps"), parameter("low_upload_mbps"))
    return Known(tracts, over_mbps, low)


def _accounts(connection: psycopg.Connection, draft: Content, in_service: Mapping[str, int]) -> list[Account]:
    """Each form's reconciliation, in the order of the files."""
    values: dict[str, object] = {"day": draft.filing.period_end, "provider": draft.filing.provider.provider_id}
    left_out: dict[str, dict[str, int]] = {}
    for form, reason, connections in connection.execute(_LEFT_OUT.encode(), values):
        left_out.setdefault(form, {})[reason] = connections
    rule_totals: dict[str, list[tuple[str, int]]] = {}
    for form, rule_set, counted in connection.execute(_RULE_TOTALS.encode(), values):
        rule_totals.setdefault(form, []).append((rule_set, counted))
    return [
        Account(draft.layouts[name].file_name, form.replace("_", " "), in_service[form], draft.total(name),
                left_out.get(form, {}), rule_totals.get(form, []))
        for name, form in FORMS.items() if in_service.get(form)
    ]  # fmt: skip


def gather_form477(connection: psycopg.Connection, filing: Filing, as_of: datetime) -> Content:
    """The content of a subscription filing, checked."""
    known_layouts = layouts(filing.period_end)
    values: dict[str, object] = {"day": filing.period_end, "provider": filing.provider.provider_id}
    in_service: dict[str, int] = dict(connection.execute(_IN_SERVICE.encode(), values).fetchall())
    files: dict[str, bytes] = {}
    for name, form in FORMS.items():
        query = f"{_ROWS[name]} where as_of_date = %(day)s and provider_id = %(provider)s order by row_number"
        if in_service.get(form):
            files[name] = rows_to_bytes(known_layouts[name], connection.execute(query.encode(), values))
    figures = state_figures(Lines(*row) for row in connection.execute(_LINES.encode(), values))
    if figures:
        rows = [(*key, lines) for key, lines in figures.items()]
        files["fvs_state"] = rows_to_bytes(known_layouts["fvs_state"], rows)
    draft = Content(filing, known_layouts, files)
    accounts = _accounts(connection, draft, in_service)
    over = one(connection, _OVER, values)
    states = {row[0][:2] for name in ("fbs", "fvs") for row in draft.rows(name)}
    known = read_known(connection, sorted(states), float(over[0]) if over and over[0] is not None else 0.2)  # type: ignore[arg-type]
    return finished(connection, draft, accounts, known, as_of, _report_data(connection, draft, accounts), figures)


def finished(
    connection: psycopg.Connection, draft: Content, accounts: Sequence[Account], known: Known, as_of: datetime,
    report_data: dict[str, object], figures: Figures | None = None, more: Sequence[Finding] = (),
) -> Content:  # fmt: skip
    """The content with its accounts and every finding."""
    around = surroundings(connection, draft.filing, as_of)
    whole = Content(draft.filing, draft.layouts, draft.files, (), accounts, report_data)
    findings = [*check_filing(draft.filing, around), *more]
    for name, content in draft.files.items():
        findings += check_file(draft.layouts[name], content, known)
    findings += [*check_accounts(whole), *check_shape(whole, around)]
    if figures:
        findings += check_voice_states(whole, figures)
    return Content(draft.filing, draft.layouts, draft.files, findings, accounts, report_data)


_BLOCKS = """
    select
        (select count(distinct offer.block_geoid) from core.dim_serviceable_location as offer
         where offer.provider_id = %(provider)s and offer.available_from <= %(day)s
            and coalesce(offer.available_to, 'infinity') >= %(day)s),
        (select count(distinct block.block_geoid) from core.dim_census_block as block
         where block.provider_id = %(provider)s)
"""
_SUBSCRIBERS = """
    select count(distinct customer_id), count(distinct customer_id) filter (where is_consumer),
        count(distinct customer_id) filter (where not is_consumer), max(speed_mbps_down), max(speed_mbps_up),
        coalesce(jsonb_agg(distinct fixed_technology_code) filter (where fixed_technology_code is not null), '[]')
    from regulatory.form477_connections
    where as_of_date = %(day)s and provider_id = %(provider)s and left_out_reason is null and form like '%%broadband'
"""


def _report_data(connection: psycopg.Connection, draft: Content, accounts: Sequence[Account]) -> dict[str, object]:
    """The figures under the source's names, each counted once, and the totals of the files."""
    filing = draft.filing
    values: dict[str, object] = {"day": filing.period_end, "provider": filing.provider.provider_id}
    people = one(connection, _SUBSCRIBERS, values) or (0, 0, 0, None, None, [])
    served, blocks = one(connection, _BLOCKS, values) or (0, 0)
    names = (
        "total_subscribers", "residential_subscribers", "business_subscribers", "max_advertised_downstream_speed",
        "max_advertised_upstream_speed", "technologies_deployed",
    )  # fmt: skip
    figures = [float(value) if isinstance(value, Decimal) else value for value in people]
    return {
        "provider_info": {"id": filing.provider.provider_id, "name": filing.provider.name},
        "reporting_period": {"start": filing.period_start, "end": filing.period_end},
        "broadband_metrics": dict(zip(names, figures, strict=True)),
        "service_availability": {
            "census_blocks_served": served, "total_census_blocks": blocks,
            "percentage_coverage": round(100 * int(served) / int(blocks), 2) if blocks else None,  # type: ignore[call-overload]
        },
        "connections": {account.form: account.in_file for account in accounts},
    }  # fmt: skip
