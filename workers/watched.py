"""Celery's processes answer whoever watches them: /healthz, /readyz and /metrics, served beside worker and beat.

What is told of steps comes from the board in Redis, so it is true whatever pool the worker has.
"""

import contextlib

from celery.signals import beat_init, worker_init, worker_shutdown

from ingest.errors import DejalogError
from workers.composition import installed_composition

_OPEN = contextlib.ExitStack()


def _begin(part: str) -> None:
    try:
        _OPEN.enter_context(installed_composition().watching(part))
    except DejalogError as error:
        # Celery would log the error of a signal's receiver and go on unwatched.
        raise SystemExit(f"dejalog: {error}") from error


def _worker(**_: object) -> None:
    _begin("worker")


def _beat(**_: object) -> None:
    _begin("beat")


def _end(**_: object) -> None:
    _OPEN.close()


worker_init.connect(_worker)
beat_init.connect(_beat)
worker_shutdown.connect(_end)
