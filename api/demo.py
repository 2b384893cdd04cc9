"""The demo: a shop that does not exist, fourteen days of its history at once, then live."""

import contextlib
import dataclasses
import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from api.compose import BackgroundSink, Dejalog, collect_settings
from api.keepers import kept_in_files
from api.serve import serve
from api.settings import Settings
from ingest.collect import Collector
from ingest.errors import DamagedError
from ingest.simulate import Live, make_plan
from ingest.simulate.plan import DAY_NS, Plan

DAYS = 14
LINES = 1_100_000
"""About: the shop decides in whole requests. Over a million, as the smallest history worth asking about."""
SEED = 7
STEP_S = 1.0
MINED_WITHIN_S = 300.0
MOST_LAG_BYTES = 2 << 20
"""How near the reader must come before another day is written: a tenth of a day."""

_log = structlog.get_logger()


def demo(settings: Settings, *, days: int = DAYS, lines: int = LINES) -> None:
    """Serve the shop's logs until a signal. What an earlier demo left is removed; other data is not touched."""
    settings = kept_in_files(settings)
    folder = settings.store.data_dir / "demo"
    history = _History(folder / "shop", days, lines)
    serve(settings, folder=folder, starts_empty=True, beside=lambda dejalog: _shop(dejalog, folder, history))


@dataclasses.dataclass(frozen=True)
class _History:
    """The past that the demo begins with."""

    folder: Path
    days: int
    lines: int

    def plan(self) -> Plan:
        now_ns = time.time_ns()
        return make_plan(
            seed=SEED, start_ns=now_ns - self.days * DAY_NS, end_ns=now_ns, lines=self.lines, live_faults=True
        )


class _Clock:
    """The wall clock of the shop's collector: the past's while history is written, then the real one."""

    def __init__(self) -> None:
        self.past_ns: int | None = None

    def now_ns(self) -> int:
        return time.time_ns() if self.past_ns is None else self.past_ns


@contextlib.contextmanager
def _shop(dejalog: Dejalog, folder: Path, history: _History) -> Iterator[None]:
    dejalog.waiting_for = "the demo's history: it is being written and read"
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(dejalog, folder, history, stop), name="demo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(dejalog: Dejalog, folder: Path, history: _History, stop: threading.Event) -> None:
    try:
        _live_on(dejalog, folder, history, stop)
    except Exception as failure:  # noqa: BLE001 - the thread's own loop: said where the user looks, and logged
        dejalog.waiting_for = f"the demo's shop stopped ({failure}): start the demo again"
        _log.exception("demo.failed")


def _live_on(dejalog: Dejalog, folder: Path, history: _History, stop: threading.Event) -> None:
    plan = history.plan()
    clock = _Clock()
    collector = Collector(
        [history.folder / "containers"],
        BackgroundSink(dejalog.receiver),
        folder / "collector",
        host="demo",
        settings=collect_settings(dejalog.settings),
        wall_ns=clock.now_ns,
    )
    dejalog.collector = collector
    try:
        dejalog.nearline.mines_when_due = False
        _collect_history(history, plan, collector, clock, stop)
        dejalog.nearline.mines_when_due = True
        if not stop.is_set():
            dejalog.wait_until_mined(MINED_WITHIN_S)
            dejalog.waiting_for = ""
            _log.info("demo.ready", ask='dejalog ask "Has there been a service avalanche like this lately?"')
        live = Live(history.folder, plan)
        while not stop.wait(STEP_S):
            live.advance(time.time_ns())
            collector.step()
    finally:
        collector.close()


def _collect_history(history: _History, plan: Plan, collector: Collector, clock: _Clock, stop: threading.Event) -> None:
    """Another process writes the days, this one collects each as if on its day: retention then treats the lines as old
    as they look.
    """
    (history.folder / "containers").mkdir(parents=True)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_write_days, args=(history.folder, plan, history.days, theirs), daemon=True)
    process.start()
    theirs.close()
    day, is_waiting = 0, False
    clock.past_ns = plan.start_ns + DAY_NS
    while day < history.days and not stop.is_set():
        if ours.poll(0):
            day = ours.recv()
            is_waiting = day < history.days
            clock.past_ns = min(plan.start_ns + (day + 1) * DAY_NS, plan.end_ns)
            _log.info("demo.history", day=day, of=history.days)
        went_on = collector.step()
        if is_waiting and collector.status().lag_bytes < MOST_LAG_BYTES:
            is_waiting = False
            ours.send(day)
        if not went_on and not process.is_alive() and not ours.poll(0):
            raise DamagedError(f"the process that writes the demo's history ended on day {day} of {history.days}")
    collector.drain(stop)
    process.join()
    clock.past_ns = None


def _write_days(folder: Path, plan: Plan, days: int, progress: Connection) -> None:
    """In a process of its own: write the plan's span and tell after each day how many are done; each next day is begun
    when the reader has come near.
    """
    live = Live(folder, plan, from_ns=plan.start_ns)
    for day in range(1, days + 1):
        live.advance(min(plan.start_ns + day * DAY_NS, plan.end_ns))
        progress.send(day)
        if day < days:
            progress.recv()
