"""Celery's tasks: each runs one nearline step, says how it went, and nudges the step that is due next."""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import structlog
from celery.signals import worker_process_shutdown, worker_shutdown

from ingest import trace
from workers.app import TASKS, app, task_name
from workers.composition import Composition, installed_composition
from workers.job_board import JobBoard
from workers.steps import NOTHING, Outcome, Steps

_log = structlog.get_logger()
UPKEEP = frozenset({"maintain", "retain"})
"""Steps that are no part of a generation's way: looked at often, seldom with anything to do."""


class Workplace:
    """What the tasks of this process share: the steps over its store, opened with the first task, and the board."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self._stack = contextlib.ExitStack()
        self._lock = threading.RLock()
        self._steps: Steps | None = None
        self.settings = composition.job_settings()
        self.board = JobBoard(self.settings.redis_url, prefix=self.settings.prefix)

    @contextlib.contextmanager
    def steps(self) -> Iterator[Steps]:
        """One task at a time: a step may take all processors, and the store's upkeep must not run under it."""
        with self._lock:
            if self._steps is None:
                self._steps = self._stack.enter_context(self._composition.open_steps())
            yield self._steps

    def close(self) -> None:
        """Close store and board."""
        with self._lock:
            self._stack.close()
            self._steps = None
        self.board.close()


class _Process:
    """The workplace of this process, made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place: Workplace | None = None

    def place(self) -> Workplace:
        with self._lock:
            if self._place is None:
                self._place = Workplace(installed_composition())
            return self._place

    def use(self, place: Workplace | None) -> None:
        """Work here instead; None closes it."""
        with self._lock:
            before, self._place = self._place, place
        if before is not None and before is not place:
            before.close()


PROCESS = _Process()


def advance(_task: Any) -> Outcome:
    """Nudge the step that is due; what beat sends."""
    with PROCESS.place().steps() as steps:
        return {"did": "advance", "nudged": _nudge(steps)}


def run_step(task: Any, step: str) -> Outcome:
    """Run one step unless another worker is at it; then nudge the next."""
    place = PROCESS.place()
    owner = f"{task.request.hostname}-{uuid.uuid4().hex}"
    with place.board.turn(step, owner=owner, lease_s=place.settings.lease_s) as is_mine:
        if not is_mine:
            return NOTHING | {"because": "another worker is at it"}
        with place.steps() as steps:
            if step not in UPKEEP and steps.due() != step:
                return NOTHING
            with _traced(task, step):
                outcome = _told(place.board, steps, step)
                nudged = _nudge(steps) if outcome != NOTHING and step not in UPKEEP else ""
    return outcome | ({"nudged": nudged} if nudged else {})


def _told(board: JobBoard, steps: Steps, step: str) -> Outcome:
    """Run the step; the board says that it runs and how it ended. What finds nothing to do leaves the board alone."""
    if step not in UPKEEP:
        board.write(step, "running")
    began = time.monotonic()
    try:
        outcome: Outcome = getattr(steps, step)()
    except Exception as failure:
        reason = type(failure).__name__
        board.write(step, "failed", reason=reason, error=f"{reason}: {failure}"[:500])
        _log.exception("job.failed", step=step)
        raise  # Celery records it as the task's state
    if outcome != NOTHING:
        seconds = round(time.monotonic() - began, 3)
        board.write(step, "done", seconds=seconds, **outcome)
        _log.info("job.done", step=step, seconds=seconds, **outcome)
    return outcome


def _nudge(steps: Steps) -> str:
    """Send the task of the step that is due; the step's name. It goes on in the trace of the step before."""
    step = steps.due()
    if step:
        sent_from = trace.traceparent()
        app.send_task(task_name(step), headers={trace.TRACEPARENT: sent_from} if sent_from else None)
    return step


def _traced(task: Any, step: str) -> contextlib.AbstractContextManager[object]:
    """A span, but none of the look that the store's own upkeep takes every second."""
    if step == "maintain":
        return contextlib.nullcontext()
    sent_from = str((task.request.headers or {}).get(trace.TRACEPARENT, ""))
    return trace.begin(f"step {step}", kind="consumer", parents=[sent_from])


def _register(step: str) -> Any:
    def run(task: Any) -> Outcome:
        return run_step(task, step)

    run.__name__ = step
    run.__doc__ = f"The step `{step}` of workers/steps.py."
    return app.task(bind=True, name=task_name(step), ignore_result=step == "maintain")(run)


REGISTERED = {
    "advance": app.task(bind=True, name=task_name("advance"), ignore_result=True)(advance),
    **{step: _register(step) for step in TASKS if step != "advance"},
}


def _stop(**_: object) -> None:
    """Celery's signal that the process ends."""
    PROCESS.use(None)


worker_shutdown.connect(_stop)
worker_process_shutdown.connect(_stop)
