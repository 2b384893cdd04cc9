"""The store on Elasticsearch keeps the contract."""

import contextlib
import secrets
from collections.abc import Iterator

import pytest

from index.elastic_client import Elastic
from index.line_store import LineStore
from index.store_elastic import ElasticsearchStore, ElasticSettings
from tests.index.line_store_contract import LineStoreContract


@contextlib.contextmanager
def fresh_prefix(elastic: Elastic) -> Iterator[str]:
    """The beginning of index names that nobody uses; what was made under it goes at the end."""
    name = f"test-{secrets.token_hex(4)}"
    try:
        yield name
    finally:
        elastic.request("DELETE", f"/{name}-*")
        elastic.request("DELETE", f"/_index_template/{name}-*")


@pytest.fixture
def prefix(elastic: Elastic) -> Iterator[str]:
    with fresh_prefix(elastic) as name:
        yield name


@pytest.fixture
def store(elastic: Elastic, prefix: str) -> LineStore:
    return ElasticsearchStore(elastic, ElasticSettings(prefix=prefix))


class TestContract(LineStoreContract):
    """Everything that the embedded store does."""
