"""Builds what the processes depend on from their settings: the store, Redis, the server that is shipped to."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from api.keepers import elastic_client
from api.readiness import Dependency, Need, Readiness
from api.settings import Settings
from ingest.trouble import Trouble

LOOK_S = 2.0
"""How long an answer is waited for: less than probes usually wait twice. A guess."""


@contextmanager
def watched(
    settings: Settings,
    *,
    store: Need | None = None,
    redis: Need | None = None,
    folder: Path | None = None,
    starting: Callable[[], str] = str,
) -> Iterator[Readiness]:
    """The readiness of a process that wants so much of store and Redis; None: it does not use it. `folder` holds the
    files of an embedded store, by default the data directory.
    """
    with contextlib.ExitStack() as stack:
        found = []
        if store is not None and settings.store.store == "elasticsearch":
            found.append(Dependency("elasticsearch", store, stack.enter_context(_elasticsearch(settings))))
        elif store is not None:
            where = folder or settings.store.data_dir
            found.append(Dependency("store", store, lambda: folder_trouble(where, settings.store.min_free_disk)))
        if redis is not None and settings.stream.redis_url:
            found.append(Dependency("redis", redis, stack.enter_context(_redis(settings))))
        yield Readiness(found, starting=starting)


def folder_trouble(folder: Path, floor: int) -> Trouble:
    """Of the folder of an embedded store: it can always be read, and takes lines while `floor` bytes are free."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Trouble(fails=f"the data directory cannot be read: {error.strerror or type(error).__name__}")
    if not os.access(folder, os.W_OK):
        return Trouble(refuses="the data directory cannot be written")
    if free < floor:
        return Trouble(refuses=f"the disk has {free / 1e9:.1f} GB left; lines are taken from {floor / 1e9:.1f} GB on")
    return Trouble()


def server_trouble(http: httpx.Client) -> Trouble:
    """Of the server that `http` speaks with, as a collector sees it."""
    try:
        answer = http.get("/healthz")
    except httpx.TransportError as error:
        return Trouble(fails=f"the server cannot be reached: {type(error).__name__}")
    if answer.is_success:
        return Trouble()
    return Trouble(fails=f"the server answered {answer.status_code}: it may not be a Dejalog")


@contextmanager
def watched_server(url: str) -> Iterator[Readiness]:
    """The readiness of a collector that ships to `url`."""
    with httpx.Client(base_url=url, timeout=LOOK_S, trust_env=False) as http:
        yield Readiness([Dependency("server", "writing", lambda: server_trouble(http))])


@contextmanager
def _elasticsearch(settings: Settings) -> Iterator[Callable[[], Trouble]]:
    # The clients are in the extra `distributed`; one process with no servers needs none of them.
    from index import elastic_health  # noqa: PLC0415
    from index.elastic_template import Names  # noqa: PLC0415

    names = Names(settings.store.elasticsearch_prefix)
    with closing(elastic_client(settings, timeout_s=LOOK_S, connections=1)) as client:
        yield lambda: elastic_health.trouble(client, names, timeout_s=LOOK_S)


@contextmanager
def _redis(settings: Settings) -> Iterator[Callable[[], Trouble]]:
    from workers import redis_server  # noqa: PLC0415

    with closing(redis_server.probe(settings.stream.redis_url, timeout_s=LOOK_S)) as client:
        yield lambda: redis_server.trouble(client)
