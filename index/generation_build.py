"""From the lines, notes and edits before a time to one generation: patterns, counts, incidents and their vectors."""

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
from index.knowledge import Knowledge, incident_json
from index.line_store import LineStore
from index.pattern import PatternSet
from index.pattern_mine import mine_patterns
from index.pattern_text import pattern_documents
from index.vector import Embedder
from index.vector_faiss import FaissIndex


def build_generation(
    store: LineStore,
    knowledge: Knowledge,
    embedder: Embedder,
    *,
    as_of_ns: int | None,
    embeddings: EmbeddingCache,
    mining: MineCache,
) -> Generation:
    """A pure function of what `store` and `knowledge` hold from before `as_of_ns`; the caches only save work.

    Incidents older than the frozen boundary (set when retention last dropped lines) come from `knowledge` as they were
    found when all their lines were there; newer ones are mined.
    """
    patterns = mine_patterns(store.signatures(before_ns=as_of_ns), knowledge.edits(before_ns=as_of_ns))
    counts = count_patterns(store.ledger(end_ns=as_of_ns), patterns)
    mined = mine_incidents(store, patterns, before_ns=as_of_ns, cache=mining)
    incidents = tuple(with_families(_with_kept(mined, knowledge, as_of_ns)))
    notes = tuple(knowledge.notes(before_ns=as_of_ns))
    return Generation(
        id=_content_id(patterns, counts, incidents, notes),
        as_of_ns=as_of_ns,
        patterns=patterns,
        counts=counts,
        pattern_vectors=_index(
            patterns.patterns["pattern_id"].to_list(),
            pattern_documents(patterns.patterns, counts),
            embedder,
            embeddings,
        ),
        incidents=incidents,
        incident_vectors=_index(
            [incident.incident_id for incident in incidents],
            [incident_document(incident) for incident in incidents],
            embedder,
            embeddings,
        ),
        notes=notes,
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


def _with_kept(mined: Sequence[Incident], knowledge: Knowledge, as_of_ns: int | None) -> tuple[Incident, ...]:
    frozen_before_ns = knowledge.frozen_before_ns()
    if frozen_before_ns is None:
        return tuple(mined)
    kept = [i for i in knowledge.incidents(before_ns=as_of_ns) if i.start_ns < frozen_before_ns]
    fresh = [i for i in mined if i.start_ns >= frozen_before_ns]
    return tuple(sorted(kept + fresh, key=lambda i: (i.start_ns, i.incident_id)))


def _index(ids: list[str], texts: list[str], embedder: Embedder, cache: EmbeddingCache) -> FaissIndex:
    return FaissIndex.build(ids, cache.embed(embedder, texts), embedder=embedder.name)


def _content_id(
    patterns: PatternSet, counts: pl.DataFrame, incidents: Sequence[Incident], notes: Sequence[Note]
) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for frame in (patterns.patterns, patterns.members, counts):
        digest.update(orjson.dumps(frame.to_dict(as_series=False)))
    for incident in incidents:
        digest.update(orjson.dumps(incident_json(incident)))
    digest.update(orjson.dumps(notes))
    return digest.hexdigest()
