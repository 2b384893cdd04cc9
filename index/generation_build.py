"""From the lines, notes and edits before a time to one generation: patterns, counts, incidents and their vectors."""

import dataclasses
import hashlib
from collections.abc import Sequence

import orjson
import polars as pl

from index.embedding_cache import EmbeddingCache
from index.generation import Generation
from index.incident import Incident, Note
from index.incident_family import with_families
from index.incident_mine import MineCache, mine_incidents
from index.incident_text import document as incident_document
from index.knowledge import incident_json
from index.knowledge_store import KnowledgeStore
from index.line_store import LineReader
from index.pattern import PatternEdit, PatternSet
from index.pattern_mine import mine_patterns
from index.pattern_text import pattern_documents
from index.vector import Embedder
from index.vector_faiss import FaissIndex

MINING_RULES = 2
"""To be raised when masks, merging, incidents or embedded texts change: a generation saved by other rules is
mined anew.
"""


@dataclasses.dataclass(frozen=True)
class Known:
    """What people said, and the incidents that outlive their lines, from before a time."""

    edits: tuple[PatternEdit, ...]
    notes: tuple[Note, ...]
    frozen_before_ns: int | None
    incidents: tuple[Incident, ...]
    """Those kept; used of them are the ones older than the frozen boundary."""


@dataclasses.dataclass(frozen=True)
class MinedPatterns:
    """The half of a generation that needs no incidents."""

    as_of_ns: int | None
    patterns: PatternSet
    counts: pl.DataFrame


@dataclasses.dataclass(frozen=True)
class Mined:
    """A generation without its vectors."""

    as_of_ns: int | None
    patterns: PatternSet
    counts: pl.DataFrame
    incidents: tuple[Incident, ...]
    notes: tuple[Note, ...]


def read_known(knowledge: KnowledgeStore, *, before_ns: int | None) -> Known:
    """What `mine` needs of it."""
    frozen_before_ns = knowledge.frozen_before_ns()
    return Known(
        edits=knowledge.edits(before_ns=before_ns),
        notes=knowledge.notes(before_ns=before_ns),
        frozen_before_ns=frozen_before_ns,
        incidents=() if frozen_before_ns is None else knowledge.incidents(before_ns=before_ns),
    )


def mine(lines: LineReader, known: Known, *, as_of_ns: int | None, cache: MineCache) -> Mined:
    """A pure function of the lines before `as_of_ns` and of what was known by then; the cache only saves work.

    Incidents older than the frozen boundary (set when retention last dropped lines) are those kept, as they were found
    when all their lines were there; newer ones are mined.
    """
    return mine_second_half(lines, known, mine_first_half(lines, known, as_of_ns=as_of_ns), cache=cache)


def mine_first_half(lines: LineReader, known: Known, *, as_of_ns: int | None) -> MinedPatterns:
    """Patterns and their counts; `mine_second_half` needs nothing else of the first, so another process may run it."""
    patterns = mine_patterns(lines.signatures(before_ns=as_of_ns), known.edits)
    return MinedPatterns(as_of_ns, patterns, count_patterns(lines.ledger(end_ns=as_of_ns), patterns))


def mine_second_half(lines: LineReader, known: Known, found: MinedPatterns, *, cache: MineCache) -> Mined:
    """Incidents, to the patterns found."""
    incidents = mine_incidents(lines, found.patterns, before_ns=found.as_of_ns, cache=cache)
    whole = tuple(with_families(_with_kept(incidents, known)))
    return Mined(found.as_of_ns, found.patterns, found.counts, whole, known.notes)


def embedded_texts(mined: Mined) -> list[str]:
    """Every text that `with_vectors` will want the vector of."""
    return [*pattern_documents(mined.patterns.patterns), *map(incident_document, mined.incidents)]


def with_vectors(mined: Mined, embedder: Embedder, embeddings: EmbeddingCache) -> Generation:
    """The generation; what was embedded before is not embedded again."""
    patterns, incidents = mined.patterns.patterns, mined.incidents
    texts = pattern_documents(patterns)
    return Generation(
        id=_content_id(mined),
        as_of_ns=mined.as_of_ns,
        patterns=mined.patterns,
        counts=mined.counts,
        pattern_vectors=_index(patterns["pattern_id"].to_list(), texts, embedder, embeddings),
        incidents=incidents,
        incident_vectors=_index(
            [incident.incident_id for incident in incidents],
            [incident_document(incident) for incident in incidents],
            embedder,
            embeddings,
        ),
        notes=mined.notes,
    )


def count_patterns(ledger: pl.DataFrame, patterns: PatternSet) -> pl.DataFrame:
    """Ledger rows by (pattern_id, service, level), as `Generation.counts`; sums to the lines of the ledger."""
    return (
        ledger.join(patterns.members, on="signature", how="left")
        .with_columns(pl.col("pattern_id").fill_null(""))
        .group_by("pattern_id", "service", "level")
        .agg(pl.col("count").sum(), pl.col("first_ns").min(), pl.col("last_ns").max())
        .sort("pattern_id", "service", "level")
    )


def _with_kept(mined: Sequence[Incident], known: Known) -> tuple[Incident, ...]:
    frozen_before_ns = known.frozen_before_ns
    if frozen_before_ns is None:
        return tuple(mined)
    kept = [i for i in known.incidents if i.start_ns < frozen_before_ns]
    fresh = [i for i in mined if i.start_ns >= frozen_before_ns]
    return tuple(sorted(kept + fresh, key=lambda i: (i.start_ns, i.incident_id)))


def _index(ids: list[str], texts: list[str], embedder: Embedder, cache: EmbeddingCache) -> FaissIndex:
    return FaissIndex.build(ids, cache.embed(embedder, texts), embedder=embedder.name)


def _content_id(mined: Mined) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for frame in (mined.patterns.patterns, mined.patterns.members, mined.counts):
        digest.update(orjson.dumps(frame.to_dict(as_series=False)))
    for incident in mined.incidents:
        digest.update(orjson.dumps(incident_json(incident)))
    digest.update(orjson.dumps(mined.notes))
    return digest.hexdigest()
