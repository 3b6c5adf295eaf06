"""Facts whose partitions are replaced: inside, by a swap, by the second way; what is recorded and what is refused."""

import threading
import time
from datetime import date

import psycopg
import pytest

from tests.pipeline.materializing import Project, make_project, prepare

JUNE, JULY, AUGUST = (f"fct_event_daily_2026_{month}" for month in ("06", "07", "08"))
DIFFERING = "(table {0} except table {1}) union all (table {1} except table {0})"
SAME = DIFFERING.format("core.fct_event_daily", "world.events")


@pytest.fixture(scope="module")
def built(make_database, tmp_path_factory):
    """The name of a database in which the facts are built; tests copy it."""
    project = make_project(tmp_path_factory.mktemp("materializations") / "project", make_database())
    prepare(project)
    project.build("fct_event_daily", "fct_statement")
    return project.url.rpartition("/")[2]


@pytest.fixture
def project(built, make_database, tmp_path):
    return make_project(tmp_path / "project", make_database(built))


def replaced(project: Project, table: str = "fct_event_daily") -> list[tuple]:
    """What was recorded since the first build."""
    return project.ask(
        "select partition_name, way, tries, rows_out, rows_in from quality.partition_replacements"
        f" where way <> 'created' and table_name = 'core.{table}' order by replacement_id"
    )


def leaves(project: Project) -> dict[str, int]:
    found = project.ask(
        "select relname, oid::bigint from pg_inherits join pg_class on oid = inhrelid"
        " where inhparent = 'core.fct_event_daily'::regclass"
    )
    return dict(found)


def test_a_new_fact_has_a_partition_for_each_month_and_an_empty_default(project):
    assert sorted(leaves(project)) == [JUNE, JULY, AUGUST, "fct_event_daily_default"]
    assert project.ask(SAME) == []
    assert project.ask("select count(*) from core.fct_event_daily_default") == [(0,)]
    assert project.ask("select reltuples from pg_class where oid = 'core.fct_event_daily'::regclass") == [(4600.0,)]


def test_a_small_window_is_replaced_inside_its_partition(project):
    before = leaves(project)
    project.do("update world.events set amount = 2 where event_date = '2026-07-10'",
               "delete from world.events where event_date = '2026-07-10' and thing_id > 40")  # fmt: skip
    xmins = (
        f"select thing_id, event_date, xmin::text from core.{JULY}"
        " where event_date not between '2026-07-08' and '2026-07-11' order by 1, 2"
    )
    untouched = project.ask(xmins)
    project.build("fct_event_daily", windows=[["2026-07-10", "2026-07-11"]])
    assert replaced(project) == [(JULY, "inside", 0, 100, 90)]
    assert leaves(project) == before
    assert project.ask(SAME) == []
    assert project.ask(xmins) == untouched


def test_a_large_window_is_swapped_and_keeps_what_is_outside(project):
    before, oid = leaves(project), project.ask("select 'core.fct_event_daily'::regclass::oid::bigint")
    project.do("update world.events set amount = 3 where event_date between '2026-07-05' and '2026-07-19'",
               "update world.events set amount = 9 where event_date = '2026-07-25'")  # fmt: skip
    project.build("fct_event_daily", windows=[["2026-07-05", "2026-07-20"]])
    assert replaced(project) == [(JULY, "swapped", 1, 800, 800)]
    assert {name for name, found in leaves(project).items() if before[name] != found} == {JULY}
    assert project.ask("select 'core.fct_event_daily'::regclass::oid::bigint") == oid
    assert project.ask(SAME + " order by 2") != []
    assert project.ask("select distinct event_date, amount from core.fct_event_daily where amount <> 1 order by 1") == [
        (date(2026, 7, day), 3) for day in range(5, 20)
    ]
    definition = "select regexp_replace(indexdef, '.* USING ', '') from pg_indexes where tablename = '{}' order by 1"
    assert project.ask(definition.format(JULY)) == project.ask(definition.format(JUNE))
    checks = f"select count(*) from pg_constraint where conrelid = 'core.{JULY}'::regclass and contype = 'c'"
    assert project.ask(checks) == [(0,)]
    assert project.ask("select count(*) from pg_class where relname ~ '_new$'") == [(0,)]
    attached = (
        "select count(*) from pg_inherits join pg_index on indexrelid = inhparent"
        " where indrelid = 'core.fct_event_daily'::regclass"
    )
    assert project.ask(attached) == [(8,)]


def test_a_quarter_is_where_a_swap_begins(project):
    """June has 30 days of 50 rows: 7 days (350 rows) are under a quarter of 1 500, 8 days (400) are not."""
    project.build("fct_event_daily", windows=[["2026-06-11", "2026-06-17"]])
    project.build("fct_event_daily", windows=[["2026-06-11", "2026-06-18"]])
    assert replaced(project) == [(JUNE, "inside", 0, 350, 350), (JUNE, "swapped", 1, 400, 400)]


def test_a_window_over_months_and_a_new_month(project):
    project.do(
        "insert into world.events select n, '2026-09-01', '2026-09-01T05:00Z', 1 from generate_series(1, 50) n",
        "update world.events set amount = 5 where event_date = '2026-08-31'",
    )
    project.build("fct_event_daily", windows=[["2026-08-31", "2026-09-02"]])
    assert replaced(project) == [
        (AUGUST, "inside", 0, 100, 100), ("fct_event_daily_2026_09", "attached", 1, 0, 50)
    ]  # fmt: skip
    assert project.ask(SAME) == []


def test_an_empty_window_changes_nothing(project):
    before = project.ask("select tableoid::bigint, ctid::text, xmin::text from core.fct_event_daily order by 1, 2")
    project.do("update world.events set amount = 5")
    assert project.build("fct_event_daily", windows=[])["fct_event_daily"] == 0
    assert (
        project.ask("select tableoid::bigint, ctid::text, xmin::text from core.fct_event_daily order by 1, 2") == before
    )
    assert replaced(project) == []


def test_a_full_refresh_keeps_the_tables_identity_and_needs_everything(project):
    oid = project.ask("select 'core.fct_event_daily'::regclass::oid::bigint")
    project.do("update world.events set amount = amount + thing_id")
    project.build("fct_event_daily", command="build --full-refresh")
    assert project.ask(SAME) == []
    assert [(name, way) for name, way, *_ in replaced(project)] == [(n, "swapped") for n in (JUNE, JULY, AUGUST)]
    assert project.ask("select 'core.fct_event_daily'::regclass::oid::bigint") == oid
    status, message, _ = project.run("run --full-refresh", "fct_event_daily", windows=[])["fct_event_daily"]
    assert status == "error"
    assert 'needs the window "all" of events' in message


def test_a_column_is_added_in_place(project):
    oid = project.ask("select 'core.fct_event_daily'::regclass::oid::bigint")
    project.do("alter table world.events add column note text", "update world.events set note = 'n'")
    project.change("fct_event_daily.sql", "day_start_at, amount", "day_start_at, note, amount")
    project.change("models.yml", "  - {name: amount, data_type: numeric, description: What happened.}",
                   "  - {name: note, data_type: text, description: A note.}\n"
                   "  - {name: amount, data_type: numeric, description: What happened.}")  # fmt: skip
    project.build("fct_event_daily", windows=[["2026-07-10", "2026-07-11"]])
    noted = "select event_date::text, count(*) from core.fct_event_daily where note = 'n' group by 1 order by 1"
    assert project.ask(noted) == [("2026-07-09", 50), ("2026-07-10", 50)]
    project.build("fct_event_daily", command="build --full-refresh")
    assert project.ask("select count(*) from core.fct_event_daily where note = 'n'") == [(4600,)]
    assert project.ask("select 'core.fct_event_daily'::regclass::oid::bigint") == oid


def test_a_fact_built_whole_changes_only_what_differs(project):
    same = DIFFERING.format("core.fct_statement", "world.statements")
    assert project.build("fct_statement")["fct_statement"] == 0
    project.do("update world.statements set amount = 2 where period_start = '2026-07-01'",
               "update world.statements set amount = 2 where statement_id in (3, 6)",
               "update world.statements set period_start = '2026-08-01' where statement_id = 9",
               "delete from world.statements where statement_id = 12")  # fmt: skip
    project.build("fct_statement")
    assert project.ask(same) == []
    assert replaced(project, "fct_statement") == [
        ("fct_statement_2026_07", "swapped", 1, 300, 300),
        ("fct_statement_2026_06", "inside", 0, 4, 2),
        ("fct_statement_2026_08", "inside", 0, 0, 1),
    ]  # fmt: skip
    assert project.build("fct_statement")["fct_statement"] == 0


def test_a_long_query_in_the_way_is_waited_for_then_the_rows_are_replaced_inside(project):
    project.do("update world.events set amount = 4 where event_date < '2026-07-01'")
    with psycopg.connect(project.url) as reader:
        reader.execute("select count(*) from core.fct_event_daily")  # its transaction stays open
        project.build("fct_event_daily", windows=[["2026-06-01", "2026-07-01"]])
    assert [row[:3] for row in replaced(project) if row[0] == JUNE] == [(JUNE, "inside after tries", 20)]
    assert project.ask(SAME) == []
    assert project.ask("select count(*) from pg_class where relname ~ '_new$'") == [(0,)]


def test_a_query_that_ends_in_time_lets_the_swap_through(project):
    project.do("update world.events set amount = 4 where event_date < '2026-07-01'")
    reader = psycopg.connect(project.url)
    reader.execute("select count(*) from core.fct_event_daily")
    waiting = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"

    def leave() -> None:
        with psycopg.connect(project.url, autocommit=True) as other:
            for _ in range(10_000):
                if other.execute(waiting).fetchone() != (0,):
                    break
            time.sleep(0.3)
        reader.close()

    thread = threading.Thread(target=leave)
    thread.start()
    project.build("fct_event_daily", windows=[["2026-06-01", "2026-07-01"]])
    thread.join()
    ((way, tries),) = [row[1:3] for row in replaced(project) if row[0] == JUNE]
    assert way == "swapped"
    assert 2 <= tries <= 20


def test_a_view_on_a_partition_does_not_stop_the_day(project):
    project.do(f"create view public.june as select * from core.{JUNE}", "update world.events set amount = 4")
    project.build("fct_event_daily")
    assert [way for name, way, *_ in replaced(project) if name == JUNE] == ["inside after tries"]
    assert project.ask("select distinct amount from public.june") == [(4,)]


def test_rows_in_the_default_partition_are_refused(project):
    project.do("insert into core.fct_event_daily values (1, '2030-01-01', '2030-01-01T06:00Z', 1)")
    assert "fct_event_daily_default\" holds rows" in project.problem("fct_event_daily", windows=[])  # fmt: skip
    found = project.run("test", "fct_event_daily")
    assert [name for name, (status, *_) in found.items() if status != "pass"] == [
        "default_partition_is_empty_fct_event_daily_"
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window={'feed': 'events', 'local_day_start': 'day_start_at'},", "", "fct_event_daily has no window"),
        ("'granularity': 'month'", "'granularity': 'week'", "partition_by is"),
        ("'feed': 'events'", "'feed': 'nobody'", "var windows has no entry for nobody"),
    ],
)
def test_a_fact_that_does_not_say_its_window_or_partitions_is_refused(project, old, new, said):
    project.change("fct_event_daily.sql", old, new)
    assert said in project.problem("fct_event_daily")


def test_a_first_build_needs_everything(project):
    project.do("drop table core.fct_event_daily")
    problem = project.problem("fct_event_daily", windows=[["2026-06-01", "2026-07-01"]])
    assert 'needs the window "all" of events' in problem


def test_statistics_of_the_whole_follow_a_tenth_of_the_rows(project):
    analyzed = (
        "select bool_and(is_analyzed) from quality.partition_replacements where table_name = 'core.fct_event_daily'"
    )
    project.build("fct_event_daily", windows=[["2026-07-10", "2026-07-14"]])  # 250 rows of 4 600
    assert project.ask(analyzed) == [(False,)]
    project.build("fct_event_daily", windows=[["2026-07-10", "2026-07-14"]])  # 500
    assert project.ask(analyzed) == [(True,)]


def test_a_fact_that_is_there_gets_constraints_and_every_way_of_replacing_keeps_them(project):
    description = "  description: One row per thing and day.\n"
    check = "  constraints: [{type: check, expression: amount > 0, name: amount_is_positive}]\n"
    project.change("models.yml", description, description + check)
    given = "amount, data_type: numeric, description: What happened."
    project.change("models.yml", f"{{name: {given}", f"{{constraints: [{{type: not_null}}], name: {given}")
    project.build("fct_event_daily", windows=[["2026-07-10", "2026-07-11"]])
    checks = (
        "select conrelid::regclass::text from pg_constraint where conname = 'amount_is_positive' and convalidated"
        " intersect select attrelid::regclass::text from pg_attribute where attname = 'amount' and attnotnull"
    )
    everywhere = [(f"core.{name}",) for name in sorted([*leaves(project), "fct_event_daily"])]
    assert sorted(project.ask(checks)) == everywhere
    # A whole month is swapped, a day is replaced inside: both refuse a row that breaks it, and say which.
    for days, windows in (("2026-07-01' and '2026-07-31", [["2026-07-01", "2026-08-01"]]),
                          ("2026-07-10' and '2026-07-10", [["2026-07-10", "2026-07-11"]])):  # fmt: skip
        project.do(f"update world.events set amount = -1 where event_date between '{days}'")
        assert "amount_is_positive" in project.problem("fct_event_daily", windows=windows)
        project.do(f"update world.events set amount = 3 where event_date between '{days}'")
        project.build("fct_event_daily", windows=windows)
        assert sorted(project.ask(checks)) == everywhere
