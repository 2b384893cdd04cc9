"""The page's whole state as one value, read from the address and written back: every count, bar and token is a link."""

import dataclasses
from collections.abc import Iterable
from typing import Any, Self
from urllib.parse import urlencode

from api.page.query_text import added, without

MOST_CHARACTERS = 8192
"""Of one value; more is cut here and refused by whatever reads it."""


@dataclasses.dataclass(frozen=True)
class Address:
    """A path of the page and its parameters, as strings that people can read and type. Empty is not given."""

    path: str = "/"
    q: str = ""
    """The question."""
    query: str = ""
    start: str = ""
    end: str = ""
    service: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    pattern: tuple[str, ...] = ()
    order: str = ""
    cursor: str = ""
    state: str = ""
    severity: str = ""
    family_id: str = ""
    before: str = ""
    after: str = ""
    said: str = ""
    """What has just been done, to be confirmed once: a key of `SAID` in api/routes_page_forms.py."""

    @classmethod
    def read(cls, path: str, pairs: Iterable[tuple[str, str]]) -> Self:
        """From a query string's pairs; names that are not ours are left out."""
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name not in _NAMES or not value.strip():
                continue
            kept = value[:MOST_CHARACTERS].replace("\x00", "")
            values[name] = (*values.get(name, ()), kept) if name in _LISTS else kept
        return cls(path, **values)

    def with_(self, **changes: Any) -> Self:
        """The same with other values. Whatever changes, the next page begins anew and what was said is over."""
        return dataclasses.replace(self, **{"cursor": "", "said": "", **changes})

    def at(self, path: str, **changes: Any) -> Self:
        """The same lines (query, window, filters) on another screen."""
        kept = {name: getattr(self, name) for name in ("query", "start", "end", "service", "level", "pattern")}
        return type(self)(path, **{**kept, **changes})

    def toggled(self, name: str, value: str) -> Self:
        """With `value` added to the list `name`, or taken out where it is in it."""
        values = getattr(self, name)
        left = tuple(each for each in values if each != value)
        return self.with_(**{name: left if len(left) < len(values) else (*values, value)})

    def query_with(self, term: str) -> Self:
        """With one more term in the query."""
        return self.with_(query=added(self.query, term))

    def query_without(self, term: str) -> Self:
        """With that term excluded."""
        return self.with_(query=without(self.query, term))

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


_LISTS = frozenset({"service", "level", "pattern"})
_NAMES = tuple(field.name for field in dataclasses.fields(Address) if field.name != "path")
