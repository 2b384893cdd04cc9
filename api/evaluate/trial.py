"""A whole Dejalog in a folder of its own, for one evaluation: real receiver, store, mining, model and answers."""

import bisect
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from api.answer import Answer, AskSettings, ask
from index.catalogue import CATALOGUE_FILE
from index.embedding_cache import EmbeddingCache
from index.generation import Generation
from index.generation_build import Mined, mine, read_known, with_vectors
from index.incident_mine import MineCache
from index.knowledge import Knowledge
from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.cut import find_cuts
from ingest.receive import Receiver
from ingest.source import Source, mint_source_id
from ingest.source_path import read_path

HOST = "evaluation"
READ_NS = 1_790_000_000_000_000_000
"""When files are taken to be read (September 2026): with the clock's time a result would depend on the day."""


class Trial:
    """Use `open_trial`."""

    def __init__(self, folder: Path) -> None:
        self.store = ParquetStore.open(folder / "store")
        self.knowledge = Knowledge(folder / "store" / CATALOGUE_FILE)
        self.cache = MineCache()
        self.files: dict[str, Path] = {}
        """By source id."""
        self._folder = folder

    def close(self) -> None:
        """Close what was opened; the folder is the caller's."""
        self.knowledge.close()
        self.store.close()

    def add_files(self, files: Iterable[Path]) -> None:
        """Store what these files hold."""
        receiver = Receiver(self.store)
        for file in files:
            for chunk in file_chunks(file):
                self.files[chunk.source.id] = file
                receiver.accept(chunk)
                self.store.maintain()
        self.store.flush()

    def mine(self, *, as_of_ns: int | None = None) -> Mined:
        """Patterns and incidents of what is stored."""
        known = read_known(self.knowledge, before_ns=as_of_ns)
        return mine(self.store, known, as_of_ns=as_of_ns, cache=self.cache)

    def generation(self, embedder: Embedder, *, as_of_ns: int | None = None) -> Generation:
        """The same with vectors."""
        embeddings = EmbeddingCache(self._folder / "embeddings.sqlite")
        try:
            return with_vectors(self.mine(as_of_ns=as_of_ns), embedder, embeddings)
        finally:
            embeddings.close()

    def ask(
        self,
        question: str,
        generation: Generation,
        embedder: Embedder,
        *,
        now_ns: int,
        settings: AskSettings | None = None,
    ) -> Answer:
        """The answer as `POST /v1/ask` gives it."""
        return ask(
            question, store=self.store, generation=generation, embedder=embedder, now_ns=now_ns, settings=settings
        )

    def rows_of(self, path: Path) -> dict[tuple[str, int], int]:
        """Which line of the file, from 0, each stored line begins with, by (source, position)."""
        sources = [source for source, file in self.files.items() if file == path]
        starts = _line_starts(path)
        found: dict[tuple[str, int], int] = {}
        for frame in self.store.scan(LineFilter(), ["source", "position"]):
            for source, position in (
                frame.filter(pl.col("source").is_in(sources)).select("source", "position").iter_rows()
            ):
                found[source, position] = bisect.bisect_right(starts, position) - 1
        return found

    def signatures_by_row(self, path: Path) -> dict[int, int]:
        """For each line of the file, from 0, the signature of the stored line that it became part of. Blank ones before
        the first line have none.
        """
        row_of = self.rows_of(path)
        known: dict[int, int] = {}
        for frame in self.store.scan(LineFilter(), ["source", "position", "signature"]):
            for source, position, signature in frame.select("source", "position", "signature").iter_rows():
                if (source, position) in row_of:
                    known[row_of[source, position]] = signature
        first = sorted(known)
        rows = range(first[0], len(_line_starts(path))) if first else range(0)
        return {row: known[first[bisect.bisect_right(first, row) - 1]] for row in rows}


def file_chunks(file: Path, *, limit: int = CHUNK_BYTES, read_ns: int = READ_NS) -> Iterator[Chunk]:
    """A finished file, cut as the collector cuts it. Its source is named by the file's name alone, so that the same
    logs give the same store in any folder on any host.
    """
    data = file.read_bytes()
    fields = read_path(str(file))
    source = Source(
        id=mint_source_id(HOST, file.name, data[:1024], 0),
        host=HOST,
        path=file.name,
        service=fields.service,
        namespace=fields.namespace,
        pod=fields.pod,
        container=fields.container,
    )
    start = 0
    for end in (*find_cuts(data, limit=limit, more_follows=True).ends, len(data)):
        if end > start:
            yield Chunk(source, start, end, read_ns, data[start:end])
            start = end


@contextlib.contextmanager
def open_trial(folder: Path) -> Iterator[Trial]:
    """A trial in this empty folder until the block ends."""
    trial = Trial(folder)
    try:
        yield trial
    finally:
        trial.close()


def pattern_of_rows(trial: Trial, mined: Mined, path: Path) -> dict[int, str]:
    """The pattern id of each line of a file, by its number from 0."""
    members = dict(mined.patterns.members.iter_rows())
    return {row: members[signature] for row, signature in trial.signatures_by_row(path).items()}


def _line_starts(path: Path) -> list[int]:
    starts, at = [], 0
    with path.open("rb") as file:
        for line in file:
            starts.append(at)
            at += len(line)
    return starts
