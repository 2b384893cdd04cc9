"""What a line costs in the parts that no other script here measures: `python -m bench.scaling [lines] [days]`.

Collecting (files read, cut, encoded as for HTTP; nobody receives), mining over the embedded store, embedding, asking,
over a simulated shop. CPU seconds are those of this process, all threads. docs/scaling.md counts with these figures.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from api.answer import ask
from api.retrieve import prepare
from index.embed_minilm import MiniLMEmbedder
from index.embedding_cache import EmbeddingCache
from index.generation_build import embedded_texts, mine, read_known, with_vectors
from index.incident_mine import MineCache
from index.store_parquet import ParquetStore
from ingest.chunk import Chunk
from ingest.chunk_http import encode
from ingest.collect import Collector
from ingest.collect_settings import CollectSettings
from ingest.simulate import simulate
from tests.acceptance.world import World, chunks_of

DAY_NS = 86_400_000_000_000
SEED = 7
QUESTIONS = (
    "Has there been a service avalanche like this lately?",
    "最近有没有类似的服务雪崩问题?",
    "How many requests were slow?",
    "Was the VPN tunnel to the branch office down?",
)
T = TypeVar("T")


class NoReceiver:
    """Encodes each chunk as for the wire and lets it go."""

    def __init__(self) -> None:
        self.bytes = 0

    def accept(self, chunk: Chunk) -> None:
        self.bytes += len(encode(chunk)[1])


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:]]
    lines, days = (*numbers, *(1_000_000, 14)[len(numbers) :])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="dejalog-scaling-") as name:
        folder = Path(name)
        end_ns = time.time_ns()
        shop = simulate(folder / "shop", seed=SEED, start_ns=end_ns - days * DAY_NS, end_ns=end_ns, lines=lines)
        size = shop.byte_count / shop.lines
        print(f"{shop.lines:,} lines of {days} days, {size:.0f} bytes a line, {len(shop.files)} files")
        measure_collector(folder, shop.containers, shop.lines)
        world = World(folder / "data", MiniLMEmbedder.load())
        measured("receive and store", shop.lines, lambda: world.load(chunks_of(shop.files, read_ns=end_ns)))
        assert isinstance(world.store, ParquetStore)
        measured("flush", shop.lines, world.store.flush)
        held = world.store.disk_bytes()
        print(
            f"embedded store: {held / shop.lines:.1f} bytes a line on disk, {held / shop.byte_count:.3f} of the files"
        )
        measure_mining(world, folder, shop.lines, end_ns)
        world.close()


def measure_collector(folder: Path, containers: Path, lines: int) -> None:
    sink = NoReceiver()
    collector = Collector([containers], sink, folder / "registry", host="h", settings=CollectSettings(poll_s=0.02))
    measured("collect", lines, collector.drain)
    collector.close()
    print(f"on the wire: {sink.bytes / lines:.1f} bytes a line")


def measure_mining(world: World, folder: Path, lines: int, now_ns: int) -> None:
    known, cache = read_known(world.knowledge, before_ns=None), MineCache()
    ledger = world.store.ledger()
    print(f"ledger: {ledger.height:,} rows, {ledger.height / lines:.3f} a line, {ledger.estimated_size() / 1e6:.0f} MB")
    mined = measured("mine all", lines, lambda: mine(world.store, known, as_of_ns=None, cache=cache))
    measured("mine again", lines, lambda: mine(world.store, known, as_of_ns=None, cache=cache))
    embedder, embeddings = MiniLMEmbedder.load(), EmbeddingCache(folder / "vectors.sqlite")
    texts = len(embedded_texts(mined))
    generation = measured("embed", texts, lambda: with_vectors(mined, embedder, embeddings), of="text")
    prepare(generation)
    print(f"{mined.patterns.patterns.height} patterns, {len(mined.incidents)} incidents")
    for question in QUESTIONS:
        walls, cpus = [], []
        for _ in range(5):
            wall, cpu = time.perf_counter(), time.process_time()
            ask(question, store=world.store, generation=generation, embedder=embedder, now_ns=now_ns)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        wall_ms, cpu_ms = statistics.median(walls) * 1e3, statistics.median(cpus) * 1e3
        print(f"ask: {wall_ms:6.0f} ms wall, {cpu_ms:6.0f} ms CPU  {question}")


def measured(name: str, count: int, work: Callable[[], T], *, of: str = "line") -> T:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{name:18} {cpu / count * 1e6:9.2f} us of CPU a {of}   {count / cpu:10,.0f} {of}s/CPU-s   {wall:6.1f} s wall",
        flush=True,
    )
    return result


if __name__ == "__main__":
    main()
