"""Searching and asking while collecting at full speed, beside the same requests on the idle server.

    python -m bench.load FOLDER [SECONDS]

`FOLDER` holds log files, or `containers.tar.xz` with them. They are collected first; then copies of them as of other
containers, written beforehand so that writing them costs nothing meanwhile, are collected as fast as the server takes
them, while one client goes on asking. Prints p50 and p95 of both, errors, lines per second, memory. Exit status 1 when
the p95 over all requests is more than twice the idle one, or a request failed.
"""

import contextlib
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from api.evaluate.unpack import unpack

ADDRESS = "127.0.0.1:8918"
START = "2000-01-01T00:00:00Z"
HEAD = b'{"log":"copy %d %d\\n","stream":"stdout","time":"2023-01-30T12:00:00Z"}\n'
COPY_LASTS_S = 3.0
"""The whole of the data is not collected faster than in this time."""
REQUESTS = (
    ("newest 50", "GET", "/v1/search", {"query": "*", "start": START, "limit": "50"}),
    ("word", "GET", "/v1/search", {"query": "failed", "start": START, "limit": "50"}),
    ("phrase, level", "GET", "/v1/search", {"query": '"not found" level:error', "start": START, "limit": "50"}),
    ("histogram", "GET", "/v1/histogram", {"query": "*", "start": START}),
    ("patterns", "GET", "/v1/patterns", {"limit": "50"}),
    ("incidents", "GET", "/v1/incidents", {}),
    ("ask", "POST", "/v1/ask", {"question": "Has there been a service avalanche like this lately?"}),
    ("ask, lines", "POST", "/v1/ask", {"question": "How many orders failed?"}),
)


class Memory(threading.Thread):
    """Looks at the memory of a process and of its children, ten times a second until `stop`."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._end = threading.Event()
        self.most_mb: dict[str, int] = {}
        self.now_mb: dict[str, int] = {}

    def run(self) -> None:
        while not self._end.wait(0.1):
            self._look()

    def stop(self) -> None:
        self._end.set()
        self.join()

    def _look(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            ours, *others = (_resident_mb(process) for process in (self._pid, *_children(self._pid)))
            self.now_mb = {"server": ours, "others": sum(others), "sum": ours + sum(others)}
            self.most_mb = {name: max(size, self.most_mb.get(name, 0)) for name, size in self.now_mb.items()}


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def _resident_mb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1_000_000


def main(folder: Path, seconds: float) -> bool:
    """Run it; see above."""
    with tempfile.TemporaryDirectory() as home:
        folder, logs = _unpacked(folder, Path(home, "unpacked")), Path(home, "logs")
        shutil.copytree(folder, logs)
        command = [str(Path(sys.executable).with_name("dejalog")), "serve", "--listen", ADDRESS]
        command += ["--data-dir", f"{home}/data", "--collect", str(logs), "--log-level", "warning"]
        server = subprocess.Popen(command)
        memory = Memory(server.pid)
        memory.start()
        try:
            transport = httpx.HTTPTransport(retries=60)
            with httpx.Client(base_url=f"http://{ADDRESS}", timeout=120, transport=transport) as client:
                _caught_up(client)
                copies = _copied(folder, Path(home, "copies"), math.ceil(seconds / COPY_LASTS_S))
                idle = _measure(client, seconds)
                before = _lines(client)
                for copy in copies:
                    copy.rename(logs / copy.name)
                busy = _measure(client, seconds)
                stored = _lines(client) - before
                if not client.get("/v1/status").json()["lag_bytes"]:
                    print("the copies did not last: the server collects faster than this benchmark feeds it")
            memory.stop()
            return _report(idle, busy, stored / seconds, memory)
        finally:
            server.terminate()
            server.wait(60)


def _unpacked(folder: Path, into: Path) -> Path:
    """The folder itself, or what its `containers.tar.xz` holds."""
    packed = folder / "containers.tar.xz"
    if not packed.exists():
        return folder
    unpack(packed, into)
    return into / "containers"


def _caught_up(client: httpx.Client) -> None:
    lines = -1
    while (now := _lines(client)) != lines or not now:
        lines = now
        client.get("/v1/status", params={"wait": "120s"})
        time.sleep(2)


def _lines(client: httpx.Client) -> int:
    total: int = client.get("/v1/search", params={"query": "*", "start": START, "limit": "1"}).json()["total"]
    return total


def _copied(folder: Path, into: Path, turns: int) -> list[Path]:
    """Copies of the files as of other containers: another id and first line."""
    into.mkdir()
    copies = []
    for turn in range(turns):
        for number, file in enumerate(sorted(folder.iterdir())):
            copy = into / f"{file.stem[:-4]}{turn:04x}.log"
            copy.write_bytes(HEAD % (turn, number) + file.read_bytes())
            copies.append(copy)
    return copies


def _measure(client: httpx.Client, seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name, *_ in REQUESTS} | {"errors": []}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, method, path, values in REQUESTS:
            started = time.perf_counter()
            reply = client.get(path, params=values) if method == "GET" else client.post(path, json=values)
            times[name if reply.status_code == 200 else "errors"].append(time.perf_counter() - started)
    return times


def _report(idle: dict[str, list[float]], busy: dict[str, list[float]], lines_per_s: float, memory: Memory) -> bool:
    print(f"{'':16}{'idle p50':>10}{'p95 ms':>8}{'busy p50':>10}{'p95 ms':>8}{'ratio':>7}")
    for name, *_ in REQUESTS:
        one, other = (_percentiles(times[name]) for times in (idle, busy))
        print(f"{name:16}{one[0]:10.0f}{one[1]:8.0f}{other[0]:10.0f}{other[1]:8.0f}{other[1] / one[1]:7.2f}")
    both = [[value for name, values in times.items() if name != "errors" for value in values] for times in (idle, busy)]
    one, other = _percentiles(both[0]), _percentiles(both[1])
    print(f"{'all':16}{one[0]:10.0f}{one[1]:8.0f}{other[0]:10.0f}{other[1]:8.0f}{other[1] / one[1]:7.2f}")
    print(
        f"errors: {len(idle['errors'])} idle, {len(busy['errors'])} busy; {lines_per_s:.0f} lines/s collected meanwhile"
    )
    print(f"resident MB at most: {memory.most_mb}; now: {memory.now_mb}")
    return other[1] <= 2 * one[1] and not idle["errors"] and not busy["errors"]


def _percentiles(times_s: list[float]) -> tuple[float, float]:
    """p50 and p95 in ms."""
    cuts = statistics.quantiles(times_s, n=20)
    return cuts[9] * 1e3, cuts[18] * 1e3


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 20.0) else 1)
