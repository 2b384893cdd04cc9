"""The page's whole state as one value, read from the address and written back: every count, bar and token is a link."""

import dataclasses
from collections.abc import Iterable
from typing import Any, Self
from urllib.parse import urlencode

from api.page.query_text import added, term, without
from api.page.zone import with_offset, zone_name, zone_of
from ingest.errors import InputError

MOST_CHARACTERS = 8192
"""Of one value; more is cut here and refused by whatever reads it."""
MOST_IN_ALL = 4_000
"""Characters of an address but for the question: each of the hundreds of links of a screen repeats them (a guess)."""


@dataclasses.dataclass(frozen=True)
class Address:
    """A path of the page and its parameters, as strings that people can read and type. Empty is not given."""

    path: str = "/"
    q: str = ""
    """The question."""
    query: str = ""
    mode: str = ""
    """How a question is answered: `llm` has a language model look for more."""
    start: str = ""
    end: str = ""
    service: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    pattern: tuple[str, ...] = ()
    order: str = ""
    cursor: str = ""
    live: str = ""
    """Whether new lines are shown as they come."""
    state: str = ""
    severity: str = ""
    family_id: str = ""
    before: str = ""
    after: str = ""
    zone: str = ""
    """In which times are shown, by its name in the IANA database; empty is UTC."""
    columns: tuple[str, ...] = ()
    """Fields that a list of lines shows beside the message."""
    wrap: str = ""
    """`no` where each line takes one row; else they wrap."""
    line: str = ""
    """The id of the line that the drawer shows."""
    said: str = ""
    """What has just been done, to be confirmed once: a key of the macro `said` in templates/_parts.html."""

    @classmethod
    def read(cls, path: str, pairs: Iterable[tuple[str, str]]) -> Self:
        """From a query string's pairs; names that are not ours are left out. A time without a zone is in that of
        the address. Raises InputError when it is too long, or names a zone that does not exist.
        """
        values: dict[str, Any] = {}
        room = MOST_IN_ALL
        for name, value in pairs:
            if name not in _NAMES or not value.strip() or (name == "q" and path != "/"):
                continue
            room -= 0 if name == "q" else len(name) + len(value)
            if room < 0:
                raise InputError(
                    f"the address has more than {MOST_IN_ALL} characters of filters",
                    hint="a query as long as that can be sent to POST /v1/search",
                )
            kept = value[:MOST_CHARACTERS].replace("\x00", "")
            values[name] = (*values.get(name, ()), kept) if name in _LISTS else kept
        zone = zone_of(values.get("zone", ""))
        values |= {name: with_offset(values[name], zone) for name in ("start", "end") if name in values}
        return cls(path, **{**values, "zone": zone_name(zone)})

    def with_(self, **changes: Any) -> Self:
        """The same with other values. Whatever changes, the next page begins anew, what was said is over and the drawer
        closed; what has an end or is a further page is not live.
        """
        ended = {"live": ""} if changes.get("end") or changes.get("cursor") else {}
        return dataclasses.replace(self, **{"cursor": "", "said": "", "line": "", **ended, **changes})

    def at(self, path: str, **changes: Any) -> Self:
        """The same lines (query, window, filters) on another screen, and shown alike."""
        return type(self)(path, **{**{name: getattr(self, name) for name in (*_LINES, *_LOOK)}, **changes})

    def screen(self, path: str) -> Self:
        """What the link to another screen keeps: the look, the window, and filters where that screen has them."""
        kept = set(_LOOK)
        if path != "/status":
            kept |= {"start", "end"}
        if path in {"/lines", "/patterns", "/incidents"}:
            kept |= {"service"}
        if {path, self.path} <= {"/lines", "/patterns"}:
            kept |= set(_LINES)
        return type(self)(path, **{name: getattr(self, name) for name in kept})

    def toggled(self, name: str, value: str) -> Self:
        """With `value` added to the list `name`, or taken out where it is in it."""
        values = getattr(self, name)
        left = tuple(each for each in values if each != value)
        return self.with_(**{name: left if len(left) < len(values) else (*values, value)})

    def with_service(self, name: str) -> str:
        """The link that filters by a service, or no longer; empty where none can be written."""
        if is_plain_name(name):
            return str(self.toggled("service", name))
        return str(self.query_with(term("service", name))) if name.isprintable() else ""

    def with_services(self, names: tuple[str, ...]) -> Self:
        """With lines of these services only, as far as they can be written."""
        if all(map(is_plain_name, names)):
            return self.with_(service=names)
        return self.with_(query=" or ".join(term("service", each) for each in names if each.isprintable()))

    def query_with(self, wanted: str) -> Self:
        """With one more term in the query."""
        return self.with_(query=added(self.query, wanted))

    def query_without(self, unwanted: str) -> Self:
        """With that term excluded."""
        return self.with_(query=without(self.query, unwanted))

    @property
    def is_live(self) -> bool:
        """Whether it shows new lines as they come: where it has no end and is no further page."""
        return bool(self.live and not self.end and not self.cursor)

    def pairs(self) -> list[tuple[str, str]]:
        """Of the query string, in a fixed order; what is empty is left out."""
        found = []
        for name in _NAMES:
            value = getattr(self, name)
            found += [(name, each) for each in (value if name in _LISTS else (value,)) if each]
        return found

    def __str__(self) -> str:
        query = urlencode(self.pairs())
        return f"{self.path}?{query}" if query else self.path


def is_plain_name(name: str) -> bool:
    """Whether a list of the address can hold it: these are parted at commas and stripped."""
    return bool(name) and name == name.strip() and "," not in name and name.isprintable()


_LINES = ("query", "start", "end", "service", "level", "pattern")
_LOOK = ("zone", "columns", "wrap")
_LISTS = frozenset({"service", "level", "pattern", "columns"})
_NAMES = tuple(field.name for field in dataclasses.fields(Address) if field.name != "path")
