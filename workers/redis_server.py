"""The Redis server behind the chunk stream: what it must be able to do, what it can lose, and its errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.exceptions

from ingest.errors import SettingError, StorageFullError, UnavailableError

TIMEOUT_S = 10.0
"""Longest wait for an answer of Redis; must be longer than a read blocks. A guess."""
_OLDEST_VERSION = (7, 0)
"""Scripts that may run when memory is full came with it."""
_FULL_RETRY_S = 2.0
"""When to try again on a full server: a guess at how long workers need to make room."""


def connect(url: str, **more: Any) -> Any:
    """A client of this Redis; nothing is asked of the server yet. Raises SettingError when `url` is none of a Redis."""
    try:
        return redis.Redis.from_url(url, protocol=2, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, **more)
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


def check_version(server: Any) -> None:
    """Raises SettingError for a server that is too old."""
    version = str(server.info("server").get("redis_version", "0"))
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
