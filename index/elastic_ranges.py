"""Which bytes of which sources are stored: one document a source, changed by compare-and-set.

What an append begins with is marked before its lines are written, and covered after. A writer that dies between leaves
a mark: of these bytes lines may be there. Which day a line is kept with may depend on when it came and on settings, and
both may be others when the same bytes come again; so whoever stores marked bytes looks for their lines in all days.
"""

from collections.abc import Sequence
from typing import Any, Literal

import orjson

from index.append_check import conflict, overlap
from index.elastic_client import Elastic, Json, Versioned, action
from index.elastic_sequence import Block
from index.elastic_template import Names
from index.source_ranges import SourceRanges
from ingest.errors import RefusedError
from ingest.line_sink import SourceRange

_ATTEMPTS = 50
"""Compare-and-sets tried for one source. A guess: a source has one writer, seldom two."""
_FIELDS = "items.*.status,items.*.error,items.*._seq_no,items.*._primary_term"

Known = dict[str, Versioned | None]
"""From sources to their documents as they were read."""


class Ranges:
    """The index of ranges. Safe to use from many threads and processes."""

    def __init__(self, client: Elastic, names: Names) -> None:
        self._client = client
        self._index = names.state

    def of(self, sources: Sequence[str]) -> SourceRanges:
        """All that is stored of these sources."""
        held = self._client.get_all(self._index, [_document(source) for source in sources])
        found = zip(sources, held, strict=True)
        return SourceRanges(span for source, document in found for span in _ranges(source, document))

    def missing(self, covers: SourceRange) -> list[SourceRange]:
        """See LineSink."""
        return _ranges(covers.source, self._client.get(self._index, _document(covers.source))).missing(covers)

    def check(self, covers: Sequence[SourceRange]) -> Known:
        """The documents of the sources. Raises RangeConflictError when a byte is stored already or is given twice."""
        for number, covered in enumerate(covers):
            if any(overlap(covered, other) for other in covers[:number]):
                raise conflict(covered)
        sources = _sources(covers)
        held = self._client.get_all(self._index, [_document(source) for source in sources])
        found = dict(zip(sources, held, strict=True))
        for covered in covers:
            if _ranges(covered.source, found[covered.source]).overlaps(covered):
                raise conflict(covered)
        return found

    def marks(self, covers: Sequence[SourceRange], known: Known) -> bytes:
        """Items of a bulk request on the index of states that mark what an append begins with."""
        return _body(_marked(covers, known), known)

    def begin(self, covers: Sequence[SourceRange], known: Known, items: Sequence[Json]) -> list[SourceRange]:
        """Take note of what became of `marks`, and mark again where they met another writer. `known` is brought up to
        date. Returns the parts that another append had begun: lines of these may be there. Raises RangeConflictError.
        """
        doubtful: list[SourceRange] = []
        waiting = list(covers)
        for _ in range(_ATTEMPTS):
            before = dict(known)
            refused = _note(_marked(waiting, known), items, known)
            doubtful += [part for each in waiting if each.source not in refused for part in _begun(each, before)]
            waiting = [covered for covered in waiting if covered.source in refused]
            if not waiting:
                return doubtful
            known |= self.check(waiting)
            items = self._client.bulk(self._index, self.marks(waiting, known), fields=_FIELDS)
        raise _many_writers(waiting)

    def add(self, covers: Sequence[SourceRange], known: Known, *, block: Block | None = None) -> None:
        """Remember the ranges, and release the block of the lines in the same request; `known` is what `check` or
        `begin` found. Sources that another writer changed meanwhile are checked again. Raises RangeConflictError.
        """
        waiting = list(covers)
        for _ in range(_ATTEMPTS):
            contents = _covered(waiting, known)
            refused = _note(contents, self._send(_body(contents, known), block), known)
            block = None
            waiting = [covered for covered in waiting if covered.source in refused]
            if not waiting:
                return
            known |= self.check(waiting)
        raise _many_writers(waiting)

    def _send(self, body: bytes, block: Block | None) -> list[Json]:
        if block is None:
            return self._client.bulk(self._index, body, fields=_FIELDS)
        item, state = block.release_item()
        *items, released = self._client.bulk(self._index, body + item, fields=_FIELDS)
        block.released(state, released)
        return items


def _note(contents: dict[str, Json], items: Sequence[Json], known: Known) -> set[str]:
    """Bring `known` up to date with what was written; returns the sources that another writer has changed. Raises
    RefusedError when Elasticsearch did not take one.
    """
    refused: set[str] = set()
    for (source, content), item in zip(contents.items(), items, strict=True):
        if item["status"] == 409:
            refused.add(source)
        elif item["status"] in {200, 201}:
            known[source] = Versioned(content, item["_seq_no"], item["_primary_term"])
        else:
            raise RefusedError(f"remembering which bytes are stored: {item.get('error')}")
    return refused


def _body(contents: dict[str, Json], known: Known) -> bytes:
    return b"".join(
        action("create" if known[source] is None else "index", _document(source), known[source])
        + orjson.dumps(content)
        + b"\n"
        for source, content in contents.items()
    )


def _marked(covers: Sequence[SourceRange], known: Known) -> dict[str, Json]:
    """The documents of the sources with these bytes marked."""
    return {
        source: _content(_ranges(source, known[source]), _with(_ranges(source, known[source], "begun"), source, covers))
        for source in _sources(covers)
    }


def _covered(covers: Sequence[SourceRange], known: Known) -> dict[str, Json]:
    """The documents of the sources with these bytes covered, and marked no more."""
    contents = {}
    for source in _sources(covers):
        begun = _ranges(source, known[source], "begun")
        for covered in covers:
            begun.remove(covered)
        contents[source] = _content(_with(_ranges(source, known[source]), source, covers), begun)
    return contents


def _content(spans: SourceRanges, begun: SourceRanges) -> Json:
    content = {"spans": _pairs(spans)}
    return content | {"begun": marked} if (marked := _pairs(begun)) else content


def _pairs(ranges: SourceRanges) -> list[list[int]]:
    return [[each.start, each.end] for each in ranges]


def _with(ranges: SourceRanges, source: str, covers: Sequence[SourceRange]) -> SourceRanges:
    for covered in covers:
        if covered.source == source:
            ranges.add(covered)
    return ranges


def _begun(covered: SourceRange, known: Known) -> list[SourceRange]:
    """The parts of a range that are marked."""
    marked = _ranges(covered.source, known[covered.source], "begun")
    absent = marked.missing(covered)
    rest = SourceRanges([covered])
    for part in absent:
        rest.remove(part)
    return rest.of(covered.source)


def _sources(covers: Sequence[SourceRange]) -> list[str]:
    return sorted({covered.source for covered in covers})


def _document(source: str) -> str:
    return f"range-{source}"


def _ranges(source: str, found: Versioned | None, kind: Literal["spans", "begun"] = "spans") -> SourceRanges:
    held: list[Any] = [] if found is None else found.source.get(kind, [])
    return SourceRanges(SourceRange(source, start, end) for start, end in held)


def _many_writers(waiting: Sequence[SourceRange]) -> RefusedError:
    return RefusedError(f"{_ATTEMPTS} attempts to remember the bytes of {waiting[0].source} met other writers")
