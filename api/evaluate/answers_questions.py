"""The questions of the evaluation of answers, filled in for one simulated shop, and whether anything answers them."""

import dataclasses
import datetime as dt
import importlib.resources
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from api.evaluate.judge import TrueLabel
from api.evaluate.judge_files import SECOND_NS, PlainLine, PlainLog
from api.evaluate.judge_read import DAY_NS, MINUTE_NS

AROUND_NS = 30 * MINUTE_NS
"""How far before and after a fault a question's hours reach, to the minute."""
_WORDS = re.compile(
    r"(?<![\w/])[a-z]{3,}(?: [a-z]{2,}){1,5}(?!\w)|(?<![\w/])[\u4e00-\u9fff]{3,12}(?:\s[\u4e00-\u9fff]{1,12})*(?!\w)"
)
"""Two to six plain words side by side, or some Chinese: what a person would remember of a line."""
_REQUEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")

Expected = Literal["found", "not found", "open"]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question. `expected` is what the labels and a plain scan say of whether it has an answer."""

    text: str
    language: Literal["en", "zh"]
    services: tuple[str, ...]
    """That it names."""
    now_ns: int
    expected: Expected
    kinds: tuple[str, ...] = ()
    """Of the faults that it asks for."""
    want: Literal["any", "first", "last", "count"] = "any"
    words: str = ""
    """Of a line that it asks for."""


def questions(log: PlainLog, labels: Sequence[TrueLabel], now_ns: int) -> Iterator[Asked]:
    """All questions for a shop, each once in either language, about its faults in turn."""
    faults = [label for label in labels if not label.benign and not label.silent]
    for turn, row in enumerate(_rows()):
        about = faults[turn % len(faults)]
        blanks = _blanks(log, about)
        expected = _expected(row, labels, about, now_ns)
        for language in ("en", "zh"):
            text = row[language].format(**blanks)
            services = (about.service,) if "{service}" in row[language] else ()
            asked_ns = now_ns + row.get("later_days", 0) * DAY_NS
            kinds, want = tuple(row.get("kinds", ())), row.get("want", "any")
            words = blanks["text"] if "{text}" in row[language] else ""
            yield Asked(text, language, services, asked_ns, expected, kinds, want, words)


def _rows() -> list[dict[str, Any]]:
    text = importlib.resources.files("api.evaluate").joinpath("answer_questions.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["question"])


def _expected(row: dict[str, Any], labels: Sequence[TrueLabel], about: TrueLabel, now_ns: int) -> Expected:
    if row.get("never"):
        return "not found"
    if not (row.get("kinds") or row.get("any")):
        return "open" if row.get("open") else "found"
    start_ns, end_ns = _span(row.get("span", "all"), about, now_ns)
    answering = [
        label
        for label in labels
        if not label.benign
        and label.start_ns < end_ns
        and label.end_ns > start_ns
        and (row.get("any") or label.kind in row["kinds"])
    ]
    if not answering:
        return "not found" if row.get("kinds") else "open"
    # What nobody complained of may be missed: that is for the evaluation of incidents to measure.
    return "open" if all(label.silent for label in answering) else "found"


def _span(name: str, about: TrueLabel, now_ns: int) -> tuple[int, int]:
    day = about.start_ns // DAY_NS * DAY_NS
    return {
        "all": (0, now_ns),
        "day": (day, day + DAY_NS),
        "hours": _hours(about),
        "last_day": (now_ns - DAY_NS, now_ns),
    }[name]


def _hours(about: TrueLabel) -> tuple[int, int]:
    first, last = (about.start_ns - AROUND_NS) // MINUTE_NS, (about.end_ns + AROUND_NS) // MINUTE_NS
    return first * MINUTE_NS, last * MINUTE_NS


def _blanks(log: PlainLog, about: TrueLabel) -> dict[str, str]:
    """What a person who saw the fault would have at hand."""
    start_ns, end_ns = _hours(about)
    seen = [line for line in log.lines_of(about.service) if about.start_ns <= line.time_ns < about.end_ns]
    return {
        "service": about.service,
        "date": f"{_time(about.start_ns):%Y-%m-%d}",
        "start": f"{_time(start_ns):%Y-%m-%dT%H:%MZ}",
        "end": f"{_time(end_ns):%Y-%m-%dT%H:%MZ}",
        "text": _remembered(seen),
        "request": next((found[0] for line in seen for text in line.texts if (found := _REQUEST.search(text))), ""),
    }


def _remembered(lines: Sequence[PlainLine]) -> str:
    """Words of the first line that has some, of those with which programs complain if there are any."""
    loud = [line for line in lines if re.search(r"(?i)\b(?:error|warn|warning)\b", line.texts[-1])]
    found = [match[0] for line in [*loud, *lines] if (match := _WORDS.search(line.texts[0]))]
    return next((text for text in found if text.count(" ") > 1), found[0])


def _time(time_ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, tz=dt.UTC)
