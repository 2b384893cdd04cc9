"""One of three Elasticsearch nodes is lost under load, the master among them: each line is there once, and stays so."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from index.elastic_client import Elastic
from tests.real.elasticsearch_nodes import ServerNode, three_nodes, wait_joined
from tests.reliability.load import assert_drained, opened, put, storing
from tests.workers.chunks_made import assert_each_once, chunks, numbers_held, wait_until
from workers.chunk_stream import ChunkStream

SOURCES = 3
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[ServerNode]]:
    with three_nodes() as started:
        yield started


def test_no_line_is_lost_or_doubled_when_the_master_is_lost(nodes: list[ServerNode], stream: ChunkStream) -> None:
    lose_a_node(nodes, stream, seed=0)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10, 20))
def test_no_line_is_lost_or_doubled_when_a_node_is_lost_ten_times(
    nodes: list[ServerNode], stream: ChunkStream, seed: int
) -> None:
    lose_a_node(nodes, stream, seed)


def lose_a_node(nodes: Sequence[ServerNode], stream: ChunkStream, seed: int) -> None:
    """With seeds that are even the master, else another; then all is read from the nodes that are left."""
    chance = random.Random(seed)
    prefix = f"lost-{seed}"
    wait_joined(nodes, status="green")
    with storing(",".join(node.url for node in nodes), prefix, stream, replicas=1) as counts:
        sent = Feed(stream)
        with sent:
            wait_until(lambda: counts.read().get("settled_chunks", 0) > SOURCES, timeout_s=60)
            time.sleep(chance.random())  # the moment is what is random here
            victim = chance.choice([node for node in nodes if is_master(node) == (seed % 2 == 0)])
            victim.kill()
            before = counts.read()["settled_chunks"]
            wait_until(lambda: counts.read()["settled_chunks"] > before + 2 * SOURCES, timeout_s=120)
        assert_drained(stream)
    with contextlib.closing(Elastic(next(node.url for node in nodes if node is not victim))) as client:
        assert_each_once(numbers_held(opened(client, prefix, replicas=1)), sent.lines)
    victim.launch()
    wait_joined(nodes, status="green")
    with contextlib.closing(Elastic(victim.url)) as client:
        assert_each_once(numbers_held(opened(client, prefix, replicas=1)), sent.lines)


class Feed:
    """Puts chunks of a few sources into the stream within its block, some a second."""

    def __init__(self, stream: ChunkStream) -> None:
        self.lines = dict.fromkeys(range(SOURCES), 0)
        self._stream = stream
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        work = {number: chunks(number, 3_000) for number in self.lines}
        for at in range(3_000):
            for number in self.lines:
                put(self._stream, work[number][at])
                self.lines[number] += 5
            if self._enough.wait(0.2):
                return


def is_master(node: ServerNode) -> bool:
    found = node.ask("/_cluster/state/master_node,nodes")
    return bool(found["nodes"][found["master_node"]]["name"] == node.name)
