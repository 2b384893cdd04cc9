"""The board in Redis on which workers write which step they are at and how it went, so that it can be watched."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from workers.redis_server import translated

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class JobBoard:
    """Safe to use from many threads and processes. Its locks only save work: a step must be right without them."""

    def __init__(self, url: str, *, prefix: str = "dejalog") -> None:
        self._redis: Any = redis.Redis.from_url(url, protocol=2, socket_timeout=10.0)
        self._release = self._redis.register_script(_RELEASE)
        self._key = f"{prefix}:nearline"

    @contextmanager
    def turn(self, step: str, *, owner: str, at_most_s: float) -> Iterator[bool]:
        """Whether it is the caller's turn; nobody else's until the block ends, or `at_most_s` have passed."""
        lock = f"{self._key}:{step}:lock"
        with translated("taking a turn"):
            taken = bool(self._redis.set(lock, owner, nx=True, px=int(at_most_s * 1000)))
        try:
            yield taken
        finally:
            if taken:
                with translated("ending a turn"):
                    self._release(keys=[lock], args=[owner])

    def write(self, step: str, state: str, **more: object) -> None:
        """Say how a step stands: `running`, `done` or `failed`."""
        said = {"state": state, "time": time.time(), **more}
        with translated("writing on the board"):
            self._redis.hset(self._key, step, json.dumps(said))

    def read(self) -> dict[str, dict[str, Any]]:
        """What was said last of each step."""
        with translated("reading the board"):
            return {step.decode(): json.loads(said) for step, said in sorted(self._redis.hgetall(self._key).items())}

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
