"""What a query may go on with at the cursor: names of fields, their values in the window, levels, services, patterns.

The text is read by the scanner of the query language itself, and what is put in is written as links write it.
"""

import dataclasses
import re
from collections.abc import Iterable

import polars as pl

from api.asked import asked
from api.content_lines import facets_content, fields_content
from api.models import FacetsRequest, FieldsRequest
from api.page.address import Address
from api.page.filters import written
from api.page.lines import Fault, fault_of, selection
from api.page.query_text import term
from api.parts import Dejalog
from index.query import parse
from index.query_scan import FIELDS_BUILT_IN, Begun, begun
from ingest.errors import QuerySyntaxError
from ingest.line import LEVELS

MOST_OPTIONS = 12
MOST_PATTERNS = 5
LEAST_OF_PATTERN = 3
"""Characters before patterns are offered for words."""
MOST_VALUE = 200
READING = "300ms"
"""The longest that values are read for: what is found until then is offered (guesses, all of these)."""
_NAMES = (*FIELDS_BUILT_IN, "pattern_id", "time")
_NO_VALUES = frozenset({"time", "message", "signature", "pattern_id", "pattern"})
_SPECIAL = re.compile(r'([\\"*:()\[\]{}<>=/!\- ])')
_REST = re.compile(r'[^\s()"]*')


@dataclasses.dataclass(frozen=True)
class Option:
    """One way to go on: what the reader sees, and the whole query with it."""

    text: str
    kind: str
    """`field`, `pattern`, or the field that it is a value of."""
    count: int | None
    query: str
    cursor: int
    """In UTF-16 units, as browsers count."""
    goes_on: bool
    """A value must follow."""


@dataclasses.dataclass(frozen=True)
class Completions:
    """The options, and why the query as it stands could not be run; None where it could."""

    options: tuple[Option, ...]
    fault: Fault | None


@dataclasses.dataclass(frozen=True)
class _Place:
    """The query around what is being written."""

    query: str
    begin: int
    end: int

    def with_(self, text: str, *, goes_on: bool = False) -> tuple[str, int]:
        """The query with that text in the place, and where the cursor stands behind it."""
        rest = self.query[self.end :]
        gap = "" if goes_on or rest[:1] in {" ", ")"} else " "
        before = self.query[: self.begin] + text + gap
        return before + rest, len(before.encode("utf-16-le")) // 2


def complete(dejalog: Dejalog, address: Address, cursor: int) -> Completions:
    """For a cursor at that UTF-16 unit of the query of the address. Raises InputError for a window that is none."""
    query = address.query
    at = len(query.encode("utf-16-le")[: 2 * max(cursor, 0)].decode("utf-16-le", "ignore"))
    found = begun(query[:at])
    options = _options(dejalog, address, found, _end(query, at, found)) if found else []
    return Completions(tuple(options[:MOST_OPTIONS]), _fault(query))


def _fault(query: str) -> Fault | None:
    try:
        parse(query)
    except QuerySyntaxError as error:
        return fault_of(error)
    return None


def _end(query: str, at: int, found: Begun) -> int:
    """Where what is being written ends: with the rest of its word, or its closing quotation mark."""
    if found.is_quoted:
        closed = re.match(r'(?:[^"\\]|\\.)*"', query[at:])
        return at + closed.end() if closed else len(query)
    rest = _REST.match(query, at)
    return rest.end() if rest and found.text else at


def _options(dejalog: Dejalog, address: Address, found: Begun, end: int) -> list[Option]:
    place = _Place(address.query, found.position, end)
    if found.field in {"pattern_id", "pattern"}:
        return _patterns(dejalog, [found.text], place, is_value=True)
    if found.field is not None:
        return _values(dejalog, address, found, place)
    if found.is_quoted:
        return _patterns(dejalog, [found.text], place)
    words = [each.text for each in found.words]
    whole = dataclasses.replace(place, begin=found.words[0].position) if words else place
    names = [] if not found.text and words else _fields(dejalog, address, found.text, place)
    known = _known_values(dejalog, address, found.text, place) if found.text else []
    return [*names[:MOST_PATTERNS], *known, *_patterns(dejalog, [*words, found.text], whole), *names[MOST_PATTERNS:]]


def _fields(dejalog: Dejalog, address: Address, prefix: str, place: _Place) -> list[Option]:
    wanted = asked(FieldsRequest, **_around(dejalog, address), timeout=READING)
    rows = fields_content(dejalog, wanted).values["fields"]
    counts = dict.fromkeys(_NAMES) | {row["field"]: row["count"] for row in rows}
    begun_so = [name for name in counts if name.lower().startswith(prefix.lower()) and term(name, "x")]
    first = sorted(begun_so, key=lambda name: (name not in _NAMES, _NAMES.index(name) if name in _NAMES else 0))
    return [Option(name, "field", counts[name], *place.with_(f"{name}:", goes_on=True), goes_on=True) for name in first]


def _known_values(dejalog: Dejalog, address: Address, prefix: str, place: _Place) -> list[Option]:
    """Services and levels that a bare word begins."""
    services = _counted(dejalog, address, "service", prefix)[:3]
    levels = [(level, None) for level in LEVELS if level.startswith(prefix.lower()) and level]
    return [
        Option(value, field, count, *place.with_(term(field, value)), goes_on=False)
        for field, values in (("service", services), ("level", levels))
        for value, count in values
    ]


def _values(dejalog: Dejalog, address: Address, found: Begun, place: _Place) -> list[Option]:
    field = found.field or ""
    if field in _NO_VALUES or not term(field, "x"):
        return []
    return [
        Option(value, field, count, *place.with_(term(field, value).removeprefix(f"{field}:")), goes_on=False)
        for value, count in _counted(dejalog, address, field, found.text)
    ]


def _counted(dejalog: Dejalog, address: Address, field: str, prefix: str) -> list[tuple[str, int]]:
    """Values of the field that begin so, the most frequent first; all levels, whether or not a line has them."""
    if len(prefix) > MOST_VALUE:
        return []
    is_level = field == "level"
    # An asterisk ends a word, so the store is asked for the first one.
    first_word = _SPECIAL.sub(r"\\\1", "".join(prefix.split(maxsplit=1)[:1]))
    query = f"{field}:{first_word}*" if first_word and not is_level else ""
    wanted = {**_around(dejalog, address), "query": query, "fields": (field,), "limit": 1000, "timeout": READING}
    rows = facets_content(dejalog, asked(FacetsRequest, **wanted)).values["facets"][field]
    counts = {row["value"]: row["count"] for row in rows}
    if is_level:
        counts = {level: counts.get(level, 0) for level in LEVELS if level}
    return [(value, count) for value, count in counts.items() if _is_offered(value, prefix)]


def _is_offered(value: str, prefix: str) -> bool:
    """What cannot be typed, or is no word of a person, is filtered by links only."""
    return 0 < len(value) <= MOST_VALUE and value.isprintable() and value.lower().startswith(prefix.lower())


def _patterns(dejalog: Dejalog, words: Iterable[str], place: _Place, *, is_value: bool = False) -> list[Option]:
    """Patterns whose text holds all the words, in any case; their ids are what is put in."""
    wanted = [each.lower() for each in words if each]
    if not is_value:
        # Of a line that was pasted, what holds a digit is a gap of its pattern.
        wanted = [each for each in wanted if not re.search(r"\d", each)] or wanted
        if sum(map(len, wanted)) < LEAST_OF_PATTERN:
            return []
    patterns = dejalog.generation().patterns.patterns.filter(pl.col("state") != "muted")
    text = pl.concat_str(["name", "template", "pattern_id"], separator=" ").str.to_lowercase()
    for each in wanted:
        patterns = patterns.filter(text.str.contains(each, literal=True))
    field = "" if is_value else "pattern_id:"
    return [
        Option(name, "pattern", None, *place.with_(field + pattern_id), goes_on=False)
        for pattern_id, name in patterns.select("pattern_id", "name").head(MOST_PATTERNS).iter_rows()
    ]


def _around(dejalog: Dejalog, address: Address) -> dict[str, object]:
    """The window and filters of the screen; that of patterns reaches over everything where none is given."""
    chosen = {**selection(address), "query": ""}
    first_ns = dejalog.store.high_water().first_ns
    if address.path == "/patterns" and not address.start and first_ns is not None:
        chosen["start"] = written(first_ns)
    return chosen
