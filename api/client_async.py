"""A Dejalog for a program that asks it many things at once: over HTTP, or the application over the data directory."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread
import httpx

from api.client import (
    CONNECT_TIMEOUT_S,
    IN_PROCESS_URL,
    given,
    holds_data,
    reply_content,
    server_url,
    unreachable,
)
from api.settings import Settings
from ingest.errors import SettingError


class AsyncClient:
    """Requests to the Dejalog that a command means, looked for at each request: a server that is started or moved is
    found. A cancelled request closes its connection. Where no server is there, the data directory is opened for the
    time of the request, or of those made at once: a server can be started between two.
    """

    def __init__(self, settings: Settings, *, url: str = "") -> None:
        self._settings = settings
        self._url = url
        self._servers: dict[str, httpx.AsyncClient] = {}
        self._opening = anyio.Lock()
        self._own: httpx.AsyncClient | None = None
        self._own_requests = 0
        self._opened = contextlib.ExitStack()

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The reply to GET; parameters that are None or empty are left out."""
        return await self._reply("GET", path, params=given(parameters))

    async def post(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to POST of JSON; values that are None or empty are left out."""
        return await self._reply("POST", path, json=given(content))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            for http in self._servers.values():
                await http.aclose()

    async def _reply(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        async with self._reached() as http:
            try:
                reply = await http.request(method, path, **arguments)
            except httpx.TransportError as error:
                raise unreachable(str(http.base_url), error) from error
            return reply_content(str(http.base_url), reply)

    @contextlib.asynccontextmanager
    async def _reached(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self._opening:
            # While the directory is open here, the lock that a look would meet is our own.
            url = "" if self._own_requests else server_url(self._settings, url=self._url)
            http = self._server(url) if url else await self._own_opened()
            self._own_requests += not url
        try:
            yield http
        finally:
            if not url:
                with anyio.CancelScope(shield=True):
                    await self._leave_own()

    async def _own_opened(self) -> httpx.AsyncClient:
        if self._own is None:
            if not holds_data(self._settings):
                raise SettingError(
                    f"no server is running and {self._settings.store.data_dir} holds no data: "
                    "start `dejalog serve` or `dejalog demo`, or name --url"
                )
            application = await anyio.to_thread.run_sync(self._open)
            self._own = self._made(IN_PROCESS_URL, httpx.ASGITransport(application, raise_app_exceptions=False))
        return self._own

    async def _leave_own(self) -> None:
        async with self._opening:
            self._own_requests -= 1
            if self._own is not None and not self._own_requests:
                await self._own.aclose()
                self._own = None
                await anyio.to_thread.run_sync(self._opened.close)

    def _server(self, url: str) -> httpx.AsyncClient:
        if url not in self._servers:
            self._servers[url] = self._made(url, None)
        return self._servers[url]

    def _made(self, url: str, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
        token = self._settings.server.token
        try:
            http = httpx.AsyncClient(
                base_url=url.rstrip("/"),
                headers={"Authorization": f"Bearer {token}"} if token else {},
                transport=transport,
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
                trust_env=False,
            )
        except httpx.InvalidURL as error:
            raise SettingError(f"{url!r} is not a URL: {error}") from error
        if http.base_url.scheme not in {"http", "https"} or not http.base_url.host:
            raise SettingError(f"{url!r} is not the URL of a server: http://HOST:PORT is accepted")
        return http

    def _open(self) -> Any:
        from api.app import create_app
        from api.compose import open_dejalog

        return create_app(self._opened.enter_context(open_dejalog(self._settings)))
