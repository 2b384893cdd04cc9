"""What an incident is called, of what kinds it is and how bad: read off its own deviations."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from index.incident import Deviation, Onset
from index.pattern import WILDCARD
from index.window import RESTARTS

TITLE_CHARACTERS = 120
"""A line in a chat or a narrow page (a guess)."""
_LEAST_WORDS, _WANTED_WORDS = 30, 45
"""Characters that the quoted words get whatever else the title says, and before those who followed are named."""
_NAMED = 3
AVALANCHE_SERVICES = 3
"""DESIGN.md: deviations spreading over three services or more in onset order."""
_STEP_NS = 5_000_000_000
"""A failure that spreads fills queues, which takes longer (a guess); complaints of one failure come at once."""
_SURE = 4.0
_STRONG, _SILENT = 8.0, -3.0
"""What a service newly says at least, or stops saying, where failure spreads (measured on simulated shops, seeds 1 to
5: all 10 avalanches stay, and of 47 other faults that looked like one 26 do not).
"""
_START_WORDS = re.compile(
    r"\b(?:start(?:ed|ing|up)?|restart(?:ed|ing)?|boot(?:ed|ing|strap)?|initiali[sz](?:ed|ing)"
    r"|shut(?:ting)?[ -]?down|terminat(?:ed|ing))\b",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_IDENTIFIER = re.compile(
    rf"""[\[(]?\b(?:trace|span|request|req|correlation|transaction)(?:[ _-]?id)?["']?\s*[:= ]\s*
        ["']?{re.escape(WILDCARD)}["']?[\])]?""",
    re.VERBOSE | re.IGNORECASE,
)
_PREFIX = re.compile(
    r"""(?:\s*(?:
        (?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|[DIWEF])\b:?(?=\s|$)
        | (?i:trace|debug|info|notice|warn|warning|error|err|severe|critical|crit|fatal):(?=\s|$)
        | (?:in\s+)?[\[(]?(?!\S*(?:Exception|Error)\b)  # a logger, but not what was thrown
          [A-Za-z_$][\w$-]*(?:[./][\w$<*>-]+)+(?:[:#]\S*)?[\])]?:?(?=\s|$)
        | \[\s*(?:[^\[\]]*<\*>[^\[\]]*|main|(?i:trace|debug|info|notice|warn|warning|error|fatal))\s*\]:?
        | [^\w\s"'/]*<\*>\S*(?=\s|$)
        | [^\w\s"'/]+(?=\s|$)
        | \d[\d:.,TZ+-]*(?=\s|$)
    ))*\s*""",
    re.VERBOSE,
)
_VERBS = {"appeared": "appeared", "burst": "burst", "vanished": "stopped", "slower": "slowed down", "level": "rose"}


def title_of(services: Sequence[str], deviations: Sequence[Deviation], start_ns: int, end_ns: int) -> str:
    """For example: `checkout: "connection pool exhausted" appeared, then payment, cart followed`.

    At most TITLE_CHARACTERS, if names of services leave room.
    """
    if not services or not deviations:
        minutes = max(round((end_ns - start_ns) / 60e9), 1)
        return f"{minutes} minutes as usual"
    own = [deviation for deviation in deviations if deviation.service == services[0]]
    first = max(own or deviations, key=lambda deviation: (_telling(deviation), deviation.template))
    verb = _VERBS[first.kind]
    if first.kind == "slower":
        verb += f" ({_duration(first.expected)} to {_duration(first.observed)})"
    words = telling_words(first.template)
    for named in (_NAMED, 2, 1, 0):
        follow = _follow(services[1:], named)
        room = TITLE_CHARACTERS - len(f'{services[0]}: "" {verb}{follow}')
        if room >= min(len(words), _WANTED_WORDS):
            break
    return f'{services[0]}: "{_cut(words, max(room, _LEAST_WORDS))}" {verb}{follow}'


def _follow(others: Sequence[str], named: int) -> str:
    if not others:
        return ""
    more = len(others) - named
    if named <= 0:
        return f", then {len(others)} more followed"
    return f", then {', '.join(others[:named])}{f' and {more} more' if more > 0 else ''} followed"


def telling_words(template: str) -> str:
    """What a template says, without what stands before the message in each line: clock, level, thread, logger, trace;
    without identifiers of requests and without the stack trace. Whatever varies is `…`.
    """
    lines = [line for line in (" ".join(line.split()) for line in template.split("\n")) if line]
    if not lines:
        return ""
    line = _IDENTIFIER.sub(" ", lines[0])
    message = line[_PREFIX.match(line).end() :]  # type: ignore[union-attr]  # it matches the empty text too
    if len(_LETTERS.findall(message)) < 2:
        message = line if len(_LETTERS.findall(line)) >= 2 else " ".join(lines)
    text = re.sub(rf"[\[(]*{re.escape(WILDCARD)}(?:[\s\])(\[:,;/|-]*{re.escape(WILDCARD)})*[\])]*", "…", message)
    return " ".join(text.split()).lstrip(" -:|,;])…").rstrip(" -:|,;[(…") or template.strip()


def _cut(text: str, most: int) -> str:
    """At most so many characters, cut between words if there are any."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head).rstrip(" -:|,;([…") + "…"


def kinds_of(deviations: Sequence[Deviation], onset: Sequence[Onset], *, after_deploy: bool) -> tuple[str, ...]:
    """Tags in alphabetical order. `after_deploy`: pods of the faulty service began shortly before or in it."""
    sure = [deviation for deviation in deviations if abs(deviation.surprise) >= _SURE]
    kinds = {
        "avalanche": _steps([each.time_ns for each in onset]) >= AVALANCHE_SERVICES and _is_failure(deviations),
        "deploy": after_deploy,
        "errors": any(d.kind in {"appeared", "burst", "level"} and d.template != RESTARTS for d in sure),
        "restart": any(
            d.template == RESTARTS or (d.kind in {"appeared", "burst"} and _START_WORDS.search(d.template))
            for d in sure
        ),
        "silence": any(d.kind == "vanished" for d in sure),
        "slowness": any(d.kind == "slower" for d in sure),
    }
    return tuple(sorted(kind for kind, is_so in kinds.items() if is_so))


def _steps(times: Iterable[int]) -> int:
    """At how many moments apart services began to deviate: those who complain of one failure at once are one step."""
    steps, last_ns = 0, None
    for time_ns in sorted(times):
        if last_ns is None or time_ns >= last_ns + _STEP_NS:
            steps, last_ns = steps + 1, time_ns
    return steps


def _is_failure(deviations: Sequence[Deviation]) -> bool:
    """Whether it is failure that spreads and not slowness alone: services complain one after another, or stop."""
    complained: dict[str, int] = {}
    for deviation in deviations:
        if deviation.kind in {"appeared", "burst"} and deviation.surprise >= _STRONG:
            earliest = complained.get(deviation.service, deviation.onset_ns)
            complained[deviation.service] = min(earliest, deviation.onset_ns)
    silent = {each.service for each in deviations if each.kind == "vanished" and each.surprise <= _SILENT}
    return _steps(complained.values()) >= AVALANCHE_SERVICES or len(silent) >= AVALANCHE_SERVICES


def severity_of(
    scores: Sequence[float], deviations: Sequence[Deviation], bar: float
) -> Literal["minor", "major", "critical"]:
    """By how many services failed and how surely (a guess; nothing else hangs on it)."""
    failing = sum(score >= bar for score in scores)
    if failing >= AVALANCHE_SERVICES and any(d.kind != "slower" for d in deviations):
        return "critical"
    return "major" if failing >= 2 or max(scores, default=0.0) >= 2 * bar else "minor"


def _telling(deviation: Deviation) -> float:
    """What was newly said tells a reader more than what fell silent, and that more than what took longer; and a
    sentence more than a word. A container that starts again and again tells more than the lines of its start.
    """
    if deviation.template == RESTARTS:
        return round(4 * abs(deviation.surprise), 3)
    factor = {"appeared": 3.0, "burst": 2.0, "vanished": 1.0, "slower": 0.8, "level": 0.5}[deviation.kind]
    spoken = min(len(_LETTERS.findall(telling_words(deviation.template))), 3) / 3
    return round(factor * spoken * abs(deviation.surprise), 3)


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
