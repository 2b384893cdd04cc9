"""Elasticsearch refuses, is out of reach, or is not heard, while ingest workers store: each line is stored once."""

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from index.elastic_client import Elastic
from tests.index.test_store_elastic import prefix
from tests.redis_server import RedisServer
from tests.reliability.edge import Edge
from tests.reliability.load import assert_drained, mixed, opened, storing
from tests.reliability.processes import Program
from tests.workers.chunks_made import assert_each_once, count_line, numbers_held, wait_until
from workers.chunk_stream import ChunkStream
from workers.ingest import IngestCounts

__all__ = ["prefix"]
SOURCES, CHUNKS, LINES = 3, 8, 5
LIMIT = "network.breaker.inflight_requests.limit"

Fault = Callable[[Edge, Elastic, str, random.Random], contextlib.AbstractContextManager[None]]
"""Within its block the fault is there: of the way to the server, the server, the indices of this prefix."""


@contextlib.contextmanager
def away(edge: Edge, _elastic: Elastic, _prefix: str, _chance: random.Random) -> Iterator[None]:
    """Nobody reaches it; what it was asked before it does all the same."""
    edge.is_away = True
    yield
    edge.is_away = False


@contextlib.contextmanager
def answers_lost(edge: Edge, _elastic: Elastic, _prefix: str, chance: random.Random) -> Iterator[None]:
    """One answer of three does not come back, and what was asked is done."""
    edge.passes = lambda: chance.random() > 1 / 3
    yield
    edge.passes = lambda: True


@contextlib.contextmanager
def read_only(_edge: Edge, elastic: Elastic, prefix: str, _chance: random.Random) -> Iterator[None]:
    """As when its disk is nearly full."""
    block = "index.blocks.read_only_allow_delete"
    elastic.request("PUT", f"/{prefix}-*/_settings", {block: True})
    yield
    elastic.request("PUT", f"/{prefix}-*/_settings", {block: None})


@contextlib.contextmanager
def busy(_edge: Edge, elastic: Elastic, _prefix: str, _chance: random.Random) -> Iterator[None]:
    """Its circuit breaker answers 429 to every request that carries more than a few lines."""
    elastic.request("PUT", "/_cluster/settings", {"transient": {LIMIT: "1kb"}})
    try:
        yield
    finally:
        elastic.request("PUT", "/_cluster/settings", {"transient": {LIMIT: None}})


FAULTS: tuple[Fault, ...] = (away, answers_lost, read_only, busy)


@pytest.mark.parametrize(("fault", "seed"), [(FAULTS[seed % len(FAULTS)], seed) for seed in range(10)])
def test_each_line_is_stored_once_after(
    elastic: Elastic, elastic_url: str, prefix: str, stream: ChunkStream, fault: Fault, seed: int
) -> None:
    store_under(elastic, elastic_url, prefix, stream, fault, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(100, 110))
def test_each_line_is_stored_once_after_ten_times_each(
    elastic: Elastic, elastic_url: str, prefix: str, stream: ChunkStream, fault: Fault, seed: int
) -> None:
    store_under(elastic, elastic_url, prefix, stream, fault, seed)


def store_under(elastic: Elastic, url: str, prefix: str, stream: ChunkStream, fault: Fault, seed: int) -> None:
    """Chunks come before, during and after the fault, which lasts until a worker has met it."""
    chance = random.Random(seed)
    work = mixed(SOURCES, CHUNKS)
    begin, end = sorted(chance.sample(range(1, len(work)), k=2))
    with Edge(int(url.rpartition(":")[2])) as edge, storing(edge.url, prefix, stream) as counts:
        for pushed in work[:begin]:
            stream.append(pushed)
        wait_until(lambda: counts.read().get("settled_chunks", 0) >= max(1, begin // 2))
        with fault(edge, elastic, prefix, chance):
            for pushed in work[begin:end]:
                stream.append(pushed)
            wait_until(lambda: _is_felt(edge, counts, fault))
        for pushed in work[end:]:
            stream.append(pushed)
        assert_drained(stream)
    assert_each_once(numbers_held(opened(elastic, prefix)), dict.fromkeys(range(SOURCES), CHUNKS * LINES))


def test_a_mapping_that_conflicts_keeps_some_lines_as_dead_letters_and_the_others_are_stored(
    elastic: Elastic, elastic_url: str, prefix: str, stream: ChunkStream
) -> None:
    """Somebody made the day's index before us, with a field in which only the first lines of a source fit."""
    opened(elastic, prefix)
    odd = {"mappings": {"properties": {"position": {"type": "byte", "ignore_malformed": False}}}}
    elastic.request("PUT", f"/{prefix}-lines-2026.01.02", odd)
    with Edge(int(elastic_url.rpartition(":")[2])) as edge, storing(edge.url, prefix, stream):
        for pushed in mixed(SOURCES, CHUNKS):
            stream.append(pushed)
        assert_drained(stream)
    held = numbers_held(opened(elastic, prefix))
    stored = sum(counter.total() for counter in held.values())
    letters = elastic.search(f"{prefix}-dead", {"size": 1_000})["hits"]["hits"]
    assert Counter(letter["_source"]["reason"] for letter in letters) == {"document_parsing_exception": len(letters)}
    assert 0 < stored < len(letters)
    for letter in letters:
        count_line(held, orjson.loads(letter["_source"]["document"])["message"])
    assert_each_once(held, dict.fromkeys(range(SOURCES), CHUNKS * LINES))


def test_a_worker_that_is_started_while_elasticsearch_is_away_waits_for_it(
    elastic: Elastic, elastic_url: str, prefix: str, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "redis").start()
    with Edge(int(elastic_url.rpartition(":")[2])) as edge, contextlib.closing(ChunkStream(server.url)) as stream:
        edge.is_away = True
        variables = {
            "REDIS_URL": server.url,
            "ELASTICSEARCH_URL": edge.url,
            "DEJALOG_STORE": "elasticsearch",
            "DEJALOG_ELASTICSEARCH_PREFIX": prefix,
        }
        worker = Program(["worker", "ingest"], tmp_path, tmp_path / "worker.txt", variables)
        worker.start()
        wait_until(lambda: "store.away" in (tmp_path / "worker.txt").read_text(), timeout_s=60)
        stream.prepare()
        for pushed in mixed(1, 2):
            stream.append(pushed)
        edge.is_away = False
        assert_drained(stream)
        assert worker.stop() == 0
    server.kill()
    assert_each_once(numbers_held(opened(elastic, prefix)), {0: 2 * LINES})


def _is_felt(edge: Edge, counts: IngestCounts, fault: Fault) -> bool:
    """Whether the worker has met the fault."""
    return edge.cuts > 2 if fault is answers_lost else counts.read().get("store_refusals", 0) > 1
