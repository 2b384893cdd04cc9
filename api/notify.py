"""Sends notices to the webhook of `notify_url`: one after the other, each until it is taken or given up.

At most once: what is to be told stands in the knowledge before it is sent, so that nobody tells it again
(`api/tell.py`); what waits when the process ends is lost, counted and logged.
"""

import dataclasses
import queue
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import structlog
from prometheus_client.core import Metric

from api.metrics import counted
from api.notice import Notice, payload

_log = structlog.get_logger()
MOST_WAITING = 200
"""Notices that wait to be sent (a guess: a day of a bad week)."""
WAITS_S = (1.0, 5.0, 20.0, 60.0)
"""Before each further try (guesses: a restart of the receiver is outlived)."""
LONGEST_WAIT_S = 120.0
"""A receiver that asks for more patience than this gets this much."""
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclasses.dataclass
class NotifyCounts:
    """Since the process began."""

    sent: Counter[str] = dataclasses.field(default_factory=Counter)
    """By kind."""
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    """By reason: `full` (too many waited), `refused` (the receiver will never take it), `failed` (every try did),
    `stopped` (the process ended)."""
    retries: int = 0


class Notifier:
    """A queue and the thread that empties it. Without a URL it takes nothing. Safe to use from any thread."""

    def __init__(
        self,
        url: str,
        *,
        page_url: str = "",
        timeout_s: float = 10.0,
        waits_s: Sequence[float] = WAITS_S,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._url = url
        self._page_url = page_url
        self._timeout_s = timeout_s
        self._waits_s = waits_s
        self._waiting: queue.Queue[Notice | None] = queue.Queue(most_waiting + 1)
        self._most_waiting = most_waiting
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.counts = NotifyCounts()

    @property
    def is_on(self) -> bool:
        """Whether there is somewhere to send to."""
        return bool(self._url)

    @property
    def has_room(self) -> bool:
        """Whether one more would be taken just now."""
        return self.is_on and self._waiting.qsize() < self._most_waiting

    def send(self, notice: Notice) -> bool:
        """Whether it is taken, to be sent soon."""
        with self._lock:
            if not self._url or self._stop.is_set():
                return False
            if self._waiting.qsize() >= self._most_waiting:
                self._drop(notice, "full", f"{self._most_waiting} notices wait")
                return False
            self._waiting.put_nowait(notice)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
                self._thread.start()
        return True

    def stop(self) -> None:
        """Give up waiting, and count what is left."""
        with self._lock:
            self._stop.set()
            thread = self._thread
        if thread is not None:
            self._waiting.put(None)
            thread.join()

    def collect(self) -> Iterator[Metric]:
        """Metrics."""
        counts = self.counts
        yield counted("dejalog_notices_sent", "Notices that the webhook took.", "kind", counts.sent)
        yield counted("dejalog_notices_dropped", "Notices not delivered.", "reason", counts.dropped)

    def _run(self) -> None:
        with httpx.Client(timeout=self._timeout_s, trust_env=False) as http:
            while (notice := self._waiting.get()) is not None:
                if self._stop.is_set():
                    self._drop(notice, "stopped", "the process ends")
                else:
                    self._deliver(http, notice)

    def _deliver(self, http: httpx.Client, notice: Notice) -> None:
        content = payload(notice, self._page_url)
        failure = ""
        for wait_s in (0.0, *self._waits_s):
            if wait_s and self._stop.wait(wait_s):
                self._drop(notice, "stopped", failure)
                return
            self.counts.retries += bool(failure)
            failure, is_final, asked_s = _posted(http, self._url, content)
            if not failure:
                self.counts.sent[notice.kind] += 1
                return
            if is_final:
                self._drop(notice, "refused", failure)
                return
            if asked_s and self._stop.wait(min(asked_s, LONGEST_WAIT_S)):
                self._drop(notice, "stopped", failure)
                return
        self._drop(notice, "failed", failure)

    def _drop(self, notice: Notice, reason: str, found: str) -> None:
        self.counts.dropped[reason] += 1
        # Not the address: that of a webhook is a secret.
        _log.error("notice.dropped", kind=notice.kind, key=notice.key, reason=reason, found=found)


def _posted(http: httpx.Client, url: str, content: Mapping[str, Any]) -> tuple[str, bool, float]:
    """Why it was not taken (empty when it was), whether it never will be, and the patience asked for in seconds."""
    try:
        reply = http.post(url, json=content)
    except httpx.TransportError as error:
        return f"the receiver cannot be reached: {type(error).__name__}", False, 0.0
    if reply.is_success:
        return "", False, 0.0
    asked = reply.headers.get("Retry-After", "")
    asked_s = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0.0
    return f"the receiver answered {reply.status_code}", reply.status_code not in _TRANSIENT, asked_s
