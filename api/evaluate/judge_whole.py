"""Whether an answer as a whole says two things that cannot both be so, as the person on call reads it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.evaluate.judge import TrueLabel
from api.evaluate.judge_files import rfc3339_ns
from api.evaluate.judge_read import DAY_NS, MINUTE_NS, is_near
from api.evaluate.judge_sentence import Said, moment_ns, understand

_READ_AS_LATELY = re.compile("“lately”|“最近”")


def contradictions(answer: Mapping[str, Any]) -> Iterator[str]:
    """In words."""
    as_of_ns = rfc3339_ns(answer["as_of"])
    said = [one for claim in answer["claims"] if (one := understand(claim["text"])) is not None]
    story = next((one for one in said if one.form in {"story", "silent"}), None)
    if story is None:
        return
    begun_ns = _begun(story, as_of_ns)
    alike = [_begun(one, as_of_ns) for one in said if one.form == "another"]
    lead = story.values["lead"]
    if lead == "again" and not any(other > begun_ns for other in alike):
        yield "said to have come again, and no later one like it is told of"
    if lead == "last" and any(other > begun_ns for other in alike):
        yield "called the most recent, and a later one like it is told of"
    if lead == "first" and any(other < begun_ns for other in alike):
        yield "called the first, and an earlier one like it is told of"
    if lead == "widened":
        since_ns = as_of_ns - int(story.text("days")) * DAY_NS
        if any(other > since_ns for other in alike):
            yield "none is said to be in the last days, and one like it is told of there"
    if lead == "" and _READ_AS_LATELY.search(answer["read_as"]) and any(other > begun_ns for other in alike):
        yield "asked about lately, and a later one like it is told of after an earlier one"
    yield from _counts([] if is_near(story) else [begun_ns], alike, said, as_of_ns)


def _counts(best: list[int], alike: list[int], said: list[Said], as_of_ns: int) -> Iterator[str]:
    for one in said:
        if one.form == "fitting":
            days = one.values["days"]
            since_ns = as_of_ns - int(days) * DAY_NS if days else 0
            told = sum(begun + MINUTE_NS > since_ns for begun in [*best, *alike])
            if told > int(one.text("count")):
                yield f"{one.text('count')} are said to fit, and {told} are told of as alike"


def _begun(said: Said, as_of_ns: int) -> int:
    return moment_ns(said.text("when"), as_of_ns) or 0


EARLY_NS = 6 * MINUTE_NS
"""So long before its label an incident may be said to begin (a guess: what is slow in small ways shows earlier)."""


def tells_of(answer: Mapping[str, Any], labels: Sequence[TrueLabel], want: str) -> bool | None:
    """Whether the opening sentence is about one of the faults in `labels` (of the kind that is asked for): the `first`,
    the `last`, or `any`; for `count` whether their number is said. None where the answer has no such sentence.
    """
    as_of_ns = rfc3339_ns(answer["as_of"])
    said = [one for claim in answer["claims"] if (one := understand(claim["text"])) is not None]
    if want == "count":
        counts = [int(one.text("count")) for one in said if one.form == "fitting"]
        return counts[0] == len(labels) if counts else None
    story = next((one for one in said if one.form in {"story", "silent"} and not is_near(one)), None)
    if story is None or not labels:
        return None
    begun_ns = _begun(story, as_of_ns)
    meant = {"first": labels[:1], "last": labels[-1:]}.get(want, labels)
    return any(label.start_ns - EARLY_NS <= begun_ns < label.end_ns for label in meant)
