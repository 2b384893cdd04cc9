"""Runs an application under uvicorn: in this thread until a signal, or beside what a process is there for."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from prometheus_client.registry import Collector

from api.app import create_worker_app
from api.readiness import Readiness
from api.setting_text import Address
from api.settings import Settings
from ingest.errors import SettingError

SHUTDOWN_S = 5
"""How long open requests (tails above all) may go on after the signal."""


def run_app(app: FastAPI, listener: socket.socket) -> None:
    """Serve `app` until SIGINT or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again once it has stopped; the default would end the process before the store
        # and the lock are closed.
        signal.signal(number, _nothing_more)
    uvicorn.Server(_config(app)).run(sockets=[listener])


@contextlib.contextmanager
def serving_app(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    """Serve `app` in a thread until the block ends."""
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def answering(settings: Settings, collector: Collector, readiness: Readiness) -> Iterator[None]:
    """Health and metrics of a process that is no server, at `worker_listen`, until the block ends; nothing without it.

    Raises SettingError when the address is taken.
    """
    address = settings.stream.worker_listen
    if address is None:
        yield
        return
    with (
        contextlib.closing(listen_at(address)) as listener,
        serving_app(create_worker_app(settings, collector, readiness), listener),
    ):
        yield


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_S,
        server_header=False,
    )


def _nothing_more(_number: int, _frame: object) -> None:
    """All that a signal asks for has been done by the server."""


def listen_at(address: Address) -> socket.socket:
    """A listening socket. Raises SettingError when the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingError(f"cannot listen on {address}: {error.strerror or error}; choose another --listen") from error
    return listener
