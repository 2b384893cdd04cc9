"""Feedback as questions see it: read once in some seconds, so that no question waits for the store of knowledge."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

READ_AGAIN_S = 5.0
"""How late what other processes were told may be seen: the lag of a generation (DESIGN)."""

Said = tuple[Mapping[str, Any], ...]


class FeedbackKeeper(Protocol):
    """Who holds it."""

    def feedback(self, *, before_ns: int | None = None) -> tuple[dict[str, Any], ...]:
        """In the order in which it was given."""


class HeardFeedback:
    """Safe to call from any thread. `clock`: seconds that only grow."""

    def __init__(self, keeper: FeedbackKeeper, clock: Callable[[], float] = time.monotonic) -> None:
        self._keeper = keeper
        self._clock = clock
        self._lock = threading.Lock()
        self._read: tuple[float, Said] | None = None

    def feedback(self, *, before_ns: int | None = None) -> Said:
        """In the order in which it was given; of a past time always as it stands."""
        if before_ns is not None:
            return self._keeper.feedback(before_ns=before_ns)
        with self._lock:
            if self._read is None or self._clock() - self._read[0] >= READ_AGAIN_S:
                self._read = (self._clock(), self._keeper.feedback())
            return self._read[1]

    def forget(self) -> None:
        """Read again: something was added."""
        with self._lock:
            self._read = None
