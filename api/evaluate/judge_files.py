"""The plain scan of the judge of answers: the container files as they were written, read with the standard library.

It shares no code with the write path on purpose: what it counts is what a person with an editor would count.
"""

import bisect
import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

SECOND_NS = 1_000_000_000
_CONTAINER = re.compile(r"_(?P<name>[^_]+)-[0-9a-f]{64}\.log$")
_CRI = re.compile(r"(?P<time>\S+) (?P<stream>stdout|stderr) (?P<tag>[PF])(?::\S*)? ?(?P<text>.*)", re.DOTALL)
_HEAD = re.compile(r"\s*(?:\{|time=|\[?\d{4}-\d\d-\d\d)")
"""How a program's line begins; what begins otherwise (a stack trace) belongs to the line before it."""
_SAID = re.compile(r'(?:^|\s)msg=(?P<text>"(?:[^"\\]|\\.)*")')
_LEVEL = re.compile(r"\b(?P<name>DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b")
_LEVEL_FIELD = re.compile(r'(?:"level":"|level=)(?P<name>[A-Za-z]+)')
_HEAD_CHARACTERS = 120
"""A level further into a plain line is one that it speaks of (a guess)."""
_MESSAGE_FIELDS = ("message", "event", "msg")
_CUT = "…"
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff]")
_MASK = "<*>"
_FILLED = r'(?:"(?:[^"\\]|\\.)*"|\S+(?: [kKMGTP]i?[bB]?(?!\w))?)(?: \d+[a-zA-Z]{0,2}(?!\S))*?'
"""What a mask stands for: one word, a size with its unit, or one text in quotation marks, and numbers beside it."""
_HEAD_WORD = r"(?:[^a-z\s{]\S*|[a-z][\w-]*[^\w\s-]\S*|in) "
_START = rf"^(?:{_HEAD_WORD})*"
"""Before a quoted text nothing may stand but the line's head: times, levels, loggers, numbers, no plain word."""
_END = r"[\])}]*(?:[\s(\[]*(?:trace|trace_id|request_id)=\S+)?$"
"""After it nothing but closing brackets and the request that a line belongs to."""
_NAMES_ERROR = re.compile(r"[\w.]+(?:Error|Exception)\b")
_REPEATED = re.compile(r"(\{[^{}]*\})(?:,\{[^{}]*\})+")
"""Objects side by side in a list: of as many a quotation shows the first."""


@dataclasses.dataclass(frozen=True)
class PlainLine:
    """One line as its program wrote it: parts joined, a stack trace with the line it follows."""

    file: str
    offset: int
    """Bytes before its first record."""
    service: str
    time_ns: int
    """The runtime's."""
    level: str
    """`debug`, `info`, `warn`, `error` or `fatal` where the line's head names one, else empty."""
    texts: tuple[str, ...]
    """How a person may read it, blanks squeezed: its message first (the whole line where it names none), its first row,
    the whole line, and a list of objects as its first one.
    """


class PlainLog:
    """All lines of a folder of container files."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._at: dict[tuple[str, int], PlainLine] = {}
        self._by_service: dict[str, list[PlainLine]] = {}
        self._times: dict[tuple[str, ...], list[int]] = {}
        for file in files:
            for line in read_file(file):
                self._at[line.file, line.offset] = line
                self._by_service.setdefault(line.service, []).append(line)
        for lines in self._by_service.values():
            lines.sort(key=lambda line: line.time_ns)

    @property
    def services(self) -> tuple[str, ...]:
        """By name."""
        return tuple(sorted(self._by_service))

    def lines_of(self, service: str) -> list[PlainLine]:
        """By time."""
        return self._by_service.get(service, [])

    def line_at(self, file: str, offset: int) -> PlainLine | None:
        """The line that begins there."""
        return self._at.get((file, offset))

    def counts(self) -> dict[str, int]:
        """Lines by service."""
        return {service: len(lines) for service, lines in sorted(self._by_service.items())}

    def times(self, service: str, quoted: str, level: str = "") -> list[int]:
        """When the service wrote lines that say what is quoted (`<*>` for a value, `…` where it was cut), ascending; of
        this level, if one is given.
        """
        key = (service, quoted, level)
        if key not in self._times:
            wanted = quoted_pattern(quoted)
            lines = [line for line in self.lines_of(service) if level in {"", line.level}]
            self._times[key] = [line.time_ns for line in lines if says(line, wanted)]
        return self._times[key]

    def holding(self, service: str, text: str, *, anywhere: bool) -> list[int]:
        """When the service wrote lines whose message, or `anywhere` in which anything, holds exactly this text, in any
        case, ascending. Chinese has no blanks: where the text begins or ends with a character of it no word ends.
        """
        key = (service, text, "", str(anywhere))
        if key not in self._times:
            wanted = _whole(text)
            lines = self.lines_of(service)
            texts = ((line, line.texts if anywhere else line.texts[:1]) for line in lines)
            self._times[key] = [line.time_ns for line, said in texts if any(map(wanted.search, said))]
        return self._times[key]


def _whole(text: str) -> re.Pattern[str]:
    before = "" if _IDEOGRAPH.match(text[:1]) else r"(?<![^\W_])"
    after = "" if _IDEOGRAPH.match(text[-1:]) else r"(?![^\W_])"
    return re.compile(before + re.escape(text) + after, re.IGNORECASE)


def within(times: list[int], start_ns: int | None, end_ns: int) -> list[int]:
    """Those of ascending times in `[start_ns, end_ns)`."""
    first = 0 if start_ns is None else bisect.bisect_left(times, start_ns)
    return times[first : bisect.bisect_left(times, end_ns)]


def quoted_pattern(quoted: str) -> re.Pattern[str]:
    """What the quoted text may stand for in a line."""
    pieces = [re.escape(piece) for piece in quoted.removesuffix(_CUT).split(_MASK)]
    return re.compile(_START + _FILLED.join(pieces) + ("" if quoted.endswith(_CUT) else _END))


def says(line: PlainLine, wanted: re.Pattern[str]) -> bool:
    """Whether the line, read in one of the ways it can be read, has it."""
    return any(wanted.search(text) for text in line.texts)


def service_of(file: str) -> str:
    """What a container file's name says."""
    found = _CONTAINER.search(file)
    return found["name"] if found else file.removesuffix(".log")


def read_file(path: Path) -> list[PlainLine]:
    """The lines of one finished container file, in order."""
    service = service_of(path.name)
    open_text: dict[str, tuple[int, int, str]] = {}
    rows: dict[str, list[tuple[int, int, list[str]]]] = {}
    offset = 0
    for raw in path.read_bytes().split(b"\n"):
        if raw:
            time_ns, stream, text, is_last = _record(raw.decode())
            first_offset, first_ns, begun = open_text.pop(stream, (offset, time_ns, ""))
            if is_last:
                _add(rows.setdefault(stream, []), first_offset, first_ns, begun + text)
            else:
                open_text[stream] = (first_offset, first_ns, begun + text)
        offset += len(raw) + 1
    made = [
        PlainLine(path.name, offset, service, time_ns, _level(texts[0]), _readings(texts))
        for stream_rows in rows.values()
        for offset, time_ns, texts in stream_rows
    ]
    return sorted(made, key=lambda line: line.offset)


def _add(rows: list[tuple[int, int, list[str]]], offset: int, time_ns: int, text: str) -> None:
    if rows and not _HEAD.match(text):
        rows[-1][2].append(text)
    else:
        rows.append((offset, time_ns, [text]))


def _record(raw: str) -> tuple[int, str, str, bool]:
    """Time, stream, text, and whether it ends a line."""
    if raw.startswith("{"):
        fields = json.loads(raw)
        text = str(fields["log"])
        return rfc3339_ns(fields["time"]), str(fields["stream"]), text.removesuffix("\n"), text.endswith("\n")
    found = _CRI.fullmatch(raw)
    assert found is not None, f"neither Docker's nor CRI's: {raw[:80]!r}"
    return rfc3339_ns(found["time"]), found["stream"], found["text"], found["tag"] == "F"


def _readings(rows: list[str]) -> tuple[str, ...]:
    whole = "\n".join(rows)
    said = _message(whole)
    readings = [whole, whole.partition("\n")[0]]
    if said is not None:
        readings = [said, said.partition("\n")[0], whole]
    # A stack trace in short: what failed, and the row that names the error, or all rows but its frames.
    head, _, rest = readings[0].partition("\n")
    readings += [f"{head} {row}" for row in rest.split("\n") if _NAMES_ERROR.match(row)]
    readings += [" ".join([head, *(row for row in rest.split("\n") if row and not row[0].isspace())])] if rest else []
    readings += [_REPEATED.sub(r"\1", text) for text in readings if _REPEATED.search(text)]
    return tuple(dict.fromkeys(" ".join(text.split()) for text in readings))


def _level(text: str) -> str:
    found = _LEVEL.search(text[:_HEAD_CHARACTERS]) or _LEVEL_FIELD.search(text)
    name = "" if found is None else found["name"].lower()
    return {"warning": "warn", "critical": "fatal"}.get(name, name)


def _message(text: str) -> str | None:
    """The message of a line that is JSON or logfmt."""
    if text.startswith("{"):
        try:
            fields: Mapping[str, object] = json.loads(text)
        except json.JSONDecodeError:
            return None
        return next((str(fields[name]) for name in _MESSAGE_FIELDS if name in fields), None)
    found = _SAID.search(text) if text.startswith("time=") else None
    return None if found is None else str(json.loads(found["text"]))


def rfc3339_ns(text: str) -> int:
    """UTC ns of a time in UTC, any number of decimals up to nine."""
    clock, _, decimals = text.removesuffix("Z").partition(".")
    seconds = int(dt.datetime.fromisoformat(clock).replace(tzinfo=dt.UTC).timestamp())
    return seconds * SECOND_NS + int(decimals.ljust(9, "0"))
