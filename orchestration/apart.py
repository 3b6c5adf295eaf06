"""Long steps at work beside the others of their run: on a thread each, and what computes much in a process of its own.

Dagster's executor in one process does one step after the other; its executor of many processes reads the whole project
anew for every step. Here a step whose asset bears the tags of `apart` waits on a thread, and the run goes on.
Not here: which steps those are.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import ParamSpec, TypeAlias, TypeVar

from dagster import DagsterEvent
from dagster._core.errors import raise_execution_interrupts
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import PlanExecutionContext, StepExecutionContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.executor import in_process
from dagster._core.storage.tags import PRIORITY_TAG

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
# What a thread tells of its step: events, and at the end nothing, or what broke it off.
_Told: TypeAlias = tuple[StepExecutionContext, DagsterEvent | BaseException | None]

# Its value names the step's queue, whose steps work one after the other.
APART_TAG = "telecom/apart"
_LIMITS = [{"key": APART_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}]
FIRST = {PRIORITY_TAG: "1"}
# When every other step has ended.
LAST = {PRIORITY_TAG: "-1"}


def apart(queue: str) -> dict[str, str]:
    """The tags of a step that works beside the others: one at a time of its queue."""
    return {APART_TAG: queue, PRIORITY_TAG: "1"}


_one_after_another = in_process.inner_plan_execution_iterator


def in_own_process(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, computed in a process of its own that ends with this one, while other threads go on here.

    The function, what it takes, returns and raises are pickled. If the process ends before the function does, the call
    raises BrokenProcessPool.
    """

    def compute(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        return side_by_side([functools.partial(function, *arguments, **named)])[0]

    return compute


def side_by_side(calls: Sequence[functools.partial[Result]]) -> list[Result]:
    """What the calls return, in their order; each computes in a process of its own, as `in_own_process` says.

    They share the cores: each loop of scikit-learn's takes its part of them.
    """
    context = multiprocessing.get_context("spawn")
    cores = max((os.cpu_count() or 1) // len(calls), 1)
    with ProcessPoolExecutor(len(calls), context, initializer=_begin, initargs=(cores,)) as pool:
        try:
            return [future.result() for future in [pool.submit(call) for call in calls]]
        except BrokenProcessPool as error:
            names = " or ".join(sorted({call.func.__name__ for call in calls}))
            raise BrokenProcessPool(
                f"the process of {names} ended before it was done, as when memory runs out or somebody ends it; nothing"
                " of its transaction was kept; run again"
            ) from error


def _begin(cores: int) -> None:
    """Ends this process with its parent; OpenMP reads how many threads it may begin as it is loaded."""
    os.environ["OMP_NUM_THREADS"] = str(cores)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def let_steps_work_apart() -> None:
    """Lets runs in one process, from the command line or the pages, have their tagged steps work apart."""
    in_process.inner_plan_execution_iterator = _with_steps_apart


def _with_steps_apart(
    job_context: PlanExecutionContext,
    execution_plan: ExecutionPlan,
    instance_concurrency_context: InstanceConcurrencyContext | None = None,
) -> Iterator[DagsterEvent]:
    """The events of a run; takes the place of Dagster's own function where a step is tagged."""
    steps = execution_plan.get_steps_to_execute_in_topo_order()
    if not any(APART_TAG in step.tags for step in steps):
        yield from _one_after_another(job_context, execution_plan, instance_concurrency_context)
        return
    logs, key = job_context.instance.compute_log_manager, create_compute_log_file_key()
    log_key = logs.build_log_key_for_run(job_context.run_id, key)
    with (
        execution_plan.start(
            retry_mode=job_context.retry_mode,
            tag_concurrency_limits=_LIMITS,
            instance_concurrency_context=instance_concurrency_context,
            step_dependency_config=job_context.step_dependency_config,
        ) as active,
        logs.capture_logs(log_key) as log_context,
    ):
        yield DagsterEvent.capture_logs(job_context, [step.key for step in steps], log_key, log_context)
        try:
            yield from _Steps(job_context, active).events()
        except BaseException:
            # A run that breaks off leaves nobody at work.
            for process in multiprocessing.active_children():
                process.terminate()
            raise


class _Steps:
    """The steps of a run: those apart on threads, all others here, one after the other."""

    def __init__(self, job_context: PlanExecutionContext, active: ActiveExecution) -> None:
        self._context = job_context
        self._active = active
        # By step its attempt that is at work.
        self._apart = dict[str, StepExecutionContext]()
        self._last = list[ExecutionStep]()
        self._told = queue.SimpleQueue[_Told]()

    def events(self) -> Iterator[DagsterEvent]:
        while not self._active.is_complete:
            steps = self._active.get_steps_to_execute(limit=1)
            yield from self._active.concurrency_event_iterator(self._context)
            if steps and self._apart and int(steps[0].tags.get(PRIORITY_TAG, 0)) < 0:
                self._last.append(steps[0])
            elif steps:
                yield from self._begin(steps[0])
            elif self._apart:
                with raise_execution_interrupts():
                    told = self._told.get()
                yield from self._hear(told)
            elif self._last:
                yield from self._begin(self._last.pop(0))
            else:
                self._active.sleep_til_ready()

    def _begin(self, step: ExecutionStep) -> Iterator[DagsterEvent]:
        context = self._context.for_step(step, self._active.get_known_state())
        if APART_TAG in step.tags:
            self._apart[step.key] = context
            threading.Thread(target=self._work_apart, args=(context,), name=step.key, daemon=True).start()
            return
        for event in dagster_event_sequence_for_step(context):
            yield event
            self._active.handle_event(event)
            while not self._told.empty():
                yield from self._hear(self._told.get())
        yield from self._end(step.key)

    def _work_apart(self, context: StepExecutionContext) -> None:
        try:
            for event in dagster_event_sequence_for_step(context):
                self._told.put((context, event))
        except BaseException as error:
            self._told.put((context, error))
        else:
            self._told.put((context, None))

    def _hear(self, told: _Told) -> Iterator[DagsterEvent]:
        context, what = told
        if isinstance(what, BaseException):
            raise what
        if what is not None:
            yield what
            self._active.handle_event(what)
        has_ended = what is None or what.is_step_success or what.is_step_failure or what.is_step_up_for_retry
        if has_ended and self._apart.get(context.step.key) is context:
            del self._apart[context.step.key]
            yield from self._end(context.step.key)

    def _end(self, key: str) -> Iterator[DagsterEvent]:
        self._active.verify_complete(self._context, key)
        yield from self._active.plan_events_iterator(self._context)
