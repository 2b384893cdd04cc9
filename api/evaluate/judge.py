"""The independent judge of answers: holds what an answer says against the files and labels that a simulation wrote.

It reads an answer as its readers do, from the JSON, and shares no code with the checker or with what writes and reads
lines; `tests/api/evaluate/test_judge.py` holds it to that.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.evaluate.judge_files import PlainLine, PlainLog, rfc3339_ns, service_of, within
from api.evaluate.judge_finding import (
    Finding,
    Judged,
    citation_fault,
    cites,
    is_typical,
    named,
    number,
    quotes,
    says_it,
    timed,
    to_ms,
    told_time,
)
from api.evaluate.judge_read import DAY_NS, MINUTE_NS, MOST_LISTED, MOST_TOUCHED, Read, Stretch, is_near, stretch_of
from api.evaluate.judge_sentence import Said, ago_fits, moment_ns, span_bounds
from api.evaluate.judge_usual import Usual

ORDER_TOLERANCE_NS = 2 * MINUTE_NS
"""Two services whose labels lie nearer than this may be told in either order: in small shops a service writes a line
or two a minute, and a fault cannot be seen before one (a guess).
"""


@dataclasses.dataclass(frozen=True)
class TrueLabel:
    """What was injected: from labels.jsonl."""

    kind: str
    benign: bool
    silent: bool
    service: str
    start_ns: int
    end_ns: int
    onsets: Mapping[str, int]


def read_labels(path: Path) -> tuple[TrueLabel, ...]:
    """The labels of a simulation, by start."""
    records = [json.loads(row) for row in path.read_text("utf-8").splitlines()]
    return tuple(
        TrueLabel(
            record["kind"],
            record["benign"],
            record["silent"],
            record["service"],
            rfc3339_ns(record["start"]),
            rfc3339_ns(record["end"]),
            {one["service"]: rfc3339_ns(one["onset"]) for one in record["affected"]},
        )
        for record in records
    )


class Judge:
    """Judges answers about one simulated shop."""

    def __init__(self, log: PlainLog, labels: Sequence[TrueLabel], file_of: Mapping[str, str]) -> None:
        self.log = log
        self.labels = labels
        self._file_of = file_of
        self._usual = Usual(log, labels=[(label.start_ns, label.end_ns) for label in labels if not label.benign])

    def judge(self, answer: Mapping[str, Any]) -> list[Judged]:
        """Every claim of the answer, in order."""
        return [self.judge_claim(answer, place) for place in range(len(answer["claims"]))]

    def judge_claim(self, answer: Mapping[str, Any], place: int) -> Judged:
        """One claim, in the light of those before it ("it was first seen at ...")."""
        read = Read(answer, place)
        said = read.said[place]
        if said is None:
            return Judged(read.text, "", ())
        cited, findings = self._cited(answer, answer["claims"][place]["citations"])
        judged = getattr(self, f"_judge_{said.form}")(said, cited, read)
        return Judged(read.text, said.form, (*findings, *judged))

    def line_of(self, line_id: str) -> PlainLine | None:
        """The line of an id: its source and how many bytes of the file lie before it."""
        source, _, offset = line_id.rpartition("-")
        file = self._file_of.get(source)
        return None if file is None or not offset.isdecimal() else self.log.line_at(file, int(offset))

    def service_of(self, file: str) -> str:
        """The service whose container wrote the file."""
        return service_of(file)

    def _cited(self, answer: Mapping[str, Any], ids: Sequence[str]) -> tuple[list[PlainLine], list[Finding]]:
        shown = {one["id"]: one for one in answer["citations"]}
        lines, findings = [], []
        for line_id in ids:
            line = self.line_of(line_id)
            fault = citation_fault(line, shown.get(line_id))
            findings.append(Finding("citation", not fault, fault))
            lines += [line] if line is not None else []
        return lines, findings

    def _judge_quote(self, said: Said, cited: list[PlainLine], _read: Read) -> Iterator[Finding]:
        yield from cites(cited, 1)
        for line in cited[:1]:
            yield named(said.text("service"), line.service)
            yield timed(said.text("time"), line)
            yield quotes(said.text("text"), line)

    def _judge_written(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        start_ns, end_ns = read.window(said)
        services = said.services() or self.log.services
        yield from self._known(services)
        found = self._counted(said, services, start_ns, end_ns)
        yield number("count", int(said.text("count")), found)
        yield from cites(cited, 1)
        for line in cited:
            yield says_it(said.text("text"), line)
            inside = line.service in services and (start_ns or 0) <= line.time_ns < end_ns
            yield Finding("citation", inside, f"{line.service} at {line.time_ns} is not what was counted")

    def _judge_summed(self, said: Said, _cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        """The sum of what the following sentences say, when they name all patterns."""
        start_ns, end_ns = read.window(said)
        told = [one for one in read.said[read.place + 1 :] if one is not None and one.form == "written"]
        if len(told) != int(said.text("patterns")):
            yield Finding("number", None, f"of {said.text('patterns')} patterns {len(told)} are named")
            return
        asked = said.services()
        yield from self._known(asked)
        total = sum(self._counted(one, asked or one.services() or self.log.services, start_ns, end_ns) for one in told)
        yield number("sum", int(said.text("count")), total)

    def _judge_first(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._extreme(said, cited, read)

    def _judge_last(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._extreme(said, cited, read)

    def _extreme(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        spoken_of = read.before("written")
        yield from cites(cited, 1)
        if spoken_of is None or not cited:
            yield Finding("number", None, "nothing before it says what was seen")
            return
        start_ns, end_ns = read.window(spoken_of)
        services = spoken_of.services() or self.log.services
        times = sorted(
            time_ns for service in services for time_ns in within(self._times(spoken_of, service), start_ns, end_ns)
        )
        extreme_ns = (times or [0])[0 if said.form == "first" else -1]
        right = to_ms(extreme_ns) == to_ms(rfc3339_ns(said.text("time")))
        yield Finding("number", right, f"the {said.form} one is at {told_time(extreme_ns)}")
        yield timed(said.text("time"), cited[0])
        yield named(said.text("service"), cited[0].service)
        yield says_it(spoken_of.text("text"), cited[0])

    def _judge_carrying(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._judge_holding(said, cited, read)

    def _judge_holding(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        start_ns, end_ns = read.window(said)
        services = read.services or self.log.services
        text = said.text("text")
        times = (self.log.holding(each, text, anywhere=said.form == "carrying") for each in services)
        found = sum(len(within(each, start_ns, end_ns)) for each in times)
        yield number("count", int(said.text("count")), found)
        for line in cited:
            held = any(text.lower() in one.lower() for one in line.texts)
            yield Finding("citation", held, f"a cited line does not hold “{text}”")

    def _judge_appeared(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._deviates(said, cited, read)

    def _judge_vanished(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._deviates(said, cited, read)

    def _deviates(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        service, text, count = said.text("service"), said.text("text"), int(said.text("count"))
        yield from self._known([service])
        yield from cites(cited, 1)
        for line in cited:
            yield named(service, line.service)
            yield says_it(text, line)
        stretch = self._stretch(read)
        if stretch is None:
            yield Finding("number", None, "nothing before it says how long it lasted")
            return
        times = self._times(said, service)
        low, high = len(within(times, *stretch.inner)), len(within(times, *stretch.outer))
        yield Finding("number", low <= count <= high, f"{count} said, {low} to {high} found")
        usual = float(said.text("usual"))
        fits = self._usual.is_usual_count(service, times, stretch.outer, usual)
        yield Finding("number", fits, f"{usual} is not usual")
        more = count > usual if said.form == "appeared" else count < usual
        yield Finding("order", more, f"{count} beside {usual} is not {said.form}")

    def _judge_slower(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        service, stretch = said.text("service"), self._stretch(read)
        yield from self._known([service])
        yield from cites(cited, 1)
        for line in cited:
            yield named(service, line.service)
        observed, usual = span_bounds(said.text("observed")), span_bounds(said.text("usual_delay"))
        if stretch is None or observed is None or usual is None:
            yield Finding("number", None, "nothing before it says how long it lasted")
            return
        inside, outside = self._usual.gaps(service, said.text("before"), said.text("text"), stretch.outer)
        yield Finding("number", is_typical(observed, inside), f"{said.text('observed')} is not typical then")
        yield Finding("number", is_typical(usual, outside), f"{said.text('usual_delay')} is not usual")
        yield Finding("order", observed[0] > usual[0], "it is not slower than usual")

    def _judge_lasted(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        """The cited first and last line lie in the stretch that is said, and services that are said wrote then."""
        stretch = stretch_of(said, read.as_of_ns, ())
        yield Finding("number", stretch is not None, "the duration or the end cannot be read")
        if stretch is None:
            return
        for line in cited:
            inside = stretch.outer[0] <= line.time_ns < stretch.outer[1]
            yield Finding("number", inside, f"a cited line of {line.time_ns} lies outside of {stretch.outer}")
        yield from self._begins(stretch, read)
        yield from self._known(said.services())

    def _begins(self, stretch: Stretch, read: Read) -> Iterator[Finding]:
        """It begins when the opening sentence says that it did: to the minute."""
        story = read.before("story") or read.before("silent")
        began_ns = None if story is None else moment_ns(story.text("when"), read.as_of_ns)
        if began_ns is not None:
            meets = stretch.outer[0] < began_ns + MINUTE_NS and began_ns <= stretch.inner[0]
            yield Finding("number", meets, f"it began at {began_ns}, the duration says {stretch.outer[0]}")

    def _judge_story(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        told = [said.text("service"), *(service for service, _ in said.followers)]
        yield Finding("citation", len(cited) == len(told), f"{len(told)} services, {len(cited)} cited lines")
        for service, line in zip(told, cited, strict=False):
            yield named(service, line.service)
        if cited:
            yield from self._moment(said, cited[0].time_ns, read)
            yield quotes(said.text("text"), cited[0])
        for (service, delta), line in zip(said.followers, cited[1:], strict=False):
            bounds, passed = span_bounds(delta), line.time_ns - cited[0].time_ns
            right = bounds is not None and bounds[0] <= passed < bounds[1]
            yield Finding("number", right, f"{service} followed {passed / 1e9:.3f} s later, not {delta}")
        yield from self._spread(said, read)
        if cited:
            # A label says when a service itself began to fail; who follows may show before that that it waits.
            later = zip(told[1:], cited[1:], strict=False)
            own = [*told[:1], *(service for service, line in later if not self._usual.waited(line))]
            yield from self._ordered(own, (cited[0].time_ns, cited[0].time_ns + 10 * MINUTE_NS))

    def _judge_silent(self, said: Said, _cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        began_ns = moment_ns(said.text("when"), read.as_of_ns)
        yield from self._known(said.services())
        yield from self._moment(said, began_ns, read)
        yield from self._spread(said, read)

    def _spread(self, said: Said, read: Read) -> Iterator[Finding]:
        """How many services: as many as the answer goes on to name; at least those where it does not name all."""
        if said.values["count"] is None:
            return
        lasted = read.after("lasted")
        touched = () if lasted is None else lasted.services()
        told = {*said.services(), *(service for service, _ in said.followers), *touched}
        told |= {said.text("service")} if said.form == "story" else set()
        count = int(said.text("count"))
        is_cut = len(touched) >= MOST_TOUCHED or (said.form == "silent" and len(said.services()) >= MOST_TOUCHED)
        right = len(told) <= count <= len(self.log.services) if is_cut else count == len(told)
        yield Finding("number", right, f"{count} services said, {len(told)} named")

    def _judge_another(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._other(said, cited, read)

    def _judge_less_alike(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._other(said, cited, read)

    def _judge_another_any(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        return self._other(said, cited, read)

    def _other(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        yield from cites(cited, 1)
        for line in cited[:1]:
            yield named(said.text("service"), line.service)
            yield from self._moment(said, line.time_ns, read)

    def _judge_fitting(self, said: Said, cited: list[PlainLine], read: Read) -> Iterator[Finding]:
        """As many as the answer shows: not fewer than it tells of as alike or cites, nor more than it lists."""
        count = int(said.text("count"))
        since_ns = read.as_of_ns - int(said.values["days"] or 0) * DAY_NS if said.values["days"] else 0
        told = sum(
            (moment_ns(one.text("when"), read.as_of_ns) or 0) + MINUTE_NS > since_ns
            for one in read.said
            if one is not None and (one.form == "another" or (one.form in {"story", "silent"} and not is_near(one)))
        )
        least, most = max(told, len({line.time_ns for line in cited})), max(len(read.listed), 1)
        is_whole = most < MOST_LISTED
        yield Finding("number", least <= count and (count <= most or not is_whole), f"{least} to {most} are shown")
        for line in cited:
            yield Finding("number", line.time_ns > since_ns - DAY_NS // 24, "a cited one is older than is said")

    def _moment(self, said: Said, time_ns: int | None, read: Read) -> Iterator[Finding]:
        """When: to the minute, and how long ago, which is said of the moment itself or of the start of its minute."""
        when_ns = moment_ns(said.text("when"), read.as_of_ns)
        right = when_ns is not None and time_ns is not None and time_ns // MINUTE_NS * MINUTE_NS == when_ns
        yield Finding("number", right, f"{said.text('when')} is not when it was")
        ago = said.text("ago")
        fits = time_ns is not None and any(
            ago_fits(ago, moment, read.as_of_ns)
            for moment in ([time_ns] if said.form != "silent" else [time_ns, time_ns + MINUTE_NS - 1])
        )
        yield Finding("number", fits, f"{ago} is not how long ago it was")
        if said.values.get("days") and time_ns is not None:
            old = time_ns <= read.as_of_ns - int(said.text("days")) * DAY_NS
            yield Finding("number", old, "it is in the days in which there should be none")

    def _ordered(self, told: Sequence[str], span: tuple[int, int]) -> Iterator[Finding]:
        label = self._label(span)
        if label is None:
            return
        for place, (first, later) in enumerate(itertools.pairwise(told)):
            if first in label.onsets and later in label.onsets:
                right = label.onsets[first] <= label.onsets[later] + ORDER_TOLERANCE_NS
                yield Finding("order", right, f"{later} was before {first} (place {place})")

    def _label(self, span: tuple[int, int]) -> TrueLabel | None:
        """The fault that was injected then."""
        met = [one for one in self.labels if not one.benign and one.start_ns < span[1] and one.end_ns > span[0]]
        return met[0] if met else None

    def _stretch(self, read: Read) -> Stretch | None:
        lasted = read.before("lasted")
        if lasted is None:
            return None
        place = max(at for at, one in enumerate(read.said[: read.place]) if one is lasted)
        cited = [line for each in read.citations[place] if (line := self.line_of(each)) is not None]
        return stretch_of(lasted, read.as_of_ns, cited)

    def _counted(self, said: Said, services: Sequence[str], start_ns: int | None, end_ns: int) -> int:
        return sum(len(within(self._times(said, service), start_ns, end_ns)) for service in services)

    def _times(self, said: Said, service: str) -> list[int]:
        return self.log.times(service, said.text("text"), said.values["level"] or "")

    def _known(self, services: Sequence[str]) -> Iterator[Finding]:
        for service in services:
            if service not in self.log.services:
                yield Finding("name", False, f"no service is called {service}")
