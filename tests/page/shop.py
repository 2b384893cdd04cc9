"""A simulated shop behind a real server, for the page's tests and pictures: a seed gives a shop and its faults."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import orjson

from api.compose import Dejalog, open_dejalog
from api.evaluate.trial import file_chunks
from api.settings import Settings
from ingest.simulate import simulate
from ingest.simulate.plan import DAY_NS, HOUR_NS
from tests.api.conftest import serving, settings_for

LONG_BATCH = 20_000
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


def served(data_dir: Path, *, token: str = "") -> contextlib.AbstractContextManager[Served]:
    """A server over an empty folder, on a free port of loopback."""
    return served_with(settings_for(data_dir, token=token))


@contextlib.contextmanager
def served_with(settings: Settings) -> Iterator[Served]:
    """The same with other settings."""
    with (
        open_dejalog(settings) as dejalog,
        serving(dejalog) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
    ):
        yield Served(dejalog, url, http)


@contextlib.contextmanager
def two_days(folder: Path) -> Iterator[Served]:
    """A server over two days of a shop with an avalanche that comes twice."""
    with served(folder / "data") as server:
        fill(server.dejalog, folder / "shop", seed=7, days=2, lines=40_000)
        yield server


@contextlib.contextmanager
def long_list(data_dir: Path, lines: int) -> Iterator[Served]:
    """A server over that many lines of the last hour, whose rows are of different heights."""
    start_ns = time.time_ns() - HOUR_NS
    with served(data_dir) as server:
        for first in range(0, lines, LONG_BATCH):
            server.push([long_line(number, start_ns) for number in range(first, min(first + LONG_BATCH, lines))])
        yield server


def long_line(number: int, start_ns: int) -> dict[str, object]:
    """Every tenth line is folded, every seventh takes three rows, one in a hundred has 10,000 characters."""
    text = f"request {number} took {number % 977} ms"
    if number % 100 == 0:
        text += " " + "x" * 10_000
    elif number % 10 == 0:
        text += "".join(f"\n    at com.example.Class{each}.run(Class.java:{each})" for each in range(12))
    elif number % 7 == 0:
        text += " because the pool of connections was used up by other requests" * 6
    return {"time": start_ns + number * 10**6, "service": "long", "level": "info", "message": text}


def fill(dejalog: Dejalog, folder: Path, *, seed: int, days: int, lines: int, faults: Sequence[str] = FAULTS) -> None:
    """Simulate the shop's last days, up to the last full hour, into `folder`; store and mine them."""
    end_ns = time.time_ns() // HOUR_NS * HOUR_NS
    shop = simulate(
        folder, seed=seed, start_ns=end_ns - days * DAY_NS, end_ns=end_ns, lines=lines, faults=faults, services=10
    )
    dejalog.nearline.mines_when_due = False
    for file in sorted(shop.files):
        for chunk in file_chunks(file, read_ns=end_ns):
            dejalog.receiver.accept(chunk)
    dejalog.nearline.mines_when_due = True
    assert dejalog.wait_until_mined(300)
