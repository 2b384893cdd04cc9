"""An incident in words, for word search and embedding: what was said, what fell silent, what slowed down, and where."""

import re
from collections.abc import Sequence

from index.incident import Deviation, Incident
from index.pattern import WILDCARD

MOST_TEMPLATES = 12
"""A document of the few most surprising patterns finds an incident; one of all its lines does not (ANCHORS.md)."""
TEMPLATE_CHARACTERS = 300
_HEADINGS = {
    "appeared": "appeared, new lines",
    "burst": "burst, far more lines than usual",
    "level": "more than usual",
    "vanished": "stopped, lines no longer written, missing",
    "slower": "slow, took longer, delay, latency",
}
_AFFIXES = {"ts", "svc", "service", "server", "app", "api", "ms"}
"""Parts of service names that name no service."""


def document(incident: Incident) -> str:
    """Plain text, a function of the incident alone. The most surprising templates come first."""
    services = ", ".join(service_words(service) for service in incident.services)
    parts = [incident.title, f"services {services}", *_kinds(incident)]
    told: set[tuple[str, str]] = set()
    for deviation in incident.deviations:
        if len(told) >= MOST_TEMPLATES:
            break
        key = deviation.kind, deviation.template
        if key not in told:
            told.add(key)
            parts.append(_sentence(deviation))
    return "\n".join(parts)


def service_words(service: str) -> str:
    """The words of a service's name without those that every service has: `ts-user-profile-service` is user profile."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", service)
    words = [word.lower() for word in re.split(r"[^0-9A-Za-z\u4e00-\u9fff]+", split) if word]
    kept = [word for word in words if word not in _AFFIXES]
    return " ".join(kept or words)


def template_words(template: str) -> str:
    """A template as prose: no placeholders, identifiers in several words split beside themselves."""
    text = re.sub(rf"[\s\[\](){{}}<>=:,;#|\"']*{re.escape(WILDCARD)}[\s\[\](){{}}<>=:,;#|\"']*", " ", template)
    text = re.sub(r"[\[\](){}<>\"'|#=]+", " ", text)
    split = [word for name in re.findall(r"[A-Za-z]+(?:[A-Z][a-z]+)+", text) for word in _split_name(name)]
    return " ".join([*text.split(), *dict.fromkeys(split)])[:TEMPLATE_CHARACTERS]


def _split_name(name: str) -> Sequence[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def _sentence(deviation: Deviation) -> str:
    words = template_words(deviation.template)
    if deviation.kind == "slower":
        words = f"{words} after {template_words(deviation.before_template)}"
    return f"{service_words(deviation.service)} {_HEADINGS[deviation.kind]}: {words}"


def _kinds(incident: Incident) -> list[str]:
    said = {
        "avalanche": f"service avalanche: cascading failure over {len(incident.services)} services",
        "deploy": "deployment: a new version was just rolled out",
        "errors": "errors, failures, exceptions",
        "silence": "silence: lines stopped",
        "slowness": "slowness: slow responses, high latency",
        "restart": "restart: process started again",
    }
    return [said.get(kind, kind) for kind in incident.kinds]
