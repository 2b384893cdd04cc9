"""Which services a question names: by their full names, or by their telling words beside the word "service" or as those
who write.
"""

import re
from collections import Counter
from collections.abc import Sequence

from index.glossary import Glossary
from index.words import words

_COMMON_SHARE = 0.3
"""A word in more than this share of the names tells none of them apart (a guess)."""
_GENERIC = frozenset(word.stem for word in words("service svc server app api microservice"))
_AFTER = re.compile(r"\s*(?:-\s*)?(?:micro)?(?:service|svc|pod|container)s?\b|\s*(?:微?服务|容器)", re.IGNORECASE)

_HANGS = re.compile(r"(?:\w[-_./]|\b(?:a|an|the|any|each|every|which|this|was|were|been|be)\s+)$", re.IGNORECASE)
"""Before a name: a hyphen, or what makes a thing of it (the user, any order) or the one that was written of."""
_HANGS_BY_HYPHEN = re.compile(r"\w[-_./]$")
"""`Order` in `pre-order service` is not the order service."""
_WRITES = re.compile(
    r"""
    (?:\s+(?:write|writes|wrote|written|log|logs|logged|print|prints|printed|emit|emits|emitted)
        (?=\s*(?:["“”'‘「『«?]|$|(?:yesterday|today|tonight|last|since|between|before|after|during)\b))
    |\s*(?:写|打印|输出|记录)(?:了|过|出)?(?=\s*(?:["“「『?？]|$|多少|几次|什么|哪些)))
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""After a name: that it writes, and no more than what is quoted, or when. `Payment log rotated` is about a log."""


def named_services(text: str, services: Sequence[str], glossary: Glossary) -> tuple[str, tuple[str, ...]]:
    """The text without the names, and the services named, by name."""
    named: set[str] = set()
    for service in sorted(services, key=lambda name: (-len(name), name)):
        pattern = re.compile(rf"(?<![\w-]){re.escape(service)}(?![\w-]*\w)", re.IGNORECASE)
        if service and not _is_plain_word(service) and pattern.search(text):
            named.add(service)
            text = pattern.sub(" ", text)
    telling = _telling_words(services)
    spans = {
        service: span
        for service, own in telling.items()
        if own and (span := _spoken_of(text, own, glossary)) is not None
    }
    named.update(spans)
    for start, end in sorted(set(spans.values()), reverse=True):
        text = text[:start] + " " + text[end:]
    return text, tuple(sorted(named))


def _is_plain_word(service: str) -> bool:
    """`payment` is a word of the language: it names the service only where `_is_meant`."""
    return service.isalpha()


def _telling_words(services: Sequence[str]) -> dict[str, tuple[str, ...]]:
    stems = {service: tuple(word.stem for word in words(service)) for service in services}
    seen = Counter(stem for own in stems.values() for stem in set(own))
    common = {stem for stem, count in seen.items() if len(services) > 3 and count > _COMMON_SHARE * len(services)}
    return {
        service: tuple(stem for stem in own if stem not in common and stem not in _GENERIC)
        for service, own in stems.items()
    }


def _spoken_of(text: str, own: tuple[str, ...], glossary: Glossary) -> tuple[int, int] | None:
    """Where the telling words stand in order, or as glossary concepts right before "service"."""
    found = words(text)
    for i in range(len(found)):
        part = found[i : i + len(own)]
        if tuple(word.stem for word in part) == own and _is_meant(text, part[0].start, part[-1].end):
            return part[0].start, part[-1].end
    meant = glossary.expand(" ".join(own), "document")
    if len(meant) != 1:
        return None
    for match in glossary.longest(text, "question"):
        if (
            match.concept.id in meant
            and not match.vague
            and ord(text[match.start]) > 0x7F
            and _AFTER.match(text, match.end)
        ):
            return match.start, match.end
    return None


def _is_meant(text: str, start: int, end: int) -> bool:
    """Whether the words are followed by "service", or are who writes: `did quotes write "x"`."""
    if _AFTER.match(text, end):
        return not _HANGS_BY_HYPHEN.search(text, 0, start)
    return bool(_WRITES.match(text, end)) and not _HANGS.search(text, 0, start)
