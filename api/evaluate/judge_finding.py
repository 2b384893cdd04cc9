"""What the judge of answers finds in a claim, one thing at a time."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from api.evaluate.judge_files import SECOND_NS, PlainLine, quoted_pattern, rfc3339_ns, says

Outcome = Literal["right", "wrong", "unjudged"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a claim says. `right` is None where the files cannot tell."""

    what: Literal["number", "citation", "name", "order", "quote"]
    right: bool | None
    why: str


@dataclasses.dataclass(frozen=True)
class Judged:
    """What came of one claim. `form` is empty for a sentence that is not understood."""

    text: str
    form: str
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """Right when everything said is, and something was."""
        if any(finding.right is False for finding in self.findings):
            return "wrong"
        return "unjudged" if not self.form or any(finding.right is None for finding in self.findings) else "right"

    def faults(self) -> str:
        """What is not right, in words."""
        return "; ".join(f"{one.what}: {one.why}" for one in self.findings if one.right is not True)


def citation_fault(line: PlainLine | None, shown: Mapping[str, str] | None) -> str:
    """Why a citation is not what stands in the files; empty when it is."""
    if line is None:
        return "no line has this id"
    if shown is None:
        return "the answer does not show it"
    if rfc3339_ns(shown["time"]) != line.time_ns or shown["service"] != line.service:
        return f"it was written by {line.service} at {line.time_ns}"
    message = " ".join(shown["message"].split())
    cut = message.removesuffix("…")
    same = any(text == message or (cut != message and text.startswith(cut)) for text in line.texts)
    return "" if same else "its message is another"


def cites(cited: Sequence[PlainLine], least: int) -> Iterator[Finding]:
    """Whether enough lines are cited for anything to be shown."""
    yield Finding("citation", len(cited) >= least, f"{len(cited)} lines are cited, {least} needed")


def named(said: str, true: str) -> Finding:
    """Whether the service is the one that wrote it."""
    return Finding("name", said == true, f"{true} wrote it, not {said}")


def number(what: str, said: int, found: int) -> Finding:
    """Whether a count came out the same."""
    return Finding("number", said == found, f"{what} {said} said, {found} found")


def timed(said: str, line: PlainLine) -> Finding:
    """Whether the line was written then, to the millisecond."""
    right = to_ms(rfc3339_ns(said)) == to_ms(line.time_ns)
    return Finding("number", right, f"the cited line is of {told_time(line.time_ns)}")


def quotes(text: str, line: PlainLine) -> Finding:
    """Whether the line has the text letter by letter."""
    cut = text.removesuffix("…")
    return Finding(
        "quote", bool(cut) and any(cut in one for one in line.texts), f"the cited line does not say “{text}”"
    )


def says_it(text: str, line: PlainLine) -> Finding:
    """Whether the line says the text with its masks filled."""
    return Finding("quote", says(line, quoted_pattern(text)), f"a cited line does not say “{text}”")


def is_typical(bounds: tuple[int, int], gaps: Sequence[int]) -> bool | None:
    """Whether the middle four fifths of the gaps reach to what is said."""
    if not gaps:
        return None
    ordered = sorted(gaps)
    low, high = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
    return low <= bounds[1] and bounds[0] <= high


def to_ms(time_ns: int) -> int:
    """Whole milliseconds."""
    return time_ns // 1_000_000


def told_time(time_ns: int) -> str:
    """For people."""
    return dt.datetime.fromtimestamp(time_ns / SECOND_NS, tz=dt.UTC).isoformat()
