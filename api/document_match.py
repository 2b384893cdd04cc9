"""Which incidents and patterns a document speaks of, and why that is thought."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from api.document_read import Document
from api.document_time import Told
from api.sentence import quote
from api.time_text import SECOND_NS, format_time
from index.incident import Incident

SLACK_NS = 10 * 60 * SECOND_NS
"""People write minutes, and when they noticed: so far an incident may lie outside what they wrote (a guess)."""
MOST_INCIDENTS = 3
MOST_PATTERNS = 5
LEAST_QUOTED = 15
"""Characters in a row of a template that a document must quote (a guess: two or three words)."""
_PLAIN_BEFORE = r"(?:services?|service:|服务)[\s:：]*"
_PLAIN_AFTER = r"[\s-]*(?:services?\b|svc\b|pods?\b|服务)"


@dataclasses.dataclass(frozen=True)
class Match:
    """One thing that a document speaks of."""

    target: str
    what: str
    """`incident` or `pattern`."""
    title: str
    why: str


def named_services(document: Document, known: Sequence[str]) -> tuple[str, ...]:
    """The known services that it names: in front, in code, as `cart service`, or by a name that is no plain word."""
    listed = document.front.get("services") or document.front.get("service") or ()
    front = {str(each).casefold() for each in ([listed] if isinstance(listed, str) else listed)}
    quoted = {each.casefold() for each in document.quoted}
    text = "\n".join(document.lines).casefold()
    return tuple(
        service
        for service in known
        if service.casefold() in front or service.casefold() in quoted or _is_in(service.casefold(), text)
    )


def match_incidents(
    document: Document, window: Told | None, services: Sequence[str], incidents: Sequence[Incident]
) -> list[Match]:
    """The incident that is named by its id; else those that meet the window and share a service, nearest first."""
    wanted = str(document.front.get("incident") or document.front.get("incident_id") or "")
    text = " ".join((wanted, *document.quoted, *document.lines))
    named = set(re.findall(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])", text))
    found = [each for each in incidents if each.incident_id in named]
    if found:
        return [_match(each, "it names this id") for each in found[:MOST_INCIDENTS]]
    if window is None or not services:
        return []
    near = [each for each in incidents if _meets(each, window) and not set(services).isdisjoint(each.services)]
    near.sort(key=lambda each: (-len(set(services) & set(each.services)), abs(each.start_ns - window.start_ns)))
    span = f"{format_time(window.start_ns)} to {format_time(window.end_ns)} ({window.why})"
    return [
        _match(each, f"{span}, services {', '.join(sorted(set(services) & set(each.services)))}")
        for each in near[:MOST_INCIDENTS]
    ]


def match_patterns(document: Document, templates: Mapping[str, str]) -> list[Match]:
    """The patterns whose words it quotes in code, those with the longest quotation first."""
    quoted = "\n".join(" ".join(each.split()) for each in document.quoted).casefold()
    found = []
    for pattern_id, template in templates.items():
        stretch = max((" ".join(part.split()) for part in quote(template, 1000).split("<*>")), key=len)
        # A pattern that is pasted as it is shown is one too.
        is_quoted = len(stretch) >= LEAST_QUOTED and stretch.casefold() in quoted
        if is_quoted:
            found.append((-len(stretch), pattern_id, template, stretch))
    return [
        Match(pattern_id, "pattern", quote(template, 200), f"it quotes “{quote(stretch, 100)}”")
        for _, pattern_id, template, stretch in sorted(found)[:MOST_PATTERNS]
    ]


def _match(incident: Incident, why: str) -> Match:
    return Match(incident.incident_id, "incident", quote(incident.title, 200), why)


def _meets(incident: Incident, window: Told) -> bool:
    return incident.start_ns <= window.end_ns + SLACK_NS and window.start_ns - SLACK_NS <= incident.end_ns


def _is_in(service: str, text: str) -> bool:
    name = rf"(?<![\w-]){re.escape(service)}(?![\w-])"
    if not service.isalpha():
        return re.search(name, text) is not None
    return re.search(f"{_PLAIN_BEFORE}{name}|{name}{_PLAIN_AFTER}", text) is not None
