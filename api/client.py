"""The command line's one way to a Dejalog: over HTTP to a server, or the same application in this process."""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from api.lock import owner_address
from api.settings import Settings
from ingest.errors import DejalogError, InputError, LockedError, NotFoundError, RefusedError, SettingError

IN_PROCESS_URL = "http://localhost"
CONNECT_TIMEOUT_S = 5.0


class Client:
    """Requests to one Dejalog, their errors as those of ingest/errors.py."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx.Client(
                base_url=self.url,
                headers=headers,
                transport=transport,
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
                trust_env=False,
            )
            if self._http.base_url.scheme not in {"http", "https"} or not self._http.base_url.host:
                raise SettingError(f"{url!r} is not the URL of a server: http://HOST:PORT is accepted")
        except httpx.InvalidURL as error:
            raise SettingError(f"{url!r} is not a URL: {error}") from error

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The reply to GET; parameters that are None or empty are left out."""
        return self._reply("GET", path, params=given(parameters))

    def post(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to POST of JSON; values that are None or empty are left out."""
        return self._reply("POST", path, json=given(content))

    def delete(self, path: str) -> dict[str, Any]:
        """The reply to DELETE."""
        return self._reply("DELETE", path)

    def events(self, path: str, *, last_event_id: str = "", **parameters: Any) -> Iterator[tuple[str, str, str]]:
        """Server-sent events as (id, event, data) until the server ends them."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        try:
            with self._http.stream("GET", path, params=given(parameters), headers=headers) as reply:
                if reply.status_code >= 400:
                    reply.read()
                    raise reply_error(reply)
                yield from _parsed(reply.iter_lines())
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            reply = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error
        return reply_content(self.url, reply)


@contextlib.contextmanager
def open_client(settings: Settings, *, url: str = "") -> Iterator[Client]:
    """The Dejalog that a command means: `url`, else DEJALOG_URL, else the server whose address stands in the data
    directory's lock file, else the directory itself, opened in this process under that lock.
    """
    target = server_url(settings, url=url)
    if target:
        with Client(target, settings.server.token) as client:
            yield client
        return
    if not holds_data(settings):
        raise SettingError(
            f"no server is running and {settings.store.data_dir} holds no data: "
            "start `dejalog serve` or `dejalog demo`, or name --url"
        )
    with in_process(settings) as client:
        yield client


def server_url(settings: Settings, *, url: str = "") -> str:
    """The server that a command means; empty when it means the data directory. Raises LockedError when another process
    that does not listen owns it.
    """
    if url or os.environ.get("DEJALOG_URL"):
        return url or os.environ["DEJALOG_URL"]
    address = owner_address(settings.store.data_dir)
    if address == "":
        raise LockedError(f"the data directory {settings.store.data_dir} belongs to another process: try again later")
    return f"http://{address}" if address else ""


def holds_data(settings: Settings) -> bool:
    """Whether a Dejalog may have kept something: in the data directory, or wherever lines are kept."""
    return settings.store.store == "elasticsearch" or (settings.store.data_dir / "catalogue.sqlite").exists()


@contextlib.contextmanager
def in_process(settings: Settings) -> Iterator[Client]:
    """A client of the same application as the server's, over the data directory, without a socket."""
    from api.app import create_app
    from api.compose import open_dejalog
    from api.service_log import start_quiet_log

    start_quiet_log()
    with open_dejalog(settings) as dejalog:
        transport = InProcessTransport(create_app(dejalog))
        try:
            with Client(IN_PROCESS_URL, settings.server.token, transport) as client:
                yield client
        finally:
            transport.close()


class InProcessTransport(httpx.BaseTransport):
    """Runs an ASGI application for a client that is not asynchronous. Replies come whole: no live tail over it."""

    def __init__(self, app: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._asgi = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The application's reply."""
        request.read()
        return self._loop.run_until_complete(self._handle(request))

    def close(self) -> None:
        """End the loop."""
        self._loop.close()

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        reply = await self._asgi.handle_async_request(request)
        return httpx.Response(reply.status_code, headers=reply.headers, content=await reply.aread())


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None or empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], ())}


def _parsed(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Events of a stream (WHATWG HTML, section 9.2), as far as our server writes them."""
    fields = {"id": "", "event": "message", "data": ""}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name in fields:
            fields[name] = value.removeprefix(" ")
        elif not line and fields["data"]:
            yield fields["id"], fields["event"], fields["data"]
            fields = {"id": "", "event": "message", "data": ""}


def reply_content(url: str, reply: httpx.Response) -> dict[str, Any]:
    """What a reply holds; raises the error that it tells."""
    if reply.status_code >= 400:
        raise reply_error(reply)
    try:
        content = reply.json()
    except ValueError as error:
        raise DejalogError(f"{url} answered with something that is not JSON: is it a Dejalog?") from error
    if not isinstance(content, dict):
        raise DejalogError(f"{url} answered with something unexpected: is it a Dejalog?")
    return content


def unreachable(url: str, error: httpx.TransportError) -> RefusedError:
    """What a command says of a server that is not there."""
    return RefusedError(f"{url} cannot be reached: {error or type(error).__name__}; is `dejalog serve` running?")


def reply_error(reply: httpx.Response) -> DejalogError:
    """The error of ingest/errors.py that a reply tells."""
    try:
        told = reply.json()["error"]
        message, hint = str(told["message"]), str(told["hint"])
    except (ValueError, KeyError, TypeError):
        message, hint = f"the server answered {reply.status_code}", "is it a Dejalog?"
    kinds: dict[int, type[InputError]] = {404: NotFoundError, 400: InputError, 413: InputError, 415: InputError}
    if reply.status_code in kinds:
        return kinds[reply.status_code](message, hint=hint)
    text = f"{message} ({hint})" if hint else message
    if reply.status_code in {401, 403}:
        return SettingError(text)
    return RefusedError(text) if reply.status_code in {429, 503} else DejalogError(text)
