"""What was usual, by the judge's own reckoning: the same stretch elsewhere, and the pauses between two lines."""

import bisect
import re
from collections.abc import Sequence

from api.evaluate.judge_files import SECOND_NS, PlainLine, PlainLog, quoted_pattern, says, within

_REQUEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{16,32}(?![0-9a-f])")
LONGEST_PAUSE_NS = 30 * SECOND_NS
"""A longer pause is not one request at work (a guess)."""
FACTOR = 2.0
"""By so much what is called usual may differ from what other lines imply (a guess)."""
WAIT_FACTOR, WAIT_NS = 3.0, SECOND_NS // 10
"""A request waits when it pauses so many times as long as most do, and so long (guesses)."""
_ANY = re.compile("")
SLACK = 1.0
"""By so many lines what is called usual may lie outside of what was counted elsewhere (a guess)."""


class Usual:
    """`labels`: the spans of injected faults, which are not usual."""

    def __init__(self, log: PlainLog, *, labels: Sequence[tuple[int, int]]) -> None:
        self._log = log
        self._faults = labels
        ends = [log.lines_of(service)[place].time_ns for service in log.services for place in (0, -1)]
        self._span = (min(ends, default=0), max(ends, default=0))
        self._waits: dict[str, set[int]] = {}
        """By service when lines were written for which a request had waited."""
        self._pauses: dict[tuple[str, str, str], list[tuple[int, int]]] = {}

    def is_usual_count(self, service: str, times: list[int], stretch: tuple[int, int], usual: float) -> bool | None:
        """Whether the service could be expected to write so many lines in the stretch: as many as some equally long
        stretch without a fault holds, or what its other lines then imply by the ratio that they have elsewhere.
        """
        counts = [len(within(times, *other)) for other in self._others(stretch)]
        if not counts:
            return None
        implied = self._implied(service, times, stretch)
        low, high = min(counts), max(counts)
        return min(low - SLACK, implied / FACTOR) <= usual <= max(high + SLACK, implied * FACTOR)

    def _implied(self, service: str, times: list[int], stretch: tuple[int, int]) -> float:
        everything = [line.time_ns for line in self._log.lines_of(service)]
        here, of_it = len(within(everything, *stretch)), len(within(times, *stretch))
        other_here, other_elsewhere = here - of_it, len(everything) - here - (len(times) - of_it)
        return (len(times) - of_it) * other_here / max(other_elsewhere, 1)

    def gaps(self, service: str, before: str, after: str, stretch: tuple[int, int]) -> tuple[list[int], list[int]]:
        """Pauses in ns from a line that says `before` to the next of the same request, which says `after`: in the
        stretch, and outside of it and of every fault.
        """
        inside, outside = [], []
        for time_ns, pause in self._measured(service, before, after):
            if stretch[0] <= time_ns < stretch[1]:
                inside.append(pause)
            elif not any(start <= time_ns < end for start, end in self._faults):
                outside.append(pause)
        return inside, outside

    def waited(self, line: PlainLine) -> bool:
        """Whether the line comes so long after the one before it of the same request that the service waited. A line
        that names no request tells nothing.
        """
        service = line.service
        if service not in self._waits:
            found = self._measure(service, _ANY, _ANY)
            middle = sorted(pause for _, pause in found)[len(found) // 2] if found else 0
            self._waits[service] = {time_ns for time_ns, pause in found if pause >= max(WAIT_FACTOR * middle, WAIT_NS)}
        return line.time_ns in self._waits[service] and any(map(_REQUEST.search, line.texts))

    def _measured(self, service: str, before: str, after: str) -> list[tuple[int, int]]:
        key = (service, before, after)
        if key not in self._pauses:
            self._pauses[key] = self._measure(service, quoted_pattern(before), quoted_pattern(after))
        return self._pauses[key]

    def _measure(self, service: str, before: re.Pattern[str], after: re.Pattern[str]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        last: dict[str, tuple[int, bool]] = {}
        for line in self._log.lines_of(service):
            request = next((match[0] for text in line.texts if (match := _REQUEST.search(text))), line.file)
            earlier = last.get(request)
            if earlier and earlier[1] and says(line, after) and line.time_ns - earlier[0] <= LONGEST_PAUSE_NS:
                found.append((line.time_ns, line.time_ns - earlier[0]))
            last[request] = (line.time_ns, says(line, before))
        return found

    def _others(self, stretch: tuple[int, int]) -> list[tuple[int, int]]:
        """Side by side over the whole history."""
        length = max(stretch[1] - stretch[0], SECOND_NS)
        starts = range(self._span[0], self._span[1] - length, length)
        faults = sorted([*self._faults, stretch])
        return [(start, start + length) for start in starts if not _meets(faults, start, start + length)]


def _meets(spans: Sequence[tuple[int, int]], start_ns: int, end_ns: int) -> bool:
    """Whether any of the spans, by start and not within each other, has a moment in this one."""
    at = bisect.bisect_left(spans, (end_ns, 0))
    return any(end > start_ns for _, end in spans[max(0, at - 2) : at])
