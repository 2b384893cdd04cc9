"""What a scripted model says: true sentences in its own words about the statements of its prompt, and false ones.

It knows the statements' forms in both languages and says them otherwise, as models do: parts left out, other words,
another order of sentences. Each false sentence has exactly one thing wrong.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_QUOTES = re.compile("“[^”]*”")


class Line(NamedTuple):
    """A sentence and the id that it cites."""

    text: str
    id: str

    @property
    def whole(self) -> str:
        """As the model writes it."""
        return f"- {self.text} [{self.id}]"


def statements(request: dict[str, Any]) -> list[dict[str, str]]:
    """Those of the prompt."""
    text = "\n".join(str(message["content"]) for message in request["messages"])
    rows = (row for row in text.splitlines() if row.startswith('{"id":"S'))
    return [orjson.loads(row) for row in rows]


def true_lines(request: dict[str, Any]) -> list[Line]:
    """One or more sentences for each statement."""
    return [Line(text, each["id"]) for each in statements(request) for text in _said_otherwise(each["says"])]


def _said_otherwise(text: str) -> Iterator[str]:
    """The statement in other words; as it is where no other words are known."""
    found = list(_of_forms(text))
    yield from found or [text]


def _of_forms(text: str) -> Iterator[str]:
    for form, others in _FORMS:
        match = re.search(form, text)
        if match:
            yield from (other.format(**match.groupdict()) for other in others)
            return


_WROTE = r"(?P<service>[\w.-]+) wrote (?P<quote>“.*”)(?: \(\w+\))?"
_FORMS = (
    (
        r"(?P<first>[\w.-]+) failed first(?: \(“.*?”\))?, (?P<next>[\w.-]+) followed (?P<delta>[\d.]+ (?:ms|s)) later",
        (
            "The {first} service failed first.",
            "{next} followed {delta} later",
            "First {first} failed, and then {next} followed {delta} later.",
        ),
    ),
    (
        r"最先异常的是 (?P<first>[\w.-]+)(?:\(“.*?”\))?,(?P<next>[\w.-]+) 在 (?P<delta>[\d.]+ (?:毫秒|秒))后随之异常",
        ("{first} 服务最先异常。", "{next} 在 {delta}后随之异常", "首先是 {first} 异常，随后 {next} 在 {delta}后异常"),
    ),
    (
        rf"^{_WROTE} (?P<count>\d+) times; usual is about (?P<usual>[\d.]+)\.",
        (
            "{service} wrote {quote} {count} times, while usual is about {usual}.",
            "{quote} was written {count} times by the {service} service",
        ),
    ),
    (
        rf"^{_WROTE} only (?P<count>\d+) times; usual is about (?P<usual>[\d.]+)\.",
        ("{service} wrote {quote} only {count} times; usually it is about {usual}.",),
    ),
    (
        r"^(?P<service>[\w.-]+) 写出(?P<quote>“.*”)(?:\(\w+\))?(?P<count>\d+) 次;平时约为 (?P<usual>[\d.]+) 次",
        ("{service} 服务写出 {quote} 共 {count} 次，平时约为 {usual} 次。",),
    ),
    (r"^It lasted (?P<how>.*?), until", ("The problem lasted {how}.",)),
    (r"^持续 (?P<how>.*?),到", ("故障持续了 {how}。",)),
    (
        r"^(?P<service>[\w.-]+) at (?P<day>[\d-]+)T(?P<clock>\d\d:\d\d)\S+: (?P<quote>“.*”)",
        ("At {clock} {service} logged {quote}.",),
    ),
    (
        r"^(?P<service>[\w.-]+) 于 (?P<day>[\d-]+)T(?P<clock>\d\d:\d\d)\S+:(?P<quote>“.*”)",
        ("{service} 在 {clock} 记录了 {quote}",),
    ),
)


def false_lines(request: dict[str, Any], services: Sequence[str]) -> list[Line]:
    """True lines made false in one thing each."""
    ids = [each["id"] for each in statements(request)]
    found: list[Line] = []
    for place, line in enumerate(true_lines(request)):
        found += _with_other_number(line)
        found += _with_other_service(line, services, place)
        found += _denied(line)
        found += _with_other_quote(line)
        found.append(Line(line.text, "S99"))
        found.append(Line(f"{line.text.rstrip('。.')} because of a bad deploy", line.id))
    found += [Line("All services are healthy", each) for each in ids[:2]]
    found += [Line("所有服务均正常", each) for each in ids[:2]]
    return found


def _with_other_number(line: Line) -> Iterator[Line]:
    hidden = _QUOTES.sub(lambda quote: "“" + "x" * (len(quote[0]) - 2) + "”", line.text)
    for found in list(_NUMBER.finditer(hidden))[:2]:
        if not re.search(r"[\w.-]$", hidden[: found.start()]) and hidden[found.end() : found.end() + 1] != ":":
            other = str(int(float(found[0])) + 7)
            yield Line(line.text[: found.start()] + other + line.text[found.end() :], line.id)


def _with_other_service(line: Line, services: Sequence[str], place: int) -> Iterator[Line]:
    named = [service for service in services if re.search(rf"(?<![\w-]){re.escape(service)}(?![\w-])", line.text)]
    others = [service for service in services if service not in named]
    if named and others:
        other = others[place % len(others)]
        yield Line(re.sub(rf"(?<![\w-]){re.escape(named[0])}(?![\w-])", other, line.text, count=1), line.id)


def _denied(line: Line) -> Iterator[Line]:
    for word, denied in (
        (" failed", " never failed"),
        (" wrote", " did not write"),
        ("异常", "没有异常"),
        ("写出", "没有写出"),
    ):
        if word in line.text:
            yield Line(line.text.replace(word, denied, 1), line.id)
            return


def _with_other_quote(line: Line) -> Iterator[Line]:
    if "“" in line.text:
        yield Line(_QUOTES.sub("“everything went well”", line.text, count=1), line.id)
