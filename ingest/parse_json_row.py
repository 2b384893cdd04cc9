"""One JSON object at a time: the exact, slower twin of `parse_json`, for lines that columns cannot hold.

It promises the same result as the columns give wherever both can read a line; tests/ingest/test_parse_json.py holds
the two against each other.
"""

import decimal
import json
import math
import re
from typing import Any

import orjson

from ingest.parse_fields import FieldNames
from ingest.parse_level import FIELD_LEVELS

MOST_DEPTH = 32
"""Objects deeper than this stay JSON text. A guess; it bounds what the names of a hostile line can cost."""
_LONGEST_INTEGER = 40
"""Digits up to which integers are normalised; longer ones are kept as written."""
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)

Row = tuple[str | None, str | None, str | None, str | None, str | None, str | None, str | None, str | None, bool]
"""The columns of FIELDS_SCHEMA and `is_json`."""

NOT_JSON: Row = (None, None, None, None, None, None, None, None, False)


def parse_object(text: str, names: FieldNames) -> Row:
    """The fields of one JSON object; NOT_JSON for anything else."""
    try:
        fields = json.loads(
            _ESCAPES.sub(_keep_lone_surrogate, text),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse,
            object_pairs_hook=_first_of_each,
        )
        flat = _flatten(fields) if isinstance(fields, dict) else None
    except (ValueError, RecursionError):  # not JSON, or nested deeper than Python reads
        return NOT_JSON
    if flat is None:
        return NOT_JSON
    message = _take(flat, names.message)[1]
    time_name, time_text = _take(flat, names.time)
    level = _take_level(flat, names.level)
    service, host, stream = (_take(flat, of_role)[1] for of_role in (names.service, names.host, names.stream))
    attributes = orjson.dumps(flat, option=orjson.OPT_SORT_KEYS).decode() if flat else None
    return message, level, time_name, time_text, service, host, stream, attributes, True


def _keep_lone_surrogate(match: re.Match[str]) -> str:
    """Half of a surrogate pair is no character: its escape is kept as text."""
    return "\\" + match[0] if match["lone"] else match[0]


def _integer(text: str) -> int | str:
    return text if len(text) > _LONGEST_INTEGER else int(text)


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _flatten(fields: dict[str, Any]) -> dict[str, str]:
    """Names joined by dots, values as strings; of two equal names the one with the shorter path, then the smaller."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    pending: list[tuple[tuple[str, ...], Any]] = [((name,), value) for name, value in fields.items()]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and len(path) < MOST_DEPTH:
            pending.extend(((*path, name), inner) for name, inner in value.items())
        elif value is not None:
            name = ".".join(path)
            known = found.get(name)
            if known is None or (len(path), path) < (len(known[0]), known[0]):
                found[name] = path, _text(value)
    return {name: text for name, (_, text) in found.items()}


def _text(value: Any) -> str:
    """As the columns print it: numbers by the shortest digits that give the same double, without an exponent."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return format(decimal.Decimal(repr(value)), "f").removesuffix(".0")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _take(flat: dict[str, str], names: tuple[str, ...]) -> tuple[str | None, str | None]:
    for name in names:
        if flat.get(name):
            return name, flat.pop(name)
    return None, None


def _take_level(flat: dict[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        level = FIELD_LEVELS.get(flat.get(name, "").strip().lower())
        if level:
            del flat[name]
            return level
    return None
