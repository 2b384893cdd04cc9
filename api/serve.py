"""The server: HTTP, collector and nearline work in one process, until a signal ends it."""

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from api.app import create_app
from api.bot.serve import answering_slack
from api.compose import Dejalog, collecting, open_dejalog
from api.http_server import listen_at, run_app
from api.settings import Settings
from api.watch import WatchSettings, watching
from ingest import trace

_log = structlog.get_logger()
SWITCH_S = 0.001
"""How long a thread keeps Python to itself: mining beside questions would otherwise cost each step of them 5 ms."""

Beside = Callable[[Dejalog], contextlib.AbstractContextManager[None]]
"""What runs beside the server for as long as it does."""


def serve(
    settings: Settings, *, folder: Path | None = None, starts_empty: bool = False, beside: Beside | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. The port is taken first, so a second server fails before it touches anything."""
    sys.setswitchinterval(SWITCH_S)
    with (
        trace.exporting(settings.watch.trace_endpoint, service="dejalog"),
        contextlib.closing(listen_at(settings.server.listen)) as listener,
        open_dejalog(
            settings, listen=_address(listener), folder=folder, starts_empty=starts_empty, mines_apart=True
        ) as dejalog,
        watching(dejalog, WatchSettings(settings.notify.notify_similarity)),
        (beside or _collect_what_is_set)(dejalog),
    ):
        _log.info("server.listening", url=f"http://{_address(listener)}", data_dir=str(settings.store.data_dir))
        app = create_app(dejalog)
        with answering_slack(app, settings):
            run_app(app, listener)
        _log.info("server.stopped")


@contextlib.contextmanager
def _collect_what_is_set(dejalog: Dejalog) -> Iterator[None]:
    paths = dejalog.settings.collect.collect
    with contextlib.ExitStack() as stack:
        if paths:
            stack.enter_context(collecting(dejalog, paths, dejalog.settings.store.data_dir / "collector"))
        yield


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
