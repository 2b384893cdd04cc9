"""Feedback as questions see it: read beside them every few seconds, so that none waits for the store of knowledge."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from ingest.errors import DejalogError

_log = structlog.get_logger()

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
        self._is_renewing = False

    def feedback(self, *, before_ns: int | None = None) -> Said:
        """In the order in which it was given; of a past time always as it stands."""
        if before_ns is not None:
            return self._keeper.feedback(before_ns=before_ns)
        read = self._read
        if read is None:
            return self.renew()
        with self._lock:
            is_due = self._clock() - read[0] >= READ_AGAIN_S and not self._is_renewing
            self._is_renewing |= is_due
        if is_due:
            threading.Thread(target=self._renew_quietly, name="nearline-feedback", daemon=True).start()
        return read[1]

    def renew(self) -> Said:
        """Read it now: something was added, or nothing was read yet."""
        began = self._clock()
        said = self._keeper.feedback()
        self._read = (began, said)
        return said

    def _renew_quietly(self) -> None:
        """Where the store is away, what is known stays; the next question tries again."""
        try:
            self.renew()
        except DejalogError as error:
            _log.warning("feedback.unread", error=str(error))
        finally:
            self._is_renewing = False
