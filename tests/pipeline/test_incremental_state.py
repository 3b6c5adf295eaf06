"""Many runs that each build what changed reach, row by row, the state that one whole build of all files gives."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from expectations.newest import update_every_freshness
from ingestion.contract import contract, contracts
from ingestion.loader import load_feed
from orchestration.dbt_runner import invoke, parse_project
from orchestration.warehouse.settings import read_settings
from orchestration.windows import WINDOWED_FACTS, close_window, facts_of, open_windows
from tests.conftest import database_name
from tests.integration.landing import land
from tests.pipeline.conftest import BuiltWarehouse

# What lands before a run, by the end of the files' names, and the run's AS_OF. In the third run feeds are missing, and
# events lie after AS_OF; in the last come the rest, repeated deliveries and corrections of what is long built.
RUNS = (
    (("_history-1", "_2026-07"), (), "2026-08-01T05:00:00Z"),
    (("_2026-08",), (), "2026-08-25T17:30:00Z"),
    (("_2026-09",), ("usage_records", "network_performance", "customer_services"), "2026-09-12T05:00:00Z"),
    (("_2026-09", "_again"), (), None),
)
PII_KEY = b"k" * 32
# What a row says now that was long built: of an entity from mid-July on, of events the oldest one.
ENTITY_CORRECTIONS = {
    "customer_services": {"contract_end": "2027-07-31"},
    "customers": {"customer_type": "business"},
    "network_elements": {"zone_id": ""},
}
EVENT_CORRECTIONS = {
    "outages": {"outage_type": "fiber_cut"},
    "support_tickets": {"reopened_count": 4},
    "payments": {"payment_status": "failed"},
    "maintenance_events": {"maintenance_type": "corrective"},
}
NOT_COMPARED = {"dashboards.data_quality", "dashboards.freshness"}
TABLES = """
    select n.nspname || '.' || c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('core', 'dashboards', 'intermediate') and not c.relispartition
        and (c.relkind in ('r', 'p') or n.nspname = 'dashboards' and c.relkind = 'v')
    order by 1
"""


def move(landing: Path, to: Path, ends: tuple[str, ...], feeds: tuple[str, ...]) -> None:
    for path in sorted(landing.glob("*/*")):
        if (not feeds or path.parent.name in feeds) and path.name.split(".")[0].endswith(ends):
            (to / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.move(path, to / path.parent.name / path.name)


def landed_row(warehouse: BuiltWarehouse, feed: str, which: str) -> dict[str, object]:
    """The first row of a feed that `which` holds for, as its file had it."""
    ((text,),) = warehouse.ask(f"select to_jsonb(t)::text from raw.{feed} t where {which} limit 1")
    found = json.loads(text)
    row = {column.name: found[column.name] for column in contract(feed).columns if found[column.name] is not None}
    return {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()}


def correct(warehouse: BuiltWarehouse) -> None:
    """Lands a version of one row of each feed: written in mid-July, or, of events, after all others."""
    for feed, changes in {**ENTITY_CORRECTIONS, **EVENT_CORRECTIONS}.items():
        is_entity = feed in ENTITY_CORRECTIONS
        order = contract(feed).key[0] if is_entity else contract(feed).touched_by
        row = landed_row(warehouse, feed, f"true order by {order}, updated_at desc")
        updated_at = datetime(2026, 7, 15, 18, tzinfo=UTC) if is_entity else warehouse.settings.as_of
        land(warehouse.landing, feed, "corrected.csv", [{**row, "updated_at": updated_at.isoformat(), **changes}])


def run(warehouse: BuiltWarehouse, as_of: datetime) -> None:
    """Loads what landed and builds what is due, as the pipeline does: the parents, then the days that they open."""
    settings = warehouse.settings
    for feed in contracts():
        load_feed(
            feed, landing=settings.landing_dir, warehouse_url=warehouse.url, pii_key=PII_KEY, quiet_seconds=0,
            max_vanishing_share=1.0,
        )  # fmt: skip
    update_every_freshness(warehouse.url, as_of)
    project = parse_project(settings.warehouse_folder / "dbt", database_name(warehouse.url))
    facts = [f"{fact}+" for fact in facts_of(WINDOWED_FACTS)]
    for selection in (["--exclude", *facts], []):
        windows = open_windows(warehouse.url) if not selection else {}
        variables: dict[str, object] = {
            "as_of": as_of.isoformat(),
            "reporting_time_zone": settings.reporting_time_zone,
            "reporting_currency": settings.reporting_currency,
            "windows": {feed: json.loads(json.dumps(window.spans)) for feed, window in windows.items()},
        }
        build = ["build", "--resource-type", "seed", "--resource-type", "model", *selection]
        events = invoke(project, warehouse.url, build, variables)
        names = ("RunResultError", "RunResultFailure")
        assert [event["info"]["msg"] for event in events if event["info"]["name"] in names] == []
        for window in windows.values():
            close_window(warehouse.url, window)


@pytest.fixture(scope="module")
def states(make_sample, make_database, build_models, make_folder) -> tuple[BuiltWarehouse, BuiltWarehouse]:
    """The warehouse after the runs, and the one that a whole build makes."""
    files, manifest = make_sample()
    folder = make_folder()
    (folder / "landing").mkdir()
    as_of = datetime.fromisoformat(manifest["as_of"])
    environment = {
        "WAREHOUSE_URL": make_database(), "WAREHOUSE_FOLDER": str(folder), "LANDING_DIR": str(folder / "landing"),
        "AS_OF": manifest["as_of"],
    }  # fmt: skip
    warehouse = BuiltWarehouse(read_settings(environment), manifest, None)
    for ends, feeds, instant in RUNS:
        move(files, folder / "landing", ends, feeds)
        if instant is None:
            correct(warehouse)
        run(warehouse, datetime.fromisoformat(instant) if instant else as_of)
    return warehouse, build_models(folder / "landing", manifest)


def test_everything_landed_and_something_was_left_alone(states):
    ran, whole = states
    count = "select count(*) from raw.usage_records"
    assert ran.ask(count) == whole.ask(count)
    # Of the features of months before the last run's changes some were not computed again.
    assert ran.ask("select count(*) > 8 from quality.model_builds where last_change_id > 0") == [(True,)]


def test_the_states_are_the_same(states):
    ran, whole = states
    tables = [name for (name,) in whole.ask(TABLES) if name not in NOT_COMPARED]
    assert len(tables) > 45
    assert [name for (name,) in ran.ask(TABLES) if name not in NOT_COMPARED] == tables
    wrong = {}
    for table in tables:
        rows = [set(one.ask(f"select to_jsonb(t)::text from {table} t")) for one in states]
        if rows[0] != rows[1]:
            wrong[table] = [sorted(rows[0] - rows[1])[:2], sorted(rows[1] - rows[0])[:2], len(rows[0] ^ rows[1])]
    assert wrong == {}


def test_a_run_with_nothing_new_changes_no_row(states):
    ran, _ = states
    with psycopg.connect(ran.url) as connection:
        before = connection.execute("select max(change_id) from quality.model_changes").fetchone()
    run(ran, ran.settings.as_of)
    assert ran.ask("select model, effect_from from quality.model_changes where change_id > %s", *before) == []


def test_what_comes_late_is_found_where_all_else_is_kept(states):
    """A record in a week that is over, and a bill that its new issue moves by months; AS_OF stays."""
    ran, _ = states
    week = "select data_usage_bytes from intermediate.int_usage_patterns__weeks where service_id = %s"
    late = landed_row(
        ran, "usage_records", "data_usage_bytes > 0 and (service_id, usage_timestamp::date) in ("
        " select service_id, from_date + 1 from intermediate.int_usage_patterns__weeks) order by usage_id",
    )  # fmt: skip
    bill = landed_row(ran, "bills", "bill_status <> 'draft' order by billing_period_start, bill_id, updated_at desc")
    moved = landed_row(ran, "bills", "bill_status <> 'draft' order by billing_period_start desc, bill_id")
    names = ("billing_period_start", "billing_period_end", "issued_on", "due_date")
    land(ran.landing, "usage_records", "late.csv", [{**late, "usage_id": str(uuid4())}])
    issue = {"bill_version": 2, "updated_at": ran.settings.as_of.isoformat(), **{name: moved[name] for name in names}}
    land(ran.landing, "bills", "moved.csv", [{**bill, **issue}])
    ((before,),) = ran.ask(week, late["service_id"])
    run(ran, ran.settings.as_of)
    assert ran.ask(week, late["service_id"]) == [(before + int(str(late["data_usage_bytes"])),)]
    assert ran.ask("select billing_period_start::text from core.fct_bill where bill_id = %s", bill["bill_id"]) == [
        (moved["billing_period_start"],)
    ]
    with psycopg.connect(ran.url) as connection:
        newest = connection.execute("select max(change_id) from quality.model_changes").fetchone()
        connection.execute("delete from quality.model_builds")
    run(ran, ran.settings.as_of)
    assert ran.ask("select model, effect_from from quality.model_changes where change_id > %s", *newest) == []
