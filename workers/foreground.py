"""Who waits for whom in one process: background work gives way, for a while, when somebody waits for an answer."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

NICENESS = 10
"""Of background threads: about a tenth of the share of a thread that answers (sched(7))."""


QUIET_S = 0.05
"""Nobody having asked for so long, background work need not go one step at a time (a guess)."""


class Foreground:
    """Counts the questions being answered. Any number of threads may use it."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._asked = 0
        self._pauses = 0
        """How often it came about that nobody waited any more, the last time at `_paused_at`."""
        self._paused_at = -QUIET_S
        self._pause_used = 0

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Somebody waits for what happens inside."""
        with self._free:
            self._asked += 1
        try:
            yield
        finally:
            with self._free:
                self._asked -= 1
                if not self._asked:
                    self._pauses += 1
                    self._paused_at = time.monotonic()
                    self._free.notify_all()

    def give_way(self, at_most_s: float) -> None:
        """Return as soon as nobody waits, or after `at_most_s`: background work is slowed, never stopped.

        While questions follow each other closely, each pause between two lets one step of background work through, so
        that the next question meets one at most.
        """
        end = time.monotonic() + at_most_s
        with self._free:
            while not self._may_go():
                left_s = end - time.monotonic()
                if left_s <= 0:
                    return
                self._free.wait(min(left_s, QUIET_S))
            self._pause_used = self._pauses

    def _may_go(self) -> bool:
        is_quiet = time.monotonic() - self._paused_at >= QUIET_S
        return not self._asked and (is_quiet or self._pause_used != self._pauses)


def start_shared_threads() -> None:
    """Start the threads that Polars computes with, to be called before any `run_in_background`: they take the mark of
    whoever starts them, and answers would wait for marked ones.
    """
    pl.LazyFrame({"a": [1]}).filter(pl.col("a") > 0).collect()


def run_in_background() -> None:
    """Let the calling thread have what processor time others leave. Without effect where threads have no such mark."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
