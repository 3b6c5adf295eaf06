"""Tables, views and seeds that are changed in place: identity, differences, added columns, changes that break."""

import threading

import psycopg
import pytest

from tests.pipeline.materializing import make_project, prepare

OID = "select oid::bigint from pg_class where oid = '{}'::regclass"


@pytest.fixture(scope="module")
def built(make_database, tmp_path_factory):
    """The name of a database in which the project is built; tests copy it."""
    project = make_project(tmp_path_factory.mktemp("materializations") / "project", make_database())
    prepare(project)
    project.build()
    return project.url.rpartition("/")[2]


@pytest.fixture
def project(built, make_database, tmp_path):
    return make_project(tmp_path / "project", make_database(built))


def test_the_table_is_as_the_contract_and_the_config_say(project):
    assert project.ask(
        "select pg_get_constraintdef(oid) from pg_constraint"
        " where conrelid = 'core.dim_thing'::regclass and contype in ('p', 'c') order by 1"
    ) == [("CHECK ((weight >= (0)::numeric))",), ("PRIMARY KEY (thing_id)",)]
    indexes = project.ask("select split_part(indexdef, ' USING ', 2) from pg_indexes where tablename = 'dim_thing'")
    assert sorted(row[0] for row in indexes) == [
        "brin (seen_at)", "btree (label)", "btree (thing_id)", "gin (tags)",
        "gin (to_tsvector('simple'::regconfig, label))",
    ]  # fmt: skip
    comments = "select obj_description('{0}'::regclass), col_description('{0}'::regclass, 2)"
    assert project.ask(comments.format("core.dim_thing")) == [("One row per thing.", "What it is called.")]
    assert project.ask("select reloptions from pg_class where oid = 'core.thing_view'::regclass") == [
        (["security_invoker=true"],)
    ]
    assert project.ask("select reltuples from pg_class where oid = 'core.dim_thing'::regclass") == [(1000.0,)]


@pytest.mark.parametrize("command", ["build", "build --full-refresh"])
def test_a_run_with_nothing_new_changes_nothing(project, command):
    tables = ("core.dim_thing", "core.keyless", "reference.points", "core.fct_statement")
    everything = "select md5(string_agg(t.ctid::text || t.xmin::text, ',' order by t.ctid)) from {} t"
    catalog = (
        "select string_agg(c.oid::text || c.relfilenode || c.xmin, ',' order by c.oid)"
        " from pg_class c where relnamespace in ('core'::regnamespace, 'reference'::regnamespace) and relkind = 'v'"
    )
    before = [project.ask(everything.format(table)) for table in tables], project.ask(catalog)
    changed = project.build("dim_thing", "keyless", "points", "fct_statement", "thing_view", command=command)
    assert changed["dim_thing"] == changed["keyless"] == changed["fct_statement"] == 0
    assert ([project.ask(everything.format(table)) for table in tables], project.ask(catalog)) == before


def test_only_differences_are_written(project):
    project.do(
        "update world.things set label = 'other' where thing_id = 7",
        "update world.things set weight = 1.0 where thing_id = 8",
        "update world.things set tags = null, label = null where thing_id = 9",
        "delete from world.things where thing_id = 10",
        "insert into world.things values (1001, 'new', 1, '{}', '2026-01-01Z')",
    )
    (oid, xmin), = project.ask("select tableoid, xmin::text from core.dim_thing where thing_id = 1")  # fmt: skip
    changed = project.build("dim_thing", "keyless")
    assert (changed["dim_thing"], changed["keyless"]) == (5, 6)
    assert project.ask(f"select count(*) from core.dim_thing where xmin::text <> '{xmin}'") == [(4,)]
    assert project.ask("select oid from pg_class where relname = 'dim_thing' and relkind = 'r'") == [(oid,)]
    differing = "(table {0} except table {1}) union all (table {1} except table {0})"
    assert project.ask(differing.format("core.dim_thing", "world.things")) == []
    assert project.ask("select weight::text from core.dim_thing where thing_id = 8") == [("1.0",)]


def test_rows_without_a_key_are_counted(project):
    project.do(
        "insert into world.things select 1, label, 1, '{}', '2026-01-01Z' from world.things where thing_id = 1",
        "insert into world.things values (2000, null, 1, '{}', '2026-01-01Z'), (2000, null, 1, '{}', '2026-01-01Z')",
    )
    assert project.build("keyless")["keyless"] == 3
    project.do("delete from world.things where thing_id = 2000 and ctid = (select max(ctid) from world.things)")
    assert project.build("keyless")["keyless"] == 1
    rows = "select thing_id, label, count(*) from {} group by 1, 2 having count(*) > 1 or label is null"
    assert project.ask(rows.format("core.keyless")) == project.ask(rows.format("world.things")) != []


def test_a_key_that_repeats_stops_before_anything_changes(project):
    project.do("insert into world.things select * from world.things where thing_id = 3")
    assert "(thing_id)=(3) is duplicated" in project.problem("dim_thing")
    assert project.ask("select count(*) from core.dim_thing") == [(1000,)]


def test_views_and_grants_survive_rebuild_full_refresh_and_an_added_column(project):
    project.do(
        "create view public.mine as select thing_id, label from core.dim_thing",
        "create view public.mine_too as select * from core.thing_view",
        "create view public.points_of_mine as select * from reference.points",
        "grant select on core.dim_thing, core.thing_view, reference.points to mat_analyst",
    )
    names = ("core.dim_thing", "core.thing_view", "reference.points", "public.mine", "public.mine_too")
    before = [project.ask(OID.format(name)) for name in names]
    project.do("update world.things set label = label || '!'")
    project.build(command="build --full-refresh")
    project.do("alter table world.things add column colour text", "update world.things set colour = 'red'")
    last = "description: When it was seen.}"
    project.change("models.yml", last, last + "\n  - {name: colour, data_type: text, description: Its colour.}")
    project.change("thing_view.sql", "thing_id, label", "thing_id, colour, label")
    (project.folder / "seeds" / "points.csv").write_text("name,points\nb,3\n")
    project.build()
    assert [project.ask(OID.format(name)) for name in names] == before
    with psycopg.connect(project.url) as connection:
        connection.execute("grant select on public.mine, public.mine_too, public.points_of_mine to mat_analyst")
        connection.execute("set role mat_analyst")
        for name in ("core.dim_thing", "core.thing_view", "public.mine", "public.mine_too"):
            assert connection.execute(f"select count(*) from {name}").fetchone() == (1000,)
        assert connection.execute("select colour, label from core.thing_view where thing_id = 1").fetchall() == [
            ("red", "thing 1!")
        ]
        assert connection.execute("select * from public.points_of_mine").fetchall() == [("b", 3)]
    assert project.ask("select col_description('core.dim_thing'::regclass, 6)") == [("Its colour.",)]


def retype(project):
    """The weight becomes another type, the tags go."""
    project.change("models.yml", "{name: weight, data_type: numeric", "{name: weight, data_type: double precision")
    project.change("models.yml", "  - {name: tags, data_type: jsonb, description: What else is known.}\n", "")
    project.change("dim_thing.sql", "select *", "select thing_id, label, weight::double precision as weight, seen_at")
    project.change("dim_thing.sql", "    {'columns': ['tags'], 'type': 'gin'},\n", "")


def test_a_breaking_change_stops_and_names_the_views(project):
    project.do("create view public.heavy as select thing_id, weight from core.dim_thing",
               "create view public.heaviest as select max(weight) as weight from public.heavy")  # fmt: skip
    retype(project)
    problem = project.problem("dim_thing")
    assert "gone: tags; other type: weight; views in its way: heavy, heaviest." in problem
    assert "--vars '{allow_breaking_changes: [dim_thing]}'" in problem
    assert project.ask("select count(tags) from core.dim_thing") == [(1000,)]


def test_a_breaking_change_that_is_allowed_brings_views_grants_and_policies_back(project):
    project.do(
        "create view public.heavy with (security_barrier) as select thing_id, weight from core.dim_thing",
        "create view public.heaviest as select max(weight) as weight from public.heavy",
        "create materialized view public.kept as select weight from public.heavy",
        "create index on public.kept (weight)",
        "comment on view public.heavy is 'it''s mine'", "comment on column public.heavy.weight is 'in kilograms'",
        "grant select on public.heavy, core.dim_thing to mat_analyst",
        "grant select (weight) on public.heaviest to public",
        "create policy heavy on core.dim_thing for select to mat_analyst using (weight > 0)",
    )  # fmt: skip
    state = (
        "select relname, relkind, relacl::text, reloptions, obj_description(c.oid, 'pg_class'),"
        " array(select attname || coalesce(attacl::text, '') || coalesce(col_description(c.oid, attnum), '')"
        "       from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attname)"
        " from pg_class c where relname in ('heavy', 'heaviest', 'kept', 'kept_weight_idx') order by 1"
    )
    before, oid = project.ask(state), project.ask(OID.format("core.dim_thing"))
    policy = "select policyname, cmd, roles, qual is not null from pg_policies where tablename = 'dim_thing'"
    policies = project.ask(policy)
    retype(project)
    project.build("dim_thing", allow_breaking_changes=["dim_thing"])
    assert project.ask(state) == before
    assert project.ask(policy) == policies != []
    assert project.ask(OID.format("core.dim_thing")) == oid
    assert project.ask("select weight from public.heaviest") == [(1.0,)]
    checks = "select count(*) from pg_constraint where conrelid = 'core.dim_thing'::regclass and contype = 'c'"
    assert project.ask(checks) == [(1,)]


def test_a_view_that_uses_what_goes_cannot_come_back(project):
    project.do("create view public.tagged as select thing_id, tags from core.dim_thing")
    retype(project)
    problem = project.problem("dim_thing", allow_breaking_changes="all")
    assert "the change of \"core\".\"dim_thing\" cannot be made: tagged uses what is gone" in problem  # fmt: skip
    assert project.ask("select count(tags) from public.tagged") == [(1000,)]


def test_a_view_that_loses_a_column_asks_first(project):
    project.change("thing_view.sql", "thing_id, label", "thing_id")
    project.do("create view public.mine as select thing_id from core.thing_view",
               "grant select on core.thing_view to mat_analyst")  # fmt: skip
    assert "gone: label; views in its way: mine." in project.problem("thing_view")
    project.build("thing_view", allow_breaking_changes=["thing_view"])
    assert project.ask("select count(*) from public.mine") == [(1000,)]
    assert "mat_analyst" in project.ask("select relacl::text from pg_class where relname = 'thing_view'")[0][0]


def test_indexes_follow_the_config_and_hand_made_ones_stay(project):
    project.do("create index by_hand on core.dim_thing (weight)",
               "create index \"0123456789abcdef0123456789abcdef\" on core.dim_thing (weight)")  # fmt: skip
    project.change(
        "dim_thing.sql", "    {'columns': ['label']},\n", "    {'columns': ['label'], 'where': 'weight > 0'},\n"
    )
    project.build("dim_thing")
    found = project.ask("select indexdef from pg_indexes where tablename = 'dim_thing' and indexdef ~ 'btree'")
    assert sorted(row[0].partition(" USING ")[2] for row in found) == [
        "btree (label) WHERE (weight > (0)::numeric)", "btree (thing_id)", "btree (weight)"
    ]  # fmt: skip


def test_empty_makes_what_is_missing_and_keeps_what_is_there(project):
    project.do("drop table core.keyless")
    project.build(command="run --empty")
    assert project.ask("select (select count(*) from core.keyless), (select count(*) from core.dim_thing),"
                       " (select count(*) from core.fct_statement)") == [(0, 1000, 900)]  # fmt: skip
    assert project.ask("select count(*) from core.thing_view") == [(1000,)]


def test_a_table_of_dbt_itself_is_taken_over_with_its_views(project):
    project.do(
        "drop table core.dim_thing cascade", "create table core.dim_thing as table world.things",
        "delete from core.dim_thing where thing_id > 990",
        "create view public.mine as select label from core.dim_thing",
    )  # fmt: skip
    assert project.build("dim_thing", "thing_view")["dim_thing"] == 10
    test_the_table_is_as_the_contract_and_the_config_say(project)
    assert project.ask("select count(*) from public.mine") == [(1000,)]


def test_two_builds_of_a_model_come_one_after_the_other(project):
    with psycopg.connect(project.url, autocommit=True) as other:
        other.execute('select pg_advisory_lock(hashtextextended(\'dbt "core"."keyless"\', 0))')
        done: list[object] = []
        thread = threading.Thread(target=lambda: done.append(project.build("keyless")))
        thread.start()
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        for _ in range(300):
            if other.execute(waiting).fetchone() == (1,):
                break
            thread.join(0.1)
        assert other.execute(waiting).fetchone() == (1,)
        assert done == []
        other.execute("select pg_advisory_unlock_all()")
        thread.join()
    assert done == [{"keyless": 0}]


def test_a_row_that_breaks_a_constraint_fails_the_build_by_its_name(project):
    project.do("update world.things set weight = -1 where thing_id = 7")
    before = project.ask("select count(*), sum(weight) from core.dim_thing")
    assert "weight_is_not_negative" in project.problem("dim_thing")
    assert project.ask("select count(*), sum(weight) from core.dim_thing") == before
