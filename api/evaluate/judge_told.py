"""The judge of what a language model tells: held against the answer that was made without it, and against the files.

Model sentences have no form that could be parsed. Each is judged by what it names: every number, clock, service, id and
quotation must stand in what it may rest on, which are the lines that it cites, as they are in the files, and the
sentences of the plain answer that the judge found right and that cite one of these lines. It shares no code with the
checker (api/llm_check.py), which reads clauses.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.evaluate.judge_files import PlainLine
from api.evaluate.judge_finding import Finding, Judged

FORM = "told"
_QUOTE = re.compile(r"“([^”]*)”|\"([^\"]*)\"|「([^」]*)」")
_FIGURE = re.compile(r"\d+(?:[:.,\-]\d+)*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)+")


def judge_told(
    claim: Mapping[str, Any],
    cited: Sequence[PlainLine],
    plain: Sequence[Mapping[str, Any]],
    services: Sequence[str],
) -> Judged:
    """One sentence of a model. `plain`: the claims of the answer without it that the judge found right; `cited`: the
    cited lines as they stand in the files; `services`: all there are.
    """
    ids = set(claim["citations"])
    bases = [each["text"] for each in plain if ids & set(each["citations"])]
    bases += [_written(line) for line in cited]
    text = claim["text"]
    if text in bases:
        return Judged(text, FORM, (Finding("citation", bool(cited), "no line is cited"),))
    return Judged(text, FORM, tuple(_findings(text, cited, bases, services)))


def _written(line: PlainLine) -> str:
    """Who wrote a line, and when: this much of it may be told beside what it says."""
    moment = dt.datetime.fromtimestamp(line.time_ns // 1_000_000_000, tz=dt.UTC)
    return f"{line.service} {moment:%Y-%m-%dT%H:%M:%S}.{line.time_ns // 1_000_000 % 1000:03}Z"


def _findings(
    text: str, cited: Sequence[PlainLine], bases: Sequence[str], services: Sequence[str]
) -> Iterator[Finding]:
    yield Finding("citation", bool(cited), "no line is cited")
    said = [each for line in cited for each in line.texts]
    for found in _QUOTE.finditer(text):
        quoted = next(group for group in found.groups() if group is not None).strip(" ….")
        right = any(quoted in each for each in (*said, *bases))
        yield Finding("quote", right, f"nothing that it rests on says “{quoted}”")
    bare = _QUOTE.sub(" ", text)
    for figure in _FIGURE.findall(bare):
        yield Finding(
            "number", any(_has(each, figure) for each in bases), f"{figure} stands in no sentence that is right"
        )
    known = {line.service.lower() for line in cited}
    for name in _names(bare, services):
        right = name in known or any(name in _words(each) for each in bases)
        yield Finding("name", right, f"{name} is neither cited nor told of")


def _has(text: str, figure: str) -> bool:
    """Whole, or the first part of a clock with more places."""
    return any(each == figure or (":" in figure and each.startswith(figure)) for each in _figures(text))


def _figures(text: str) -> list[str]:
    found = _FIGURE.findall(text)
    return found + [part for each in found if ":" in each for part in re.findall(r"\d\d:\d\d.*", each)]


def _names(text: str, services: Sequence[str]) -> list[str]:
    known = {service.lower() for service in services}
    plain = [word for word in re.findall(r"[A-Za-z][A-Za-z0-9-]*", text.lower()) if word in known]
    return list(dict.fromkeys([*plain, *(name.lower() for name in _NAME.findall(text))]))


def _words(text: str) -> set[str]:
    return {word.strip(".-").lower() for word in re.findall(r"[A-Za-z0-9_.\-]+", text)}
