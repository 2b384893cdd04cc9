"""The demo: a shop that does not exist, fourteen days of its history at once, then live."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from api.compose import Dejalog, collect_settings
from api.serve import serve
from api.settings import Settings
from ingest.collect import Collector
from ingest.simulate import Live, make_plan
from ingest.simulate.plan import DAY_NS

DAYS = 14
LINES = 1_100_000
"""About: the shop decides in whole requests. Over a million, as the smallest history worth asking about."""
SEED = 7
STEP_S = 1.0
MINED_WITHIN_S = 300.0

_log = structlog.get_logger()


def demo(settings: Settings) -> None:
    """Serve the shop's logs until a signal. What an earlier demo left is removed; other data is not touched."""
    folder = settings.store.data_dir / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    serve(settings, folder=folder, beside=lambda dejalog: _shop(dejalog, folder))


class _Clock:
    """The wall clock of the shop's collector: the past's while history is written, then the real one."""

    def __init__(self) -> None:
        self.past_ns: int | None = None

    def now_ns(self) -> int:
        return time.time_ns() if self.past_ns is None else self.past_ns


@contextlib.contextmanager
def _shop(dejalog: Dejalog, folder: Path) -> Iterator[None]:
    dejalog.waiting_for = "the demo's history: it is being written and read"
    stop = threading.Event()
    thread = threading.Thread(target=_live_on, args=(dejalog, folder, stop), name="demo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _live_on(dejalog: Dejalog, folder: Path, stop: threading.Event) -> None:
    now_ns = time.time_ns()
    plan = make_plan(seed=SEED, start_ns=now_ns - DAYS * DAY_NS, end_ns=now_ns, lines=LINES, live_faults=True)
    live = Live(folder / "shop", plan, from_ns=plan.start_ns)
    clock = _Clock()
    collector = Collector(
        [folder / "shop" / "containers"],
        dejalog.receiver,
        folder / "collector",
        host="demo",
        settings=collect_settings(dejalog.settings),
        wall_ns=clock.now_ns,
    )
    dejalog.collector = collector
    try:
        _write_history(live, plan.end_ns, collector, clock, stop)
        if not stop.is_set():
            dejalog.wait_until_mined(MINED_WITHIN_S)
            dejalog.waiting_for = ""
            _log.info("demo.ready", ask='dejalog ask "Has there been a service avalanche like this lately?"')
        while not stop.wait(STEP_S):
            live.advance(time.time_ns())
            collector.step()
    finally:
        collector.close()


def _write_history(live: Live, end_ns: int, collector: Collector, clock: _Clock, stop: threading.Event) -> None:
    """Day by day, each collected as if on its day: retention then treats the lines as old as they look."""
    started_ns = live.done_ns
    while live.done_ns < end_ns and not stop.is_set():
        clock.past_ns = min(live.done_ns + DAY_NS, end_ns)
        live.advance(clock.past_ns)
        collector.drain(stop)
        _log.info("demo.history", day=(live.done_ns - started_ns) // DAY_NS, of=DAYS)
    clock.past_ns = None
