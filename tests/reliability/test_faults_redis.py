"""Answers of Redis are lost, on their way to receivers and to workers: chunks come twice, each line is stored once."""

import random
from urllib.parse import urlsplit

import pytest

from index.elastic_client import Elastic
from tests.index.test_store_elastic import prefix
from tests.reliability.edge import Edge
from tests.reliability.load import assert_drained, mixed, opened, put, storing
from tests.workers.chunks_made import assert_each_once, numbers_held
from workers.chunk_stream import ChunkStream

__all__ = ["prefix"]
SOURCES, CHUNKS, LINES = 3, 8, 5


@pytest.mark.parametrize("seed", range(10))
def test_each_line_is_stored_once_though_answers_of_redis_are_lost(
    elastic: Elastic, elastic_url: str, redis_url: str, prefix: str, stream: ChunkStream, seed: int
) -> None:
    chance = random.Random(seed)
    address = urlsplit(redis_url)
    with Edge(address.port or 6379, lambda: chance.random() > 0.15) as edge:
        far = ChunkStream(address._replace(netloc=f"127.0.0.1:{edge.port}").geturl(), stream.settings)
        with storing(elastic_url, prefix, far):
            for pushed in mixed(SOURCES, CHUNKS):
                put(far, pushed)
            assert_drained(stream)
        far.close()
        assert edge.cuts > 0
    assert_each_once(numbers_held(opened(elastic, prefix)), dict.fromkeys(range(SOURCES), CHUNKS * LINES))
