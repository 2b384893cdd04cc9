"""Claims: the sentences of an answer, each with the facts it states and the lines that prove it."""

import dataclasses
from typing import Literal

from api.sentence import Language, say
from index.incident import DeviationKind


@dataclasses.dataclass(frozen=True)
class LineFact:
    """The cited line was written by `service` at `time_ns`."""

    line: str
    service: str
    time_ns: int


@dataclasses.dataclass(frozen=True)
class WhoFact:
    """The cited line was written by `service`."""

    line: str
    service: str


@dataclasses.dataclass(frozen=True)
class MomentFact:
    """That is when the cited line was written or, without one, when the incident began; said as how long before
    `as_of_ns`, to the minute.
    """

    time_ns: int
    as_of_ns: int
    line: str = ""
    incident_id: str = ""
    beyond_days: int = 0
    """It is said to be longer ago than so many days."""


@dataclasses.dataclass(frozen=True)
class SpreadFact:
    """The incident touched so many services."""

    incident_id: str
    count: int


@dataclasses.dataclass(frozen=True)
class OrderFact:
    """`later` was written `delta_ns` (0 or more) after `first`."""

    first: str
    later: str
    delta_ns: int


@dataclasses.dataclass(frozen=True)
class CountFact:
    """So many lines of the pattern are in `[start_ns, end_ns)`; of these services, or of all when there are none."""

    pattern_id: str
    start_ns: int | None
    end_ns: int
    services: tuple[str, ...]
    value: int
    incident_id: str = ""
    """The incident whose record counts when retention has dropped the lines."""


@dataclasses.dataclass(frozen=True)
class SumFact:
    """So many lines of these patterns, all different, are in `[start_ns, end_ns)`; of these services, or of all."""

    pattern_ids: tuple[str, ...]
    start_ns: int | None
    end_ns: int
    services: tuple[str, ...]
    value: int


@dataclasses.dataclass(frozen=True)
class TextCountFact:
    """So many lines of `[start_ns, end_ns)` and of these services hold the text in their message, or, `as_id`, there or
    as the whole value of an attribute.
    """

    text: str
    start_ns: int | None
    end_ns: int
    services: tuple[str, ...]
    value: int
    as_id: bool = False


@dataclasses.dataclass(frozen=True)
class ExtremeFact:
    """No line of the pattern is earlier (`first`) or later (`last`) in `[start_ns, end_ns)` than the cited one."""

    pattern_id: str
    which: Literal["first", "last"]
    line: str
    time_ns: int
    start_ns: int | None
    end_ns: int
    services: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PatternFact:
    """The cited line is of this pattern."""

    line: str
    pattern_id: str


@dataclasses.dataclass(frozen=True)
class LevelFact:
    """All lines of this pattern are of this level."""

    pattern_id: str
    level: str


@dataclasses.dataclass(frozen=True)
class EndFact:
    """Of these incidents none began before (`first`) or after (`last`) this one, or one did after it (`again`)."""

    incident_id: str
    which: Literal["first", "last", "again"]
    among: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class QuoteFact:
    """The line's message holds this text, once made plain."""

    line: str
    text: str


@dataclasses.dataclass(frozen=True)
class UsualFact:
    """The incident's record says what was usual, and for `slower` what was measured."""

    incident_id: str
    service: str
    kind: DeviationKind
    pattern_id: str
    before: str
    """Template of the earlier line, for `slower`."""
    expected: float
    observed: float | None = None


@dataclasses.dataclass(frozen=True)
class SpanFact:
    """The incident lasted over this span and touched these services among others; said as how long it took and until
    when, seen from `as_of_ns`.
    """

    incident_id: str
    start_ns: int
    end_ns: int
    services: tuple[str, ...]
    as_of_ns: int


@dataclasses.dataclass(frozen=True)
class NamedFact:
    """The incident touched these services among others."""

    incident_id: str
    services: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class IncidentsFact:
    """These incidents, all different; when `within_days` is given, all in so many days before `as_of_ns`."""

    incident_ids: tuple[str, ...]
    as_of_ns: int = 0
    within_days: int = 0


@dataclasses.dataclass(frozen=True)
class NoteFact:
    """A person wrote this in that field of a note."""

    note_id: str
    field: Literal["text", "cause", "fix", "runbook"]
    text: str


Fact = (
    LineFact
    | WhoFact
    | MomentFact
    | SpreadFact
    | NamedFact
    | OrderFact
    | CountFact
    | SumFact
    | TextCountFact
    | ExtremeFact
    | PatternFact
    | LevelFact
    | EndFact
    | QuoteFact
    | UsualFact
    | SpanFact
    | IncidentsFact
    | NoteFact
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """One sentence. The checker holds `text` against `facts`, and `facts` against store and records."""

    text: str
    citations: tuple[str, ...]
    """Line ids."""
    facts: tuple[Fact, ...]
    language: Language


def claim(
    name: str, language: Language, facts: tuple[Fact, ...], citations: tuple[str, ...], **values: object
) -> Claim:
    """The claim that the sentence `claim.<name>` makes of these values."""
    return Claim(say(f"claim.{name}", language, **values), tuple(dict.fromkeys(citations)), facts, language)
