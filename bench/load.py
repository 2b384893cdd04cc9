"""Searching and asking while collecting at full speed, beside the same requests on the idle server.

    python -m bench.load FOLDER [SECONDS]

`FOLDER` holds log files, or `containers.tar.xz` with them. They are collected first; then copies of them under other
names are collected as fast as the server takes them, while one client goes on asking. Prints p50 and p95 of both,
errors, lines per second, memory.
"""

import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import httpx

ADDRESS = "127.0.0.1:8918"
START = "2000-01-01T00:00:00Z"
HEAD = b'{"log":"copy %d %d\\n","stream":"stdout","time":"2023-01-30T12:00:00Z"}\n'
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


def main(folder: Path, seconds: float) -> None:
    """Run it; see above."""
    with tempfile.TemporaryDirectory() as home:
        folder, logs = _unpacked(folder, Path(home, "unpacked")), Path(home, "logs")
        shutil.copytree(folder, logs)
        command = [str(Path(sys.executable).with_name("dejalog")), "serve", "--listen", ADDRESS]
        command += ["--data-dir", f"{home}/data", "--collect", str(logs), "--log-level", "warning"]
        server = subprocess.Popen(command)
        try:
            transport = httpx.HTTPTransport(retries=60)
            with httpx.Client(base_url=f"http://{ADDRESS}", timeout=120, transport=transport) as client:
                _caught_up(client)
                idle = _measure(client, seconds)
                before, stop = _lines(client), threading.Event()
                feeder = threading.Thread(target=_feed, args=(folder, logs, stop))
                feeder.start()
                busy = _measure(client, seconds)
                stored = _lines(client) - before
                stop.set()
                feeder.join()
            _report(idle, busy, stored / seconds, server.pid)
        finally:
            server.terminate()
            server.wait(60)


def _unpacked(folder: Path, into: Path) -> Path:
    """The folder itself, or what its `containers.tar.xz` holds."""
    packed = folder / "containers.tar.xz"
    if not packed.exists():
        return folder
    with tarfile.open(packed) as archive:
        archive.extractall(into, filter="data")
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


def _feed(folder: Path, logs: Path, stop: threading.Event) -> None:
    """Copies of the files as of other containers (another id and first line), faster than they are read."""
    for turn in range(1000):
        for number, file in enumerate(sorted(folder.iterdir())):
            if stop.is_set():
                return
            with (logs / f"{file.stem[:-4]}{turn:04x}.log").open("wb") as copy:
                copy.write(
                    f'{{"log":"copy {turn} {number}\\n","stream":"stdout","time":"2023-01-30T12:00:00Z"}}\n'.encode()
                )
                copy.write(file.read_bytes())
        stop.wait(1.0)


def _measure(client: httpx.Client, seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name, *_ in REQUESTS} | {"errors": []}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, method, path, values in REQUESTS:
            started = time.perf_counter()
            reply = client.get(path, params=values) if method == "GET" else client.post(path, json=values)
            times[name if reply.status_code == 200 else "errors"].append(time.perf_counter() - started)
    return times


def _report(idle: dict[str, list[float]], busy: dict[str, list[float]], lines_per_s: float, pid: int) -> None:
    print(f"{'':16}{'idle p50':>10}{'p95 ms':>8}{'busy p50':>10}{'p95 ms':>8}{'ratio':>7}")
    for name, *_ in REQUESTS:
        one, other = (_percentiles(times[name]) for times in (idle, busy))
        print(f"{name:16}{one[0]:10.0f}{one[1]:8.0f}{other[0]:10.0f}{other[1]:8.0f}{other[1] / one[1]:7.2f}")
    both = [[value for name, values in times.items() if name != "errors" for value in values] for times in (idle, busy)]
    one, other = _percentiles(both[0]), _percentiles(both[1])
    print(f"{'all':16}{one[0]:10.0f}{one[1]:8.0f}{other[0]:10.0f}{other[1]:8.0f}{other[1] / one[1]:7.2f}")
    memory = {
        line.split(":")[0]: line.split()[1]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if "Vm" in line
    }
    print(
        f"errors: {len(idle['errors'])} idle, {len(busy['errors'])} busy; {lines_per_s:.0f} lines/s collected meanwhile"
    )
    print(f"memory: {int(memory['VmRSS']) / 1e3:.0f} MB now, {int(memory['VmHWM']) / 1e3:.0f} MB at most")


def _percentiles(times_s: list[float]) -> tuple[float, float]:
    """p50 and p95 in ms."""
    cuts = statistics.quantiles(times_s, n=20)
    return cuts[9] * 1e3, cuts[18] * 1e3


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 20.0)
