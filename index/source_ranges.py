"""Which bytes of which sources are stored: merged intervals per source, so that nothing is taken twice."""

import bisect
from collections.abc import Iterable, Iterator

from ingest.line_sink import SourceRange


class SourceRanges:
    """A set of bytes per source. Not locked: its owner locks."""

    def __init__(self, ranges: Iterable[SourceRange] = ()) -> None:
        self._starts: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}
        for covered in ranges:
            self.add(covered)

    def __iter__(self) -> Iterator[SourceRange]:
        """All intervals, merged, by source and start."""
        for source in sorted(self._starts):
            yield from self.of(source)

    def of(self, source: str) -> list[SourceRange]:
        """The intervals of one source, in order, none empty or adjacent."""
        pairs = zip(self._starts.get(source, ()), self._ends.get(source, ()), strict=True)
        return [SourceRange(source, start, end) for start, end in pairs]

    def add(self, covered: SourceRange) -> None:
        """Add `[start, end)`; what is there already may overlap it."""
        if covered.start >= covered.end:
            return
        starts = self._starts.setdefault(covered.source, [])
        ends = self._ends.setdefault(covered.source, [])
        first = bisect.bisect_left(ends, covered.start)  # the first interval that touches or follows
        last = bisect.bisect_right(starts, covered.end)  # behind the last interval that touches or precedes
        start, end = covered.start, covered.end
        if first < last:
            start, end = min(start, starts[first]), max(end, ends[last - 1])
        starts[first:last] = [start]
        ends[first:last] = [end]

    def remove(self, covered: SourceRange) -> None:
        """Take `[start, end)` out."""
        kept = []
        for old in self.of(covered.source):
            kept.append(SourceRange(old.source, old.start, min(old.end, covered.start)))
            kept.append(SourceRange(old.source, max(old.start, covered.end), old.end))
        self._starts.pop(covered.source, None)
        self._ends.pop(covered.source, None)
        for part in kept:
            self.add(part)

    def overlaps(self, asked: SourceRange) -> bool:
        """Whether any byte of `asked` is in the set."""
        ends = self._ends.get(asked.source)
        if ends is None or asked.start >= asked.end:
            return False
        first = bisect.bisect_right(ends, asked.start)
        return first < len(ends) and self._starts[asked.source][first] < asked.end

    def missing(self, asked: SourceRange) -> list[SourceRange]:
        """The parts of `asked` that are not in the set, in order, none empty or adjacent."""
        starts, ends = self._starts.get(asked.source, []), self._ends.get(asked.source, [])
        parts = []
        position = asked.start
        for index in range(bisect.bisect_right(ends, asked.start), len(ends)):
            if starts[index] >= asked.end:
                break
            if starts[index] > position:
                parts.append(SourceRange(asked.source, position, starts[index]))
            position = max(position, ends[index])
        if position < asked.end:
            parts.append(SourceRange(asked.source, position, asked.end))
        return parts
