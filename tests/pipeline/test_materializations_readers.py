"""Twenty sessions read while tables are rebuilt: old rows or new ones, no error, no wait for a lock over 150 ms."""

import pytest

from tests.pipeline.materializing import Project, Watch, make_project, prepare, readers

LONGEST_WAIT_MS = 150


@pytest.fixture(scope="module")
def project(make_database, tmp_path_factory):
    """The project, built, with an analyst's view and grants by hand on what will change."""
    project = make_project(tmp_path_factory.mktemp("materializations") / "project", make_database())
    prepare(project)
    project.build("dim_thing", "thing_view", "fct_event_daily")
    project.do(
        "create view public.mine as select thing_id, weight from core.dim_thing",
        "create view public.mine_too as select event_date, amount from core.fct_event_daily",
        "grant select on core.dim_thing, core.thing_view, core.fct_event_daily, public.mine, public.mine_too"
        " to mat_analyst",
    )
    return project


def add_column(project: Project, table: str, model: str, after: str) -> None:
    """The source and the model get one more column."""
    project.do(f"alter table world.{table} add column extra text", f"update world.{table} set extra = 'x'")
    project.change("models.yml", after, after + "\n  - {name: extra, data_type: text, description: More.}")
    if table == "events":
        project.change(model, "amount\nfrom", "amount, extra\nfrom")


def judged(watch: Watch) -> None:
    assert watch.errors == []
    assert watch.wrong == []
    assert watch.answers > 100
    assert watch.longest_wait_ms <= LONGEST_WAIT_MS


def test_a_dimension_through_rebuild_full_refresh_and_an_added_column(project):
    query = (
        "select count(*), min(weight), max(weight), (select min(weight) from public.mine),"
        " (select count(*) from core.thing_view) from core.dim_thing"
    )
    allowed = {(1000, state, state, state, 1000) for state in (1, 2, 3, 4)}
    with readers(project.url, "mat_analyst", query, allowed) as watch:
        for state, command in enumerate(("build", "build --full-refresh"), start=2):
            project.do(f"update world.things set weight = {state}")
            assert project.build("dim_thing", "thing_view", command=command)["dim_thing"] == 1000
        project.do("update world.things set weight = 4")
        add_column(project, "things", "dim_thing.sql", "description: When it was seen.}")
        assert project.build("dim_thing", "thing_view")["dim_thing"] == 1000
    judged(watch)
    assert project.ask("select min(weight), count(extra) from core.dim_thing") == [(4, 1000)]


def test_a_fact_through_swaps_full_refresh_and_an_added_column(project):
    """A window over several months appears month by month, so each month is judged by itself."""
    query = (
        "select month, count(*), min(amount), max(amount),"
        " (select min(amount) from public.mine_too where to_char(event_date, 'MM') = month)"
        " from (select to_char(event_date, 'MM') as month, amount from core.fct_event_daily) as fact group by month"
    )
    days = {"06": 30, "07": 31, "08": 31}
    allowed = {(month, days[month] * 50, state, state, state) for month in days for state in (1, 2, 3, 4)}
    with readers(project.url, "mat_analyst", query, allowed) as watch:
        for state, command in enumerate(("build", "build --full-refresh"), start=2):
            project.do(f"update world.events set amount = {state}")
            project.build("fct_event_daily", command=command)
        project.do("update world.events set amount = 4")
        add_column(project, "events", "fct_event_daily.sql", "description: What happened.}")
        project.build("fct_event_daily")
    judged(watch)
    ways = project.ask("select way, count(*) from quality.partition_replacements where way <> 'created' group by 1")
    assert sum(count for _, count in ways) == 9
    assert dict(ways).get("swapped", 0) > 0
    assert project.ask("select min(amount), count(extra) from core.fct_event_daily") == [(4, 4600)]
