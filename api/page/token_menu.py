"""The menu of a piece of a line (a word, a selection, its level, its pattern): links that filter by it."""

import dataclasses

from api.page.address import Address
from api.page.filters import ns_of, written
from api.page.line import AROUND_NS
from api.page.query_text import term, words_term
from index.query_scan import MOST_CHARACTERS
from ingest.errors import InputError

MOST_TEXT = 500
"""Characters of a selection that can be filtered by (a guess: a link repeats them)."""


@dataclasses.dataclass(frozen=True)
class Way:
    """Something to filter by."""

    name: str
    text: str
    link_in: str
    link_out: str


@dataclasses.dataclass(frozen=True)
class TokenMenu:
    """The menu; `line_link` is empty where no line was named."""

    text: str
    ways: tuple[Way, ...]
    line_link: str


def token_menu(
    address: Address, *, text: str, level: str, service: str, pattern_id: str, line_id: str, time: str
) -> TokenMenu:
    """Of what is not empty. `address` is that of the list of lines, else of any screen: then the links lead to lines
    around the time. Raises InputError.
    """
    lines = dataclasses.replace(address, path="/lines").with_()
    if time:
        at_ns = ns_of(time)
        lines = lines.with_(start=written(at_ns - AROUND_NS), end=written(at_ns + AROUND_NS))
    ways = [_way("text", text, words_term(text), lines)] if text.strip() and len(text) <= MOST_TEXT else []
    if level:
        ways.append(_way("level", level, term("level", level), lines))
    if service and len(service) <= MOST_TEXT and service.isprintable():
        ways.append(_way("service", service, term("service", service), lines))
    if pattern_id:
        ways.append(_way("pattern", "", term("pattern_id", pattern_id), lines))
    return TokenMenu(text, tuple(ways), str(Address(f"/lines/{line_id}", zone=address.zone)) if line_id else "")


def _way(name: str, text: str, written_term: str, lines: Address) -> Way:
    longest = len(lines.query) + len(written_term)
    if longest > MOST_CHARACTERS - 10:
        raise InputError(f"query: it would have {longest} characters", hint=f"at most {MOST_CHARACTERS} are accepted")
    return Way(name, text, str(lines.query_with(written_term)), str(lines.query_without(written_term)))
