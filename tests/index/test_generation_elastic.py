"""The published generation on Elasticsearch keeps the contract, and is whole whoever publishes meanwhile."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from index.elastic_client import Elastic
from index.generation import Generation
from index.generation_elastic import ElasticGenerations
from index.generation_store import Stamp
from index.store_elastic import ElasticSettings
from tests.index.generation_contract import WORDS, GenerationContract, Open, assert_same, generations
from tests.index.test_store_elastic import prefix

__all__ = ["generations", "prefix"]


class TestContract(GenerationContract):
    """On a real server."""

    @pytest.fixture
    def open_generations(self, elastic: Elastic, prefix: str) -> Open:
        return lambda: ElasticGenerations(elastic, ElasticSettings(prefix=prefix))

    def test_of_many_that_publish_over_the_same_one_succeeds(
        self, open_generations: Open, generations: list[Generation]
    ) -> None:
        first = open_generations().publish(generations[0], Stamp(0, 0), embedder=WORDS, over=None)
        with ThreadPoolExecutor(4) as pool:
            versions = list(
                pool.map(
                    lambda number: open_generations().publish(
                        generations[1], Stamp(number, 0), embedder=WORDS, over=first
                    ),
                    range(4),
                )
            )
        assert sum(version is not None for version in versions) == 1
        assert open_generations().version() in versions

    def test_an_archive_of_many_parts_comes_back_whole_and_old_parts_go(
        self, generations: list[Generation], elastic: Elastic, prefix: str
    ) -> None:
        opened = ElasticGenerations(elastic, ElasticSettings(prefix=prefix), part_bytes=1_000)
        version = opened.publish(generations[0], Stamp(0, 0), embedder=WORDS, over=None)
        opened.publish(generations[1], Stamp(1, 0), embedder=WORDS, over=version)
        assert_same(opened.newest(embedder=WORDS), generations[1], Stamp(1, 0))
        elastic.refresh(f"{prefix}-generation")
        hits = elastic.search(f"{prefix}-generation", {"size": 1000, "query": {"term": {"kind": "part"}}})["hits"][
            "hits"
        ]
        assert len(hits) > 1
        assert {hit["_id"].split("-")[1] for hit in hits} == {opened.version()}

    def test_a_damaged_part_is_noticed(
        self, open_generations: Open, generations: list[Generation], elastic: Elastic, prefix: str
    ) -> None:
        opened = open_generations()
        version = opened.publish(generations[0], Stamp(0, 0), embedder=WORDS, over=None)
        elastic.request("PUT", f"/{prefix}-generation/_doc/part-{version}-0", {"kind": "part", "body": "AAAA"})
        assert opened.newest(embedder=WORDS) is None
