"""What an incident is called, of what kinds it is and how bad: read off its own deviations."""

import re
from collections.abc import Sequence
from typing import Literal

from index.incident import Deviation
from index.pattern import WILDCARD

TITLE_TEMPLATE = 90
"""Longer templates lose their beginning, where logger and trace stand; what happened is said last (a guess)."""
AVALANCHE_SERVICES = 3
"""DESIGN.md: deviations spreading over three services or more in onset order."""
_SURE = 4.0
_START_WORDS = re.compile(
    r"\b(?:start(?:ed|ing|up)?|restart(?:ed|ing)?|boot(?:ed|ing|strap)?|initiali[sz](?:ed|ing)"
    r"|shut(?:ting)?[ -]?down|terminat(?:ed|ing))\b",
    re.IGNORECASE,
)
_VERBS = {"appeared": "appeared", "burst": "burst", "vanished": "stopped", "slower": "slowed down", "level": "rose"}


def title_of(services: Sequence[str], deviations: Sequence[Deviation], start_ns: int, end_ns: int) -> str:
    """For example: `checkout: 'connection pool exhausted' appeared, then payment, cart followed`."""
    if not services or not deviations:
        minutes = max(round((end_ns - start_ns) / 60e9), 1)
        return f"{minutes} minutes as usual"
    own = [deviation for deviation in deviations if deviation.service == services[0]]
    first = max(own or deviations, key=lambda deviation: (_telling(deviation), deviation.template))
    told = f"{services[0]}: {_quoted(first.template)} {_VERBS[first.kind]}"
    if first.kind == "slower":
        told += f" ({_duration(first.expected)} to {_duration(first.observed)})"
    if len(services) == 1:
        return told
    more = f" and {len(services) - 4} more" if len(services) > 4 else ""
    return f"{told}, then {', '.join(services[1:4])}{more} followed"


def kinds_of(services: Sequence[str], deviations: Sequence[Deviation]) -> tuple[str, ...]:
    """Tags in alphabetical order."""
    sure = [deviation for deviation in deviations if abs(deviation.surprise) >= _SURE]
    kinds = {
        "avalanche": len(services) >= AVALANCHE_SERVICES,
        "errors": any(d.kind in {"appeared", "burst", "level"} for d in sure),
        "restart": any(d.kind in {"appeared", "burst"} and _START_WORDS.search(d.template) for d in sure),
        "silence": any(d.kind == "vanished" for d in sure),
        "slowness": any(d.kind == "slower" for d in sure),
    }
    return tuple(sorted(kind for kind, is_so in kinds.items() if is_so))


def severity_of(
    scores: Sequence[float], deviations: Sequence[Deviation], bar: float
) -> Literal["minor", "major", "critical"]:
    """By how many services failed and how surely (a guess; nothing else hangs on it)."""
    failing = sum(score >= bar for score in scores)
    if failing >= AVALANCHE_SERVICES and any(d.kind != "slower" for d in deviations):
        return "critical"
    return "major" if failing >= 2 or max(scores, default=0.0) >= 2 * bar else "minor"


def _telling(deviation: Deviation) -> float:
    """What was newly said tells a reader more than what fell silent, and that more than what took longer."""
    factor = {"appeared": 3.0, "burst": 2.0, "vanished": 1.0, "slower": 0.8, "level": 0.5}[deviation.kind]
    return round(factor * abs(deviation.surprise), 3)


def _quoted(template: str) -> str:
    text = re.sub(rf"(?:[\s:=,;|#]*{re.escape(WILDCARD)}[\s:=,;|#]*)+", f" {WILDCARD} ", template).strip()
    text = re.sub(rf"^(?:{re.escape(WILDCARD)}\s*)+", "", text)
    if len(text) > TITLE_TEMPLATE:
        tail = text[-TITLE_TEMPLATE + 1 :]
        text = "…" + (tail.split(" ", 1)[1] if " " in tail[: TITLE_TEMPLATE // 2] else tail)
    return f"'{text}'"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
