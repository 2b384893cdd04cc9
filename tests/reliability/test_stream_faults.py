"""Nothing acknowledged is lost and nothing is stored twice, whichever part of the distributed mode is killed."""

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from index.store_parquet import ParquetStore
from ingest.chunk_http import encode
from ingest.errors import UnavailableError
from ingest.push import Pushed
from tests.ports import free_port
from tests.redis_server import RedisServer
from tests.reliability.load import load, wait_until_drained
from tests.reliability.processes import Program
from tests.workers.chunks_made import assert_each_once, chunks, numbers_held, wait_until
from workers.chunk_stream import ChunkStream


def programs(
    folder: Path, server: RedisServer, environment: Mapping[str, str], *, watch: str = "none"
) -> tuple[str, Program, Program]:
    """The receiver's address, the receiver and the worker, not started yet; the worker is watched at `watch`."""
    address = f"127.0.0.1:{free_port()}"
    variables = {"REDIS_URL": server.url, "DEJALOG_STREAM_LEASE": "1s", "DEJALOG_WORKER_LISTEN": watch, **environment}
    receiver = Program(["worker", "receive", "--listen", address], folder, folder / "receiver.txt", variables)
    worker = Program(["worker", "ingest", "--data-dir", str(folder / "data")], folder, folder / "worker.txt", variables)
    return f"http://{address}", receiver, worker


@contextlib.contextmanager
def running(*parts: Program | RedisServer) -> Iterator[None]:
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in reversed(parts):
            part.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def held_lines(data: Path) -> ParquetStore:
    return ParquetStore.open(data)


def test_no_line_is_lost_or_doubled_when_parts_are_killed_under_load(tmp_path: Path) -> None:
    kill_under_load(tmp_path, kills=4, seed=11)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_no_line_is_lost_or_doubled_by_forty_kills(tmp_path: Path, seed: int) -> None:
    kill_under_load(tmp_path, kills=40, seed=seed)


def kill_under_load(folder: Path, *, kills: int, seed: int) -> None:
    """Kill Redis, worker and receiver at random moments while two sources are sent; each line is there once."""
    chance = random.Random(seed)
    server = RedisServer(folder / "redis")
    watch = f"127.0.0.1:{free_port()}"
    bound = {"DEJALOG_STREAM_MAX_BYTES": "200000"}  # senders are faster: they meet refusals, too
    url, receiver, worker = programs(folder, server, bound, watch=watch)
    with running(server, receiver, worker):
        with load(url, range(2)) as senders:
            victims: Sequence[Program | RedisServer] = [server, worker, receiver]
            for number in range(kills):
                wait_until(lambda: answers(url) and answers(f"http://{watch}"), timeout_s=60)
                time.sleep(chance.random())  # the moment of the kill is what is random here
                victims[number % 3].kill()
                victims[number % 3].start()
        wait_until_drained(server.url)
        assert worker.stop() == 0
    with contextlib.closing(held_lines(folder / "data")) as store:
        assert_each_once(numbers_held(store), {sender.number: sender.lines for sender in senders})
    assert min(sender.lines for sender in senders) > 100, "too little was sent to prove anything"


def test_a_worker_killed_between_storing_and_acknowledging_doubles_no_line(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis").start()
    stream = ChunkStream(server.url)
    stream.prepare()
    for number in range(3):
        for pushed in chunks(number, 4):
            stream.append(pushed)
    ends = []
    for settled in (0, 2, 99):
        command = [sys.executable, "-m", "tests.reliability.crashing_worker", server.url, str(tmp_path / "data")]
        ends.append(subprocess.run([*command, str(settled)], check=False, timeout=60).returncode)
    assert ends == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert stream.status().held_bytes == stream.status().dead == 0
    stream.close()
    server.kill()
    with contextlib.closing(held_lines(tmp_path / "data")) as store:
        assert_each_once(numbers_held(store), dict.fromkeys(range(3), 20))


def test_every_chunk_that_redis_acknowledged_is_there_after_it_was_killed(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis").start()
    stream = ChunkStream(server.url)
    stream.prepare()
    acknowledged: set[str] = set()
    work = [chunks(number, 5000) for number in range(4)]

    def send(some: int) -> None:
        with contextlib.suppress(UnavailableError):
            for pushed in work[some]:
                acknowledged.add(stream.append(pushed))

    threads = [threading.Thread(target=send, args=(some,)) for some in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(acknowledged) > 300)
    server.kill()
    for thread in threads:
        thread.join()
    server.start()
    found = stream.read("me", range(16), count=100_000, block_s=0.001)
    held = {delivery.id.decode() for delivery in found}
    assert acknowledged <= held, f"{len(acknowledged - held)} of {len(acknowledged)} acknowledged chunks are lost"
    assert len(held) <= len(acknowledged) + 4, "only what was on its way may be there beside"
    assert sum(stream.settle(delivery) for delivery in found) == len(found)
    assert stream.status().held_bytes == 0
    stream.close()
    server.kill()


def test_a_full_stream_is_answered_429_until_a_worker_has_made_room(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    url, receiver, worker = programs(tmp_path, server, {"DEJALOG_STREAM_MAX_BYTES": "20000"})
    pushed = chunks(1, 500)
    with running(server, receiver):
        wait_until(lambda: answers(url), timeout_s=60)
        with httpx.Client(base_url=url) as http:
            sent = 0
            while (reply := post(http, pushed[sent])).status_code == 200:
                sent += 1
            assert reply.status_code == 429
            assert int(reply.headers["Retry-After"]) >= 1
            assert reply.json()["error"]["code"] == "storage_full"
            with running(worker):
                wait_until(lambda: post(http, pushed[sent]).status_code == 200)
                with contextlib.closing(ChunkStream(server.url)) as stream:
                    wait_until(lambda: not stream.status().waiting)
                assert worker.stop() == 0
            metrics = http.get("/metrics").text
    assert "dejalog_stream_held_bytes 0.0" in metrics
    assert 'dejalog_refused_total{reason="storage_full"}' in metrics
    with contextlib.closing(held_lines(tmp_path / "data")) as store:
        assert_each_once(numbers_held(store), {1: (sent + 1) * 5})


def post(http: httpx.Client, pushed: Pushed) -> httpx.Response:
    headers, body = encode(pushed.chunk)
    return http.post("/v1/chunks", content=body, headers=headers)


def test_a_receiver_without_redis_refuses_and_says_which_part_is_away(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    url, receiver, _ = programs(tmp_path, server, {})
    with running(server, receiver):
        wait_until(lambda: answers(url), timeout_s=60)
        server.kill()
        wait_until(lambda: not answers(url))  # what /readyz tells may be a second old
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, "Redis" in ready.json()["error"]["message"]) == (503, True)
        with httpx.Client(base_url=url) as http:
            assert post(http, chunks(1, 1)[0]).status_code == 429
            server.start()
            assert post(http, chunks(1, 1)[0]).status_code == 200
        assert httpx.get(f"{url}/healthz").status_code == 200
