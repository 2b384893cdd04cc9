"""Retrieval over one generation: which patterns and which incidents a question is about, by words and by vectors."""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping

import polars as pl

from api.fuse import Arm, fuse
from api.question import Question
from api.retrieve_text import SAID, TextSettings, document_tokens, incident_tokens, pattern_tokens
from index.bm25 import CONCEPT_PREFIX, Bm25, tokens
from index.generation import Generation
from index.glossary import Glossary, own_glossary
from index.incident import Incident, Note
from index.vector import VectorIndex, Vectors

DOCUMENTS = 3
DOCUMENT_SHARE = 0.4
"""A document speaks of a question when it has this share of what all its words could weigh (a guess)."""
CAUSE_SHARE = 0.25
"""A fault that a greater share of the incidents names comes along with many causes (a guess)."""


@dataclasses.dataclass(frozen=True)
class RetrieveSettings:
    """Weights of the arms."""

    bm25_weight: float = 0.7
    """Of the BM25 arm among patterns, as the share of what the question's words could weigh at most, against cosines as
    they are. Measured over the development questions: flat from .4 to 1; scores whose best counts 1 lose to it, since
    the best of poor matches is no match.
    """
    translated_bm25_weight: float = 1.5
    """The same for questions with Chinese in them, whose vector is that of a word-for-word English reading (measured:
    1 to 2 alike).
    """
    incident_bm25_weight: float = 0.8
    """Of the BM25 arm among incidents, its best score being 1: their texts are longer, words tell more (a guess)."""
    pattern_limit: int = 10
    """Of patterns so many are told of and told apart."""
    pattern_pool: int = 80
    """So many are held against the question; incidents are recognised by any of them (a guess: patterns that differ in
    a word only crowd the first places).
    """
    candidates: int = 500
    """Taken from the vector index (a guess: most systems have fewer patterns)."""
    text: TextSettings = dataclasses.field(default_factory=TextSettings)


@dataclasses.dataclass(frozen=True)
class PatternFacts:
    """What a generation knows of a pattern over all its lines."""

    pattern_id: str
    template: str
    name: str
    count: int
    first_ns: int
    last_ns: int
    services: tuple[str, ...]
    levels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Ranked:
    """One retrieved pattern or incident. `cosine`: to the question; where the vector arm did not reach, its lowest."""

    id: str
    score: float
    cosine: float
    tokens: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class TextIndex:
    """Two arms over the same texts."""

    tokens: Mapping[str, Mapping[str, float]]
    words: Bm25
    vectors: VectorIndex

    def rank(
        self,
        words: Mapping[str, float],
        vector: Vectors,
        among: Collection[str],
        *,
        bm25_weight: float,
        limit: int,
        by_share: bool = False,
    ) -> list[Ranked]:
        """The texts of `among`, best first, ties by id; `vector` is one row. `by_share`: words count as the share that
        they are of what all words of the question could weigh, else the best match counts 1.
        """
        most = self.words.most(words) if by_share else 1.0
        by_words = {key: score / most for key, score in self.words.search(words, len(self.tokens)) if key in among}
        cosines = {key: score for key, score in self.vectors.search(vector, limit)[0] if key in among}
        lowest = min(cosines.values(), default=0.0)
        return [
            Ranked(key, score, cosines.get(key, lowest), self.tokens[key])
            for key, score in fuse([Arm(cosines, 1.0), Arm(by_words, bm25_weight, is_scaled=not by_share, absent=0.0)])
            if key in self.tokens
        ]


@dataclasses.dataclass(frozen=True)
class RetrievalIndex:
    """What retrieval needs of a generation beside its vectors."""

    generation: Generation
    glossary: Glossary
    settings: RetrieveSettings
    facts: Mapping[str, PatternFacts]
    """By pattern id; patterns that people muted, and those without a line left, are not here."""
    patterns: TextIndex
    incidents: TextIndex
    said: Mapping[str, Mapping[str, float]]
    """By incident id the tokens of what it newly says: a fault of another line that only took longer is none of it."""
    signs: Mapping[str, Mapping[str, float]]
    """The same without its remarks: one line of a sign is none."""
    causes: frozenset[str]
    """Tokens of faults that few incidents name: they tell one from another."""
    incident_of: Mapping[str, Incident]
    services: tuple[str, ...]
    documents: Bm25
    """Notes of documents that speak of no incident or pattern that is known, by note id."""

    def said_by(self, pattern_ids: Iterable[str]) -> dict[str, Mapping[str, float]]:
        """By pattern id the tokens of what all its lines say, and of what people noted: without its example."""
        notes = _notes_by_target(self.generation.notes)
        facts = ((each, self.facts[each]) for each in pattern_ids)
        return {
            key: pattern_tokens(
                fact.template, fact.name, "", fact.services, notes.get(key, ()), self.glossary, self.settings.text
            )
            for key, fact in facts
        }

    def rank_documents(self, question: Question) -> list[str]:
        """Ids of the notes in `documents` that speak of what is asked, best first."""
        words = self._words(question)
        most = self.documents.most(words)
        found = self.documents.search(words, DOCUMENTS) if most else []
        return [key for key, score in found if score >= DOCUMENT_SHARE * most]

    def rank_patterns(self, question: Question, vector: Vectors, among: Collection[str]) -> list[Ranked]:
        """The best patterns of `among`, best first."""
        settings = self.settings
        weight = settings.bm25_weight if question.language == "en" else settings.translated_bm25_weight
        limit = settings.candidates
        words = self._words(question)
        found = self.patterns.rank(words, vector, among, bm25_weight=weight, limit=limit, by_share=True)
        return found[: self.settings.pattern_pool]

    def rank_incidents(self, question: Question, vector: Vectors, among: Collection[str]) -> list[Ranked]:
        """All incidents of `among` that either arm reaches, best first."""
        weight, limit = self.settings.incident_bm25_weight, self.settings.candidates
        return self.incidents.rank(self._words(question), vector, among, bm25_weight=weight, limit=limit)

    def _words(self, question: Question) -> dict[str, float]:
        return tokens(question.focus, self.glossary, "question", self.settings.text.tokens)


def build_retrieval(generation: Generation, glossary: Glossary, settings: RetrieveSettings) -> RetrievalIndex:
    """Deterministic; about a millisecond a pattern whose text was not read before, 50 microseconds a known one."""
    notes = _notes_by_target(generation.notes)
    facts = _pattern_facts(generation)
    examples = dict(generation.patterns.patterns.select("pattern_id", "example").iter_rows())
    of_patterns = {
        key: pattern_tokens(
            fact.template, fact.name, examples[key], fact.services, notes.get(key, ()), glossary, settings.text
        )
        for key, fact in facts.items()
    }
    of_incidents = {
        incident.incident_id: incident_tokens(incident, notes.get(incident.incident_id, ()), glossary, settings.text)
        for incident in generation.incidents
    }
    said, signs = (
        {
            incident.incident_id: incident_tokens(
                incident,
                notes.get(incident.incident_id, ()),
                glossary,
                settings.text,
                kinds=SAID,
                with_remarks=with_remarks,
            )
            for incident in generation.incidents
        }
        for with_remarks in (True, False)
    )
    incidents = _text_index(of_incidents, generation.incident_vectors)
    return RetrievalIndex(
        generation=generation,
        glossary=glossary,
        settings=settings,
        facts=facts,
        patterns=_text_index(of_patterns, generation.pattern_vectors),
        incidents=incidents,
        said=said,
        signs=signs,
        causes=_causes(glossary, incidents.words),
        incident_of={incident.incident_id: incident for incident in generation.incidents},
        services=tuple(generation.counts["service"].unique().sort().to_list()),
        documents=_documents(generation.notes, glossary, settings.text),
    )


def _documents(notes: Iterable[Note], glossary: Glossary, settings: TextSettings) -> Bm25:
    found = {note.note_id: document_tokens(note, glossary, settings) for note in notes if note.is_unplaced}
    return Bm25.build(list(found), list(found.values()))


def _causes(glossary: Glossary, words: Bm25) -> frozenset[str]:
    signs = {sign for concept in glossary.concepts for sign in concept.signs}
    named = [
        CONCEPT_PREFIX + concept.id
        for concept in glossary.concepts
        if concept.group == "faults" and not (concept.broad or concept.kind or concept.id in signs)
    ]
    return frozenset(token for token in named if words.share(token) <= CAUSE_SHARE)


class _Keyed:
    """A generation as a cache key: its id says all."""

    def __init__(self, generation: Generation, glossary: Glossary, settings: RetrieveSettings) -> None:
        self.parts = (generation, glossary, settings)
        self._key = (generation.id, generation.as_of_ns, id(glossary), settings)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self._key == other._key


def prepare(generation: Generation, settings: RetrieveSettings | None = None) -> None:
    """Build what the first question about a generation would otherwise wait for. Call it when one is published, with
    the weights that questions are asked with.
    """
    retrieval_of(generation, own_glossary(), settings or RetrieveSettings())


def retrieval_of(generation: Generation, glossary: Glossary, settings: RetrieveSettings) -> RetrievalIndex:
    """`build_retrieval`, remembered for the last few generations."""
    return _remembered(_Keyed(generation, glossary, settings))


@functools.lru_cache(maxsize=4)
def _remembered(keyed: _Keyed) -> RetrievalIndex:
    return build_retrieval(*keyed.parts)


def _text_index(found: Mapping[str, Mapping[str, float]], vectors: VectorIndex) -> TextIndex:
    return TextIndex(found, Bm25.build(list(found), list(found.values())), vectors)


def _notes_by_target(notes: Iterable[Note]) -> dict[str, list[Note]]:
    by_target: dict[str, list[Note]] = {}
    for note in notes:
        by_target.setdefault(note.target, []).append(note)
    return by_target


def _pattern_facts(generation: Generation) -> dict[str, PatternFacts]:
    counted = generation.counts.group_by("pattern_id").agg(
        pl.col("count").sum(),
        pl.col("first_ns").min(),
        pl.col("last_ns").max(),
        pl.col("service").unique().sort(),
        pl.col("level").unique().sort(),
    )
    rows = generation.patterns.patterns.filter(pl.col("state") != "muted").join(counted, on="pattern_id")
    return {
        row["pattern_id"]: PatternFacts(
            pattern_id=row["pattern_id"],
            template=row["template"],
            name=row["name"],
            count=row["count"],
            first_ns=row["first_ns"],
            last_ns=row["last_ns"],
            services=tuple(row["service"]),
            levels=tuple(row["level"]),
        )
        for row in rows.sort("pattern_id").iter_rows(named=True)
    }
