"""Rules stay with a table through every way in which it is rebuilt, and a new one is never seen without them."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from orchestration.access.applying import find_drift, prepare_access, protect_relations
from tests.pipeline.materializing import make_project, prepare
from tests.pipeline.people import People

THINGS = "select count(*) from core.dim_thing"
EVENTS = "select count(*) from core.fct_event_daily"


@pytest.fixture(scope="module")
def project(make_database, tmp_path_factory):
    url = make_database()
    found = make_project(tmp_path_factory.mktemp("project") / "project", url)
    prepare(found)
    assert prepare_access(url) == []
    found.do("set role none", "alter schema world owner to warehouse_owner", *(
        f"alter table world.{name} owner to warehouse_owner" for name in ("things", "events", "statements")
    ))  # fmt: skip
    found.do(
        "insert into access.classes values ('core.dim_thing', 'customers', false),"
        " ('core.thing_view', 'customers', false),"
        " ('core.fct_event_daily', 'usage', false), ('core.fct_statement', 'billing', false)"
    )
    # Things that belong to a customer, one in ten to the one who looks.
    found.do(
        "alter table world.things add column customer_id uuid",
        "update world.things set customer_id = case when thing_id % 10 = 0"
        " then '00000000-0000-4000-8000-000000000001'::uuid else gen_random_uuid() end",
    )
    last = "description: When it was seen.}"
    found.change("models.yml", last, last + "\n  - {name: customer_id, data_type: uuid, description: Whose it is.}")
    found.build()
    return found


@pytest.fixture(scope="module")
def people(project) -> Iterator[People]:
    found = People(project.url, {"provider": [], "zone": []})
    yield found
    found.leave()


def rights(project, people) -> list:
    """What each role sees of the things and events, and what differs from the rules."""
    with people.session("customer_app") as app:
        app.execute("select set_config('app.customer_id', '00000000-0000-4000-8000-000000000001', false)")
        seen = [app.execute(THINGS).fetchone()]
    for role in ("analyst", "admin"):
        seen += [people.ask(role, THINGS)[0], people.ask(role, "select count(*) from core.thing_view")[0]]
    seen += [people.ask("analyst", EVENTS)[0][0] > 0, people.refusal("customer_app", EVENTS)[:5]]
    seen += [people.refusal("network_engineer", query)[:5] for query in (THINGS, EVENTS)]
    with psycopg.connect(project.url, autocommit=True) as owner:
        drift = [line for line in find_drift(owner) if "member" not in line]
    return [*seen, drift]


@pytest.fixture(scope="module")
def expected(project, people):
    with psycopg.connect(project.url, autocommit=True) as owner:
        protect_relations(owner)
    found = rights(project, people)
    assert found[0] == (100,)
    assert found[1:5] == [(1000,)] * 4
    assert found[-1] == []
    return found


def test_a_full_rebuild_keeps_the_rules(project, people, expected):
    project.build(command="build --full-refresh")
    assert rights(project, people) == expected


def test_a_swapped_partition_starts_closed_and_its_table_keeps_the_rules(project, people, expected):
    project.do("update world.events set amount = amount + 1 where event_date < '2026-07-01'")
    project.build("fct_event_daily", windows=[["2026-06-01", "2026-07-01"]])
    ways = project.ask("select way from quality.partition_replacements order by replacement_id desc limit 1")
    assert ways == [("swapped",)]
    assert rights(project, people) == expected
    for role in ("analyst", "admin", "data_engineer"):
        assert people.refusal(role, "select 1 from core.fct_event_daily_2026_06").startswith("42501")


def test_the_second_way_keeps_the_rules(project, people, expected):
    project.do("update world.events set amount = amount + 1 where event_date < '2026-07-01'")
    with psycopg.connect(project.url) as long_query:
        long_query.execute("select * from core.fct_event_daily limit 1")
        project.build("fct_event_daily", windows=[["2026-06-01", "2026-07-01"]])
    ways = project.ask("select way from quality.partition_replacements order by replacement_id desc limit 1")
    assert ways == [("inside after tries",)]
    assert rights(project, people) == expected


def test_an_added_column_and_a_breaking_change_keep_the_rules(project, people, expected):
    project.do("alter table world.things add column colour text")
    last = "description: Whose it is.}"
    project.change("models.yml", last, last + "\n  - {name: colour, data_type: text, description: Its colour.}")
    project.build()
    assert rights(project, people) == expected
    project.change("models.yml", "{name: colour, data_type: text", "{name: colour, data_type: integer")
    project.change(
        "dim_thing.sql", "select *", "select thing_id, label, weight, tags, seen_at, customer_id, 1 as colour"
    )
    project.build(allow_breaking_changes=["dim_thing"])
    assert rights(project, people) == expected


def test_a_new_table_is_never_seen_without_its_rules(project, people, expected):
    seen, stop = set(), threading.Event()
    project.do("drop view core.thing_view", "drop table core.dim_thing")

    def look() -> None:
        with people.session("customer_app") as app:
            app.execute("select set_config('app.customer_id', '00000000-0000-4000-8000-000000000001', false)")
            while not stop.is_set():
                try:
                    seen.add(app.execute(THINGS).fetchone())
                except psycopg.errors.UndefinedTable:
                    seen.add("none")
                except psycopg.Error as error:
                    seen.add(str(error))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        project.build()
    finally:
        stop.set()
        watching.join()
    assert seen <= {"none", (0,), (100,)}
    assert "none" in seen
    assert rights(project, people) == expected
