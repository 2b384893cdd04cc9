"""A local HTTP server that speaks as much of Slack's Web API as the bot uses: Slack itself cannot be reached here."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from api.bot.scopes import BOT_SCOPES

BOT_USER = "UBOT"
WAIT_S = 60


@dataclasses.dataclass(frozen=True)
class Call:
    """One request that the bot made."""

    method: str
    parameters: dict[str, Any]
    token: str


class SlackStandIn:
    """Keeps every call in order. `threads`: messages by timestamp of their root; `refusals`: what a method answers
    instead, in turn; `scopes`: those of the token.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.threads: dict[str, list[dict[str, Any]]] = {}
        self.refusals: dict[str, list[tuple[int, dict[str, str], dict[str, Any]]]] = {}
        self.scopes: list[str] = list(BOT_SCOPES)
        self.channels: list[str] = ["ops"]
        self.socket_url = ""
        self._changed = threading.Condition()
        self._held: dict[str, threading.Event] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"{self.origin}/api/"

    def response_url(self, name: str) -> str:
        return f"{self.origin}/response/{name}"

    def of(self, *methods: str) -> list[Call]:
        """The calls of these methods so far."""
        with self._changed:
            return [call for call in self.calls if call.method in methods]

    def wait_for(self, *methods: str, count: int = 1, where: Callable[[Call], bool] = bool) -> list[Call]:
        """The calls of these methods, once there are so many."""

        def found() -> list[Call]:
            return [call for call in self.calls if call.method in methods and where(call)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, WAIT_S), [c.method for c in self.calls]
            return found()

    @contextlib.contextmanager
    def holding(self, method: str) -> Iterator[None]:
        """Calls of a method are heard, and not answered before the block ends."""
        held = self._held[method] = threading.Event()
        try:
            yield
        finally:
            held.set()

    @contextlib.contextmanager
    def running(self) -> Iterator["SlackStandIn"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _told(self, call: Call) -> tuple[int, dict[str, str], dict[str, Any]]:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
            refusals = self.refusals.get(call.method)
            if refusals:
                return refusals.pop(0)
        if call.method in self._held:
            assert self._held[call.method].wait(WAIT_S)
        return 200, {"x-oauth-scopes": ",".join(self.scopes)}, {"ok": True, **self._answer(call)}

    def _answer(self, call: Call) -> dict[str, Any]:
        given = call.parameters
        if call.method == "auth.test":
            return {"user_id": BOT_USER, "bot_id": "BBOT", "user": "dejalog", "team": "Shop", "team_id": "T1"}
        if call.method == "conversations.replies":
            return {"messages": self.threads.get(str(given["ts"]), [])}
        if call.method == "users.info":
            return {"user": {"id": given["user"], "profile": {"display_name": "ada"}, "real_name": "Ada"}}
        if call.method == "users.conversations":
            return {"channels": [{"id": f"C{name}", "name": name} for name in self.channels]}
        if call.method == "apps.connections.open":
            return {"url": self.socket_url}
        if call.method == "chat.postMessage":
            return {"ts": "1.0", "channel": given["channel"]}
        return {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self._told

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # as of tests/real/model_server.py

            def do_GET(self) -> None:
                self._serve({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                is_json = "json" in self.headers.get("Content-Type", "")
                self._serve(json.loads(body) if is_json else dict(parse_qsl(body)))

            def _serve(self, given: dict[str, Any]) -> None:
                parts = urlsplit(self.path)
                method = parts.path.rpartition("/")[2] if parts.path.startswith("/api/") else parts.path.strip("/")
                token = str(given.pop("token", "")) or self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, headers, content = told(Call(method, {**dict(parse_qsl(parts.query)), **given}, token))
                body = json.dumps(content).encode() if parts.path.startswith("/api/") else b"ok"
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Silent."""

        return Handler
