"""The server: HTTP, collector and nearline work in one process, until a signal ends it."""

import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.compose import Dejalog, collecting, open_dejalog
from api.setting_text import Address
from api.settings import Settings
from ingest.errors import SettingError

_log = structlog.get_logger()
SWITCH_S = 0.001
"""How long a thread keeps Python to itself: mining beside questions would otherwise cost each step of them 5 ms."""
SHUTDOWN_S = 5
"""How long open requests (tails above all) may go on after the signal."""

Beside = Callable[[Dejalog], contextlib.AbstractContextManager[None]]
"""What runs beside the server for as long as it does."""


def serve(
    settings: Settings, *, folder: Path | None = None, starts_empty: bool = False, beside: Beside | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. The port is taken first, so a second server fails before it touches anything."""
    sys.setswitchinterval(SWITCH_S)
    with (
        contextlib.closing(listen_at(settings.server.listen)) as listener,
        open_dejalog(
            settings, listen=_address(listener), folder=folder, starts_empty=starts_empty, mines_apart=True
        ) as dejalog,
        (beside or _collect_what_is_set)(dejalog),
    ):
        _log.info("server.listening", url=f"http://{_address(listener)}", data_dir=str(settings.store.data_dir))
        run_app(create_app(dejalog), listener)
        _log.info("server.stopped")


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


@contextlib.contextmanager
def _collect_what_is_set(dejalog: Dejalog) -> Iterator[None]:
    paths = dejalog.settings.collect.collect
    with contextlib.ExitStack() as stack:
        if paths:
            stack.enter_context(collecting(dejalog, paths, dejalog.settings.store.data_dir / "collector"))
        yield


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


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
