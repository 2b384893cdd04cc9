"""What the status screen shows: how far everything has come, what was not kept and why, what it depends on."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from api.content_status import status_content
from api.page.address import Address
from api.parts import Dejalog
from api.readiness import Standing
from api.time_text import format_time

MOST_SOURCES = 500
"""Of the table (a guess): what lags most is what is looked for, and /v1/status has all."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """Something that was counted since the process began, in lines, records or `bytes`."""

    name: str
    count: int
    is_bytes: bool = False


@dataclasses.dataclass(frozen=True)
class Source:
    """A source with the link to its service's lines."""

    source: Mapping[str, Any]
    lines: str


@dataclasses.dataclass(frozen=True)
class Shown:
    """The status, with what the settings say of keeping."""

    status: Mapping[str, Any]
    standings: tuple[Standing, ...]
    is_ready: bool
    retention_s: float
    store: str
    shipping: "Shipping"
    lines: str
    """The link to all lines held."""
    sources: tuple[Source, ...]
    received: tuple[Counted, ...]
    dropped: tuple[Counted, ...]
    marked: tuple[Counted, ...]
    at: str
    """The server's time as it looked."""


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
        lines=str(Address("/lines", start=status["first"] or "")),
        sources=tuple(
            Source(each, Address("/lines").with_service(each["service"])) for each in _most_lagging(status["sources"])
        ),
        received=_received(dejalog, status),
        dropped=_dropped(dejalog, status),
        marked=tuple(Counted(f"Marked: {_spoken(name)}", count) for name, count in status["marked"].items()),
        at=format_time(time.time_ns()),
    )


def _received(dejalog: Dejalog, status: Mapping[str, Any]) -> tuple[Counted, ...]:
    """What the receivers were given and what became of it."""
    counters = dejalog.receiver.counters()
    refused = {name.removeprefix("refused_"): count for name, count in counters.items() if name.startswith("refused_")}
    reasons = {name: count for name, count in refused.items() if name != "requests"}
    return (
        Counted("Stored lines", status["stored_lines"]),
        *(Counted(f"Received {name}", count, name == "bytes") for name, count in status["received"].items()),
        Counted("Received again", counters.get("repeated_bytes", 0), is_bytes=True),
        Counted("Refused for now", status["refused"]),
        *(Counted(f"Refused: {_spoken(name)}", count) for name, count in reasons.items()),
    )


def _dropped(dejalog: Dejalog, status: Mapping[str, Any]) -> tuple[Counted, ...]:
    """What is not kept, with the reason: lines of the store, and what this process's collector could not read."""
    counters = dejalog.receiver.counters()
    collected = dejalog.collector.status().counts if dejalog.collector is not None else {}
    lost = {name.removeprefix("bytes_lost_"): count for name, count in collected.items() if "bytes_lost_" in name}
    lost["dead letter"] = collected.get("dead_lettered_bytes", 0)
    return (
        *(Counted(f"Dropped: {_spoken(name)}", count) for name, count in status["dropped"].items()),
        Counted("Dropped: blank", counters.get("blank_records", 0)),
        *(Counted(f"Lost: {_spoken(name)}", count, is_bytes=True) for name, count in lost.items() if count),
    )


def _most_lagging(sources: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return sorted(sources, key=lambda each: -each["lag_bytes"])[:MOST_SOURCES]


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def shipping(dejalog: Dejalog, url: str) -> Shipping:
    """For the first-run screen."""
    return Shipping(url.rstrip("/"), asks_token=bool(dejalog.settings.server.token))
