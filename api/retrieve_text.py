"""What the word arm sees of patterns and incidents: weighted tokens of their texts."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import get_args

from index.bm25 import CONCEPT_PREFIX, TokenSettings, add_tokens, tokens
from index.glossary import Glossary
from index.incident import DeviationKind, Incident, Note
from index.pattern import WILDCARD
from index.window import RESTARTS

EXAMPLE_CHARACTERS = 1000
ALL_KINDS: frozenset[DeviationKind] = frozenset(get_args(DeviationKind))
SAID: frozenset[DeviationKind] = frozenset({"appeared", "burst", "level"})
"""Deviations that say what went wrong: what took longer or fell silent says where."""
REMEMBERED_TEXTS = 20_000
"""Texts whose tokens are kept for the next generation, which has nearly the same (a guess: about 100 MB)."""


@dataclasses.dataclass(frozen=True)
class TextSettings:
    """Weights of the parts of a text, its main part being 1. Guesses unless said."""

    example_weight: float = 0.3
    """Of a pattern's example line (measured: flat from 0 to .6)."""
    service_weight: float = 0.5
    """Of the names of a pattern's services (measured with Loghub's components)."""
    note_weight: float = 1.0
    faulty_service_weight: float = 1.5
    """Of the name of an incident's first service."""
    other_services_weight: float = 0.3
    kind_weight: float = 2.0
    """Of the concepts that an incident's kinds stand for."""
    deviations: int = 30
    """Of an incident's deviations so many, the most surprising, make its text."""
    deviation_floor: float = 0.2
    """Weight of the least surprising of these; the most surprising weighs 1."""
    tokens: TokenSettings = dataclasses.field(default_factory=TokenSettings)


def pattern_tokens(
    template: str,
    name: str,
    example: str,
    services: Iterable[str],
    notes: Iterable[Note],
    glossary: Glossary,
    settings: TextSettings,
) -> dict[str, float]:
    """Tokens of one pattern."""
    found: dict[str, float] = {}
    read_with = _Same(glossary)

    def add(text: str, weight: float) -> None:
        add_tokens(found, _read(text, read_with, settings.tokens), weight)

    add(template.replace(WILDCARD, " "), 1.0)
    if name != template:
        add(name, 1.0)
    add(example[:EXAMPLE_CHARACTERS], settings.example_weight)
    add(" ".join(services), settings.service_weight)
    for note in notes:
        add(_note_text(note), settings.note_weight)
    return dict(sorted(found.items()))


def incident_tokens(
    incident: Incident,
    notes: Iterable[Note],
    glossary: Glossary,
    settings: TextSettings,
    *,
    kinds: AbstractSet[DeviationKind] = ALL_KINDS,
    with_remarks: bool = True,
) -> dict[str, float]:
    """Tokens of one incident: kinds, services, its most surprising deviations by their surprise, notes. Not its title:
    that says the same again in words of its own (then, followed), which the lines do not have. `kinds`: of deviations.
    """
    found: dict[str, float] = {}
    read_with = _Same(glossary)

    def add(text: str, weight: float) -> None:
        add_tokens(found, _read(text, read_with, settings.tokens), weight)

    for concept in glossary.concepts:
        if concept.kind and concept.kind in incident.kinds:
            add_tokens(found, {CONCEPT_PREFIX + concept.id: 1.0}, settings.kind_weight)
    for place, service in enumerate(incident.services):
        add(service, settings.other_services_weight if place else settings.faulty_service_weight)
    told = [
        deviation
        for deviation in incident.deviations[: settings.deviations]
        if deviation.kind in kinds and (with_remarks or not deviation.is_remark)
    ]
    strongest = max((abs(deviation.surprise) for deviation in told), default=1.0) or 1.0
    for deviation in told:
        share = 1.0 if deviation.is_remark else abs(deviation.surprise) / strongest
        weight = settings.deviation_floor + (1 - settings.deviation_floor) * share
        add(deviation.template.replace(WILDCARD, " "), weight)
    if any(deviation.template == RESTARTS for deviation in incident.deviations) and "deploy" not in incident.kinds:
        # A container that is started again says which build it is; nobody deployed it.
        for concept in glossary.concepts:
            if concept.kind == "deploy":
                found.pop(CONCEPT_PREFIX + concept.id, None)
    for note in notes:
        add(_note_text(note), settings.note_weight)
    return dict(sorted(found.items()))


class _Same:
    """A glossary as a cache key: it is the one object."""

    def __init__(self, glossary: Glossary) -> None:
        self.glossary = glossary

    def __hash__(self) -> int:
        return id(self.glossary)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.glossary is other.glossary


@functools.lru_cache(maxsize=REMEMBERED_TEXTS)
def _read(text: str, read_with: _Same, settings: TokenSettings) -> Mapping[str, float]:
    return tokens(text, read_with.glossary, "document", settings)


def _note_text(note: Note) -> str:
    return f"{note.name} {note.text} {note.cause} {note.fix}"


def document_tokens(note: Note, glossary: Glossary, settings: TextSettings) -> dict[str, float]:
    """Tokens of a document that speaks of no incident or pattern that is known."""
    return dict(_read(f"{_note_text(note)} {note.runbook}", _Same(glossary), settings.tokens))
