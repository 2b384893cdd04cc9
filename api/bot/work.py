"""Where the bot's questions are answered, behind the acknowledgement: bounded in threads and in number."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

_log = structlog.get_logger()
QUICK_WORKERS = 4
"""Threads for what must not wait behind questions: whether it was seen before (a guess)."""


class Work:
    """Thread-safe. Each piece has a quick beginning, run at once, and a slow rest, run as threads come free."""

    def __init__(self, *, workers: int, most: int) -> None:
        self._most = most
        self._quick = ThreadPoolExecutor(QUICK_WORKERS, "bot-quick")
        self._slow = ThreadPoolExecutor(workers, "bot")
        self._lock = threading.Lock()
        self._under_way = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken just now."""
        return self.under_way >= self._most

    @property
    def under_way(self) -> int:
        """Pieces that were begun and have not ended."""
        with self._lock:
            return self._under_way

    def begin(self, first: Callable[[], bool], rest: Callable[[], None], lost: Callable[[], None]) -> None:
        """Run `first`, and `rest` if that says so. What they raise is logged: nobody waits for it. `lost`: hears that
        what `first` raised, or a closed queue, has kept `rest` from being run.
        """
        with self._lock:
            self._under_way += 1
        self._quick.submit(self._first, first, rest, lost)

    def close(self) -> None:
        """Finish all that was taken: it was acknowledged, so Slack will not send it again."""
        self._quick.shutdown(wait=True)
        self._slow.shutdown(wait=True)

    def _first(self, first: Callable[[], bool], rest: Callable[[], None], lost: Callable[[], None]) -> None:
        goes_on = False
        try:
            goes_on = first()
            if goes_on:
                self._slow.submit(self._rest, rest)
        except Exception:  # noqa: BLE001 - the bot's own loop: logged, and the next one is answered
            goes_on = False
            _log.exception("bot.failed")
            lost()
        finally:
            if not goes_on:
                self._ended()

    def _rest(self, rest: Callable[[], None]) -> None:
        try:
            rest()
        except Exception:  # noqa: BLE001 - see above
            _log.exception("bot.failed")
        finally:
            self._ended()

    def _ended(self) -> None:
        with self._lock:
            self._under_way -= 1
