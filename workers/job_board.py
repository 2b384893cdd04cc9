"""The board in Redis on which workers write which step they are at and how it went, so that it can be watched."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ingest.errors import RefusedError
from workers.redis_server import connect, translated

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_EXTEND = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"


class JobBoard:
    """Safe to use from many threads and processes. Its locks only save work: a step must be right without them."""

    def __init__(self, url: str, *, prefix: str = "dejalog") -> None:
        self._redis = connect(url)
        self._release = self._redis.register_script(_RELEASE)
        self._extend = self._redis.register_script(_EXTEND)
        self._prefix = prefix
        self._key = f"{prefix}:nearline"

    @contextmanager
    def turn(self, step: str, *, owner: str, lease_s: float) -> Iterator[bool]:
        """Whether it is the caller's turn; nobody else's until the block ends, or until the caller's process has been
        silent for `lease_s`.
        """
        lock = f"{self._key}:{step}:lock"
        with translated("taking a turn"):
            taken = bool(self._redis.set(lock, owner, nx=True, px=int(lease_s * 1000)))
        if not taken:
            yield False
            return
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(lock, owner, lease_s, ended), name="turn", daemon=True)
        renewing.start()
        try:
            yield True
        finally:
            ended.set()
            renewing.join()
            with translated("ending a turn"):
                self._release(keys=[lock], args=[owner])

    def _renew(self, lock: str, owner: str, lease_s: float, ended: threading.Event) -> None:
        while not ended.wait(lease_s / 3):
            # Where Redis is away another may take the turn: that costs work and harms nothing.
            with contextlib.suppress(RefusedError), translated("keeping a turn"):
                self._extend(keys=[lock], args=[owner, int(lease_s * 1000)])

    def write(self, step: str, state: str, *, reason: str = "", **more: object) -> None:
        """Say how a step stands: `running`, `done`, or `failed` for a reason (one word); it is counted."""
        said = {"state": state, "time": time.time(), **more}
        with translated("writing on the board"), self._redis.pipeline() as both:
            both.hset(self._key, step, json.dumps(said))
            both.hincrby(f"{self._key}:counts", ":".join((step, state, *([reason] if reason else []))), 1)
            both.execute()

    def read(self) -> dict[str, dict[str, Any]]:
        """What was said last of each step."""
        with translated("reading the board"):
            return {step.decode(): json.loads(said) for step, said in sorted(self._redis.hgetall(self._key).items())}

    def counts(self) -> dict[tuple[str, str, str], int]:
        """How often a step was said to be in a state, by step, state and reason, since this Redis holds the board."""
        with translated("reading the board"):
            rows = self._redis.hgetall(f"{self._key}:counts")
        found = {}
        for name, count in sorted(rows.items()):
            step, state, *reason = name.decode().split(":")
            found[step, state, ":".join(reason)] = int(count)
        return found

    def waiting(self, queues: Sequence[str]) -> dict[str, int]:
        """Celery's messages in each queue that no worker has taken."""
        with translated("counting tasks"):
            return {queue: int(self._redis.llen(f"{self._prefix}:celery:{queue}")) for queue in queues}

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
