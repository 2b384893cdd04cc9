"""The HTTP application over one running Dejalog: routes, errors, gate and metrics put together."""

import itertools
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import anyio
from fastapi import FastAPI
from prometheus_client.registry import Collector

from api import (
    routes_alerts,
    routes_ask,
    routes_bulk,
    routes_channels,
    routes_chat,
    routes_export,
    routes_health,
    routes_incidents,
    routes_page,
    routes_page_forms,
    routes_page_live,
    routes_patterns,
    routes_read,
    routes_slack,
    routes_status,
    routes_tail,
    routes_views,
    routes_write,
)
from api.bot.meter import BotMeter
from api.bot.open import takes_signed
from api.bot.scopes import PATHS
from api.bot.slack_app import SlackBot
from api.foreground import Foregrounding
from api.gate import Gate
from api.metrics import Metrics, RequestWatch
from api.page.nowhere import install_error_pages
from api.parts import Dejalog, LineReceiver
from api.readiness import Readiness, ReadinessCollector
from api.reply import install_error_replies
from api.settings import Settings
from api.status_metrics import StatusCollector

ROUTES = (
    routes_write,
    routes_bulk,
    routes_read,
    routes_export,
    routes_tail,
    routes_patterns,
    routes_incidents,
    routes_ask,
    routes_views,
    routes_channels,
    routes_slack,
    routes_alerts,
    routes_chat,
    routes_status,
    routes_health,
    routes_page_live,
    routes_page,
    routes_page_forms,
)

RECEIVING = (routes_write, routes_bulk)
"""Those that a receiver of the distributed mode has, too."""


def create_app(dejalog: Dejalog) -> FastAPI:
    """An application that serves `dejalog`; it owns nothing and needs no start or stop."""
    app = routes_app()
    app.state.dejalog = dejalog
    app.state.receiver = dejalog.receiver
    app.state.readiness = dejalog.readiness
    app.state.bot_meter = BotMeter()
    app.state.metrics = Metrics(StatusCollector(dejalog), ReadinessCollector(dejalog.readiness), app.state.bot_meter)
    app.state.writers = anyio.CapacityLimiter(routes_write.WRITERS)
    app.state.slack_limiter = anyio.CapacityLimiter(routes_slack.ACKNOWLEDGING)
    install_error_pages(app)
    server = dejalog.settings.server
    app.add_middleware(
        Gate,
        token=server.token,
        is_loopback=server.listen.is_loopback,
        max_body=server.max_body,
        has_page=True,
        signed_paths=frozenset(PATHS.values()) if takes_signed(dejalog.settings) else frozenset(),
    )
    app.add_middleware(RequestWatch, metrics=app.state.metrics)
    app.add_middleware(Foregrounding, foreground=dejalog.foreground)
    return app


def create_worker_app(
    settings: Settings, collector: Collector, readiness: Readiness, *, receiver: LineReceiver | None = None
) -> FastAPI:
    """Health and metrics of a process that is no server; with a `receiver`, the routes that take lines in."""
    app = _documented(() if receiver is None else RECEIVING, (routes_health,))
    if receiver is not None:
        app.add_api_route("/", routes_bulk.product_info, methods=["GET", "HEAD"], include_in_schema=False)
    app.state.receiver = receiver
    app.state.readiness = readiness
    app.state.metrics = Metrics(collector, ReadinessCollector(readiness))
    app.state.writers = anyio.CapacityLimiter(routes_write.WRITERS)
    server = settings.server
    listen = server.listen if receiver is not None else settings.stream.worker_listen or server.listen
    app.add_middleware(Gate, token=server.token, is_loopback=listen.is_loopback, max_body=server.max_body)
    app.add_middleware(RequestWatch, metrics=app.state.metrics)
    return app


def create_bot_app(settings: Settings, readiness: Readiness, bot: SlackBot) -> FastAPI:
    """The routes that Slack calls, health and metrics, of a process that is nothing but the bot."""
    app = _documented((routes_slack, routes_health))
    app.state.slack = bot
    app.state.slack_limiter = anyio.CapacityLimiter(routes_slack.ACKNOWLEDGING)
    app.state.readiness = readiness
    app.state.metrics = Metrics(ReadinessCollector(readiness), bot.meter)
    server = settings.server
    listen = settings.stream.worker_listen or server.listen
    app.add_middleware(
        Gate,
        token=server.token,
        is_loopback=listen.is_loopback,
        max_body=server.max_body,
        signed_paths=frozenset(PATHS.values()),
    )
    app.add_middleware(RequestWatch, metrics=app.state.metrics)
    return app


def routes_app() -> FastAPI:
    """All routes and their errors, not connected to anything: enough to document them."""
    return _documented(ROUTES)


def _documented(*groups: Sequence[ModuleType]) -> FastAPI:
    app = _Documented(
        title="Dejalog",
        version=program_version(),
        summary="A log store that remembers incidents.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    for routes in itertools.chain(*groups):
        app.include_router(routes.router)
    install_error_replies(app)
    return app


def program_version() -> str:
    """The installed version; of a tree that is not installed, 0."""
    try:
        return version("dejalog")
    except PackageNotFoundError:
        return "0"


class _Documented(FastAPI):
    """FastAPI, but its document tells the errors as they really come."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document: 400 with our envelope instead of FastAPI's own 422."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Error"] = _ERROR_SCHEMA
            for methods in schema["paths"].values():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
                    operation["responses"]["default"] = _ERROR_RESPONSE
            self.openapi_schema = schema
        return self.openapi_schema


_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "position": {"type": "integer", "description": "Of a query: where the fault stands, from 0."},
            },
        }
    },
}
_ERROR_RESPONSE = {
    "description": "Any error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
