"""Which bytes of which sources are stored: one document a source, changed by compare-and-set.

Lines are written before the range that covers them. A writer that dies between leaves lines without a range; the same
bytes sent again meet these lines by their ids and add only what is missing, then the range.
"""

from collections.abc import Sequence
from typing import Any

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

    def check(self, covers: Sequence[SourceRange]) -> dict[str, Versioned | None]:
        """The documents of the sources. Raises RangeConflictError when a byte is stored already or is given twice."""
        for number, covered in enumerate(covers):
            if any(overlap(covered, other) for other in covers[:number]):
                raise conflict(covered)
        sources = sorted({covered.source for covered in covers})
        held = self._client.get_all(self._index, [_document(source) for source in sources])
        found = dict(zip(sources, held, strict=True))
        for covered in covers:
            if _ranges(covered.source, found[covered.source]).overlaps(covered):
                raise conflict(covered)
        return found

    def add(
        self, covers: Sequence[SourceRange], known: dict[str, Versioned | None], *, block: Block | None = None
    ) -> None:
        """Remember the ranges, and release the block of the lines in the same request; `known` is what `check` found.
        Sources that another writer changed meanwhile are checked again. Raises RangeConflictError.
        """
        waiting = list(covers)
        for _ in range(_ATTEMPTS):
            sources = sorted({covered.source for covered in waiting})
            body = b"".join(self._item(source, waiting, known[source]) for source in sources)
            items = self._send(body, block)
            block = None
            refused = [source for source, item in zip(sources, items, strict=True) if item["status"] not in {200, 201}]
            for item in items:
                if item["status"] not in {200, 201, 409}:
                    raise RefusedError(f"remembering which bytes are stored: {item.get('error')}")
            if not refused:
                return
            waiting = [covered for covered in waiting if covered.source in refused]
            known = self.check(waiting)
        raise RefusedError(f"{_ATTEMPTS} attempts to remember the bytes of {refused[0]} met other writers")

    def _send(self, body: bytes, block: Block | None) -> list[Json]:
        if block is None:
            return self._client.bulk(self._index, body)
        item, state = block.release_item()
        *items, released = self._client.bulk(self._index, body + item, fields="items")
        block.released(state, released)
        return items

    @staticmethod
    def _item(source: str, covers: Sequence[SourceRange], was: Versioned | None) -> bytes:
        ranges = _ranges(source, was)
        for covered in covers:
            if covered.source == source:
                ranges.add(covered)
        spans = [[kept.start, kept.end] for kept in ranges.of(source)]
        head = action("create" if was is None else "index", _document(source), was)
        return head + orjson.dumps({"spans": spans}) + b"\n"


def _document(source: str) -> str:
    return f"range-{source}"


def _ranges(source: str, found: Versioned | None) -> SourceRanges:
    spans: list[Any] = [] if found is None else found.source["spans"]
    return SourceRanges(SourceRange(source, start, end) for start, end in spans)
