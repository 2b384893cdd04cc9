"""Whole sentences in the question's language, and log text made safe to stand in them."""

import datetime as dt
import functools
import importlib.resources
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

from api.time_text import SECOND_NS, format_time

Language = Literal["en", "zh"]

QUOTE_CHARACTERS = 300
"""Longest quotation in a sentence or citation list (a guess: three lines of a terminal)."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YEAR_CLEAR_NS = 300 * 86_400 * SECOND_NS
"""Within so many days a date needs no year."""
_LEVEL = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|SEVERE|CRITICAL"
_PREAMBLE = re.compile(
    rf"(?:(?:{_LEVEL}|[TDIWEF]):?|\[[^\]]{{0,80}}\]:?|\((?:request|trace|req|id) \S+\)"
    r"|\d{4}[-/]\d\d[-/]\d\d\S*|\d\d:\d\d:\d\d\S*|<\*>|\d{1,7}(?=\s+---)|[-:|*]+|\S+\.\w{1,4}:(?:\d+|<\*>):?"
    r"|\S+\.\S+:|\S+\.\S+(?=\s+[-:])|in(?=\s+\S+\.\S+:))\s+"
)
"""A word with which lines begin before they say anything: a time, a level, a place in the code, an id."""
_TRACE = re.compile(r"[\s(\[]*\b(?:trace|trace_id|request_id|span_id)=\S+$")
"""What may end a line and tells a reader nothing."""
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)?|\x1b.?|\x9b[0-?]*[ -/]*[@-~]")


_MASK = "<*>"
SHORTEST_TOLD = 8
"""A line of which less is left begins with what it says (a guess)."""


@functools.cache
def _sentences() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads(importlib.resources.files("api").joinpath("sentences.toml").read_text(encoding="utf-8"))


def say(name: str, language: Language, **values: object) -> str:
    """The sentence `group.key` of `sentences.toml`. Values are put in as they are: quote log text first."""
    group, key = name.split(".")
    return _sentences()[group][key][language].format(**values)


def listed(items: Iterable[str], language: Language) -> str:
    """Items in one phrase."""
    return say("unit.and", language).join(items)


def quote(text: str, limit: int = QUOTE_CHARACTERS) -> str:
    """Log text as one line of plain characters: no escape sequences, control or direction marks; cut at `limit`."""
    plain = _ESCAPES.sub("", text[: limit * 8])
    kept = "".join(
        character if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} else " "
        for character in plain
    )
    joined = " ".join(kept.split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def told(text: str, limit: int) -> str:
    """What a line or template says, without the time, level, logger and trace that it may stand between."""
    plain = quote(text, QUOTE_CHARACTERS * 4)
    at = told_from = 0
    while found := _PREAMBLE.match(plain, at):
        at = found.end()
        # A mask may be the first word of what is said; only before more of the preamble it is a time or an id.
        told_from = told_from if found[0].startswith(_MASK) else at
    rest = _TRACE.sub("", plain[told_from:])
    return quote(rest if len(rest) >= SHORTEST_TOLD else plain, limit)


def level_said(level: str, language: Language) -> str:
    """The level of all lines that are counted, to stand after what they say; empty when they have none or several."""
    return say("unit.level", language, level=level) if level else ""


def time_said(time_ns: int) -> str:
    """UTC, to the millisecond."""
    return format_time(time_ns // 1_000_000 * 1_000_000)


def moment_said(time_ns: int, as_of_ns: int, language: Language) -> str:
    """UTC, to the minute; with the year where it could be misread."""
    moment = dt.datetime.fromtimestamp(time_ns // SECOND_NS, tz=dt.UTC)
    is_far = abs(as_of_ns - time_ns) > _YEAR_CLEAR_NS
    return say(
        "unit.moment_year" if is_far else "unit.moment",
        language,
        year=moment.year,
        month=moment.month,
        month_name=_MONTHS[moment.month - 1],
        day=moment.day,
        clock=f"{moment:%H:%M}",
    )


def ago_said(time_ns: int, as_of_ns: int, language: Language) -> str:
    """How long before `as_of_ns`, in the unit a person would choose; rounded down."""
    minutes = max((as_of_ns - time_ns) // (60 * SECOND_NS), 0)
    if minutes < 1:
        return say("unit.just_now", language)
    name, count = ("minute", minutes) if minutes < 120 else ("hour", minutes // 60)
    if minutes >= 48 * 60:
        name, count = "day", minutes // (24 * 60)
    return say(f"unit.{name}_ago" if count == 1 else f"unit.{name}s_ago", language, n=count)


def delta_said(delta_ns: int, language: Language) -> str:
    """How much later, in the unit a person would choose."""
    ms = delta_ns // 1_000_000
    if ms < 1000:
        return say("unit.milliseconds", language, n=ms)
    if ms < 60_000:
        return say("unit.seconds", language, n=f"{ms / 1000:.1f}")
    if ms < 3_600_000:
        return say("unit.minutes", language, m=ms // 60_000, n=ms % 60_000 // 1000)
    return say("unit.hours", language, m=ms // 3_600_000, n=ms % 3_600_000 // 60_000)


def number_said(value: float) -> str:
    """A number that is not exact: whole from ten on, else with one decimal if that says anything."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")
