"""What the status screen shows: how far everything has come, what was not kept and why, what it depends on."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from api.content_status import status_content
from api.parts import Dejalog
from api.readiness import Standing


@dataclasses.dataclass(frozen=True)
class Shown:
    """The status, with what the settings say of keeping."""

    status: Mapping[str, Any]
    standings: tuple[Standing, ...]
    is_ready: bool
    retention_s: float
    store: str
    shipping: "Shipping"


@dataclasses.dataclass(frozen=True)
class Shipping:
    """How a first line is sent to this server."""

    url: str
    asks_token: bool


def show_status(dejalog: Dejalog, url: str) -> Shown:
    """How things stand; `url` is where this server was asked."""
    status = status_content(dejalog).values
    standings = dejalog.readiness.standings()
    return Shown(
        status=status,
        standings=standings,
        is_ready=not any(each.is_blocking for each in standings),
        retention_s=dejalog.settings.store.retention,
        store=dejalog.settings.store.store,
        shipping=shipping(dejalog, url),
    )


def shipping(dejalog: Dejalog, url: str) -> Shipping:
    """For the first-run screen."""
    return Shipping(url.rstrip("/"), asks_token=bool(dejalog.settings.server.token))
