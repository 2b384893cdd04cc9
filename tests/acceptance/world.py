"""A whole Dejalog in one test: real store, knowledge, model and answers over simulated files, without HTTP."""

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from api.answer import answer_json, ask
from api.evaluate.trial import file_chunks
from index.embedding_cache import EmbeddingCache
from index.generation import Generation
from index.generation_build import mine, read_known, with_vectors
from index.incident_mine import MineCache
from index.knowledge import Knowledge
from index.knowledge_store import KnowledgeStore
from index.line_store import LineStore
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.receive import Receiver

READ_NS = 1_790_000_000_000_000_000
"""One read time for all chunks, so that only the order and the cuts differ between two worlds."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question's answer, whole, and the bytes that must not change (all but how long it took)."""

    answer: dict[str, Any]
    stable: bytes


class World:
    """Owns a data directory. Close it at the end."""

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        *,
        store: LineStore | None = None,
        knowledge: KnowledgeStore | None = None,
    ) -> None:
        """`store` and `knowledge`: those of the directory unless given."""
        self.store: LineStore = store or ParquetStore.open(folder)
        self.knowledge: KnowledgeStore = knowledge or Knowledge(folder / "catalogue.sqlite")
        self.receiver = Receiver(self.store)
        self._embedder = embedder
        self._embeddings = EmbeddingCache(folder / "embeddings.sqlite")

    def load(self, chunks: Sequence[Chunk], *, flush_every: int = 0) -> None:
        """Store chunks in this order; `flush_every` so many of them, and compact."""
        for number, chunk in enumerate(chunks, start=1):
            self.receiver.accept(chunk)
            if flush_every and number % flush_every == 0 and isinstance(self.store, ParquetStore):
                self.store.flush()
                self.store.compact()

    def generation(self, as_of_ns: int | None = None) -> Generation:
        """Mined anew each time."""
        known = read_known(self.knowledge, before_ns=as_of_ns)
        mined = mine(self.store, known, as_of_ns=as_of_ns, cache=MineCache())
        return with_vectors(mined, self._embedder, self._embeddings)

    def ask(self, questions: Sequence[str], *, now_ns: int, as_of_ns: int | None = None) -> list[Asked]:
        """Ask all of them over one generation mined for it."""
        generation = self.generation(as_of_ns)
        return [self.ask_over(generation, question, now_ns=now_ns, as_of_ns=as_of_ns) for question in questions]

    def ask_over(self, generation: Generation, question: str, *, now_ns: int, as_of_ns: int | None = None) -> Asked:
        """Ask over a generation that was mined before."""
        found = ask(
            question,
            store=self.store,
            generation=generation,
            embedder=self._embedder,
            now_ns=now_ns,
            as_of_ns=as_of_ns,
        )
        answer = answer_json(found)
        return Asked(answer, orjson.dumps({name: value for name, value in answer.items() if name != "took_ms"}))

    def close(self) -> None:
        self.knowledge.close()
        if isinstance(self.store, ParquetStore):
            self.store.close()


def chunks_of(files: Sequence[Path], *, limit: int = CHUNK_BYTES, read_ns: int = READ_NS) -> list[Chunk]:
    """All chunks of finished files, file by file, cut as the collector would."""
    return [chunk for file in sorted(files) for chunk in file_chunks(file, limit=limit, read_ns=read_ns)]


def shuffled(chunks: Sequence[Chunk], seed: int) -> list[Chunk]:
    """The same chunks in an order that no collector would send."""
    mixed = list(chunks)
    random.Random(seed).shuffle(mixed)
    return mixed
