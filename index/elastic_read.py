"""Reading lines back from Elasticsearch: pages, neighbours, what came since, lines by their ids, and all of them."""

import dataclasses
from collections.abc import Iterator, Sequence

import polars as pl

from index.cursor import Key, cursor_of, key_of
from index.elastic_client import Elastic, Json
from index.elastic_lines import lines_of, remaining_s, walk
from index.elastic_query import Asked, Query, both, shown_time
from index.line_store import LinePage, Order
from index.piece import Deadline
from index.segment import STORED_SCHEMA
from ingest.errors import InputError

MOST_LINES = 10_000
IDS_AT_ONCE = 5_000
LEAST_LOOKED_AT = 500
"""Lines read at least, when only the lines themselves tell which of them match. A guess."""
_TIME = {"format": "strict_date_optional_time_nanos", "numeric_type": "date_nanos"}


@dataclasses.dataclass(frozen=True)
class Reader:
    """What each question needs: the connection and the indices of lines."""

    client: Elastic
    index: str


@dataclasses.dataclass
class Page:
    """Matching lines found so far, and whether others follow."""

    lines: pl.DataFrame
    follows: bool = False
    partial: bool = False

    def shown(self, total: int, order: Order, *, is_exact: bool) -> LinePage:
        """As the reader of lines answers. A page that is not whole has no exact total."""
        follows = self.follows and self.lines.height > 0
        return LinePage(
            lines=self.lines,
            total=total,
            total_exact=is_exact and not self.partial,
            cursor=cursor_of(self.lines, order) if follows else None,
            partial=self.partial,
        )


def search(
    reader: Reader,
    asked: Asked,
    *,
    limit: int,
    cursor: str | None,
    order: Order,
    deadline: Deadline,
    with_total: bool = True,
) -> LinePage:
    """See `LineReader.search`. One request where Elasticsearch decides alone."""
    if not 0 <= limit <= MOST_LINES:
        raise InputError(f"limit is {limit}; 0 to {MOST_LINES} are accepted")
    after = None if cursor is None else key_of(cursor, order)
    try:
        if asked.bounds.is_exact:
            body = page_body(asked.bounds.sure, limit, order, after=after, deadline=deadline, with_total=with_total)
            found = reader.client.search(reader.index, body, timeout_s=remaining_s(deadline))
            page = page_of(found, limit)
            total, is_exact = (total_of(found), True) if with_total else (page.lines.height, False)
        else:
            page, total, is_exact = _decided_page(reader, asked, limit, after, order, deadline, with_total=with_total)
    except TimeoutError:
        page, total, is_exact = Page(STORED_SCHEMA.to_frame(), partial=True), 0, False
    return page.shown(total, order, is_exact=is_exact)


def page_body(
    query: Query,
    limit: int,
    order: Order,
    *,
    after: Key | None = None,
    deadline: Deadline | None = None,
    with_total: bool = True,
) -> Json:
    """The search for a page where Elasticsearch decides alone, and for how many match."""
    body = _page_body(query, limit + 1, after, order) | {"track_total_hits": with_total}
    return body if deadline is None else _timed(body, deadline)


def page_of(found: Json, limit: int) -> Page:
    """The page in the reply to `page_body`."""
    hits = found["hits"]["hits"]
    return Page(lines_of(hits[:limit]), follows=len(hits) > limit, partial=bool(found.get("timed_out")))


def total_of(found: Json) -> int:
    """How many documents a search found that was told to count all."""
    return int(found["hits"]["total"]["value"])


def _decided_page(
    reader: Reader,
    asked: Asked,
    limit: int,
    after: Key | None,
    order: Order,
    deadline: Deadline,
    *,
    with_total: bool,
) -> tuple[Page, int, bool]:
    with reader.client.point_in_time(reader.index) as pit:
        page = _filled_page(reader, pit, asked, limit, after, order, deadline)
        if with_total:
            try:
                return page, count(reader, pit, asked, deadline), True
            except TimeoutError:
                page.partial = True
        return page, page.lines.height, False


def _filled_page(
    reader: Reader, pit: Json, asked: Asked, limit: int, after: Key | None, order: Order, deadline: Deadline
) -> Page:
    """Read what may match from the asked end of time, decide, until the page is full."""
    page = Page(STORED_SCHEMA.to_frame())
    size = min(max(limit + 1, LEAST_LOOKED_AT), MOST_LINES)
    while page.lines.height <= limit:
        body = _page_body(asked.bounds.maybe, size, after, order) | {"track_total_hits": False, **pit}
        try:
            hits = reader.client.search("", body, timeout_s=remaining_s(deadline))["hits"]["hits"]
        except TimeoutError:
            page.partial = True
            return page
        found = lines_of(hits)
        page.lines = pl.concat([page.lines, asked.decide(found)])
        if len(hits) < size:
            break
        after = found.select("time_ns", "source", "position").row(-1)
        size = min(size * 4, MOST_LINES)
    page.follows = page.lines.height > limit
    page.lines = page.lines.head(limit)
    return page


def count(reader: Reader, pit: Json, asked: Asked, deadline: Deadline) -> int:
    """How many lines match. Raises TimeoutError."""
    body = {"query": asked.bounds.sure, "size": 0, "track_total_hits": True, **pit}
    found = reader.client.search("", body, timeout_s=remaining_s(deadline))
    total = total_of(found)
    if not asked.bounds.is_exact:
        total += sum(frame.height for frame in doubtful(reader, pit, asked, [], deadline))
    return total


def doubtful(
    reader: Reader, pit: Json, asked: Asked, columns: Sequence[str], deadline: Deadline | None
) -> Iterator[pl.DataFrame]:
    """The lines between the bounds that match. Raises TimeoutError."""
    if asked.bounds.is_exact:
        return
    needed = list(dict.fromkeys((*columns, *asked.columns)))
    for frame in walk(reader.client, pit, asked.bounds.doubt, needed, deadline=deadline):
        yield asked.decide(frame).select(needed)


def _page_body(query: Query, size: int, after: Key | None, order: Order) -> Json:
    direction = "desc" if order == "newest" else "asc"
    sort = [{"@timestamp": {"order": direction, **_TIME}}, {"source": direction}, {"position": direction}]
    body: Json = {"query": query, "size": size, "sort": sort}
    if after is not None:
        body["search_after"] = [shown_time(after[0]), after[1], after[2]]
    return body


def _timed(body: Json, deadline: Deadline) -> Json:
    """With the time that Elasticsearch itself may take; what it has then is true but not all."""
    if deadline.end is None:
        return body
    return body | {"timeout": f"{max(int(deadline.left * 900), 1)}ms"}


def context(reader: Reader, source: str, position: int, *, before: int, after: int) -> pl.DataFrame:
    """See `LineReader.context`. One round trip."""
    bodies = [
        _neighbours(source, {"gte": position, "lte": position}, 1, "asc"),
        _neighbours(source, {"lt": position}, before, "desc"),
        _neighbours(source, {"gt": position}, after, "asc"),
    ]
    found = [lines_of(reply["hits"]["hits"]) for reply in reader.client.searches(reader.index, bodies)]
    return pl.concat(found).sort("position") if found[0].height else found[0]


def _neighbours(source: str, span: dict[str, int], size: int, direction: str) -> Json:
    query = both({"term": {"source": source}}, {"range": {"position": span}})
    return {
        "query": query,
        "size": min(max(size, 0), MOST_LINES),
        "sort": [{"position": direction}],
        "track_total_hits": False,
    }


def read(reader: Reader, ids: Sequence[tuple[str, int]]) -> pl.DataFrame:
    """See `LineReader.read`. One round trip."""
    bodies = read_bodies(ids)
    return lines_read(reader.client.searches(reader.index, bodies) if bodies else [])


def read_bodies(ids: Sequence[tuple[str, int]]) -> list[Json]:
    """The searches for lines by their ids."""
    names = sorted({f"{source}-{position}" for source, position in ids})
    starts = range(0, len(names), IDS_AT_ONCE)
    return [{"query": {"ids": {"values": names[start : start + IDS_AT_ONCE]}}, "size": IDS_AT_ONCE} for start in starts]


def lines_read(replies: Sequence[Json]) -> pl.DataFrame:
    """The lines in the replies to `read_bodies`."""
    found = [lines_of(reply["hits"]["hits"]) for reply in replies]
    return pl.concat([STORED_SCHEMA.to_frame(), *found]).sort("source", "position")


def tail(reader: Reader, asked: Asked, *, after: int, end: int, limit: int) -> pl.DataFrame:
    """Matching lines with `after < sequence < end`, by sequence."""
    lines = STORED_SCHEMA.to_frame()
    size = min(max(limit, 1), MOST_LINES)
    while lines.height < limit:
        span = {"range": {"sequence": {"gt": after, "lt": end}}}
        body = {
            "query": both(asked.bounds.maybe, span),
            "size": size,
            "sort": [{"sequence": "asc"}],
            "track_total_hits": False,
        }
        hits = reader.client.search(reader.index, body)["hits"]["hits"]
        found = lines_of(hits)
        lines = pl.concat([lines, found if asked.bounds.is_exact else asked.decide(found)])
        if len(hits) < size:
            break
        after = int(found["sequence"][-1])
    return lines.head(limit)


def scan(reader: Reader, asked: Asked, columns: Sequence[str], *, deadline: Deadline) -> Iterator[pl.DataFrame]:
    """See `LineReader.scan`."""
    remaining_s(deadline)
    with reader.client.point_in_time(reader.index) as pit:
        for frame in walk(reader.client, pit, asked.bounds.sure, columns, deadline=deadline):
            yield frame
        for frame in doubtful(reader, pit, asked, columns, deadline):
            if frame.height:
                yield frame.select(columns)
