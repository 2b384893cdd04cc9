"""The Redis server behind the chunk stream: what it must be able to do, what it can lose, and its errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from ingest.errors import SettingError, StorageFullError, UnavailableError
from ingest.trouble import Trouble

TIMEOUT_S = 10.0
"""Longest wait for an answer of Redis; must be longer than a read blocks. A guess."""
_OLDEST_VERSION = (7, 0)
"""Scripts that may run when memory is full came with it."""
_FULL_RETRY_S = 2.0
"""When to try again on a full server: a guess at how long workers need to make room."""


def connect(url: str, *, timeout_s: float = TIMEOUT_S, **more: Any) -> Any:
    """A client of this Redis; nothing is asked of the server yet. Raises SettingError when `url` is none of a Redis."""
    try:
        return redis.Redis.from_url(url, protocol=2, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, **more)
    except ValueError as error:
        raise SettingError(f"the address of Redis cannot be read: {error}; e.g. redis://127.0.0.1:6379/0") from error


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Redis' errors as StorageFullError and UnavailableError."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        if isinstance(error, redis.exceptions.OutOfMemoryError) or str(error).startswith("OOM "):
            raise StorageFullError(f"{doing}: Redis' memory is full", retry_after_s=_FULL_RETRY_S) from error
        raise UnavailableError(f"{doing}: Redis does not do it: {type(error).__name__}: {error}") from error


def probe(url: str, *, timeout_s: float) -> Any:
    """A client that only asks how the server stands: it waits no longer, and tries once more on a new connection, since
    one that was kept is dead when the server was started anew.
    """
    return connect(url, timeout_s=timeout_s, retry=Retry(NoBackoff(), 1))


def trouble(server: Any) -> Trouble:
    """What is wrong with the server."""
    try:
        said = server.info("all")
    except redis.exceptions.RedisError as error:
        return Trouble(fails=f"Redis does not answer: {_kind_of(error)}")
    if said.get("loading"):
        return Trouble(fails="Redis is still loading what it holds")
    if said.get("role") != "master":
        return Trouble(refuses="Redis is a replica: it takes no writes")
    if said.get("aof_enabled") and said.get("aof_last_write_status", "ok") != "ok":
        return Trouble(refuses="Redis cannot write its append-only file: see its log")
    if 0 < said.get("maxmemory", 0) <= said.get("used_memory", 0):
        return Trouble(refuses="Redis' memory is full")
    return Trouble()


def _kind_of(error: redis.exceptions.RedisError) -> str:
    """In words that name no address."""
    if isinstance(error, redis.exceptions.AuthenticationError):
        return "it asks for another password"
    if isinstance(error, redis.exceptions.TimeoutError):
        return "it is too slow"
    if isinstance(error, redis.exceptions.ConnectionError):
        return "it cannot be reached"
    return type(error).__name__


def version_of(server: Any) -> str:
    """As it calls itself."""
    return str(server.info("server").get("redis_version", "0"))


def check_version(server: Any) -> None:
    """Raises SettingError for a server that is too old."""
    version = version_of(server)
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_VERSION:
        raise SettingError(f"Redis {version} is too old: 7.0 or newer is accepted")


def losses(server: Any) -> list[str]:
    """Ways in which this server can lose what it acknowledged."""
    found: list[str] = []
    persistence = server.info("persistence")
    if not persistence.get("aof_enabled"):
        found.append("appendonly is off: chunks acknowledged since the last snapshot are lost when Redis ends")
    elif persistence.get("aof_last_write_status", "ok") != "ok":
        found.append("Redis could not write its append-only file lately: see its log")
    try:
        said = server.config_get("appendfsync", "maxmemory-policy")
    except redis.exceptions.RedisError as error:
        return [*found, f"its configuration cannot be read ({error}): check appendfsync and maxmemory-policy yourself"]
    if persistence.get("aof_enabled") and said.get("appendfsync") != "always":
        found.append(f"appendfsync is {said.get('appendfsync')}: a power cut loses about the last second of chunks")
    if said.get("maxmemory-policy") != "noeviction":
        found.append(f"maxmemory-policy is {said.get('maxmemory-policy')}: when memory is full Redis may delete chunks")
    return found
