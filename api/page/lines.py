"""What the screens of lines show: a page of lines with histogram and facets, and one line in its context."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from api.asked import asked
from api.content_lines import facets_content, histogram_content, search_content
from api.models import FacetsRequest, HistogramRequest, SearchRequest
from api.page.address import Address, is_plain_name
from api.page.chart import Histogram, histogram
from api.page.columns import MOST_FIELDS, Cell, Column, cells, flat, offered
from api.page.filters import ns_of, written
from api.page.query_text import term
from api.parts import Dejalog
from api.time_text import SECOND_NS
from ingest.errors import InputError, QuerySyntaxError

PAGE_LINES = 100
COUNT_WITHIN = "250ms"
"""How long the first load waits for histogram, and for facets: a guess, a reader hardly notices it. What takes longer
is asked for by the page once its lines are there, or by a link.
"""
BARS = 120
"""At most: of three pixels each on a narrow screen."""
FACET_VALUES = 8
ROW_FIELDS = 20
"""Of the fields of a line in a list; all are on the line's own screen."""
MOST_LINKED = 100
"""Characters of a value that can be filtered by a link."""
STREAMED = ("query", "start", "service", "level", "pattern", "order", "live", "zone", "columns", "wrap")
"""What the rows of a live list depend on: their links, cells and times included."""
RANGES = (("15m", "15 minutes"), ("1h", "1 hour"), ("6h", "6 hours"), ("24h", "24 hours"), ("7d", "7 days"))


@dataclasses.dataclass(frozen=True)
class Choice:
    """A link with a name; `is_on` where it is what is shown."""

    name: str
    link: str
    is_on: bool = False


@dataclasses.dataclass(frozen=True)
class FacetValue:
    """A value of a field; the links filter it in (or no longer) and out, and are empty where none can be written."""

    value: str
    count: int
    is_on: bool
    link_in: str
    link_out: str
    share: float


@dataclasses.dataclass(frozen=True)
class Facet:
    """A field with its most frequent values."""

    field: str
    values: tuple[FacetValue, ...]
    column: str
    """The link that shows it as a column, or no longer; empty for what every list shows."""


@dataclasses.dataclass(frozen=True)
class Attribute:
    """A field of one line; links are empty where the query language cannot write it."""

    name: str
    value: str
    link_in: str = ""
    link_out: str = ""
    column: str = ""
    """The link that shows it as a column of the list, or no longer."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A line as a list shows it."""

    line: Mapping[str, Any]
    link: str
    service_link: str
    attributes: tuple[Attribute, ...]
    cells: tuple[Cell, ...] = ()
    is_here: bool = False


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why a query or a time cannot be used. `position` counts characters of the query; -1 for none."""

    message: str
    hint: str
    position: int = -1


@dataclasses.dataclass(frozen=True)
class Counted:
    """Counts over the window of a page of lines; `None` for what was not asked for, or took too long."""

    window: Mapping[str, Any]
    histogram: Histogram | None = None
    total: int = 0
    """What the histogram sums to."""
    facets: tuple[Facet, ...] | None = None
    partial: bool = False


@dataclasses.dataclass(frozen=True)
class Found:
    """A page of lines."""

    rows: tuple[Row, ...]
    total: int
    total_exact: bool
    partial: bool
    window: Mapping[str, Any]
    next_page: str
    earlier: str
    later: str
    wider: str
    columns: tuple[Column, ...]
    newest: str
    """The link to the newest lines there are, where this window has none; else empty."""
    holds_lines: bool
    """Whether there are any, in whatever window."""
    stream: str = ""
    """Where the lines that come after these are told of, for a list that is live; else empty."""


def fault_of(error: InputError) -> Fault:
    """For the form that was filled in."""
    position = error.position if isinstance(error, QuerySyntaxError) else -1
    return Fault(str(error), error.hint, position)


def ranges(dejalog: Dejalog, address: Address) -> tuple[Choice, ...]:
    """The usual windows, and all that is held."""
    found = [
        Choice(name, str(address.with_(start=text, end="")), address.start == text and not address.end)
        for text, name in RANGES
    ]
    first_ns = dejalog.store.high_water().first_ns
    if first_ns is not None:
        start = written(first_ns)
        found.append(Choice("All", str(address.with_(start=start, end="")), address.start == start))
    return tuple(found)


def find_lines(dejalog: Dejalog, address: Address) -> Found:
    """The lines of an address. They do not wait for being counted: the histogram sums to the total. Raises InputError,
    QuerySyntaxError.
    """
    chosen = selection(address)
    high = dejalog.store.high_sequence() if address.is_live else 0
    order = "" if address.is_live else address.order
    request = asked(SearchRequest, **chosen, limit=PAGE_LINES, cursor=address.cursor, order=order)
    page = search_content(dejalog, request, with_total=False)
    window = page.values["window"]
    start_ns, end_ns = ns_of(window["start"]), ns_of(window["end"])
    width_ns = max(end_ns - start_ns, 1)
    cursor = page.values["cursor"]
    lines = _before(page.values["lines"], address, high) if address.is_live else page.values["lines"]
    return Found(
        rows=tuple(row(each, address) for each in lines),
        total=page.values["total"],
        total_exact=page.values["total_exact"],
        partial=page.partial,
        window=window,
        next_page=str(address.with_(cursor=cursor, order=order)) if cursor else "",
        earlier=_moved(address, start_ns - width_ns, start_ns),
        later=_moved(address, end_ns, end_ns + width_ns) if address.end and end_ns < time.time_ns() else "",
        wider=_moved(address, start_ns - width_ns, end_ns + width_ns),
        columns=offered(page.values["lines"], address),
        newest="" if page.values["lines"] else _newest(dejalog, address, end_ns),
        stream=_stream(address, high) if address.is_live else "",
        holds_lines=bool(page.values["lines"]) or dejalog.store.high_water().lines > 0,
    )


def count_over_time(dejalog: Dejalog, address: Address, start: str, end: str, *, timeout: str = "") -> Counted:
    """The histogram of an address' lines over the very window of their page, so that `now` is the same in both."""
    chosen = {**selection(address), "start": start, "end": end, "timeout": timeout, "buckets": BARS}
    bars = histogram_content(dejalog, asked(HistogramRequest, **chosen))
    shown = histogram(bars.values)
    return Counted(bars.values["window"], histogram=shown, total=bars.values["total"], partial=bars.partial)


def count_values(dejalog: Dejalog, address: Address, start: str, end: str, *, timeout: str = "") -> Counted:
    """The facets of an address' lines, over the very window of their page."""
    chosen = {**selection(address), "start": start, "end": end, "timeout": timeout}
    counted = facets_content(dejalog, asked(FacetsRequest, **chosen, limit=FACET_VALUES))
    facets = tuple(_facets(counted.values["facets"], address))
    return Counted(counted.values["window"], facets=facets, partial=counted.partial)


def count_all(dejalog: Dejalog, address: Address, window: Mapping[str, Any], *, timeout: str) -> Counted:
    """Both. With a timeout, what is not counted within it is left out rather than shown in part."""
    bars = count_over_time(dejalog, address, window["start"], window["end"], timeout=timeout)
    if bars.partial and timeout:
        return Counted(window)
    values = count_values(dejalog, address, window["start"], window["end"], timeout=timeout)
    is_late = values.partial and bool(timeout)
    partial = bars.partial or (values.partial and not is_late)
    return dataclasses.replace(bars, facets=None if is_late else values.facets, partial=partial)


def with_total(found: Found, counted: Counted) -> Found:
    """The page with the total that the histogram sums to, where it is there."""
    if counted.histogram is None:
        return found
    return dataclasses.replace(found, total=counted.total, total_exact=not counted.partial)


def selection(address: Address) -> dict[str, Any]:
    """The common parameters of an address."""
    return {name: getattr(address, name) for name in ("query", "start", "end", "service", "level", "pattern")}


def lines_total(dejalog: Dejalog, address: Address) -> int:
    """How many lines the screen at that address would find."""
    total: int = search_content(dejalog, asked(SearchRequest, **selection(address), limit=1)).values["total"]
    return total


def row(line: Mapping[str, Any], address: Address, *, here: str = "") -> Row:
    """One line of a list on the screen of `address`."""
    shown = address.at("/lines", start=address.start, end=address.end, live=address.live)
    return Row(
        line=line,
        link=str(Address(f"/lines/{line['id']}", zone=address.zone)),
        service_link=shown.with_service(line["service"]),
        attributes=tuple(attributes(line, shown, most=ROW_FIELDS)),
        cells=cells(line, address),
        is_here=line["id"] == here,
    )


def attributes(line: Mapping[str, Any], address: Address, *, most: int = MOST_FIELDS) -> list[Attribute]:
    """What a line carries beside its message, objects inside flattened, each filtered in and out by a link."""
    found = []
    for name, value in flat(line.get("attributes") or {})[:most]:
        written_term = term(name, value) if len(value) <= MOST_LINKED else ""
        found.append(
            Attribute(
                name,
                value,
                str(address.query_with(written_term)) if written_term else "",
                str(address.query_without(written_term)) if written_term else "",
                str(address.toggled("columns", name)),
            )
        )
    return found


def _facets(counted: Mapping[str, list[dict[str, Any]]], address: Address) -> list[Facet]:
    """Fields worth a choice: not those with one value, nor one that says what the service says."""
    found = []
    for field, values in counted.items():
        is_list = field in {"service", "level"}
        if field != "service" and values == counted.get("service"):
            continue
        shown = [each for each in values if each["value"] or is_list]
        if not shown or (len(shown) == 1 and not is_list):
            continue
        highest = max(each["count"] for each in shown)
        column = "" if is_list else str(address.toggled("columns", field))
        found.append(Facet(field, tuple(_facet_value(field, each, address, highest) for each in shown), column))
    return found


def _facet_value(field: str, counted: Mapping[str, Any], address: Address, highest: int) -> FacetValue:
    value = counted["value"]
    share = round(100 * counted["count"] / highest, 1)
    name = value or "unknown"
    if field == "level" or (field == "service" and is_plain_name(value)):
        is_on = name in getattr(address, field)
        link_in = str(address.toggled(field, name))
    else:
        is_on = False
        link_in = str(address.query_with(term(field, value))) if term(field, value) else ""
    link_out = str(address.query_without(term(field, value))) if term(field, value) else ""
    return FacetValue(value, counted["count"], is_on, link_in, link_out, share)


def _before(lines: Sequence[Mapping[str, Any]], address: Address, high: int) -> Sequence[Mapping[str, Any]]:
    """Where a live list begins: those of the newest lines that no stream from `high` on tells of, in its order."""
    there = [each for each in lines if each["sequence"] <= high]
    return there[::-1] if address.order == "oldest" else there


def _stream(address: Address, high: int) -> str:
    pairs = [(name, value) for name, value in address.pairs() if name in STREAMED]
    return f"/lines/live?{urlencode([*pairs, ('after', str(high))])}"


def _moved(address: Address, start_ns: int, end_ns: int) -> str:
    return str(address.with_(start=written(start_ns), end=written(end_ns)))


def _newest(dejalog: Dejalog, address: Address, end_ns: int) -> str:
    last_ns = dejalog.store.high_water().last_ns
    if last_ns is None or end_ns - 3600 * SECOND_NS <= last_ns < end_ns:
        return ""
    return _moved(address, last_ns - 3600 * SECOND_NS, last_ns + 1)
