"""The shipper against a real HTTP server: what each answer means for the chunk."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingest.chunk import Chunk
from ingest.chunk_http import decode
from ingest.errors import ChunkError, RefusedError, SettingError
from ingest.ship_http import HttpShipper
from ingest.source import Source

CHUNK = Chunk(source=Source(id="0123456789abcdef", path="/l/ü.log"), start=0, end=4, read_ns=1, body=b"abc\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    status = 202
    retry_after = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[Chunk] = []
        self.tokens: list[str] = []
        self.connections = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/chunks"
        self.server.tokens.append(self.headers.get("Authorization", ""))
        self.server.taken.append(decode(dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shipper(server: Server) -> Iterator[HttpShipper]:
    with HttpShipper(f"http://127.0.0.1:{server.server_port}/", token="secret") as shipper:
        yield shipper


def test_chunks_arrive_whole_over_one_connection_with_the_token(server: Server, shipper: HttpShipper) -> None:
    shipper.accept(CHUNK)
    shipper.accept(CHUNK)
    assert server.taken == [CHUNK, CHUNK]
    assert server.tokens == ["Bearer secret"] * 2
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [(429, "7", 7.0), (503, "", 1.0), (500, "x", 1.0), (404, "nan", 1.0), (401, "", 30.0), (503, "1e9", 300.0)],
)
def test_an_answer_that_may_heal_is_a_refusal(
    server: Server, shipper: HttpShipper, status: int, retry_after: str, seconds: float
) -> None:
    server.status, server.retry_after = status, retry_after
    with pytest.raises(RefusedError) as caught:
        shipper.accept(CHUNK)
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_answer_that_will_not_heal_says_so(server: Server, shipper: HttpShipper, status: int) -> None:
    server.status = status
    with pytest.raises(ChunkError):
        shipper.accept(CHUNK)


def test_a_server_that_is_not_there_is_a_refusal() -> None:
    with HttpShipper("http://127.0.0.1:9", timeout_s=1) as shipper, pytest.raises(RefusedError):
        shipper.accept(CHUNK)


@pytest.mark.parametrize("url", ["", "localhost:8900", "ftp://x", "http://", "http://[::"])
def test_what_is_no_url_of_a_server_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingError):
        HttpShipper(url)
