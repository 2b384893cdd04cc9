"""Fields of lines as columns of a list: which are shown, what each line has there, and which more there are."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from api.page.address import Address

MOST_COLUMNS = 6
"""Beside the message; more leave it no room (a guess)."""
MOST_OFFERED = 40
MOST_FIELDS = 200
BUILT_IN = ("host", "namespace", "pod", "container", "stream", "source", "pattern_id")


@dataclasses.dataclass(frozen=True)
class Cell:
    """What a line has in a column; empty for nothing."""

    name: str
    value: str


@dataclasses.dataclass(frozen=True)
class Column:
    """A field that is a column, or may become one by the link."""

    name: str
    link: str
    is_on: bool


def shown_columns(address: Address) -> tuple[str, ...]:
    """The names of the columns, in order, without repeats."""
    return tuple(dict.fromkeys(address.columns))[:MOST_COLUMNS]


def cells(line: Mapping[str, Any], address: Address) -> tuple[Cell, ...]:
    """A line's values in the columns of the address."""
    names = shown_columns(address)
    if not names:
        return ()
    values = dict(flat(line.get("attributes") or {}))
    return tuple(Cell(name, str(line.get(name) or "") if name in BUILT_IN else values.get(name, "")) for name in names)


def offered(lines: Iterable[Mapping[str, Any]], address: Address) -> tuple[Column, ...]:
    """The columns that are shown, then the fields that these lines have, the most frequent first."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(name for name in BUILT_IN if line.get(name))
        counts.update({name for name, value in flat(line.get("attributes") or {}) if value})
    shown = shown_columns(address)
    names = [*shown, *(name for name, _ in counts.most_common() if name not in shown)][:MOST_OFFERED]
    return tuple(Column(name, str(address.toggled("columns", name)), name in shown) for name in names)


def flat(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a line's attributes, objects inside flattened with dots."""
    return _flat(attributes, "")[:MOST_FIELDS] if attributes else []


def _flat(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [each for key, inner in value.items() for each in _flat(inner, f"{name}.{key}" if name else str(key))]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [(name, value if isinstance(value, str) else "" if value is None else str(value))]
