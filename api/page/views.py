"""Saved views on the page: a query with its window and filters under a name, as a link."""

import dataclasses
from urllib.parse import parse_qsl, urlsplit

from api.asked import asked
from api.models import ViewRequest
from api.page.address import Address
from api.page.query_text import added
from api.parts import Dejalog

_TABS = {"lines": "/lines", "patterns": "/patterns", "incidents": "/incidents"}


@dataclasses.dataclass(frozen=True)
class View:
    """A saved view; `is_on` where it is what is shown."""

    name: str
    link: str
    is_on: bool


def saved_views(dejalog: Dejalog, shown: Address) -> tuple[View, ...]:
    """All of them, by name."""
    found = []
    for name, view in dejalog.knowledge.views().items():
        kept = Address(
            _TABS.get(view.get("tab", "lines"), "/"),
            start=view.get("start") or "",
            end=view.get("end") or "",
            service=tuple(view.get("service", ())),
            level=tuple(each or "unknown" for each in view.get("level", ())),
            order=view.get("order") or "",
            columns=tuple(view.get("columns", ())),
        )
        # A view of the first screen is a question.
        query = view.get("query", "*")
        kept = kept.with_(q=query) if kept.path == "/" else kept.with_(query="" if query == "*" else query)
        is_on = kept == shown.with_(zone="", wrap="", live="")
        found.append(View(name, str(kept.with_(zone=shown.zone, wrap=shown.wrap)), is_on))
    return tuple(found)


def view_of(name: str, back: str) -> ViewRequest:
    """The lines of an address of the page, to be saved under a name. Raises InputError."""
    shown = Address.read("/lines", parse_qsl(urlsplit(back).query))
    query = shown.query
    if shown.pattern:
        query = added(query, f"pattern_id:({' OR '.join(shown.pattern)})")
    return asked(
        ViewRequest,
        name=name.strip(),
        query=query,
        start=shown.start,
        end=shown.end,
        service=shown.service,
        level=shown.level,
        order=shown.order,
        columns=shown.columns,
    )
