"""What Slack sends twice is answered once: the ids of requests seen, in this process or in Redis for all servers."""

import collections
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from api.settings import Settings
from ingest.errors import UnavailableError

_log = structlog.get_logger()
KEPT_S = 3600.0
"""Slack sends an event again for up to an hour (https://docs.slack.dev/apis/events-api)."""
MOST = 20_000
"""Ids kept in memory: some MB; the oldest go first."""
PREFIX = "dejalog:bot:seen"
WAIT_S = 1.0
"""How long Redis is waited for. A guess."""


class Once(Protocol):
    """Thread-safe."""

    def is_first(self, key: str) -> bool:
        """Whether this id was not seen in the last hour; from now on it was."""


class LocalOnce:
    """In the memory of this process. `clock`: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._seen: collections.OrderedDict[str, float] = collections.OrderedDict()

    def is_first(self, key: str) -> bool:
        """See Once."""
        with self._lock:
            now = self._clock()
            while self._seen and now - next(iter(self._seen.values())) > KEPT_S:
                self._seen.popitem(last=False)
            if key in self._seen:
                return False
            if len(self._seen) >= self._most:
                self._seen.popitem(last=False)
            self._seen[key] = now
            return True


class RedisOnce:
    """In Redis, for every server; while that does not answer, in this process."""

    def __init__(self, url: str, *, prefix: str = PREFIX) -> None:
        # The client is in the extra `distributed`; one process with no servers needs none.
        from workers import redis_server  # noqa: PLC0415

        self._server = redis_server
        self._redis = redis_server.connect(url, timeout_s=WAIT_S)
        self._prefix = prefix
        self._local = LocalOnce()

    def is_first(self, key: str) -> bool:
        """See Once."""
        if not self._local.is_first(key):
            return False
        name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        try:
            with self._server.translated("whether Slack sent this before"):
                return bool(self._redis.set(f"{self._prefix}:{name}", 1, nx=True, ex=int(KEPT_S)))
        except UnavailableError as error:
            _log.warning("bot.seen_in_this_process_only", error=str(error))
            return True


def open_once(settings: Settings) -> Once:
    """Redis' where one is set, else this process's."""
    return RedisOnce(settings.stream.redis_url) if settings.stream.redis_url else LocalOnce()
