"""The distributed mode's receiver and commands, over a real Redis."""

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from elasticsearch import Elasticsearch, helpers

from api import cli
from api.app import create_worker_app
from api.http_server import serving_app
from api.metrics import Metrics
from api.readiness import Readiness
from api.setting_text import Address
from api.settings import ServerSettings, Settings, read_settings
from api.worker_metrics import StreamCollector
from ingest.errors import SettingError
from ingest.receive import Receiver
from tests.ingest.memory_sink import MemorySink
from tests.redis_server import RedisServer
from tests.workers.chunks_made import chunks
from workers import watched
from workers.chunk_stream import ChunkStream
from workers.ingest import IngestCounts, IngestLane, IngestSettings
from workers.job_board import JobBoard
from workers.stream_receiver import StreamReceiver

QUICK = IngestSettings(lease_s=5, block_s=0.01, first_retry_s=0.001, longest_retry_s=0.002)


@contextlib.contextmanager
def receiving(stream: ChunkStream, token: str = "") -> Iterator[httpx.Client]:
    """A receiver on a port of loopback; a client of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = StreamReceiver(stream)
    told = StreamCollector(stream, receiving=receiver.counters)
    settings = Settings(server=ServerSettings(listen=Address(*listener.getsockname()[:2]), token=token))
    app = create_worker_app(settings, told, Readiness(), receiver=receiver)
    with serving_app(app, listener), contextlib.closing(listener):
        host, port = listener.getsockname()[:2]
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=30, trust_env=False) as http:
            yield http


def test_what_a_receiver_takes_in_every_form_is_stored_by_a_worker(stream: ChunkStream) -> None:
    sink = MemorySink()
    worker = IngestLane(stream, Receiver(sink), QUICK, IngestCounts())
    with receiving(stream) as http:
        reply = http.post("/v1/lines?service=pushed", content=b"one\ntwo\n")
        assert (reply.status_code, reply.json()["queued"]) == (202, 2)
        with Elasticsearch(str(http.base_url)) as client:
            assert client.ping()
            some = [{"_index": "shop-2026.11.25", "_id": str(n), "message": f"bulk {n}"} for n in range(20)]
            assert helpers.bulk(client, some) == (20, [])
            assert helpers.bulk(client, some) == (20, [])
        metrics = http.get("/metrics").text
        assert 'dejalog_received_total{unit="lines"} 42.0' in metrics
        assert "dejalog_stream_waiting_chunks 3.0" in metrics
        assert http.get("/readyz").status_code == 200
        assert http.get("/v1/search").status_code == 404
    while stream.status().waiting:
        worker.step()
    lines = sink.lines()
    assert sorted(lines["message"]) == sorted(["one", "two", *(f"bulk {n}" for n in range(20))])
    assert set(lines["service"]) == {"pushed", "shop"}


def test_a_receiver_asks_for_the_token(stream: ChunkStream) -> None:
    with receiving(stream, token="a-token-for-tests") as http:
        assert http.post("/v1/lines", content=b"x\n").status_code == 401
        assert http.get("/healthz").status_code == 200
        assert stream.status().waiting == 0


def test_the_metrics_say_when_redis_is_away(tmp_path: Path) -> None:
    stream = ChunkStream(RedisServer(tmp_path).url)
    text = Metrics(StreamCollector(stream, ingesting=lambda: {"settled_chunks": 3})).text().decode()
    assert "dejalog_stream_up 0.0" in text
    assert "dejalog_ingest_settled_chunks_total 3.0" in text
    stream.close()


@pytest.fixture
def own_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Redis that commands, which know no other prefix, have for themselves."""
    server = RedisServer(tmp_path / "redis").start()
    monkeypatch.setenv("REDIS_URL", server.url)
    yield server.url
    server.kill()


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["dejalog", "worker", *arguments])
    code = cli.run()
    return code, capsys.readouterr().out


def test_dead_letters_are_listed_and_tried_again(
    own_redis: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, monkeypatch, "dead", "ls")[0] == 1
    with contextlib.closing(ChunkStream(own_redis)) as stream:
        for pushed in chunks(1, 2):
            stream.append(pushed)
        for delivery in stream.read("me", range(16), count=9, block_s=0.001):
            stream.bury(delivery, "a reason that people read")
        code, out = run(capsys, monkeypatch, "dead", "ls")
        assert (code, out.count("a reason that people read")) == (0, 2)
        [first, _] = json.loads(run(capsys, monkeypatch, "dead", "ls", "-o", "json")[1])["dead"]
        assert run(capsys, monkeypatch, "dead", "retry", first["id"])[0] == 0
        assert (stream.status().waiting, stream.status().dead) == (1, 1)
        assert run(capsys, monkeypatch, "dead", "retry")[0] == 0
        assert (stream.status().waiting, stream.status().dead) == (2, 0)


def test_the_status_shows_what_waits_and_how_steps_stand(
    own_redis: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(ChunkStream(own_redis)) as stream, contextlib.closing(JobBoard(own_redis)) as board:
        stream.append(chunks(1, 1)[0])
        board.write("patterns", "failed", error="it broke")
        found = json.loads(run(capsys, monkeypatch, "status", "-o", "json")[1])
        assert found["stream"]["waiting"] == 1
        assert found["steps"]["patterns"]["state"] == "failed"
        assert "it broke" in run(capsys, monkeypatch, "status")[1]


def test_without_a_redis_commands_say_what_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["dejalog", "worker", "status"])
    assert cli.run() == 2
    assert "REDIS_URL" in capsys.readouterr().err


def test_the_address_of_redis_is_read_by_the_name_that_everybody_uses(tmp_path: Path) -> None:
    secret = tmp_path / "redis"
    secret.write_text("rediss://:password@redis:6379/2\n")
    assert read_settings({}, {"REDIS_URL": "redis://a/0"}).stream.redis_url == "redis://a/0"
    assert read_settings({}, {"REDIS_URL_FILE": str(secret)}).stream.redis_url.startswith("rediss://:password")
    with pytest.raises(SettingError, match=r"\(hidden\)"):
        read_settings({}, {"REDIS_URL": "http://:password@redis"})
    with pytest.raises(SettingError, match="token"):
        read_settings({}, {"DEJALOG_WORKER_LISTEN": "0.0.0.0:8902"})


def test_celery_does_not_start_where_it_cannot_be_watched(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("REDIS_URL", redis_url)
        monkeypatch.setenv("DEJALOG_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("DEJALOG_WORKER_LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SystemExit, match="cannot listen on"):
            watched._begin("worker")
