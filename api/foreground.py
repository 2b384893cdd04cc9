"""Marks requests that somebody waits for, so that background work gives way to them."""

from starlette.types import ASGIApp, Receive, Scope, Send

from workers.foreground import Foreground

BACKGROUND = ("/v1/chunks", "/v1/lines", "/v1/tail", "/lines/live", "/v1/status", "/metrics", "/healthz", "/readyz")
"""Paths that nobody waits for, or that wait themselves."""


class Foregrounding:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, foreground: Foreground) -> None:
        self._app = app
        self._foreground = foreground

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counted while it is answered."""
        if scope["type"] != "http" or scope["path"] in BACKGROUND or scope["path"].endswith("/_bulk"):
            await self._app(scope, receive, send)
            return
        with self._foreground.asked():
            await self._app(scope, receive, send)
