"""Whole sentences in the question's language, and log text made safe to stand in them."""

import functools
import importlib.resources
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

from api.time_text import format_time

Language = Literal["en", "zh"]

QUOTE_CHARACTERS = 300
"""Longest quotation in a sentence or citation list (a guess: three lines of a terminal)."""
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)?|\x1b.?|\x9b[0-?]*[ -/]*[@-~]")


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


def time_said(time_ns: int) -> str:
    """UTC, to the millisecond."""
    return format_time(time_ns // 1_000_000 * 1_000_000)


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
