"""The one Elasticsearch of all tests, started when the first test needs it."""

from collections.abc import Iterator

import pytest

from index.elastic_client import Elastic
from tests.real.elasticsearch import elasticsearch


@pytest.fixture(scope="session")
def elastic() -> Iterator[Elastic]:
    with elasticsearch() as url:
        client = Elastic(url)
        yield client
        client.close()
