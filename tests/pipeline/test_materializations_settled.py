"""Settled periods: what a model computes again after a change of what it stands on, and what it leaves alone."""

import pytest

from tests.pipeline.materializing import Project, make_project, prepare

CHAIN = ("dim_thing", "fct_event_daily", "event_view", "event_months")
EVERY_MONTH = {"06", "07", "08"}
# What no build would write: whoever computes a month again mends it.
SPOIL = "update core.event_months set amount = -1"


@pytest.fixture(scope="module")
def built(make_database, tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("settled") / "project", make_database())
    prepare(project)
    project.build(*CHAIN)
    return project.url.rpartition("/")[2]


@pytest.fixture
def project(built, make_database, tmp_path):
    return make_project(tmp_path / "project", make_database(built))


def mended(project: Project, *, windows: object = (), command: str = "build", **variables: object) -> set[str]:
    """The months that a build computes again, all of them spoiled before."""
    project.do(SPOIL)
    project.build(*CHAIN, command=command, windows=list(windows) if windows != "all" else windows, **variables)
    true = project.ask("select date_trunc('month', event_date)::date, sum(amount) from world.events group by 1")
    found = dict(project.ask("select month_start_date, amount from core.event_months"))
    assert {amount for month, amount in found.items() if amount != dict(true)[month]} <= {-1}
    return {f"{month:%m}" for month, amount in found.items() if amount != -1}


def test_nothing_changed_and_only_what_as_of_reaches_is_computed(project):
    assert mended(project) == {"08"}
    assert mended(project, as_of="2026-08-01T05:00:00Z") == {"07", "08"}


def test_a_table_that_somebody_dropped_is_built_whole(project):
    before = project.ask("select * from core.event_months order by month_start_date")
    project.do("drop table core.event_months")
    project.build(*CHAIN, windows=[])
    assert len(before) == 3
    assert project.ask("select * from core.event_months order by month_start_date") == before


def test_a_window_opens_its_month_and_those_after_it(project):
    assert mended(project, windows=[["2026-07-20", "2026-07-21"]]) == {"07", "08"}
    # The margin reaches into the month before.
    assert mended(project, windows=[["2026-07-02", "2026-07-03"]]) == EVERY_MONTH
    assert mended(project) == {"08"}


def test_a_changed_row_opens_what_lies_after_its_effect(project):
    project.do("update world.things set weight = 7 where thing_id = 1000")
    # Seen on 11 February, before all events.
    assert mended(project) == EVERY_MONTH
    assert project.ask("select distinct weight from core.event_months") == [(7,)]
    project.do("insert into world.things values (1001, 'new', 9, '{}', '2026-07-20Z')")
    assert mended(project) == {"07", "08"}
    assert project.ask("select weight from core.event_months order by month_start_date") == [(7,), (9,), (9,)]


def test_of_a_row_whose_dates_alone_moved_the_earlier_date_counts(project):
    project.do("insert into world.things values (1001, 'new', 0, '{}', '2026-08-20Z')")
    assert mended(project) == {"08"}
    project.do("update world.things set seen_at = '2026-07-20Z' where thing_id = 1001")
    assert mended(project) == {"07", "08"}
    project.do("delete from world.things where thing_id = 1001")
    assert mended(project) == {"07", "08"}


def test_another_project_or_a_full_refresh_settles_nothing(project):
    assert mended(project, project_fingerprint="another") == EVERY_MONTH
    assert mended(project, project_fingerprint="another") == {"08"}
    assert mended(project, windows="all", command="build --full-refresh", project_fingerprint="another") == EVERY_MONTH


def test_a_settled_row_is_tested_until_its_tests_passed(project):
    def tested(*windows: list[str]) -> str:
        return project.run("build", *CHAIN, windows=list(windows))["months_have_events"][0]

    june, negative = ["2026-06-10", "2026-06-11"], "update world.events set amount = {} where event_date = '2026-06-10'"
    project.do(negative.format(-1000))
    assert tested(june) == "fail"
    # Nothing computes June again, and its row is still wrong.
    assert tested() == "fail"
    project.do(negative.format(1))
    assert tested(june) == "pass"
    # What was tested and not built since is not read again.
    project.do(SPOIL + " where month_start_date = '2026-06-01'")
    assert tested() == "pass"
    assert project.ask("select amount from core.event_months where month_start_date = '2026-06-01'") == [(-1,)]


def test_an_unchanged_build_writes_down_no_change(project):
    newest = "select max(change_id) from quality.model_changes where model <> 'fct_event_daily'"
    before = project.ask(newest)
    project.build(*CHAIN, windows=[])
    # Changes that every model has seen are gone.
    assert project.ask(newest) in (before, [(None,)])
