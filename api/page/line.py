"""What the screen of one line shows: its fields, its neighbours in its source, its pattern, incidents that show it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from api.content_lines import context_content, line_content
from api.line_json import incident_json
from api.models import ContextRequest
from api.page.address import Address
from api.page.filters import ns_of, written
from api.page.lines import Attribute, Row, attributes, row
from api.page.query_text import term
from api.parts import Dejalog
from api.time_text import SECOND_NS

CONTEXT_LINES = 10
MORE_LINES = 40
MOST_CONTEXT = 1000
AROUND_NS = 900 * SECOND_NS
"""Lines of a field's value are shown a quarter of an hour before and after the line (a guess)."""


@dataclasses.dataclass(frozen=True)
class OneLine:
    """A line with what belongs to it."""

    line: Mapping[str, Any]
    kept_by: str | None
    fields: tuple[Attribute, ...]
    attributes: tuple[Attribute, ...]
    context: tuple[Row, ...]
    more_before: str
    more_after: str
    around: str
    """The link to all services' lines around it."""
    pattern_link: str
    template: str
    incidents: tuple[Mapping[str, Any], ...]
    """That its pattern is a sign of, newest first."""


def find_line(dejalog: Dejalog, line_id: str, address: Address) -> OneLine:
    """One line. Raises InputError, NotFoundError."""
    found = line_content(dejalog, line_id).values
    line = found["line"]
    before, after = _wanted(address.before), _wanted(address.after)
    context = context_content(dejalog, line_id, ContextRequest(before=before, after=after)).values["lines"]
    at_ns = ns_of(line["time"])
    shown = address.screen("/lines").with_(start="", end="", service=())
    around = shown.with_(start=written(at_ns - AROUND_NS), end=written(at_ns + AROUND_NS))
    names = ("service", "level", "host", "namespace", "pod", "container", "stream")
    place_in_context = next((number for number, each in enumerate(context) if each["id"] == line_id), 0)
    generation = dejalog.generation()
    mined = generation.patterns.patterns.filter(generation.patterns.patterns["pattern_id"] == line["pattern_id"])
    signs = [
        incident_json(each)
        for each in reversed(generation.incidents)
        if any(deviation.pattern_id == line["pattern_id"] for deviation in each.deviations)
    ]
    return OneLine(
        line=line,
        kept_by=found["kept_by"],
        fields=tuple(_built_in(name, line[name], around) for name in names if line.get(name)),
        attributes=tuple(attributes(line, around)),
        context=tuple(row(each, shown, here=line_id) for each in context),
        more_before=_more(address, before=before) if place_in_context >= before and before < MOST_CONTEXT else "",
        more_after=_more(address, after=after)
        if len(context) - place_in_context - 1 >= after and after < MOST_CONTEXT
        else "",
        around=str(around),
        pattern_link=f"/patterns/{line['pattern_id']}",
        template=str(mined["name"][0]) if mined.height else line["message"],
        incidents=tuple(signs[:5]),
    )


def _built_in(name: str, value: str, around: Address) -> Attribute:
    return Attribute(
        name, value, str(around.query_with(term(name, value))), str(around.query_without(term(name, value)))
    )


def _wanted(text: str) -> int:
    return min(int(text), MOST_CONTEXT) if text.isascii() and text.isdigit() and len(text) < 6 else CONTEXT_LINES


def _more(address: Address, **numbers: int) -> str:
    more = {name: str(min(number + MORE_LINES, MOST_CONTEXT)) for name, number in numbers.items()}
    return str(address.with_(**more)) + "#context"
