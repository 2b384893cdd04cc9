"""Who waits for whom in one process: background work gives way, for a while, when somebody waits for an answer."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NICENESS = 10
"""Of background threads: about a tenth of the share of a thread that answers (sched(7))."""


class Foreground:
    """Counts the questions being answered. Any number of threads may use it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._free = threading.Condition()
        self._asked = 0

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
                    self._free.notify_all()

    def give_way(self, at_most_s: float) -> None:
        """Return as soon as nobody waits, or after `at_most_s`: background work is slowed, never stopped. Who gives way
        at once with others goes on one after the other.
        """
        with self._turn, self._free:
            self._free.wait_for(lambda: not self._asked, at_most_s)


def run_in_background() -> None:
    """Let the calling thread have what processor time others leave. Without effect where threads have no such mark."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
