"""The store on Elasticsearch keeps the contract."""

import secrets
from collections.abc import Iterator

import pytest

from index.elastic_client import Elastic
from index.line_store import LineStore
from index.store_elastic import ElasticsearchStore, ElasticSettings
from tests.index.line_store_contract import LineStoreContract


@pytest.fixture
def prefix(elastic: Elastic) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    yield name
    elastic.request("DELETE", f"/{name}-*")
    elastic.request("DELETE", f"/_index_template/{name}-*")


@pytest.fixture
def store(elastic: Elastic, prefix: str) -> LineStore:
    return ElasticsearchStore(elastic, ElasticSettings(prefix=prefix))


class TestContract(LineStoreContract):
    """Everything that the embedded store does."""
