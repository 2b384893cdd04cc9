"""A server whose every word is hostile: messages, services, fields, patterns, an incident, notes and views."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.page.shop import Served, served

RUN = "pwned()"
"""What hostile text calls; a page that runs it is broken (tests/page/test_hostile_screens.py offers the function)."""
MARKUP = f"<script>{RUN}</script><img src=x onerror={RUN}>"
QUOTED = f"\"'><svg onload={RUN}> </textarea></title></script><b id=planted>"
TURNED = "\u202egnp\u2066.exe\u2069\u200f \u200bzero\ufeff wide\u2028next"
CONTROLS = "bell\x07 nul\x00 back\x08 form\x0c escape\x1b[31mred\x1b[0m \x9b31m \x85"
SERVICES = (f"cart{MARKUP}", f"pay{QUOTED}"[:200], f"ship{TURNED}", "s" * 200)
MESSAGES = (
    MARKUP,
    QUOTED,
    TURNED,
    CONTROLS,
    "\x1b[1m\x1b[31m" * 20_000 + "end",
    f"{MARKUP} " + "x" * 10_000,
    "y" * 200_000,
    "\x00" * 1_000,
    "{{ 7*7 }} {% raw %} ${7*7} <%= 7*7 %>",
    f"javascript:{RUN} data:text/html,<script>{RUN}</script>",
    "\n".join(f"    at {MARKUP}" for _ in range(60)),
)
HOURS = 3
SECOND_NS = 1_000_000_000


@contextlib.contextmanager
def hostile_server(folder: Path) -> Iterator[Served]:
    """Hours of lines that differ, then all services fail one after the other; people's words are hostile, too."""
    with served(folder) as server:
        server.push(usual() + failing())
        server.push([{"message": text, "service": SERVICES[0], **fields(text)} for text in MESSAGES])
        say(server)
        yield server


def fields(text: str) -> dict[str, object]:
    """Names and values of fields that are hostile."""
    return {MARKUP[:60]: text[:500], "n" * 300: {"<i>": {QUOTED[:40]: TURNED}}, "host": MARKUP, "\u202eevil": CONTROLS}


def usual() -> list[dict[str, object]]:
    """A line of each service every quarter of a minute, up to ten minutes ago."""
    begin_ns = time.time_ns() - HOURS * 3600 * SECOND_NS
    return [
        {
            "time": begin_ns + number * 15 * SECOND_NS,
            "level": "info",
            "service": service,
            "message": f"served {MARKUP} in {number % 40} ms",
        }
        for number in range((HOURS * 3600 - 600) // 15)
        for service in SERVICES
    ]


def failing() -> list[dict[str, object]]:
    """Hundreds of errors, a service half a minute after the other."""
    begin_ns = time.time_ns() - 540 * SECOND_NS
    return [
        {
            "time": begin_ns + (30 * order + number) * SECOND_NS,
            "level": "error",
            "service": service,
            "message": f"cannot reach {QUOTED} after {number} ms {MARKUP}",
        }
        for order, service in enumerate(SERVICES)
        for number in range(240)
    ]


def say(server: Served) -> None:
    """A note of the incident, names of patterns and a saved view."""
    incident = server.http.get("/v1/incidents").json()["incidents"][0]["incident_id"]
    note = {"target": incident, **dict.fromkeys(("name", "cause", "fix", "text", "author"), f"{MARKUP}{TURNED}")}
    note["runbook"] = f"javascript:{RUN}"
    assert server.http.post("/v1/notes", json=note).status_code == 201
    for each in server.http.get("/v1/patterns").json()["patterns"][:2]:
        rename = {"action": "rename", "argument": f"{QUOTED}{each['pattern_id']}{MARKUP}"}
        assert server.http.post(f"/v1/patterns/{each['pattern_id']}/edits", json=rename).status_code == 201
    view = {"name": f"{MARKUP}{TURNED}"[:200], "back": "/lines?query=level:error"}
    assert server.http.post("/views", data=view).status_code == 303
