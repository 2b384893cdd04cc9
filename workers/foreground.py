"""Who waits for whom in one process: background work gives way, for a while, when somebody waits for an answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Foreground:
    """Counts the questions being answered. Any number of threads may use it."""

    def __init__(self) -> None:
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
        """Return as soon as nobody waits, or after `at_most_s`: background work is slowed, never stopped."""
        with self._free:
            self._free.wait_for(lambda: not self._asked, at_most_s)
