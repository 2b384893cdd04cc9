"""A simulated shop behind a real server, for the page's tests and pictures: a seed gives a shop and its faults."""

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import orjson
import uvicorn

from api.app import create_app
from api.compose import Dejalog, open_dejalog
from api.evaluate.trial import file_chunks
from api.setting_text import Address
from api.settings import NearlineSettings, ServerSettings, Settings, StoreSettings
from ingest.simulate import simulate
from ingest.simulate.plan import DAY_NS, HOUR_NS

FAULTS = ("avalanche:loud", "pool_exhaustion:loud", "oom_kill:trace", "avalanche:loud", "bad_deploy:loud")


@dataclasses.dataclass(frozen=True)
class Served:
    """A running server with its program, and a client for it."""

    dejalog: Dejalog
    url: str
    http: httpx.Client

    def push(self, lines: Sequence[Mapping[str, object]]) -> None:
        """Store lines and wait until they are mined."""
        body = b"\n".join(map(orjson.dumps, lines))
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        reply = self.http.post("/v1/lines", content=body, headers=headers)
        assert reply.status_code == 200, reply.text
        assert self.dejalog.wait_until_mined(60)

    @property
    def token(self) -> str:
        """That it asks for; empty for none."""
        return self.dejalog.settings.server.token


@contextlib.contextmanager
def served(data_dir: Path, *, token: str = "") -> Iterator[Served]:
    """A server over an empty folder, on a free port of loopback."""
    settings = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 8900), token=token),
        store=StoreSettings(data_dir=data_dir, min_free_disk=1),
        nearline=NearlineSettings(nearline_interval=0.2, embed_threads=1),
    )
    with (
        open_dejalog(settings) as dejalog,
        _listening(dejalog) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
    ):
        yield Served(dejalog, url, http)


def fill(dejalog: Dejalog, folder: Path, *, seed: int, days: int, lines: int) -> None:
    """Simulate the shop's last days, up to the last full hour, into `folder`; store and mine them."""
    end_ns = time.time_ns() // HOUR_NS * HOUR_NS
    shop = simulate(
        folder, seed=seed, start_ns=end_ns - days * DAY_NS, end_ns=end_ns, lines=lines, faults=FAULTS, services=10
    )
    dejalog.nearline.mines_when_due = False
    for file in sorted(shop.files):
        for chunk in file_chunks(file, read_ns=end_ns):
            dejalog.receiver.accept(chunk)
    dejalog.nearline.mines_when_due = True
    assert dejalog.wait_until_mined(300)


@contextlib.contextmanager
def _listening(dejalog: Dejalog) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(create_app(dejalog), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
