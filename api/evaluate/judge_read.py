"""An answer as the judge reads it at one of its claims: what was said before, the window, when the incident was."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from api.evaluate.judge_files import SECOND_NS, PlainLine, rfc3339_ns
from api.evaluate.judge_finding import to_ms
from api.evaluate.judge_sentence import Said, moment_ns, span_bounds, understand

MINUTE_NS = 60 * SECOND_NS
DAY_NS = 1440 * MINUTE_NS
MOST_TOUCHED = 6
"""A list of so many services may have been cut."""
MOST_LISTED = 10
"""So many incidents an answer lists at most."""


def is_near(said: Said) -> bool:
    """Whether a story is told as what only comes near."""
    return said.values.get("lead") == "near"


class Read:
    """An answer as the judge reads it, at one of its claims."""

    def __init__(self, answer: Mapping[str, Any], place: int) -> None:
        self.place = place
        self.said = [understand(claim["text"]) for claim in answer["claims"]]
        self.citations = [claim["citations"] for claim in answer["claims"]]
        self.text: str = answer["claims"][place]["text"]
        self.as_of_ns = rfc3339_ns(answer["as_of"])
        self.listed = answer["similar"]
        self.services: tuple[str, ...] = tuple(answer.get("services", ()))
        start = answer["window"]["start"]
        self._window = (None if start is None else rfc3339_ns(start), rfc3339_ns(answer["window"]["end"]))

    def before(self, form: str) -> Said | None:
        """The nearest earlier sentence of the form."""
        return next((one for one in reversed(self.said[: self.place]) if one is not None and one.form == form), None)

    def after(self, form: str) -> Said | None:
        """The nearest later one."""
        return next((one for one in self.said[self.place + 1 :] if one is not None and one.form == form), None)

    def window(self, said: Said) -> tuple[int | None, int]:
        """What the sentence says, else what the answer does; the answer's where the sentence's is that to the ms."""
        if said.values.get("start") is None:
            return self._window
        start_ns, end_ns = rfc3339_ns(said.text("start")), rfc3339_ns(said.text("end"))
        own_start, own_end = self._window
        if own_start is not None and to_ms(own_start) == to_ms(start_ns) and to_ms(own_end) == to_ms(end_ns):
            return self._window
        return start_ns, end_ns


@dataclasses.dataclass(frozen=True)
class Stretch:
    """What an incident's duration and end, both rounded, say of when it was: at least `inner`, at most `outer`."""

    inner: tuple[int, int]
    outer: tuple[int, int]


def stretch_of(lasted: Said, as_of_ns: int, cited: Sequence[PlainLine]) -> Stretch | None:
    """An end on the minute is taken to be just that when a cited line then lies where the stretch begins."""
    end_ns, duration = moment_ns(lasted.text("until"), as_of_ns), span_bounds(lasted.text("duration"))
    if end_ns is None or duration is None:
        return None
    earliest = end_ns - duration[1]
    starts = [line.time_ns for line in cited if earliest <= line.time_ns <= end_ns - duration[0]]
    if starts:
        return Stretch((min(starts), end_ns), (min(starts), end_ns))
    return Stretch((end_ns + MINUTE_NS - duration[0], end_ns), (earliest, end_ns + MINUTE_NS))
