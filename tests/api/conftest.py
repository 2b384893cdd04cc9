"""One real server for the tests of this folder: store, receiver, mining and uvicorn on a free port of loopback."""

import contextlib
import dataclasses
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import httpx
import orjson
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.compose import Dejalog, open_dejalog
from api.setting_text import Address
from api.settings import NearlineSettings, ServerSettings, Settings, StoreSettings

SECOND = 1_000_000_000
LINES = 300
SERVICES = ("cart", "checkout", "payment")


@dataclasses.dataclass(frozen=True)
class Served:
    """A running server, and what was put into it."""

    dejalog: Dejalog
    url: str
    http: httpx.Client
    start_ns: int
    """Of the shop's first line; one a second follows."""

    def post_lines(self, lines: list[dict[str, object]], **parameters: str) -> dict[str, object]:
        reply = self.http.post("/v1/lines", content=ndjson(lines), params=parameters)
        assert reply.status_code == 200, reply.text
        content: dict[str, object] = reply.json()
        return content


def ndjson(lines: list[dict[str, object]]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def shop_lines(start_ns: int, count: int = LINES) -> list[dict[str, object]]:
    """Lines of three services; every tenth an error, every hundredth a rare one."""
    lines: list[dict[str, object]] = []
    for number in range(count):
        level = "error" if number % 10 == 0 else "info"
        message = f"request {number} took {number % 7} ms" if level == "info" else f"connection to db-{number} refused"
        if number % 100 == 50:
            message, level = f"pool exhausted after {number} waits", "fatal"
        lines.append(
            {
                "time": start_ns + number * SECOND,
                "message": message,
                "level": level,
                "service": SERVICES[number % len(SERVICES)],
                "order": {"id": number},
            }
        )
    return lines


def settings_for(data_dir: Path, port: int = 8900, token: str = "") -> Settings:
    return Settings(
        server=ServerSettings(listen=Address("127.0.0.1", port), token=token),
        store=StoreSettings(data_dir=data_dir, min_free_disk=1),
        nearline=NearlineSettings(nearline_interval=0.2, embed_threads=1),
    )


@contextlib.contextmanager
def serving(dejalog: Dejalog) -> Iterator[str]:
    """A uvicorn over `dejalog` in a thread; yields its address."""
    with serving_app(create_app(dejalog)) as url:
        yield url


@contextlib.contextmanager
def serving_app(app: FastAPI) -> Iterator[str]:
    """A uvicorn over the application in a thread; yields its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # so that who comes before uvicorn is up waits
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def nowhere() -> Iterator[TextIO]:
    with Path(os.devnull).open("w", encoding="utf-8") as file:
        yield file


@pytest.fixture(autouse=True)
def quiet(nowhere: TextIO) -> Iterator[None]:
    """The program's own log goes nowhere, so that tests see a command's output alone."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=nowhere))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that holds the shop's lines, mined."""
    with contextlib.ExitStack() as stack:
        data_dir = tmp_path_factory.mktemp("served")
        dejalog = stack.enter_context(open_dejalog(settings_for(data_dir)))
        url = stack.enter_context(serving(dejalog))
        http = stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False))
        start_ns = (time.time_ns() // SECOND - 1800) * SECOND
        found = Served(dejalog, url, http, start_ns)
        found.post_lines(shop_lines(start_ns))
        assert http.get("/v1/status", params={"wait": "60s"}).json()["waited_out"] is False
        yield found


@pytest.fixture(scope="package")
def shop(served: Served) -> dict[str, str]:
    """Parameters that choose the shop's lines, whatever other tests put in."""
    return {
        "start": str(served.start_ns),
        "end": str(served.start_ns + LINES * SECOND),
        "service": ",".join(SERVICES),
    }
