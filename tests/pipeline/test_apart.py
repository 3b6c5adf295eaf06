"""Steps at work beside the others of their run: order, results, failures, and the process that ends with its parent."""

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import dagster as dg
import psutil
import pytest

from ingestion.errors import FileRefused
from orchestration.apart import FIRST, LAST, apart, in_own_process, let_steps_work_apart, side_by_side
from orchestration.warehouse.settings import ROOT


@pytest.fixture(autouse=True)
def steps_apart():
    let_steps_work_apart()


def _run(assets, checks=()):
    definitions = dg.Definitions(assets, asset_checks=checks, executor=dg.in_process_executor,
                                 jobs=[dg.define_asset_job("all_of_them")])  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("all_of_them").execute_in_process(instance=instance, raise_on_error=False)


def _order(result, kind):
    return [event.step_key for event in result.all_events if event.event_type is kind]


def test_others_go_on_while_one_works_apart_and_the_last_waits():
    has_begun, goes_on, seen = threading.Event(), threading.Event(), list[str]()

    @dg.asset(op_tags=apart("a"))
    def long():
        seen.append("long has begun")
        has_begun.set()
        assert goes_on.wait(20), "the other step did not come while this one was at work"
        time.sleep(0.2)
        seen.append("long has ended")

    @dg.asset
    def short():
        assert has_begun.wait(20), "the step apart did not begin while this one was at work"
        seen.append("short")
        goes_on.set()

    @dg.asset(deps=[long])
    def after_long():
        seen.append("after long")

    @dg.asset_check(asset=short, op_tags=LAST)
    def checked():
        seen.append("checked")
        return dg.AssetCheckResult(passed=True)

    result = _run([long, short, after_long], [checked])
    assert result.success
    assert seen == ["long has begun", "short", "long has ended", "after long", "checked"]
    assert {key.to_user_string() for key in (e.asset_key for e in result.get_asset_materialization_events())} == {
        "long", "short", "after_long",
    }  # fmt: skip


@pytest.mark.parametrize(("queues", "at_once"), [("aaa", 2), ("aba", 3)])
def test_one_step_of_a_queue_at_a_time_and_the_first_come_first(queues, at_once):
    at_work, most, order = list[str](), list[int](), list[str]()

    def make(name, tags):
        @dg.asset(name=name, op_tags=tags)
        def asset():
            order.append(name)
            at_work.append(name)
            most.append(len(at_work))
            time.sleep(0.1)
            at_work.remove(name)

        return asset

    result = _run(
        [make("a", None), make("z", FIRST)] + [make(f"apart_{n}", apart(queue)) for n, queue in enumerate(queues)]
    )
    assert result.success
    assert max(most) == at_once
    assert order.index("z") < order.index("a")


def test_what_fails_apart_fails_its_run_and_what_stands_on_it():
    @dg.asset(op_tags=apart("a"))
    def broken():
        raise FileRefused("the file cannot be loaded")

    @dg.asset(deps=[broken])
    def standing_on_it():
        raise AssertionError("must not be built")

    @dg.asset
    def other():
        return 1

    result = _run([broken, standing_on_it, other])
    assert not result.success
    assert _order(result, dg.DagsterEventType.STEP_FAILURE) == ["broken"]
    assert _order(result, dg.DagsterEventType.STEP_SUCCESS) == ["other"]
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    assert "the file cannot be loaded" in failure.step_failure_data.error.cause.message


def test_a_retry_of_a_step_apart():
    tries = list[int]()

    @dg.asset(op_tags=apart("a"), retry_policy=dg.RetryPolicy(max_retries=1))
    def second_time():
        tries.append(1)
        if len(tries) == 1:
            raise FileRefused("not yet")

    assert _run([second_time]).success
    assert len(tries) == 2


def test_a_run_that_breaks_off_ends_the_processes_apart():
    @dg.asset(op_tags=apart("a"))
    def long():
        in_own_process(time.sleep)(600)

    @dg.asset
    def interrupted():
        while not multiprocessing.active_children():
            time.sleep(0.05)
        raise KeyboardInterrupt

    begun = time.monotonic()
    assert not _run([long, interrupted]).success
    while multiprocessing.active_children():
        time.sleep(0.05)
        assert time.monotonic() - begun < 60


def _refuse(reason):
    raise FileRefused(reason)


def test_a_process_gives_back_results_and_errors():
    assert in_own_process(divmod)(17, 5) == (3, 2)
    assert in_own_process(os.getpid)() != os.getpid()
    with pytest.raises(FileRefused, match="line 1 lacks a column"):
        in_own_process(_refuse)("line 1 lacks a column")
    with pytest.raises(BrokenProcessPool, match="the process of _exit ended before it was done"):
        in_own_process(os._exit)(3)


def _threads_of_two():
    return side_by_side([functools.partial(os.getenv, "OMP_NUM_THREADS"), functools.partial(divmod, 17, 5)])


def test_processes_side_by_side_share_the_cores_and_end_with_what_began_them():
    assert in_own_process(_threads_of_two)() == [str(max((os.cpu_count() or 1) // 2, 1)), (3, 2)]
    assert multiprocessing.active_children() == []


def test_the_process_ends_with_its_parent(tmp_path):
    found = tmp_path / "pid"
    code = (
        "import threading, time\nfrom orchestration.apart import in_own_process\n"
        "from tests.pipeline.test_apart import tell_and_wait\n"
        f"if __name__ == '__main__': in_own_process(tell_and_wait)({str(found)!r})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not found.exists() or not found.read_text().isdigit():
        time.sleep(0.1)
        assert parent.poll() is None
    child = int(found.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)
        assert time.monotonic() < deadline, "the process outlived its parent"


def tell_and_wait(path):
    """For the test above: in the child."""
    new = Path(path + ".new")
    new.write_text(str(os.getpid()))
    new.rename(path)
    time.sleep(600)
