"""One simulated shop with its real store, generation and answers: what the evaluation of answers asks."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from api.answer import Answer, ask, draft_answer
from api.claim import Claim
from index.embedding_cache import EmbeddingCache
from index.generation import Generation
from index.generation_build import mine, read_known, with_vectors
from index.incident_mine import MineCache
from index.knowledge import Knowledge
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.cut import find_cuts
from ingest.receive import Receiver
from ingest.simulate import simulate
from ingest.simulate.plan import DAY_NS
from ingest.source import Source, mint_source_id
from ingest.source_path import read_path

END_NS = 1_790_000_000_000_000_000
"""When the shops' histories end; any fixed time would do."""
_FIRST_BYTES = 1024


@dataclasses.dataclass(frozen=True)
class ShopSize:
    """How much of a shop is simulated. The faults are each of one kind and way, and two of them come again."""

    days: int = 4
    lines: int = 80_000
    faults: tuple[str, ...] = (
        "retry_storm:loud",
        "avalanche:loud",
        "oom_kill:trace",
        "pool_exhaustion:loud",
        "avalanche:loud",
        "bad_deploy:loud",
        "pool_exhaustion:quiet",
    )


@dataclasses.dataclass(frozen=True)
class ShopWorld:
    """A shop's files and what Dejalog made of them."""

    folder: Path
    """With `containers/`, `labels.jsonl` and `written.json`."""
    files: dict[str, Path]
    """By source id."""
    store: ParquetStore
    generation: Generation
    embedder: Embedder
    now_ns: int

    def ask(self, question: str, *, now_ns: int) -> Answer:
        """The answer as `POST /v1/ask` gives it."""
        return ask(
            question,
            store=self.store,
            generation=self.generation,
            embedder=self.embedder,
            now_ns=now_ns,
        )

    def draft(self, question: str, *, now_ns: int) -> tuple[Claim, ...]:
        """The answer's claims before they are checked."""
        return draft_answer(
            question,
            store=self.store,
            generation=self.generation,
            embedder=self.embedder,
            now_ns=now_ns,
        ).claims


@contextlib.contextmanager
def open_shop(folder: Path, *, seed: int, size: ShopSize, embedder: Embedder) -> Iterator[ShopWorld]:
    """Simulate the shop of this seed into an empty folder, store and mine it."""
    shop = simulate(
        folder / "shop",
        seed=seed,
        start_ns=END_NS - size.days * DAY_NS,
        end_ns=END_NS,
        lines=size.lines,
        faults=size.faults,
    )
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(ParquetStore.open(folder / "data")))
        knowledge = stack.enter_context(contextlib.closing(Knowledge(folder / "data" / "catalogue.sqlite")))
        receiver = Receiver(store)
        files: dict[str, Path] = {}
        for file in sorted(shop.files):
            for chunk in _chunks(file):
                files[chunk.source.id] = file
                receiver.accept(chunk)
        mined = mine(store, read_known(knowledge, before_ns=None), as_of_ns=None, cache=MineCache())
        generation = with_vectors(mined, embedder, EmbeddingCache(folder / "data" / "embeddings.sqlite"))
        yield ShopWorld(folder / "shop", files, store, generation, embedder, END_NS)


def _chunks(file: Path) -> Iterator[Chunk]:
    """A finished file, cut as the collector would."""
    data = file.read_bytes()
    fields = read_path(str(file))
    source = Source(
        id=mint_source_id("evaluation", file.name, data[:_FIRST_BYTES], 0),
        host="evaluation",
        path=file.name,
        service=fields.service,
        namespace=fields.namespace,
        pod=fields.pod,
        container=fields.container,
    )
    start = 0
    for end in (*find_cuts(data, limit=CHUNK_BYTES, more_follows=True).ends, len(data)):
        if end > start:
            yield Chunk(source, start, end, END_NS, data[start:end])
            start = end
