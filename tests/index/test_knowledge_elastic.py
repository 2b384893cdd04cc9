"""The keeper of knowledge on Elasticsearch keeps the contract."""

import pytest

from index.elastic_client import Elastic
from index.knowledge_elastic import ElasticKnowledge
from index.store_elastic import ElasticSettings
from tests.index.knowledge_contract import KnowledgeContract, Open
from tests.index.test_store_elastic import prefix

__all__ = ["prefix"]


class TestContract(KnowledgeContract):
    """On a real server."""

    @pytest.fixture
    def open_knowledge(self, elastic: Elastic, prefix: str) -> Open:
        return lambda: ElasticKnowledge(elastic, ElasticSettings(prefix=prefix))
