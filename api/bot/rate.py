"""How often one user may ask: a token bucket each, in the memory of this process."""

import collections
import threading
import time
from collections.abc import Callable

MOST_USERS = 10_000
"""Buckets kept; the one unused longest goes first, and is full again when it comes back."""


class RateLimit:
    """`per_minute` questions a minute and user, as many at once. `clock`: seconds that only grow. Thread-safe."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_s = per_minute / 60
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()
        """By user: tokens left, and when they were counted."""

    def wait_s(self, user: str) -> float:
        """0, and one question less is left; else the seconds until the next one will be answered."""
        with self._lock:
            now = self._clock()
            left, counted = self._buckets.pop(user, (self._size, now))
            left = min(self._size, left + (now - counted) * self._per_s)
            wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
            self._buckets[user] = (left if wait_s else left - 1, now)
            if len(self._buckets) > MOST_USERS:
                self._buckets.popitem(last=False)
            return wait_s
