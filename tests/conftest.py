"""The real servers of all tests, each started when the first test needs it, and a chunk stream of its own for each."""

import os
import uuid
from collections.abc import Iterator

import pytest

from index.elastic_client import Elastic
from tests.real.elasticsearch import elasticsearch
from tests.real.model_server import real_model
from tests.redis_server import RedisServer
from workers.chunk_stream import ChunkStream, StreamSettings


@pytest.fixture(scope="session")
def elastic_url() -> Iterator[str]:
    with elasticsearch() as url:
        yield url


@pytest.fixture(scope="session")
def elastic(elastic_url: str) -> Iterator[Elastic]:
    client = Elastic(elastic_url)
    yield client
    client.close()


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """The base URL of a real small language model."""
    with real_model() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`REDIS_URL` where it is set, else that of a server started here."""
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server.url
    server.kill()


@pytest.fixture
def stream(redis_url: str) -> Iterator[ChunkStream]:
    """An empty one with three partitions and room for 100,000 bytes."""
    prefix = f"test-{uuid.uuid4().hex}"
    stream = ChunkStream(redis_url, StreamSettings(partitions=3, max_bytes=100_000, prefix=prefix))
    stream.prepare()
    yield stream
    for key in stream._redis.scan_iter(f"{prefix}:*"):
        stream._redis.delete(key)
    stream.close()
